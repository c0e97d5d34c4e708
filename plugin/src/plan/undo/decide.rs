//! What becomes of each object when a restore is taken back, and why.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use crate::{
    model::{
        resource::GroupResource,
        restoration::{Action, FIELD_MANAGER, FieldProblem},
        restore_record::Change,
    },
    plan::{
        conflict::Decision,
        field_difference::differences,
        field_owner::FieldOwners,
        restore::{
            content::{Content, content},
            deletion,
        },
        sanitize::own_finalizers,
    },
};

use super::{former::Former, reversal::why_left};

/// How far the clocks of several API servers of one cluster may lie apart.
///
/// An object that the plan did not find and that has our field manager was made by this restore or, in the moments
/// between plan and undo point, by another one. The time tells these apart, and the tolerance costs no more than
/// taking the other's object for ours when it has the very content that this restore was to write.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(10);

/// Fields of an object that are looked at to find who changed it.
const MOST_FIELDS: usize = 1024;

/// Why an object stays that a later restore and its undo changed as well.
pub const MIXED: &str =
    "was changed since, also by a later restore that was taken back; --force sets it back";

/// Whether what others changed since is taken back too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Force {
    /// It stays, with a reason.
    No,
    /// `--force`.
    Yes,
}

/// A live object as far as the decision needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// Its uid.
    pub uid: String,
    /// It is going already.
    pub deleting: bool,
    /// This restore made it.
    pub made_by_restore: bool,
    /// It is as a run left it.
    pub untouched: bool,
    /// Who changed it last, if not we.
    pub changed_by: Option<String>,
    /// The volume with its data, if it is a claim.
    pub volume: Option<String>,
    /// Finalizers that are not Kubernetes' own.
    pub finalizers: Vec<String>,
}

impl Observed {
    /// From its body.
    pub fn of(resource: &GroupResource, live: &Value, former: &Former) -> Self {
        let metadata = &live["metadata"];
        let uid = metadata["uid"].as_str().unwrap_or_default().to_owned();
        let digest = Content::of(resource, live.clone()).to_string();
        let is_claim = *resource == GroupResource::new("persistentvolumeclaims", "");
        let volume = live["spec"]["volumeName"].as_str().filter(|name| is_claim && !name.is_empty());
        Self {
            made_by_restore: former.uids.contains(&uid)
                || (former.untold || former.uids.is_empty()) && is_made_since(live, former.begun),
            // Where the server's answer is not known, what it added to what was sent is not either.
            untouched: former.contents.contains(&digest)
                || (!former.answered && is_first_version_of_ours(live)),
            changed_by: last_other_manager(resource, live),
            deleting: metadata.get("deletionTimestamp").is_some(),
            volume: volume.map(str::to_owned),
            finalizers: own_finalizers(live).map(str::to_owned).collect(),
            uid,
        }
    }
}

/// Writes of an object itself, and not of a part that controllers report into.
fn writers(live: &Value) -> impl Iterator<Item = &Value> {
    let entries = live["metadata"]["managedFields"].as_array().into_iter().flatten();
    entries.filter(|entry| entry.get("subresource").is_none())
}

/// Whether our field manager made it, and not before `begun` by the server's own clock.
fn is_made_since(live: &Value, begun: Timestamp) -> bool {
    let created =
        live["metadata"]["creationTimestamp"].as_str().and_then(|text| text.parse::<Timestamp>().ok());
    let ours = |entry: &Value| entry["manager"] == FIELD_MANAGER && entry["operation"] == "Update";
    // A resource's time has no fraction of a second.
    let begun = Timestamp::from_second(begun.as_second()).unwrap_or(begun);
    created.is_some_and(|created| created.duration_since(begun) >= -CLOCK_SKEW) && writers(live).any(ours)
}

/// Nobody but us wrote it, and its specification never changed: as made, also where the server added what the saved
/// object did not have.
fn is_first_version_of_ours(live: &Value) -> bool {
    live["metadata"]["generation"] == 1 && writers(live).all(|entry| entry["manager"] == FIELD_MANAGER)
}

