//! Finding and deleting what `--prune` is for; which objects these are is decided in `plan::restore::prune`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use futures::{StreamExt, TryStreamExt, stream};

use crate::{
    cluster::{Cluster, Propagation, RequestError, Trouble, WriteMode},
    model::{
        object::ObjectKey,
        resource::{ResourceType, Scope},
        restoration::Outcome,
    },
    plan::restore::{
        PlannedObject, RestorePlan,
        prune::{Coverage, Extra},
        rules::tells_by_metadata,
    },
};

use super::write::{Finished, Writer};

/// Lists under way at once.
const PARALLEL: usize = 8;

/// Live objects of the namespaces restored that the restore point does not hold and would hold, had they been there.
///
/// A kind that may not be listed is an error: the namespace would not be what the user is told it is.
pub(super) async fn find(
    cluster: &Cluster,
    plan: &RestorePlan,
    coverage: Coverage<'_>,
) -> anyhow::Result<Vec<Extra>> {
    let namespaces = plan.namespaces();
    let listable = coverage.kinds.iter().filter(|kind| {
        kind.scope == Scope::Namespaced
            && coverage.manifest.kind(&kind.resource).is_some()
            && coverage.wanted.kinds.admits(&kind.resource)
    });
    let lists = listable.flat_map(|kind| namespaces.iter().map(move |namespace| (kind, namespace)));
    let found: Vec<Vec<Extra>> = stream::iter(lists)
        .map(|(kind, &(saved, target))| extras(cluster, coverage, kind, saved, target))
        .buffer_unordered(PARALLEL)
        .try_collect()
        .await?;
    let planned: BTreeSet<&ObjectKey> = plan.objects.iter().map(PlannedObject::target).collect();
    let mut extras: Vec<Extra> =
        found.into_iter().flatten().filter(|extra| !planned.contains(&extra.target)).collect();
    extras.sort_unstable_by(|a, b| a.target.cmp(&b.target));
    extras.dedup_by(|a, b| a.target == b.target);
    Ok(extras)
}

async fn extras(
    cluster: &Cluster,
    coverage: Coverage<'_>,
    kind: &ResourceType,
    saved_namespace: &str,
    namespace: &str,
) -> anyhow::Result<Vec<Extra>> {
    let mut found = Vec::new();
    let mut pages = if tells_by_metadata(&kind.resource) {
        cluster.live_metadata(kind, Some(namespace))
    } else {
        cluster.live_pages(kind, Some(namespace))
    };
    loop {
        let page = match pages.next().await {
            Err(error) if error.is_not_found() => break,
            page => page.with_context(|| {
                format!("could not look for {} made since in namespace `{namespace}`", kind.resource)
            })?,
        };
        let Some(page) = page else { break };
        found.extend(page.iter().filter_map(|body| coverage.extra(kind, saved_namespace, body)));
    }
    Ok(found)
}

impl Writer {
    /// Deletes what the plan wants deleted, what depends on others first.
    pub(super) async fn prune(&self, parallel: usize, finished: &mut BTreeMap<usize, Finished>) {
        for indices in self.plan.deletions().into_values().rev() {
            let deleted: Vec<_> = stream::iter(indices)
                .map(|index| async move { (index, self.delete(index).await) })
                .buffer_unordered(parallel)
                .collect()
                .await;
            self.waiting.progress.advance(deleted.len() as u64);
            finished.extend(deleted);
        }
    }

    async fn delete(&self, index: usize) -> Finished {
        let object = &self.plan.objects[index];
        let key = object.target();
        if self.waiting.stopped.is_set() {
            return Finished::because(Outcome::NotTried, "interrupted");
        }
        let Some(kind) = self.kinds.served(&key.resource) else {
            return Finished::because(Outcome::Refused, "its kind is not known");
        };
        let stays = match &self.undoing {
            Some(undoing) => self.stays(kind, key, undoing).await,
            None => self
                .still_holds_data(kind, key)
                .await
                .map(|reason| reason.map(|reason| Finished::because(Outcome::Refused, reason))),
        };
        match stays {
            Ok(None) => {}
            Ok(Some(finished)) => return finished,
            Err(error) => return Finished::because(Outcome::Refused, error.one_line()),
        }
        let uid = object.uid.as_deref().unwrap_or_default();
        for attempt in 1.. {
            let deletion =
                self.cluster.delete_object(kind, key, uid, None, Propagation::Background, self.mode).await;
            match deletion {
                Ok(()) => break,
                Err(error) if error.source.is_not_found() => break,
                Err(error) if error.trouble() == Trouble::Outdated => {
                    return Finished::because(Outcome::Skipped, "another object has its name by now");
                }
                Err(error) if error.trouble() == Trouble::None => return Finished::refused(&error),
                Err(error) => {
                    if !self.try_again(attempt).await {
                        return Finished::refused(&error);
                    }
                }
            }
        }
        if self.mode == WriteMode::Real
            && let Err(unfinished) = self.wait_for_deletion(kind, key).await
        {
            return unfinished;
        }
        Finished::new(Outcome::Deleted)
    }

    async fn still_holds_data(
        &self,
        kind: &ResourceType,
        key: &ObjectKey,
    ) -> Result<Option<String>, RequestError> {
        if key.resource.plural != "persistentvolumeclaims" || !key.resource.group.is_empty() {
            return Ok(None);
        }
        match self.cluster.read(kind, key).await? {
            Some(claim) => self.holds_data(&claim).await,
            None => Ok(None),
        }
    }
}
