//! Saving objects at other versions of their kinds too: which versions is decided in `plan::versions`.
//!
//! The server converts, so what is saved is what it would give to any client. The lists are those of the first version
//! at the revisions that they had, so that the same objects come, each as it was.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    sync::Arc,
};

use tokio::task::JoinSet;

use crate::{
    cluster::{Cluster, Lanes, ListFailure, ListItem, ListRequest, PageSender},
    commands::{conversion, missing::missing},
    model::{
        object::CapturedObject,
        resource::{GroupResource, ResourceType, Scope},
        restore_point::{Missing, VersionEntry},
        selection::ApiVersions,
    },
    plan::{
        backup::BackupPlan,
        versions::{Conversion, saved_besides},
    },
};

use super::{
    gather::{Gatherer, READ_AHEAD},
    reader::Reader,
};

/// Namespace and name.
type Place = (Option<String>, String);

/// The kinds that are saved at other versions too.
#[derive(Debug, Default)]
pub(super) struct OtherVersions {
    /// Each at one other version; by version, then in the order of the archive.
    kinds: Vec<ResourceType>,
    /// What was saved of them at the first version.
    saved: BTreeMap<GroupResource, BTreeSet<Place>>,
    /// What cannot be had is missing, since it was asked for.
    is_asked_for: bool,
}

impl OtherVersions {
    /// Decides which kinds of `plan` they are, after a look at how the cluster converts those that it serves at several
    /// versions.
    pub(super) async fn decide(
        how: ApiVersions,
        plan: &BackupPlan,
        cluster: &Cluster,
        served: &[ResourceType],
    ) -> Self {
        let definitions = served.iter().find(|kind| kind.resource == conversion::definitions());
        let namespaced = plan.namespaced.iter().map(|(kind, _)| kind);
        let cluster_scoped = plan.cluster_scoped.iter().map(|(kind, ..)| kind);
        let mut kinds = Vec::new();
        for kind in namespaced.chain(cluster_scoped).filter(|kind| kind.served_versions.len() > 1) {
            let conversion = match definitions {
                Some(definitions) if how == ApiVersions::Auto && !kind.resource.is_built_in() => {
                    seen_conversion(cluster, definitions, &kind.resource).await
                }
                _ => None,
            };
            let others = saved_besides(kind, how, conversion).into_iter();
            kinds.extend(others.map(|version| ResourceType { version, ..kind.clone() }));
        }
        kinds.sort_by_key(|kind| {
            (kind.version.clone(), kind.scope == Scope::Cluster, kind.resource.to_string())
        });
        Self { kinds, saved: BTreeMap::new(), is_asked_for: how == ApiVersions::All }
    }

    /// The kinds.
    pub(super) fn kinds(&self) -> impl Iterator<Item = &GroupResource> {
        self.kinds.iter().map(|kind| &kind.resource)
    }

    /// Remembers what of a kind was saved.
    pub(super) fn note(&mut self, kind: &ResourceType, objects: &[CapturedObject]) {
        if !objects.is_empty() && self.kinds().any(|resource| *resource == kind.resource) {
            let places = objects.iter().map(|object| (object.namespace.clone(), object.name.clone()));
            self.saved.entry(kind.resource.clone()).or_default().extend(places);
        }
    }
}

/// What cannot be seen may be anything, and is saved.
async fn seen_conversion(
    cluster: &Cluster,
    definitions: &ResourceType,
    resource: &GroupResource,
) -> Option<Conversion> {
    match conversion::conversion(cluster, definitions, resource).await {
        Ok(conversion) => conversion,
        Err(error) => {
            tracing::debug!(%resource, %error, "could not read the definition");
            None
        }
    }
}

