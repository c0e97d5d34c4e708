//! Replacing a live object: deleted and made again, once it is sure that it can be made again.

use serde_json::{Value, json};

use crate::{
    cluster::{Propagation, RequestError, WriteError, WriteMode},
    commands::conversion::definitions,
    model::{
        object::ObjectKey,
        resource::{GroupResource, ResourceType},
        restoration::{Action, Outcome},
    },
    plan::{
        restore::{
            compare::compare,
            replace::{Dependant, is_adopted, is_held_by},
        },
        sanitize::{SanitizeContext, sanitize},
    },
};

use super::write::{Course, Finished, Job, Writer};

impl Writer {
    /// Deletes the live object and makes the saved one.
    pub(super) async fn replace(&self, job: &Job<'_>, course: &mut Course) -> Result<Finished, WriteError> {
        let Some(live) = self.cluster.read(job.kind, job.key).await? else {
            return self.succeed(job, course).await;
        };
        if live["metadata"].get("deletionTimestamp").is_some() {
            if let Err(finished) = self.wait_for_deletion(job.kind, job.key).await {
                return Ok(finished);
            }
            return self.succeed(job, course).await;
        }
        if course.deleted.is_some()
            && compare(&job.kind.resource, &job.body, job.body.clone(), &live).is_none()
        {
            // Made by the try before, whose answer was lost.
            self.note_made(job.key, &live, course.deleted.as_ref());
            return Ok(Finished::new(Outcome::Replaced));
        }
        if let Some(reason) = self.must_stay(job.kind, job.key, &live).await? {
            return Ok(Finished::because(Outcome::Refused, reason));
        }
        if let Some(refused) = self.cannot_be_made(job, &live).await? {
            return Ok(refused);
        }
        let metadata = &live["metadata"];
        let orphan = !job.object.dependants.is_empty();
        let propagation = if orphan { Propagation::Orphan } else { Propagation::Background };
        self.cluster
            .delete_object(
                job.kind,
                job.key,
                metadata["uid"].as_str().unwrap_or_default(),
                metadata["resourceVersion"].as_str(),
                propagation,
                self.mode,
            )
            .await?;
        if self.mode == WriteMode::DryRun {
            return Ok(Finished::new(Outcome::Replaced));
        }
        course.deleted = Some(live);
        if let Err(mut finished) = self.wait_for_deletion(job.kind, job.key).await {
            finished.deletion_begun = true;
            finished.notes.push(
                "its deletion has begun and ends when its finalizers are gone; `restore --resume` then makes the \
                 saved one"
                    .to_owned(),
            );
            return Ok(finished);
        }
        self.succeed(job, course).await
    }

    /// Makes the successor and gives it the dependants.
    async fn succeed(&self, job: &Job<'_>, course: &Course) -> Result<Finished, WriteError> {
        let mut finished = self.make_after(job, course.deleted.as_ref()).await?;
        let Some(deleted) = &course.deleted else { return Ok(finished) };
        finished.outcome = Outcome::Replaced;
        if self.mode == WriteMode::Real && !job.object.dependants.is_empty() {
            let successor = self.made_uid(job.key);
            for dependant in &job.object.dependants {
                if let Err(error) = self.pass_on(dependant, &job.body, deleted, &successor).await {
                    finished.notes.push(format!(
                        "{} could not be given back to it: {}",
                        dependant.key,
                        error.source.one_line()
                    ));
                }
            }
        }
        Ok(finished)
    }

    /// Links a dependant of the deleted object to its successor, or deletes what the successor makes anew.
    async fn pass_on(
        &self,
        dependant: &Dependant,
        wanted: &Value,
        deleted: &Value,
        successor: &str,
    ) -> Result<(), WriteError> {
        let Some(kind) = self.kinds.served(&dependant.key.resource) else { return Ok(()) };
        let Some(body) = self.cluster.read(kind, &dependant.key).await? else { return Ok(()) };
        let metadata = &body["metadata"];
        if dependant.made_by_controller {
            if !is_adopted(wanted, deleted) {
                let uid = metadata["uid"].as_str().unwrap_or_default();
                let (propagation, mode) = (Propagation::Background, self.mode);
                self.cluster.delete_object(kind, &dependant.key, uid, None, propagation, mode).await?;
            }
            return Ok(());
        }
        let mut owners = metadata["ownerReferences"].as_array().cloned().unwrap_or_default();
        let old = &deleted["metadata"]["uid"];
        owners.retain(|owner| owner["uid"] != *old && owner["uid"] != successor);
        let mut link = dependant.owner_reference.clone();
        link["uid"] = successor.into();
        owners.push(link);
        let patch =
            json!({"metadata": {"ownerReferences": owners, "resourceVersion": metadata["resourceVersion"]}});
        self.cluster.patch_object(kind, &dependant.key, &patch).await?;
        Ok(())
    }

