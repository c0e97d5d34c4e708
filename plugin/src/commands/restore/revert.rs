//! Taking a restore back: setting an object back to its former state, and deleting what the restore made.

use serde_json::Value;

use crate::{
    cluster::{Cluster, RequestError, WriteError, WriteMode, name_of},
    model::{
        object::ObjectKey,
        resource::{GroupResource, ResourceType, Scope},
        restoration::{Action, FieldProblem, Outcome},
        restore_record::Change,
    },
    plan::{
        conflict::Decision,
        restore::{
            facts::Kinds,
            rules::{Rule, rule},
        },
        undo::{
            Undoing,
            decide::{Observed, put_back, take_away},
            reversal::why_left,
        },
    },
};

use super::write::{Course, Finished, Job, Writer};

impl Writer {
    /// Sets the live object back to the former state that `job` has; what others changed since stays, unless forced.
    pub(super) async fn revert(
        &self,
        job: &Job<'_>,
        undoing: &Undoing,
        course: &mut Course,
    ) -> Result<Finished, WriteError> {
        let Some(former) = undoing.formers.get(job.key) else { return Ok(Finished::new(Outcome::Unchanged)) };
        let live = self.cluster.read(job.kind, job.key).await?;
        let observed = live.as_ref().map(|live| Observed::of(&job.kind.resource, live, former));
        let Some((live, observed)) = live.zip(observed) else {
            return match put_back(former.change, None, true, undoing.force).action {
                Action::Create => self.make(job).await,
                _ => Ok(Finished::because(Outcome::Skipped, "was deleted since; --force makes it again")),
            };
        };
        let decision = put_back(former.change, Some(&observed), true, undoing.force);
        if !decision.action.is_write() {
            return Ok(skipped(decision));
        }
        if observed.deleting {
            return self.replace(job, course).await;
        }
        let mut reversal = match former.reversal(&job.body, &live, &observed, job.key, undoing.force) {
            Ok(reversal) => reversal,
            Err(reason) => return Ok(Finished::because(Outcome::Skipped, reason)),
        };
        // It was deleted and made again to get here; so it goes back the same way, unless something of it is to stay.
        let may_be_replaced =
            reversal.left.is_empty() && matches!(former.change, Change::Replace | Change::Delete);
        loop {
            let Some(patch) = reversal.patch.take() else {
                return Ok(finished(Outcome::Unchanged, reversal.left));
            };
            match self.set_back(job, patch, &live).await {
                Ok(()) => return Ok(finished(Outcome::Patched, reversal.left)),
                Err(error) if error.is_invalid() && may_be_replaced => {
                    return self.replace(job, course).await;
                }
                Err(error) if error.is_invalid() && reversal.give_way(&error.fields, &live) => {}
                Err(error) => return Err(error),
            }
        }
    }

    async fn set_back(&self, job: &Job<'_>, mut patch: Value, live: &Value) -> Result<(), WriteError> {
        // What was computed from this version is not written over another.
        patch["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"].clone();
        match self.mode {
            WriteMode::DryRun => {
                let preview = self.cluster.preview_patch(job.kind, job.key, &patch).await?;
                self.warn(preview.warnings);
            }
            WriteMode::Real => {
                let written = self.cluster.patch_object(job.kind, job.key, &patch).await?;
                self.note_made(job.key, &written.body, Some(live));
                self.warn(written.warnings);
            }
        }
        Ok(())
    }

    /// Why an object that the plan wants deleted stays after all; looked at anew just before.
    pub(super) async fn stays(
        &self,
        kind: &ResourceType,
        key: &ObjectKey,
        undoing: &Undoing,
    ) -> Result<Option<Finished>, RequestError> {
        let (Some(former), Some(live)) = (undoing.formers.get(key), self.cluster.read(kind, key).await?)
        else {
            return Ok(None);
        };
        let decision = take_away(Some(&Observed::of(&key.resource, &live, former)), undoing.force);
        if !decision.action.is_write() {
            return Ok(Some(skipped(decision)));
        }
        // In a dry run what is in it is still there.
        let stranger = match self.mode {
            WriteMode::Real => stranger_in(&self.cluster, &self.kinds, key, |_| false).await?,
            WriteMode::DryRun => None,
        };
        Ok(stranger.map(|reason| Finished::because(Outcome::Skipped, reason)))
    }
}

fn skipped(decision: Decision) -> Finished {
    Finished { reason: decision.reason, ..Finished::new(Outcome::Skipped) }
}

fn finished(outcome: Outcome, left: Vec<FieldProblem>) -> Finished {
    let all_left = outcome == Outcome::Unchanged && !left.is_empty();
    let reason = why_left(&left, !all_left);
    Finished { reason, fields: left, ..Finished::new(if all_left { Outcome::Skipped } else { outcome }) }
}

/// Why a namespace or definition that the restore made must stay: something in it that nobody makes by himself and that is
/// not to be deleted too.
pub(in crate::commands) async fn stranger_in(
    cluster: &Cluster,
    kinds: &Kinds,
    holder: &ObjectKey,
    is_deleted: impl Fn(&ObjectKey) -> bool,
) -> Result<Option<String>, RequestError> {
    let (inside, namespace) = match (holder.resource.group.as_str(), holder.resource.plural.as_str()) {
        ("", "namespaces") => {
            let kinds = kinds.all_served();
            (kinds.filter(|it| it.scope == Scope::Namespaced).collect(), Some(holder.name.as_str()))
        }
        ("apiextensions.k8s.io", "customresourcedefinitions") => {
            (Vec::from_iter(kinds.served(&GroupResource::from(holder.name.clone()))), None)
        }
        _ => (Vec::new(), None),
    };
    for kind in inside.into_iter().filter(|kind| kind.has_verb("list")) {
        let mut pages = cluster.live_pages(kind, namespace);
        loop {
            let page = match pages.next().await {
                Ok(page) => page,
                Err(error) if error.is_not_found() || error.code() == Some(405) => break,
                Err(error) if error.is_forbidden() => {
                    return Ok(Some(format!("may hold {} that you may not list", kind.resource)));
                }
                Err(error) => return Err(error),
            };
            let Some(page) = page else { break };
            for body in &page {
                let metadata = &body["metadata"];
                let namespace = namespace.or(metadata["namespace"].as_str());
                let key = ObjectKey::new(kind.resource.clone(), namespace, name_of(body));
                if !is_automatic(&key, body) && !is_deleted(&key) {
                    let what = format!("{}/{}", kind.kind_word(), key.name);
                    return Ok(Some(format!("holds {what}, which the restore did not make")));
                }
            }
        }
    }
    Ok(None)
}

/// Made by the cluster itself, by a controller, or going already.
fn is_automatic(key: &ObjectKey, body: &Value) -> bool {
    body["metadata"].get("deletionTimestamp").is_some()
        || rule(&key.resource, body, false) != Rule::Restore
        || (key.resource.plural == "serviceaccounts" && key.name == "default")
}