/// Of those that own content: what controllers note for themselves is no change.
fn last_other_manager(resource: &GroupResource, live: &Value) -> Option<String> {
    let fields =
        differences(&Value::Object(Map::new()), &content(resource, live.clone()), MOST_FIELDS).fields;
    let fields: Vec<_> = fields.into_iter().map(|field| field.path).collect();
    FieldOwners::of(live).last_other(&fields).map(str::to_owned)
}

/// For an object that was not there before the restore.
pub fn take_away(observed: Option<&Observed>, force: Force) -> Decision {
    let Some(observed) = observed else {
        return Decision::because(Action::Unchanged, "is not there");
    };
    if observed.deleting {
        return Decision::because(Action::Unchanged, "is being deleted already");
    }
    if !observed.made_by_restore {
        return Decision::because(Action::Skip, "was not made by this restore");
    }
    let decision = deletion(&observed.finalizers, "made by the restore");
    if force == Force::Yes {
        return decision;
    }
    if !observed.untouched {
        return Decision::because(Action::Skip, changed(observed.changed_by.as_deref()));
    }
    if let Some(volume) = &observed.volume {
        return Decision::because(
            Action::Skip,
            format!("volume `{volume}` may hold data written since; --force deletes it"),
        );
    }
    decision
}

fn changed(by: Option<&str>) -> String {
    match by {
        Some(manager) => format!("was changed since by `{manager}`; --force takes it back"),
        None => "was changed since; --force takes it back".to_owned(),
    }
}

/// For an object that was only held: it is released if it still is, and stays as it is otherwise.
pub fn let_go(observed: Option<&Observed>, is_held: bool) -> Decision {
    match observed {
        Some(_) if is_held => Decision::because(Action::Unchanged, "is held, and will be released"),
        _ => Decision::plain(Action::Unchanged),
    }
}

/// For an object whose former state was saved. `differs`: whether the live one differs from it.
pub fn put_back(change: Change, observed: Option<&Observed>, differs: bool, force: Force) -> Decision {
    let Some(observed) = observed else {
        return match change {
            Change::Patch if force == Force::No => {
                Decision::because(Action::Skip, "was deleted since; --force makes it again")
            }
            _ => Decision::plain(Action::Create),
        };
    };
    if observed.deleting {
        return match change {
            Change::Patch | Change::Relink if force == Force::No => {
                Decision::because(Action::Skip, "is being deleted; --force makes it again")
            }
            _ => Decision::because(Action::Create, "once the live one, which is being deleted, is gone"),
        };
    }
    if !differs {
        return Decision::plain(Action::Unchanged);
    }
    match change {
        Change::Hold => Decision::plain(Action::Unchanged),
        Change::Patch | Change::Relink => Decision::because(Action::Patch, "has its former state back"),
        Change::Create | Change::Replace | Change::Delete
            if !observed.made_by_restore && force == Force::No =>
        {
            Decision::because(Action::Skip, "another object has taken its name since; --force sets it back")
        }
        Change::Create | Change::Replace | Change::Delete => Decision::because(
            Action::Replace,
            "has its former state back; made again only if it cannot be set",
        ),
    }
}

/// What setting an object back comes to, as far as that can be told without writing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreseen {
    /// Something is to be set.
    pub writes: bool,
    /// Fields that stay, with the reason.
    pub left: Vec<FieldProblem>,
}

/// `decision` in the light of what others changed of the object since, and the fields that stay; `foreseen` may be the reason
/// why all of it stays.
pub fn foresee(
    decision: Decision,
    foreseen: &Result<Foreseen, &'static str>,
) -> (Decision, Vec<FieldProblem>) {
    if !matches!(decision.action, Action::Patch | Action::Replace) {
        return (decision, Vec::new());
    }
    let Foreseen { writes, left } = match foreseen {
        Ok(foreseen) => foreseen,
        Err(reason) => return (Decision::because(Action::Skip, *reason), Vec::new()),
    };
    let decision = match (writes, why_left(left, *writes)) {
        (true, None) => decision,
        // What somebody changed would go with the object, so it is not made anew.
        (true, Some(why)) => Decision::because(Action::Patch, format!("has its former state back, {why}")),
        (false, Some(why)) => Decision::because(Action::Skip, why),
        (false, None) => Decision::plain(Action::Unchanged),
    };
    (decision, left.clone())
}

#[cfg(test)]
mod tests;