impl Gatherer {
    /// Reads what was saved once more, at the other versions.
    pub(super) async fn other_versions(&mut self) -> anyhow::Result<()> {
        for kind in mem::take(&mut self.others.kinds) {
            let Some(saved) = self.others.saved.get(&kind.resource).cloned() else { continue };
            self.progress.message(&format!("{} at version {}", kind.resource, kind.version));
            self.other_version(kind, saved).await?;
        }
        Ok(())
    }

    async fn other_version(&mut self, kind: ResourceType, saved: BTreeSet<Place>) -> anyhow::Result<()> {
        let (mut senders, mut lanes) = Lanes::new(1, READ_AHEAD);
        let Some(mut sender) = senders.pop() else { return Ok(()) };
        let reader = Arc::clone(&self.reader);
        let is_patient = self.others.is_asked_for;
        let (wanted, listed) = (saved.clone(), kind.clone());
        let mut reading = JoinSet::new();
        reading.spawn(async move { reader.read_at(&listed, wanted, is_patient, &mut sender).await });
        let mut entry = VersionEntry { version: kind.version.clone(), objects: 0, bytes: 0 };
        while let Some(page) = lanes.next_page(0).await {
            let objects: Vec<CapturedObject> = page
                .into_iter()
                .filter(|item| saved.contains(&(item.facts.namespace.clone(), item.facts.name.clone())))
                .map(|ListItem { facts, json }| CapturedObject {
                    namespace: facts.namespace,
                    name: facts.name,
                    json,
                })
                .collect();
            entry.objects += objects.len() as u64;
            entry.bytes += objects.iter().map(|object| object.json.len() as u64).sum::<u64>();
            self.sink.put_other_version(&kind, objects).await?;
        }
        let result = reading.join_next().await.and_then(Result::ok);
        // As a version does whose definition was changed since the kinds were asked for.
        let is_gone = matches!(&result, Some(Err(ListFailure::Request(error))) if error.is_not_found());
        let failure = match result {
            Some(Ok(())) if entry.objects == self.ledger.objects_of(&kind.resource) => None,
            Some(Ok(())) => Some(Missing {
                reason: "some of its objects were gone before they were read".to_owned(),
                remedy: "run it again".to_owned(),
                ..unread(&kind, &ListFailure::Stopped)
            }),
            Some(Err(failure)) => Some(unread(&kind, &failure)),
            None => Some(unread(&kind, &ListFailure::Stopped)),
        };
        if entry.objects > 0 {
            self.ledger.note_version(&kind.resource, entry);
        }
        match failure {
            Some(missing) if self.others.is_asked_for && !is_gone => self.ledger.missing.push(missing),
            Some(missing) => {
                self.ledger.warn(format!("not saved as {}: {}", missing.what, missing.reason));
            }
            None => {}
        }
        Ok(())
    }
}

/// A version of a kind that cannot be had.
fn unread(kind: &ResourceType, failure: &ListFailure) -> Missing {
    Missing {
        what: format!("{} at version {}", kind.resource, kind.version),
        ..missing(&kind.resource, None, failure)
    }
}

impl Reader {
    /// Reads a kind at another version: by the lists that gave it at the first, or one object at a time where there were
    /// none.
    async fn read_at(
        &self,
        kind: &ResourceType,
        wanted: BTreeSet<Place>,
        is_patient: bool,
        sender: &mut PageSender,
    ) -> Result<(), ListFailure> {
        let lists = self.lists_of(&kind.resource);
        if lists.is_empty() {
            let mut wanted: Vec<Place> = wanted.into_iter().collect();
            wanted.sort_by_key(|(namespace, name)| {
                (namespace.as_ref().map(|it| format!("{it}/")), name.clone())
            });
            for (namespace, name) in wanted {
                let item = self.cluster.read_one(kind, namespace.as_deref(), &name).await?;
                sender.pass_on(item.into_iter().collect()).await?;
            }
        }
        for list in lists {
            self.cluster.list(&ListRequest { kind: kind.clone(), is_patient, ..list }, sender).await?;
        }
        Ok(())
    }
}
