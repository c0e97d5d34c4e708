//! What the cluster holds under the names of the objects to restore.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    ops::ControlFlow,
    sync::Arc,
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
        restore_point::RestorePointId,
    },
    plan::{
        conflict::rules::Rules,
        restore::{
            Candidate, Origin,
            facts::{Facts, Kinds, LiveObject},
            prepare::Preparation,
            rules::Rule,
        },
    },
};

use super::collect::invented_namespace;

/// Up to this many objects of a kind and namespace are read one by one, more by listing.
const FEW: usize = 4;

/// Reads under way at once; a list costs the server far more than a write.
const PARALLEL: usize = 12;

/// What looking needs; shared by the groups under way.
#[derive(Clone)]
pub(super) struct Looker {
    pub(super) cluster: Cluster,
    pub(super) repository: Repository,
    pub(super) point: RestorePointId,
    pub(super) preparation: Arc<Preparation>,
    pub(super) rules: Arc<Rules>,
}

/// Objects of one kind in one namespace: name in the cluster → index and saved key of the candidate.
struct Group {
    kind: ResourceType,
    saved_namespace: Option<String>,
    namespace: Option<String>,
    names: HashMap<String, (usize, String)>,
}

/// What was found of a group.
#[derive(Default)]
struct Found {
    live: Vec<(usize, LiveObject)>,
    unreadable: Vec<usize>,
}

/// A live object, with the index of its candidate and the name it was saved under.
struct Met {
    index: usize,
    saved_name: String,
    body: Value,
}

/// Looks.
pub(super) async fn look(looker: Looker, candidates: &[Candidate], kinds: &Kinds) -> anyhow::Result<Facts> {
    let cluster = looker.cluster.clone();
    let namespaces = existing_namespaces(&cluster, candidates, kinds).await?;
    let claims = planned_claims(candidates);
    let groups = groups(candidates, kinds, &namespaces);
    let looker = Arc::new(looker);
    // Tasks of their own, so that comparing uses every core.
    let found: Vec<Found> = stream::iter(groups)
        .map(|group| {
            let task = tokio::spawn(look_at(Arc::clone(&looker), group));
            async move { task.await.context("an internal task ended early")? }
        })
        .buffer_unordered(PARALLEL)
        .try_collect()
        .await?;
    let mut facts = Facts::default();
    for found in found {
        facts.live.extend(found.live);
        facts.unreadable.extend(found.unreadable);
    }
    for live in facts.live.values_mut() {
        live.claim_is_planned = live.claim.as_ref().is_some_and(|claim| claims.contains(claim));
    }
    facts.owner_uids = owner_uids(&cluster, candidates, kinds).await?;
    Ok(facts)
}

/// Target namespaces that are there to be looked into: nothing is in a missing one, and what is in a vanishing one
/// goes with it.
async fn existing_namespaces(
    cluster: &Cluster,
    candidates: &[Candidate],
    kinds: &Kinds,
) -> anyhow::Result<BTreeSet<String>> {
    let resource = GroupResource::new("namespaces", "");
    let Some(kind) = kinds.served(&resource) else { return Ok(BTreeSet::new()) };
    let names: BTreeSet<&str> =
        candidates.iter().filter_map(|candidate| candidate.target().namespace.as_deref()).collect();
    let found: Vec<Option<String>> = stream::iter(names)
        .map(|name| {
            let key = ObjectKey::new(resource.clone(), None, name);
            async move {
                match cluster.read(kind, &key).await {
                    Ok(None) => Ok(None),
                    Ok(Some(body)) => {
                        Ok(body["metadata"].get("deletionTimestamp").is_none().then_some(key.name))
                    }
                    // Someone with a Role in it may not read the namespace itself.
                    Err(error) if error.is_forbidden() => Ok(Some(key.name)),
                    Err(error) => Err(error).context(format!("could not read namespace `{}`", key.name)),
                }
            }
        })
        .buffer_unordered(PARALLEL)
        .try_collect()
        .await?;
    Ok(found.into_iter().flatten().collect())
}

fn planned_claims(candidates: &[Candidate]) -> BTreeSet<(String, String)> {
    let claims =
        candidates.iter().filter(|candidate| candidate.key.resource.plural == "persistentvolumeclaims");
    claims.map(|it| (it.target().namespace.clone().unwrap_or_default(), it.target().name.clone())).collect()
}

fn groups(candidates: &[Candidate], kinds: &Kinds, namespaces: &BTreeSet<String>) -> Vec<Group> {
    let mut groups: BTreeMap<(&GroupResource, Option<&str>, Option<&str>), Group> = BTreeMap::new();
    let mut seen = HashSet::new();
    for (index, candidate) in candidates.iter().enumerate() {
        let target = candidate.target();
        let namespace = target.namespace.as_deref();
        if matches!(candidate.rule, Rule::Leave(_) | Rule::Refuse(_))
            || namespace.is_some_and(|it| !namespaces.contains(it))
        {
            continue;
        }
        // In the version it was saved in: what is compared must have the same shape.
        let kind = kinds.saved(&target.resource).filter(|_| kinds.is_served(&target.resource));
        let Some(kind) = kind else { continue };
        // Of several that become one, the first counts.
        if !seen.insert(target) {
            continue;
        }
        let saved_namespace = candidate.key.namespace.as_deref();
        let group = groups.entry((&target.resource, namespace, saved_namespace)).or_insert_with(|| Group {
            kind: kind.clone(),
            saved_namespace: saved_namespace.map(str::to_owned),
            namespace: namespace.map(str::to_owned),
            names: HashMap::new(),
        });
        group.names.insert(target.name.clone(), (index, candidate.key.name.clone()));
    }
    groups.into_values().collect()
}

