//! Reading the live objects that are about to be overwritten, in the archive's order.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use anyhow::Context;
use bytes::Bytes;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::{
    archive::Capture,
    cluster::{Cluster, name_of},
    model::{
        object::{CapturedObject, ObjectKey},
        resource::{GroupResource, ResourceType, Scope},
        restore_point::KindEntry,
        restore_record::{Change, PlannedChange},
    },
    plan::restore::facts::Kinds,
};

/// Up to this many objects of a kind and namespace are read one by one, more by listing.
const FEW: usize = 32;

/// The archive takes no more; its own error says why.
#[derive(Debug, thiserror::Error)]
#[error("the repository took no more objects")]
pub(super) struct Closed;

/// One reading.
pub(super) struct Gathering<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) kinds: &'a Kinds,
    pub(super) captures: mpsc::Sender<Capture>,
    /// What was saved, by kind.
    pub(super) entries: Vec<KindEntry>,
}

/// Namespaces in the archive's order: that of `name/`, as the server lists.
type Namespaces = BTreeMap<String, (Option<String>, BTreeSet<String>)>;

impl Gathering<'_> {
    /// Hands over every object that `changes` overwrite, but those that are `held` already. One that is gone by now
    /// becomes one that will be made.
    pub(super) async fn run(
        &mut self,
        changes: &mut Vec<PlannedChange>,
        held: &HashSet<ObjectKey>,
    ) -> anyhow::Result<()> {
        let mut found = HashSet::new();
        for (kind, namespaces) in self.wanted(changes, held) {
            for (namespace, names) in namespaces.into_values() {
                let place = namespace.as_deref().map_or(String::new(), |it| format!(" in namespace `{it}`"));
                self.group(&kind, namespace.as_deref(), names, &mut found)
                    .await
                    .with_context(|| format!("could not read {}{place}", kind.resource))?;
            }
        }
        let is_there = |target: &ObjectKey| found.contains(target) || held.contains(target);
        changes.retain(|change| change.change != Change::Hold || is_there(&change.target));
        for change in changes {
            if !is_there(&change.target) {
                change.change = Change::Create;
            }
        }
        Ok(())
    }

    /// By kind, namespaced ones first, then by namespace.
    fn wanted(
        &self,
        changes: &[PlannedChange],
        held: &HashSet<ObjectKey>,
    ) -> Vec<(ResourceType, Namespaces)> {
        let mut kinds: BTreeMap<(bool, String), (ResourceType, Namespaces)> = BTreeMap::new();
        for change in changes {
            let target = &change.target;
            if change.change == Change::Create || held.contains(target) {
                continue;
            }
            let Some(kind) = self.kinds.saved(&target.resource) else { continue };
            let place = (kind.scope == Scope::Cluster, target.resource.to_string());
            let (_, namespaces) = kinds.entry(place).or_insert_with(|| (kind.clone(), BTreeMap::new()));
            let order = format!("{}/", target.namespace.as_deref().unwrap_or_default());
            let (_, names) =
                namespaces.entry(order).or_insert_with(|| (target.namespace.clone(), BTreeSet::new()));
            names.insert(target.name.clone());
        }
        kinds.into_values().collect()
    }

    async fn group(
        &mut self,
        kind: &ResourceType,
        namespace: Option<&str>,
        names: BTreeSet<String>,
        found: &mut HashSet<ObjectKey>,
    ) -> anyhow::Result<()> {
        let mut objects = self.cluster.live_named(kind, namespace, names, FEW);
        while let Some(bodies) = objects.next().await? {
            self.hand_over(kind, namespace, bodies, found).await?;
        }
        Ok(())
    }

    async fn hand_over(
        &mut self,
        kind: &ResourceType,
        namespace: Option<&str>,
        bodies: Vec<Value>,
        found: &mut HashSet<ObjectKey>,
    ) -> anyhow::Result<()> {
        let mut objects = Vec::with_capacity(bodies.len());
        for body in bodies {
            let name = name_of(&body).to_owned();
            found.insert(ObjectKey::new(kind.resource.clone(), namespace, &name));
            let json = Bytes::from(serde_json::to_vec(&body)?);
            objects.push(CapturedObject { namespace: namespace.map(str::to_owned), name, json });
        }
        if objects.is_empty() {
            return Ok(());
        }
        self.account(kind, &objects);
        let (resource, scope): (GroupResource, Scope) = (kind.resource.clone(), kind.scope);
        self.captures.send(Capture::Objects { resource, scope, objects }).await.map_err(|_| Closed)?;
        Ok(())
    }

    fn account(&mut self, kind: &ResourceType, objects: &[CapturedObject]) {
        let bytes = objects.iter().map(|object| object.json.len() as u64).sum::<u64>();
        let count = objects.len() as u64;
        match self.entries.last_mut() {
            Some(entry) if entry.kind.resource == kind.resource => {
                entry.objects += count;
                entry.bytes += bytes;
            }
            _ => self.entries.push(KindEntry { objects: count, bytes, ..KindEntry::new(kind.clone()) }),
        }
    }
}