    /// What the server says of making the saved object while the live one is there: that the name is taken, and nothing
    /// worse.
    async fn cannot_be_made(&self, job: &Job<'_>, live: &Value) -> Result<Option<Finished>, WriteError> {
        match self.cluster.create_object(job.kind, job.key, &job.body, WriteMode::DryRun).await {
            Ok(_) => Ok(None),
            Err(error) if error.is_already_exists() => Ok(None),
            // What the live one gives back when it goes.
            Err(error)
                if error.is_invalid()
                    && !error.fields.is_empty()
                    && error.fields.iter().all(|it| is_held_by(live, &it.message)) =>
            {
                Ok(None)
            }
            Err(error) if error.source.is_passing() => Err(error),
            Err(error) => {
                let mut refused = Finished::refused(&error);
                let why = refused.reason.take().unwrap_or_default();
                refused.reason = Some(format!("not deleted, since it could not be made again: {why}"));
                Ok(Some(refused))
            }
        }
    }

    /// Why the live object must not be deleted, whatever the user says: its data or other objects would go with it.
    async fn must_stay(
        &self,
        kind: &ResourceType,
        key: &ObjectKey,
        live: &Value,
    ) -> Result<Option<String>, RequestError> {
        match (kind.resource.group.as_str(), kind.resource.plural.as_str()) {
            ("apiextensions.k8s.io", "customresourcedefinitions") => self.has_instances(key).await,
            ("", "persistentvolumeclaims") => self.holds_data(live).await,
            ("", "persistentvolumes") if live["status"]["phase"] == "Bound" => {
                let claim = &live["spec"]["claimRef"];
                Ok(Some(format!(
                    "not deleted: it is bound to claim `{}/{}`",
                    claim["namespace"].as_str().unwrap_or_default(),
                    claim["name"].as_str().unwrap_or_default()
                )))
            }
            _ => Ok(None),
        }
    }

    pub(super) async fn has_instances(&self, definition: &ObjectKey) -> Result<Option<String>, RequestError> {
        let Some(kind) = self.kinds.served(&GroupResource::from(definition.name.clone())) else {
            return Ok(None);
        };
        let some = self.cluster.live_pages(kind, None).next().await?.is_some_and(|page| !page.is_empty());
        Ok(some.then(|| {
            format!("not deleted: every object of kind {} would go with it; patch it instead", kind.kind)
        }))
    }

    /// Why a claim must stay: its volume would go with it.
    pub(super) async fn holds_data(&self, claim: &Value) -> Result<Option<String>, RequestError> {
        let Some(volume) = claim["spec"]["volumeName"].as_str().filter(|name| !name.is_empty()) else {
            return Ok(None);
        };
        let resource = GroupResource::new("persistentvolumes", "");
        let key = ObjectKey::new(resource.clone(), None, volume);
        let policy = match self.kinds.served(&resource) {
            None => None,
            Some(kind) => match self.cluster.read(kind, &key).await {
                Ok(body) => body,
                Err(error) if error.is_forbidden() => None,
                Err(error) => return Err(error),
            },
        }
        .map(|body| body["spec"]["persistentVolumeReclaimPolicy"].as_str().unwrap_or_default().to_owned());
        Ok((policy.as_deref() != Some("Retain")).then(|| {
            format!(
                "not deleted: volume `{volume}` would go with it, and its data; patch it, rename it, or set the \
                 volume's reclaim policy to Retain"
            )
        }))
    }

    /// Whether the plan replaces the definition of a custom kind: its objects are planned for what was served before.
    fn redefines(&self, resource: &GroupResource) -> bool {
        let definition = ObjectKey::new(definitions(), None, &resource.to_string());
        let planned = self.plan.find(&definition).map(|index| &self.plan.objects[index]);
        planned.is_some_and(|definition| definition.decision.action == Action::Replace)
    }

    /// After the last try: what was deleted and could not be replaced is put back.
    pub(super) async fn give_up(&self, job: &Job<'_>, course: Course, error: &WriteError) -> Finished {
        let mut refused = Finished::refused(error);
        if error.source.is_not_found() && self.redefines(&job.kind.resource) {
            refused.reason = Some(format!(
                "{} is not served any more since its definition was replaced; restore again to make it",
                job.kind.api_version()
            ));
        }
        let Some(mut before) = course.deleted else { return refused };
        let as_it_was = SanitizeContext { keep_allocations: true, ..SanitizeContext::default() };
        sanitize(&job.kind.resource, &mut before, &as_it_was);
        refused.notes.push(match self.cluster.create_object(job.kind, job.key, &before, self.mode).await {
            Ok(_) => "the live object was deleted for it, and was put back as it was".to_owned(),
            Err(error) => format!(
                "the live object was deleted for it, and could not be put back: {}",
                error.source.one_line()
            ),
        });
        refused
    }
}
