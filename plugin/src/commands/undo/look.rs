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
        sanitize::{SanitizeContext, sanitize},
        undo::{
            decide::{Force, Foreseen, Observed},
            former::Former,
        },
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
    /// What setting it back comes to, if it differs from its former state; or why it stays.
    pub(super) foreseen: Option<Result<Foreseen, &'static str>>,
}

/// An object to be compared with its former state.
struct Pair {
    live: Value,
    former: Former,
    observed: Observed,
}

/// How an object differs from its former state, and what setting it back comes to.
struct Compared {
    key: ObjectKey,
    difference: Difference,
    foreseen: Result<Foreseen, &'static str>,
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
    pub(super) force: Force,
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
        let mut to_compare: HashMap<ObjectKey, Pair> = HashMap::new();
        for body in bodies {
            let key = ObjectKey::new(group.kind.resource.clone(), group.namespace, name_of(&body));
            let Some(former) = self.chain.formers.get(&key) else { continue };
            let live = LiveObject::of(&key.resource, &body);
            let observed = Observed::of(&key.resource, &body, former);
            if saved.contains(&key) {
                let pair = Pair { live: body, former: former.clone(), observed: observed.clone() };
                to_compare.insert(key.clone(), pair);
            }
            seen.insert(key, SeenObject { live, observed, foreseen: None });
        }
        for compared in self.compare(group, to_compare).await? {
            if let Some(seen) = seen.get_mut(&compared.key) {
                seen.live.difference = Some(compared.difference);
                seen.foreseen = Some(compared.foreseen);
            }
        }
        Ok(seen)
    }

    /// Compares live objects with their former state; those that differ.
    async fn compare(
        &self,
        group: &Group<'_>,
        pairs: HashMap<ObjectKey, Pair>,
    ) -> anyhow::Result<Vec<Compared>> {
        let names = pairs.keys().map(|key| &key.name);
        let (Some(first), Some(last)) = (names.clone().min(), names.max()) else { return Ok(Vec::new()) };
        let filter = ReadFilter {
            resources: Some(BTreeSet::from([group.kind.resource.clone()])),
            namespaces: group.namespace.map(|namespace| BTreeSet::from([namespace.to_owned()])),
            scope: Some(group.kind.scope),
            names: Some(first.clone()..=last.clone()),
        };
        let (repository, points, force) = (self.repository.clone(), self.chain.points(), self.force);
        blocking(move || {
            let mut compared = Vec::with_capacity(pairs.len());
            for point in &points {
                repository.each_object(point, &filter, &mut |object| {
                    // What cannot be read ended the reading before.
                    if let Ok(former) = object
                        && let Some(pair) = pairs.get(&former.key)
                    {
                        compared.extend(pair.compare(former.key, former.body, force));
                    }
                    ControlFlow::Continue(())
                })?;
            }
            Ok(compared)
        })
        .await
    }
}

impl Pair {
    /// With its former state, if it differs.
    fn compare(&self, key: ObjectKey, mut former: Value, force: Force) -> Option<Compared> {
        let everything = Resolution { policy: ConflictPolicy::Patch, exact: true, ..Resolution::default() };
        let difference = differing(&key.resource, &former, &self.live)?.shown(&everything);
        let as_it_was = SanitizeContext { keep_allocations: true, ..SanitizeContext::default() };
        sanitize(&key.resource, &mut former, &as_it_was);
        let reversal = self.former.reversal(&former, &self.live, &self.observed, &key, force);
        let foreseen = reversal.map(|it| Foreseen { writes: it.patch.is_some(), left: it.left });
        Some(Compared { key, difference, foreseen })
    }
}

/// How a live object differs from its former state. An address that the cluster chose at first was asked for when an undo made
/// the Service again: no difference, though somebody seems to have chosen it.
fn differing(resource: &GroupResource, former: &Value, live: &Value) -> Option<Differing> {
    let in_place = |body: &Value| content_in_place(resource, body.clone());
    if in_place(former) == in_place(live) { None } else { compare(resource, former, former.clone(), live) }
}
