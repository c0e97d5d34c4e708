//! Finding what depends on the objects that a restore replaces or deletes, before it deletes any of them.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use futures::{StreamExt, TryStreamExt, stream};

use crate::{
    cluster::Cluster,
    model::{
        object::ObjectKey,
        resource::{ResourceType, Scope},
        restoration::Action,
    },
    plan::restore::{RestorePlan, replace::Dependant},
};

/// Lists under way at once.
const PARALLEL: usize = 8;

/// Notes in the plan which live objects name a replaced or deleted one as their owner.
///
/// Only namespaces with something to delete are looked through. A kind that may not be listed is passed over: what it
/// holds is deleted by the garbage collector at worst, as after any deletion by this user.
pub(in crate::commands) async fn find(
    cluster: &Cluster,
    plan: &mut RestorePlan,
    kinds: &[ResourceType],
) -> anyhow::Result<()> {
    let replaced: BTreeMap<String, usize> = plan
        .objects
        .iter()
        .enumerate()
        .filter(|(_, object)| matches!(object.decision.action, Action::Replace | Action::Delete))
        .filter_map(|(index, object)| Some((object.uid.clone()?, index)))
        .collect();
    if replaced.is_empty() {
        return Ok(());
    }
    let namespaces: BTreeSet<Option<String>> =
        replaced.values().map(|&index| plan.objects[index].target().namespace.clone()).collect();
    let listable = kinds.iter().filter(|kind| kind.verbs.iter().any(|verb| verb == "list"));
    let lists =
        listable.flat_map(|kind| places(kind, &namespaces).into_iter().map(move |place| (kind, place)));
    let found: Vec<Vec<(usize, Dependant)>> = stream::iter(lists)
        .map(|(kind, namespace)| dependants(cluster, kind, namespace, &replaced))
        .buffer_unordered(PARALLEL)
        .try_collect()
        .await?;
    for (index, dependant) in found.into_iter().flatten() {
        plan.objects[index].dependants.push(dependant);
    }
    Ok(())
}

/// Dependants of a namespaced object are in its namespace, those of a cluster-scoped one anywhere.
fn places(kind: &ResourceType, namespaces: &BTreeSet<Option<String>>) -> Vec<Option<String>> {
    match kind.scope {
        _ if namespaces.contains(&None) => vec![None],
        Scope::Cluster => Vec::new(),
        Scope::Namespaced => namespaces.iter().cloned().collect(),
    }
}

async fn dependants(
    cluster: &Cluster,
    kind: &ResourceType,
    namespace: Option<String>,
    replaced: &BTreeMap<String, usize>,
) -> anyhow::Result<Vec<(usize, Dependant)>> {
    let mut found = Vec::new();
    let mut pages = cluster.live_metadata(kind, namespace.as_deref());
    loop {
        let page = match pages.next().await {
            Err(error) if error.is_forbidden() || error.is_not_found() || error.code() == Some(405) => break,
            page => page.with_context(|| format!("could not look for dependants among {}", kind.resource))?,
        };
        let Some(page) = page else { break };
        for body in &page {
            let owners = body["metadata"]["ownerReferences"].as_array().into_iter().flatten();
            for uid in owners.filter_map(|owner| owner["uid"].as_str()) {
                let Some(&index) = replaced.get(uid) else { continue };
                let name = body["metadata"]["name"].as_str().unwrap_or_default();
                let key = ObjectKey::new(kind.resource.clone(), body["metadata"]["namespace"].as_str(), name);
                found.extend(Dependant::of(key, body, uid).map(|dependant| (index, dependant)));
            }
        }
    }
    Ok(found)
}
