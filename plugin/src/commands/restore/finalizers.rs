//! Which finalizers have a controller that lives, as far as live objects show it.

use std::collections::BTreeSet;

use anyhow::Context;
use futures::{StreamExt, TryStreamExt, stream};

use crate::{
    cluster::Cluster,
    model::resource::{GroupResource, ResourceType},
    plan::restore::{Candidate, facts::Kinds, finalizers::Finalizers},
};

/// Pages of a kind that are looked through: ten thousand objects. A controller that has touched none of them is taken
/// for dead.
const MOST_PAGES: usize = 20;

/// Kinds looked at at once.
const PARALLEL: usize = 4;

/// Of the finalizers `saved`, those that live objects of the same kind carry.
pub(super) async fn alive(
    cluster: &Cluster,
    kinds: &Kinds,
    candidates: &[Candidate],
    saved: &Finalizers,
) -> anyhow::Result<Finalizers> {
    let found: Vec<Finalizers> = stream::iter(saved.kinds().filter_map(|resource| kinds.served(resource)))
        .map(|kind| async move {
            alive_of(cluster, kind, candidates, saved)
                .await
                .with_context(|| format!("could not look for the finalizers of {}", kind.resource))
        })
        .buffer_unordered(PARALLEL)
        .try_collect()
        .await?;
    let mut alive = Finalizers::default();
    for of_kind in found {
        alive.merge(of_kind);
    }
    Ok(alive)
}

async fn alive_of(
    cluster: &Cluster,
    kind: &ResourceType,
    candidates: &[Candidate],
    wanted: &Finalizers,
) -> anyhow::Result<Finalizers> {
    let mut found = Finalizers::default();
    let mut pages = MOST_PAGES;
    if look(cluster, kind, None, wanted, &mut found, &mut pages).await? {
        return Ok(found);
    }
    // Someone with a Role in a few namespaces may look there.
    for namespace in namespaces(candidates, &kind.resource) {
        if pages > 0 {
            look(cluster, kind, Some(namespace), wanted, &mut found, &mut pages).await?;
        }
    }
    Ok(found)
}

/// Looks through a kind in `namespace` (or in all); false if that is forbidden.
async fn look(
    cluster: &Cluster,
    kind: &ResourceType,
    namespace: Option<&str>,
    wanted: &Finalizers,
    found: &mut Finalizers,
    pages: &mut usize,
) -> anyhow::Result<bool> {
    let mut list = cluster.live_pages(kind, namespace);
    while *pages > 0 && !found.covers(&kind.resource, wanted) {
        *pages -= 1;
        let page = match list.next().await {
            Err(error) if error.is_forbidden() => return Ok(false),
            // Served by nobody at the moment.
            Err(error) if error.is_not_found() => break,
            page => page?,
        };
        let Some(page) = page else { break };
        for body in &page {
            found.observe(&kind.resource, body);
        }
    }
    Ok(true)
}

fn namespaces<'a>(candidates: &'a [Candidate], resource: &GroupResource) -> BTreeSet<&'a str> {
    let of_kind = candidates.iter().filter(|candidate| candidate.key.resource == *resource);
    of_kind.filter_map(|candidate| candidate.target().namespace.as_deref()).collect()
}
