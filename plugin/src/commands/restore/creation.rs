//! Making an object that the plan did not find, and what becomes of it if one of its name is there by now.

use std::sync::Arc;

use serde_json::Value;

use crate::{
    cluster::WriteError,
    model::{
        object::ObjectKey,
        restoration::{Action, Outcome},
    },
    plan::conflict::decide,
};

use super::write::{Course, Finished, Job, Writer};

/// How often an object that comes and goes is met.
const MEETINGS: u32 = 3;

impl Writer {
    /// Makes an object, once one of its name that is being deleted is gone.
    pub(super) async fn create(&self, job: &Job<'_>, course: &mut Course) -> Result<Finished, WriteError> {
        if job.object.waits_for_deletion
            && let Err(finished) = self.wait_for_deletion(job.kind, job.key).await
        {
            return Ok(finished);
        }
        for _ in 1..MEETINGS {
            match self.make(job).await {
                Err(error) if error.is_already_exists() => {
                    if let Some(finished) = self.meet(job, course).await? {
                        return Ok(finished);
                    }
                }
                made => return made,
            }
        }
        self.make(job).await
    }

    /// Makes an object that is not there.
    pub(super) async fn make(&self, job: &Job<'_>) -> Result<Finished, WriteError> {
        self.make_after(job, None).await
    }

    /// Makes the successor of `before`.
    pub(super) async fn make_after(
        &self,
        job: &Job<'_>,
        before: Option<&Value>,
    ) -> Result<Finished, WriteError> {
        let written = self.cluster.create_object(job.kind, job.key, &job.body, self.mode).await?;
        self.note_made(job.key, &written.body, before);
        self.remember(job.index, job.object, written);
        Ok(Finished::new(job.made()))
    }

    /// An object of the same name is there although none was when the plan was made; none if it is gone again.
    async fn meet(&self, job: &Job<'_>, course: &Course) -> Result<Option<Finished>, WriteError> {
        let live = match self.cluster.read(job.kind, job.key).await {
            Ok(None) => return Ok(None),
            Ok(Some(live)) => live,
            Err(error) => {
                let reason = format!("exists, and may not be compared: {}", error.one_line());
                return Ok(Some(Finished::because(Outcome::Skipped, reason)));
            }
        };
        let met = self.rules.compare(job.key, &job.body, &live);
        if let (true, None, Some(uid)) = (job.object.owns, &met.deleting, &met.uid) {
            self.owners.is_there(job.index, uid.clone());
        }
        if met.difference.is_none() {
            let ours = course.may_be_ours && met.deleting.is_none();
            if ours {
                self.note_made(job.key, &live, None);
            }
            return Ok(Some(Finished::new(if ours { job.made() } else { Outcome::Unchanged })));
        }
        if met.deleting.is_some() {
            return Ok(self.wait_for_deletion(job.kind, job.key).await.err());
        }
        if self.is_made_with_namespace(job.key) {
            let mut applied = self.change(job, &Arc::default()).await?;
            if applied.outcome == Outcome::Patched {
                applied.outcome = Outcome::Created;
            }
            return Ok(Some(applied));
        }
        let reason = "appeared after the plan was made, and differs";
        if job.object.candidate.renamed.is_some() {
            return Ok(Some(Finished::because(Outcome::Refused, reason)));
        }
        Ok(Some(match decide(&met.state(), &met.resolution).action {
            Action::Patch => self.change(job, &met.resolution).await?,
            Action::Skip => Finished::because(Outcome::Skipped, reason),
            _ => Finished::because(Outcome::Refused, reason),
        }))
    }

    /// A new namespace is given its default service account by the cluster; there is nothing of anyone's in it.
    fn is_made_with_namespace(&self, key: &ObjectKey) -> bool {
        let namespace = key.namespace.as_deref();
        key.resource.plural == "serviceaccounts"
            && key.name == "default"
            && namespace.is_some_and(|namespace| self.plan.made_namespaces.contains(namespace))
    }
}
