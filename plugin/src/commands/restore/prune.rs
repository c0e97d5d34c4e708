//! Finding and deleting what `--prune` is for; which objects these are is decided in `plan::restore::prune`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, bail};
use futures::{StreamExt, stream};

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
    report::missing::excluding,
};

use super::write::{Finished, Writer};

/// Lists under way at once.
const PARALLEL: usize = 8;

/// Live objects of the namespaces restored that the restore point does not hold and would hold, had they been there.
///
/// A kind that may not be listed is an error: the namespace would not be what the user is told it is. All such kinds
/// are told at once.
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
    let looked = stream::iter(lists).map(|(kind, &(saved, target))| async move {
        (kind, target, extras(cluster, coverage, kind, saved, target).await)
    });
    let mut looked = looked.buffer_unordered(PARALLEL);
    let planned: BTreeSet<&ObjectKey> = plan.objects.iter().map(PlannedObject::target).collect();
    let mut found: Vec<Extra> = Vec::new();
    let mut forbidden: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    while let Some((kind, namespace, extras)) = looked.next().await {
        match extras {
            Ok(extras) => found.extend(extras.into_iter().filter(|extra| !planned.contains(&extra.target))),
            Err(error) if error.is_forbidden() => {
                forbidden.entry(kind.resource.to_string()).or_default().insert(namespace);
            }
            Err(error) => {
                return Err(error).with_context(|| {
                    format!("could not look for {} made since in namespace `{namespace}`", kind.resource)
                });
            }
        }
    }
    if !forbidden.is_empty() {
        bail!(unlistable(&forbidden));
    }
    found.sort_unstable_by(|a, b| a.target.cmp(&b.target));
    found.dedup_by(|a, b| a.target == b.target);
    Ok(found)
}

/// What cannot be pruned for want of rights: the namespaces of each kind.
fn unlistable(forbidden: &BTreeMap<String, BTreeSet<&str>>) -> String {
    let namespaces: BTreeSet<&str> = forbidden.values().flatten().copied().collect();
    let kinds: Vec<&str> = forbidden.keys().map(String::as_str).collect();
    format!(
        "could not look for what was made since in namespace `{}`: you may not list {}. To prune all but these, add:{}",
        Vec::from_iter(namespaces).join("`, `"),
        kinds.join(", "),
        excluding(&kinds)
    )
}

async fn extras(
    cluster: &Cluster,
    coverage: Coverage<'_>,
    kind: &ResourceType,
    saved_namespace: &str,
    namespace: &str,
) -> Result<Vec<Extra>, RequestError> {
    let mut found = Vec::new();
    let mut pages = if tells_by_metadata(&kind.resource) {
        cluster.live_metadata(kind, Some(namespace))
    } else {
        cluster.live_pages(kind, Some(namespace))
    };
    loop {
        let page = match pages.next().await {
            Err(error) if error.is_not_found() => break,
            page => page?,
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
            && let Err(mut unfinished) = self.wait_for_deletion(kind, key).await
        {
            unfinished.deletion_begun = true;
            unfinished.notes.push(
                "its deletion has begun and ends when its finalizers are gone; undo then makes it again"
                    .to_owned(),
            );
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_kinds_that_may_not_be_listed_are_told_at_once() {
        let forbidden = BTreeMap::from([
            ("roles.rbac.authorization.k8s.io".to_owned(), BTreeSet::from(["shop"])),
            ("secrets".to_owned(), BTreeSet::from(["shop", "web"])),
        ]);
        assert_eq!(
            unlistable(&forbidden),
            "could not look for what was made since in namespace `shop`, `web`: you may not list \
             roles.rbac.authorization.k8s.io, secrets. To prune all but these, add: \
             --exclude roles.rbac.authorization.k8s.io,secrets"
        );
    }
}
