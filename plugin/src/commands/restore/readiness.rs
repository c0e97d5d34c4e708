//! Waiting, between the steps of a restore, for what the next ones need: that the server serves a kind, that a backend
//! can be called.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::{StreamExt, stream};
use serde_json::Value;
use tokio::sync::OnceCell;

use crate::{
    model::{
        object::ObjectKey,
        resource::{GroupResource, ResourceType},
        restoration::Outcome,
    },
    plan::restore::backends::{conversion_backend, place, webhook_backends},
};

use super::write::{Finished, Writer};

/// How long a definition may take until the server serves its kind.
const SERVED_LIMIT: Duration = Duration::from_mins(1);

/// How long an aggregated API may take until it is available.
const AVAILABLE_LIMIT: Duration = Duration::from_mins(1);

/// How long a backend may take until it has an endpoint that is ready.
const READY_LIMIT: Duration = Duration::from_secs(30);

/// Objects waited for at once.
const PARALLEL: usize = 12;

/// The custom kinds whose conversion was looked after.
#[derive(Debug, Default)]
pub(super) struct Conversions(Mutex<HashMap<GroupResource, Arc<OnceCell<()>>>>);

impl Writer {
    /// Waits for the definitions and aggregated APIs among the objects just written.
    pub(super) async fn wait_for_what_serves(
        &self,
        indices: &[usize],
        results: &mut BTreeMap<usize, Finished>,
    ) {
        let made = |index: &usize| {
            let outcome = results.get(index).map(|finished| finished.outcome);
            matches!(outcome, Some(Outcome::Created | Outcome::Patched | Outcome::Replaced))
        };
        let awaited: Vec<usize> =
            indices.iter().copied().filter(|&it| self.serves(it)).filter(made).collect();
        let mut notes = stream::iter(awaited)
            .map(|index| async move { (index, self.wait_until_it_serves(index).await) })
            .buffer_unordered(PARALLEL);
        while let Some((index, note)) = notes.next().await {
            if let (Some(note), Some(finished)) = (note, results.get_mut(&index)) {
                finished.notes.push(note);
            }
        }
    }

    fn serves(&self, index: usize) -> bool {
        let resource = &self.plan.objects[index].candidate.key.resource;
        matches!(resource.plural.as_str(), "customresourcedefinitions" | "apiservices")
            && resource.is_built_in()
    }

    async fn wait_until_it_serves(&self, index: usize) -> Option<String> {
        let key = self.plan.objects[index].target();
        let kind = self.kinds.saved(&key.resource)?;
        if key.resource.plural == "apiservices" {
            let what = format!("{} to be available", key.name);
            let available = self.cluster.wait_until_available(kind, key, AVAILABLE_LIMIT);
            return match self.waiting.until(&what, available).await? {
                Ok(()) => None,
                Err(error) => Some(format!("made, but the API is not available: {error}")),
            };
        }
        let defined = self.kinds.saved(&GroupResource::from(key.name.clone()));
        let served = self.cluster.wait_until_served(kind, key, defined, SERVED_LIMIT);
        match self.waiting.until(&format!("{} to be served", key.name), served).await? {
            Ok(()) => None,
            Err(error) => Some(format!("made, but not served: {error}")),
        }
    }

    /// Waits until the server can call what it will call because of an object: of a webhook configuration before it is
    /// written, since from then on the backend is asked; of a custom kind, which may need to be converted, once.
    ///
    /// Only for Services that the restore brings: others are none of its business. Returns notes, or that the restore
    /// was interrupted.
    pub(super) async fn wait_for_backends(
        &self,
        key: &ObjectKey,
        body: &Value,
    ) -> Result<Vec<String>, Finished> {
        let mut notes = Vec::new();
        if !key.resource.is_built_in() {
            notes.extend(self.wait_for_conversion(&key.resource).await?);
        }
        for backend in webhook_backends(&key.resource, body) {
            if self.plan.brings(&backend.service) && !self.is_ready(&backend.service).await? {
                notes.push(backend.note());
            }
        }
        Ok(notes)
    }

    async fn wait_for_conversion(&self, resource: &GroupResource) -> Result<Option<String>, Finished> {
        let cell = {
            let mut seen = self.conversions.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(seen.entry(resource.clone()).or_default())
        };
        // Told by the object that was first.
        let mut note = None;
        cell.get_or_try_init(|| async {
            let Some(service) = self.conversion_of(resource).await else { return Ok(()) };
            if self.plan.brings(&service) && !self.is_ready(&service).await? {
                note = Some(format!(
                    "its kind is converted by {}, which has no endpoint that is ready; until it has one, objects \
                     of the kind can be neither read nor written at other versions than the stored one",
                    place(&service)
                ));
            }
            Ok::<_, Finished>(())
        })
        .await?;
        Ok(note)
    }

    /// The Service that converts a custom kind, as its live definition says. Who may not look goes on without.
    async fn conversion_of(&self, resource: &GroupResource) -> Option<ObjectKey> {
        let definitions = GroupResource::new("customresourcedefinitions", "apiextensions.k8s.io");
        let kind: &ResourceType = self.kinds.served(&definitions)?;
        let key = ObjectKey::new(definitions, None, &resource.to_string());
        conversion_backend(&self.cluster.read(kind, &key).await.ok()??)
    }

    async fn is_ready(&self, service: &ObjectKey) -> Result<bool, Finished> {
        let what = format!("{} to be ready", place(service));
        match self.waiting.until(&what, self.cluster.wait_until_ready(service, READY_LIMIT)).await {
            Some(waited) => Ok(waited.is_ok()),
            None => Err(Finished::because(Outcome::NotTried, "interrupted")),
        }
    }
}
