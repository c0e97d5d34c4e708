//! What has become of the objects of a restore since.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::ControlFlow,
};

use anyhow::Context;
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::Value;

use crate::{
    archive::{ReadFilter, Repository},
    cluster::{Cluster, name_of},
    commands::session::blocking,
    model::{
        object::ObjectKey,
        resource::{GroupResource, ResourceType},
    },
    plan::{
        conflict::{ConflictPolicy, Resolution},
        restore::{
            Candidate,
            compare::{Difference, Differing, compare},
            content::content_in_place,
            facts::{Kinds, LiveObject},
        },
        undo::decide::Observed,
    },
};

use super::chain::Chain;

/// Up to this many objects of a kind and namespace are read one by one, more by listing.
const FEW: usize = 4;

/// Reads under way at once.
const PARALLEL: usize = 12;

/// A live object.
#[derive(Debug)]
pub(super) struct SeenObject {
    /// For the plan; compared with the former state, if there was one.
    pub(super) live: LiveObject,
    /// For the decision.
    pub(super) observed: Observed,
}

/// The objects of the restore that are in the cluster.
pub(super) type Seen = HashMap<ObjectKey, SeenObject>;

/// What looking needs.
#[derive(Clone, Copy)]
pub(super) struct Sight<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) repository: &'a Repository,
    pub(super) kinds: &'a Kinds,
    pub(super) chain: &'a Chain,
}

/// Objects of one kind in one namespace.
struct Group<'a> {
    kind: &'a ResourceType,
    namespace: Option<&'a str>,
    names: BTreeSet<&'a str>,
}

impl Sight<'_> {
    /// Looks; `candidates` are those whose former state was saved.
    pub(super) async fn look(self, candidates: &[Candidate]) -> anyhow::Result<Seen> {
        let saved: BTreeSet<&ObjectKey> = candidates.iter().map(|candidate| &candidate.key).collect();
        let saved = &saved;
        let found: Vec<Seen> = stream::iter(self.groups())
            .map(|group| async move {
                let place = group.namespace.map_or(String::new(), |it| format!(" in namespace `{it}`"));
                let what = format!("could not look for {}{place}", group.kind.resource);
                self.group(&group, saved).await.context(what)
            })
            .buffer_unordered(PARALLEL)
            .try_collect()
            .await?;
        Ok(found.into_iter().flatten().collect())
    }

    fn groups(&self) -> Vec<Group<'_>> {
        let mut groups: BTreeMap<_, Group<'_>> = BTreeMap::new();
        for target in self.chain.formers.keys() {
            let kind = self.kinds.saved(&target.resource).filter(|_| self.kinds.is_served(&target.resource));
            let Some(kind) = kind else { continue };
            let namespace = target.namespace.as_deref();
            let group = groups.entry((&target.resource, namespace)).or_insert_with(|| Group {
                kind,
                namespace,
                names: BTreeSet::new(),
            });
            group.names.insert(&target.name);
        }
        groups.into_values().collect()
    }

    async fn group(&self, group: &Group<'_>, saved: &BTreeSet<&ObjectKey>) -> anyhow::Result<Seen> {
        let mut seen = Seen::new();
        let names = group.names.iter().map(|&name| name.to_owned()).collect();
        let mut objects = self.cluster.live_named(group.kind, group.namespace, names, FEW);
        while let Some(bodies) = objects.next().await? {
            seen.extend(self.observe(group, bodies, saved).await?);
        }
        Ok(seen)
    }

    async fn observe(
        &self,
        group: &Group<'_>,
        bodies: Vec<Value>,
        saved: &BTreeSet<&ObjectKey>,
    ) -> anyhow::Result<Seen> {
        let mut seen = Seen::new();
        let mut to_compare: HashMap<ObjectKey, Value> = HashMap::new();
        for body in bodies {
            let key = ObjectKey::new(group.kind.resource.clone(), group.namespace, name_of(&body));
            let Some(former) = self.chain.formers.get(&key) else { continue };
            let live = LiveObject::of(&key.resource, &body);
            let observed = Observed::of(&key.resource, &body, former);
            seen.insert(key.clone(), SeenObject { live, observed });
            if saved.contains(&key) {
                to_compare.insert(key, body);
            }
        }
        for (key, difference) in self.compare(group, to_compare).await? {
            if let Some(seen) = seen.get_mut(&key) {
                seen.live.difference = difference;
            }
        }
        Ok(seen)
    }

    /// Compares live objects with their former state.
    async fn compare(
        &self,
        group: &Group<'_>,
        bodies: HashMap<ObjectKey, Value>,
    ) -> anyhow::Result<Vec<(ObjectKey, Option<Difference>)>> {
        let names = bodies.keys().map(|key| &key.name);
        let (Some(first), Some(last)) = (names.clone().min(), names.max()) else { return Ok(Vec::new()) };
        let filter = ReadFilter {
            resources: Some(BTreeSet::from([group.kind.resource.clone()])),
            namespaces: group.namespace.map(|namespace| BTreeSet::from([namespace.to_owned()])),
            scope: Some(group.kind.scope),
            names: Some(first.clone()..=last.clone()),
        };
        let (repository, points) = (self.repository.clone(), self.chain.points());
        blocking(move || {
            let everything =
                Resolution { policy: ConflictPolicy::Patch, exact: true, ..Resolution::default() };
            let mut compared = Vec::with_capacity(bodies.len());
            for point in &points {
                repository.each_object(point, &filter, &mut |object| {
                    // What cannot be read ended the reading before.
                    if let Ok(former) = object
                        && let Some(live) = bodies.get(&former.key)
                    {
                        let differing = differing(&former.key.resource, &former.body, live);
                        compared.push((former.key, differing.map(|it| it.shown(&everything))));
                    }
                    ControlFlow::Continue(())
                })?;
            }
            Ok(compared)
        })
        .await
    }
}

/// How a live object differs from its former state. An address that the cluster chose at first was asked for when an undo made
/// the Service again: no difference, though somebody seems to have chosen it.
fn differing(resource: &GroupResource, former: &Value, live: &Value) -> Option<Differing> {
    let in_place = |body: &Value| content_in_place(resource, body.clone());
    if in_place(former) == in_place(live) { None } else { compare(resource, former, former.clone(), live) }
}