async fn look_at(looker: Arc<Looker>, group: Group) -> anyhow::Result<Found> {
    looker.group(&group).await.with_context(|| {
        let place = group.namespace.as_deref().map_or(String::new(), |it| format!(" in namespace `{it}`"));
        format!("could not look for existing {}{place}", group.kind.resource)
    })
}

impl Looker {
    async fn group(&self, group: &Group) -> anyhow::Result<Found> {
        let mut live = HashMap::new();
        let mut unreadable = Vec::new();
        let names = group.names.keys().cloned().collect();
        let mut objects = self.cluster.live_named(&group.kind, group.namespace.as_deref(), names, FEW);
        loop {
            let bodies = match objects.next().await {
                // What holds for one holds for its neighbours; a role by name is rare enough to be told so.
                Err(error) if error.is_forbidden() => {
                    let others = group.names.values().map(|(index, _)| *index);
                    unreadable = others.filter(|index| !live.contains_key(index)).collect();
                    break;
                }
                bodies => bodies?,
            };
            let Some(bodies) = bodies else { break };
            let met = bodies.into_iter().filter_map(|body| {
                let (index, saved_name) = group.names.get(name_of(&body))?.clone();
                Some(Met { index, saved_name, body })
            });
            live.extend(self.compare(group, met.collect()).await?);
        }
        Ok(Found { live: live.into_iter().collect(), unreadable })
    }

    /// Reads the saved objects beside the live ones and compares them.
    async fn compare(&self, group: &Group, met: Vec<Met>) -> anyhow::Result<Vec<(usize, LiveObject)>> {
        let (Some(first), Some(last)) =
            (met.iter().map(|met| &met.saved_name).min(), met.iter().map(|met| &met.saved_name).max())
        else {
            return Ok(Vec::new());
        };
        let resource = group.kind.resource.clone();
        let filter = ReadFilter {
            resources: Some(BTreeSet::from([resource.clone()])),
            namespaces: group.saved_namespace.clone().map(|namespace| BTreeSet::from([namespace])),
            scope: Some(group.kind.scope),
            names: Some(first.clone()..=last.clone()),
        };
        let (repository, point) = (self.repository.clone(), self.point.clone());
        let preparation = Arc::clone(&self.preparation);
        let (rules, namespace) = (Arc::clone(&self.rules), group.namespace.clone());
        blocking(move || {
            let mut waiting: HashMap<String, (usize, Value)> =
                met.into_iter().map(|met| (met.saved_name, (met.index, met.body))).collect();
            let mut compared = Vec::with_capacity(waiting.len());
            let compare = |mut saved: Value, live: &Value| {
                preparation.compare(&resource, &mut saved);
                let target = ObjectKey::new(resource.clone(), namespace.as_deref(), name_of(live));
                rules.compare(&target, &saved, live)
            };
            repository.each_object(&point, &filter, &mut |object| {
                if let Ok(object) = object
                    && let Some((index, live)) = waiting.remove(&object.key.name)
                {
                    compared.push((index, compare(object.body, &live)));
                }
                ControlFlow::Continue(())
            })?;
            if resource != GroupResource::new("namespaces", "")
                && let Some(name) = waiting.keys().next()
            {
                // The first pass has read it.
                anyhow::bail!("`{resource}/{name}` can no longer be read from the restore point");
            }
            // Namespaces that the restore point does not hold.
            for (name, (index, live)) in waiting {
                compared.push((index, compare(invented_namespace(&name), &live)));
            }
            Ok(compared)
        })
        .await
    }
}

/// The uids of owners that are not restored themselves.
pub(in crate::commands) async fn owner_uids(
    cluster: &Cluster,
    candidates: &[Candidate],
    kinds: &Kinds,
) -> anyhow::Result<BTreeMap<ObjectKey, String>> {
    let mut wanted = BTreeSet::new();
    for candidate in candidates.iter().filter(|it| !matches!(it.rule, Rule::Leave(_) | Rule::Refuse(_))) {
        let namespace = candidate.target().namespace.as_deref();
        wanted.extend(candidate.owners.iter().filter_map(|owner| kinds.owner_key(owner, namespace)));
    }
    for candidate in candidates.iter().filter(|it| it.origin != Origin::Invented) {
        wanted.remove(candidate.target());
    }
    let found: Vec<Option<(ObjectKey, String)>> = stream::iter(wanted)
        .map(|key| async move {
            let Some(kind) = kinds.served(&key.resource) else { return Ok(None) };
            match cluster.read(kind, &key).await {
                Ok(body) => {
                    Ok(body.and_then(|body| Some((key, body["metadata"]["uid"].as_str()?.to_owned()))))
                }
                Err(error) if error.is_forbidden() => Ok(None),
                Err(error) => Err(error).context(format!("could not look for the owner `{key}`")),
            }
        })
        .buffer_unordered(PARALLEL)
        .try_collect()
        .await?;
    Ok(found.into_iter().flatten().collect())
}
