//! What becomes of an object, given what is in the cluster already and how the user wants conflicts resolved.

pub mod rules;

pub use crate::model::conflict_policy::ConflictPolicy;

use crate::model::restoration::{Action, DecidedBy, FieldChange};

use super::{
    field_path::{FieldPath, pattern::FieldPattern},
    glob,
};

/// How the conflict of one object is resolved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolution {
    /// What to do.
    pub policy: ConflictPolicy,
    /// A patch also removes what only the live object has.
    pub exact: bool,
    /// Fields that a patch leaves as they are.
    pub keep_fields: Vec<FieldPattern>,
    /// Globs of field managers whose fields a patch leaves as they are.
    pub keep_managers: Vec<String>,
    /// Who chose it.
    pub decided_by: DecidedBy,
}

impl Resolution {
    /// Whether a patch leaves, or would leave, a differing field as it is: one that only the live object has, unless the
    /// patch is exact, and one that the user keeps.
    pub fn leaves(&self, path: &FieldPath, change: FieldChange, manager: Option<&str>) -> bool {
        let is_extra = change == FieldChange::OnlyLive && !self.exact;
        match self.policy {
            ConflictPolicy::Patch => is_extra || self.keeps(path, manager),
            // What a patch, which the reason speaks of, would leave.
            ConflictPolicy::Skip => is_extra,
            _ => false,
        }
    }

    /// Whether a patch leaves the field at `path`, owned by `manager`, as the user says.
    pub fn keeps(&self, path: &FieldPath, manager: Option<&str>) -> bool {
        self.keep_fields.iter().any(|pattern| pattern.covers(path))
            || manager.is_some_and(|manager| self.keep_managers.iter().any(|it| glob::matches(it, manager)))
    }
}

/// What the cluster has under an object's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Live {
    /// Nothing.
    Absent,
    /// The same content.
    Same,
    /// Other content.
    Different,
    /// An object that is being deleted; with the finalizers it waits for.
    Terminating(Vec<String>),
    /// The user may not look.
    Unreadable,
}

/// What is decided and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What will be done.
    pub action: Action,
    /// Why, in one sentence; none when the action says it all.
    pub reason: Option<String>,
}

impl Decision {
    /// A decision that needs no reason.
    pub fn plain(action: Action) -> Self {
        Self { action, reason: None }
    }

    /// A decision with its reason.
    pub fn because(action: Action, reason: impl Into<String>) -> Self {
        Self { action, reason: Some(reason.into()) }
    }

    /// The same, with more to say about it.
    #[must_use]
    pub fn and(self, more: &str) -> Self {
        let reason = self.reason.map_or_else(|| more.to_owned(), |reason| format!("{reason}; {more}"));
        Self::because(self.action, reason)
    }
}

/// Decides.
pub fn decide(live: &Live, resolution: &Resolution) -> Decision {
    match live {
        Live::Absent => Decision::plain(Action::Create),
        Live::Same => Decision::plain(Action::Unchanged),
        Live::Different => match resolution.policy {
            ConflictPolicy::Skip if resolution.decided_by == DecidedBy::Default => {
                Decision::because(Action::Skip, "exists; --on-conflict=patch would set what differs")
            }
            ConflictPolicy::Skip => Decision::because(Action::Skip, "exists and differs"),
            ConflictPolicy::Patch => Decision::because(Action::Patch, "exists and differs"),
            ConflictPolicy::Replace => Decision::because(Action::Replace, "exists and differs"),
            ConflictPolicy::Rename => Decision::because(Action::Rename, "exists and differs"),
            ConflictPolicy::Ask => Decision::because(Action::Ask, "exists and differs"),
            ConflictPolicy::Fail => Decision::because(Action::Conflict, "exists and differs"),
        },
        Live::Terminating(finalizers) if finalizers.is_empty() => {
            Decision::because(Action::Create, "once the live one, which is being deleted, is gone")
        }
        Live::Terminating(finalizers) => Decision::because(
            Action::Create,
            format!("once the live one is gone; its deletion waits for finalizer {}", finalizers.join(", ")),
        ),
        Live::Unreadable => {
            Decision::because(Action::Create, "if it is not there; the live objects may not be read")
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{ConflictPolicy, Live, Resolution, decide};
    use crate::model::restoration::Action;

    #[rstest]
    #[case::absent(Live::Absent, ConflictPolicy::Fail, Action::Create)]
    #[case::same_is_no_conflict(Live::Same, ConflictPolicy::Fail, Action::Unchanged)]
    #[case::same_needs_no_patch(Live::Same, ConflictPolicy::Patch, Action::Unchanged)]
    #[case::skip(Live::Different, ConflictPolicy::Skip, Action::Skip)]
    #[case::patch(Live::Different, ConflictPolicy::Patch, Action::Patch)]
    #[case::replace(Live::Different, ConflictPolicy::Replace, Action::Replace)]
    #[case::rename(Live::Different, ConflictPolicy::Rename, Action::Rename)]
    #[case::ask(Live::Different, ConflictPolicy::Ask, Action::Ask)]
    #[case::fail(Live::Different, ConflictPolicy::Fail, Action::Conflict)]
    #[case::going(Live::Terminating(vec![]), ConflictPolicy::Fail, Action::Create)]
    #[case::unreadable(Live::Unreadable, ConflictPolicy::Patch, Action::Create)]
    fn decides(#[case] live: Live, #[case] policy: ConflictPolicy, #[case] wanted: Action) {
        let resolution = Resolution { policy, ..Resolution::default() };
        assert_eq!(decide(&live, &resolution).action, wanted);
    }
}
