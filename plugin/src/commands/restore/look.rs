//! What the cluster holds under the names of the objects to restore.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::Context;
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::Value;

use crate::{
    cluster::{Cluster, RequestError},
    model::{
        object::ObjectKey,
        resource::{GroupResource, ResourceType},
    },
    plan::restore::{
        Candidate, Origin,
        facts::{Facts, Kinds, LiveObject},
        rules::Rule,
    },
};

/// Up to this many objects of a kind and namespace are read one by one, more by listing.
const FEW: usize = 4;

/// Reads under way at once; a list costs the server far more than a write.
const PARALLEL: usize = 12;

/// Objects of one kind in one namespace: name in the cluster → index of the candidate.
struct Group {
    kind: ResourceType,
    namespace: Option<String>,
    names: HashMap<String, usize>,
}

/// What was found of a group.
#[derive(Default)]
struct Found {
    live: Vec<(usize, LiveObject)>,
    unreadable: Vec<usize>,
}

/// Looks.
pub(super) async fn look(
    cluster: &Cluster,
    candidates: &[Candidate],
    kinds: &Kinds,
) -> anyhow::Result<Facts> {
    let namespaces = existing_namespaces(cluster, candidates, kinds).await?;
    let claims = planned_claims(candidates);
    let groups = groups(candidates, kinds, &namespaces);
    let found: Vec<Found> = stream::iter(groups)
        .map(|group| look_at(cluster, group, &claims))
        .buffer_unordered(PARALLEL)
        .try_collect()
        .await?;
    let mut facts = Facts::default();
    for found in found {
        facts.live.extend(found.live);
        facts.unreadable.extend(found.unreadable);
    }
    facts.owner_uids = owner_uids(cluster, candidates, kinds).await?;
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
    let mut groups: BTreeMap<(&GroupResource, Option<&str>), Group> = BTreeMap::new();
    for (index, candidate) in candidates.iter().enumerate() {
        let target = candidate.target();
        let namespace = target.namespace.as_deref();
        if matches!(candidate.rule, Rule::Leave(_)) || namespace.is_some_and(|it| !namespaces.contains(it)) {
            continue;
        }
        // In the version it was saved in: what is compared must have the same shape.
        let kind = kinds.saved(&target.resource).filter(|_| kinds.is_served(&target.resource));
        let Some(kind) = kind else { continue };
        let group = groups.entry((&target.resource, namespace)).or_insert_with(|| Group {
            kind: kind.clone(),
            namespace: namespace.map(str::to_owned),
            names: HashMap::new(),
        });
        group.names.entry(target.name.clone()).or_insert(index);
    }
    groups.into_values().collect()
}

async fn look_at(
    cluster: &Cluster,
    group: Group,
    claims: &BTreeSet<(String, String)>,
) -> anyhow::Result<Found> {
    let result = if group.names.len() <= FEW {
        read_each(cluster, &group, claims).await
    } else {
        match list(cluster, &group, claims).await {
            Err(error) if error.is_forbidden() => read_each(cluster, &group, claims).await,
            result => result,
        }
    };
    result.with_context(|| {
        let place = group.namespace.as_deref().map_or(String::new(), |it| format!(" in namespace `{it}`"));
        format!("could not look for existing {}{place}", group.kind.resource)
    })
}

async fn list(
    cluster: &Cluster,
    group: &Group,
    claims: &BTreeSet<(String, String)>,
) -> Result<Found, RequestError> {
    let mut live = HashMap::new();
    let listed = cluster
        .each_live(&group.kind, group.namespace.as_deref(), &mut |body| {
            if let Some(&index) = group.names.get(body["metadata"]["name"].as_str().unwrap_or_default()) {
                live.insert(index, live_object(&group.kind, body, claims));
            }
        })
        .await;
    match listed {
        Err(error) if !error.is_not_found() => Err(error),
        _ => Ok(Found { live: live.into_iter().collect(), unreadable: Vec::new() }),
    }
}

async fn read_each(
    cluster: &Cluster,
    group: &Group,
    claims: &BTreeSet<(String, String)>,
) -> Result<Found, RequestError> {
    let mut found = Found::default();
    for (name, &index) in &group.names {
        let key = ObjectKey::new(group.kind.resource.clone(), group.namespace.as_deref(), name);
        match cluster.read(&group.kind, &key).await {
            Ok(Some(body)) => found.live.push((index, live_object(&group.kind, body, claims))),
            Ok(None) => {}
            // What holds for one holds for its neighbours; a role by name is rare enough to be told so.
            Err(error) if error.is_forbidden() => {
                let seen: BTreeSet<_> = found.live.iter().map(|(index, _)| *index).collect();
                found.unreadable = group.names.values().copied().filter(|it| !seen.contains(it)).collect();
                return Ok(found);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

fn live_object(kind: &ResourceType, body: Value, claims: &BTreeSet<(String, String)>) -> LiveObject {
    let claim = &body["spec"]["claimRef"];
    let claim = (claim["namespace"].as_str().unwrap_or_default(), claim["name"].as_str().unwrap_or_default());
    let planned = kind.resource.plural == "persistentvolumes"
        && claims.contains(&(claim.0.to_owned(), claim.1.to_owned()));
    let mut live = LiveObject::of(&kind.resource, body);
    live.claim_is_planned = planned;
    live
}

/// The uids of owners that are not restored themselves.
async fn owner_uids(
    cluster: &Cluster,
    candidates: &[Candidate],
    kinds: &Kinds,
) -> anyhow::Result<BTreeMap<ObjectKey, String>> {
    let mut wanted = BTreeSet::new();
    for candidate in candidates.iter().filter(|it| !matches!(it.rule, Rule::Leave(_))) {
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
