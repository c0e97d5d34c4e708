//! The cut of a group freeze: the objects of the frozen namespaces, read at once and kept until their turn in the archive.
//!
//! The freeze must not last as long as the reading of everything else, and the archive takes objects in its own order.
//! So they are read first, into memory, and come in between the pages of the rest when their place is there.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::{Arc, PoisonError},
};

use tokio::{sync::oneshot, task::JoinSet};

use crate::{
    cluster::{Lanes, ListItem, ListRequest},
    commands::failure::Failure,
    model::resource::{GroupResource, ResourceType},
    plan::backup::Names,
};

use super::{
    gather::{Job, lost, run_jobs},
    reader::{KindOutcome, Reach, Reader},
};

/// Bytes that lists may be ahead of the one in turn.
const READ_AHEAD: usize = 64 << 20;

/// Bytes of objects that are kept in memory: more than can be read within the longest sensible freeze.
const LARGEST: usize = 512 << 20;

/// Objects that were read early.
#[derive(Debug, Default)]
pub(super) struct Early {
    namespaces: BTreeSet<String>,
    lists: Vec<ListRequest>,
    kinds: HashMap<GroupResource, Kind>,
}

#[derive(Debug, Default)]
struct Kind {
    items: VecDeque<ListItem>,
    outcome: KindOutcome,
}

impl Early {
    /// Reads the objects of `kinds` in `namespaces`.
    pub(super) async fn read(
        reader: &Reader,
        kinds: &[(ResourceType, Names)],
        namespaces: &BTreeSet<String>,
    ) -> anyhow::Result<Self> {
        let names: Vec<String> = namespaces.iter().cloned().collect();
        let reader = Arc::new(reader.reaching(Reach::of(&names)));
        let (senders, mut lanes) = Lanes::new(kinds.len(), READ_AHEAD);
        let (mut jobs, mut outcomes) = (Vec::new(), Vec::new());
        for ((kind, names), sender) in kinds.iter().cloned().zip(senders) {
            let (done, outcome) = oneshot::channel();
            outcomes.push(outcome);
            jobs.push(Job { kind, names, sender, done });
        }
        // Dropped, and with it every list under way, when the cut is given up.
        let mut lists = JoinSet::new();
        lists.spawn(run_jobs(Arc::clone(&reader), jobs));
        let mut early = Self { namespaces: namespaces.clone(), ..Self::default() };
        let mut bytes = 0;
        for (index, ((kind, _), outcome)) in kinds.iter().zip(outcomes).enumerate() {
            let mut items = VecDeque::new();
            while let Some(page) = lanes.next_page(index).await {
                bytes += page.iter().map(|item| item.json.len()).sum::<usize>();
                if bytes > LARGEST {
                    return Err(too_large().into());
                }
                items.extend(page);
            }
            let outcome = outcome.await.unwrap_or_else(|_| lost(kind));
            early.kinds.insert(kind.resource.clone(), Kind { items, outcome });
        }
        early.lists = std::mem::take(&mut *reader.lists.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(early)
    }

    /// What reads the rest.
    pub(super) fn rest_of(&mut self, reader: Reader) -> Reader {
        reader.without(&self.namespaces, std::mem::take(&mut self.lists))
    }

    /// A page of the rest, with what was read early and belongs before its end.
    pub(super) fn merge(&mut self, kind: &GroupResource, mut page: Vec<ListItem>) -> Vec<ListItem> {
        if self.namespaces.is_empty() {
            return page;
        }
        let is_early = |item: &ListItem| {
            item.facts.namespace.as_ref().is_some_and(|namespace| self.namespaces.contains(namespace))
        };
        let last = page.last().cloned();
        page.retain(|item| !is_early(item));
        if let (Some(last), Some(kind)) = (last, self.kinds.get_mut(kind)) {
            let before = kind.items.partition_point(|item| item.compare_keys(&last).is_le());
            page.extend(kind.items.drain(..before));
            page.sort_by(ListItem::compare_keys);
        }
        page
    }

    /// What of a kind is left behind the last page of the rest, and how its reading went.
    pub(super) fn rest(&mut self, kind: &GroupResource) -> (Vec<ListItem>, KindOutcome) {
        let Kind { items, outcome } = self.kinds.remove(kind).unwrap_or_default();
        (items.into(), outcome)
    }
}

fn too_large() -> Failure {
    Failure::new(
        format!(
            "the objects of the frozen namespaces are more than the {} MiB that are kept during a freeze",
            LARGEST >> 20
        ),
        "back up fewer namespaces with hooks at once",
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::model::facts::ObjectFacts;

    use super::*;

    fn kind() -> GroupResource {
        GroupResource::new("configmaps", "")
    }

    fn item(place: &str) -> ListItem {
        let (namespace, name) = place.split_once('/').unwrap();
        let json = json!({"metadata": {"name": name, "namespace": namespace}}).to_string();
        ListItem { facts: ObjectFacts::read(&json).unwrap(), json: json.into() }
    }

    fn items(places: &[&str]) -> Vec<ListItem> {
        places.iter().map(|place| item(place)).collect()
    }

    fn places(items: &[ListItem]) -> Vec<String> {
        items
            .iter()
            .map(|item| format!("{}/{}", item.facts.namespace.as_deref().unwrap(), item.facts.name))
            .collect()
    }

    fn early(namespaces: &[&str], objects: &[&str]) -> Early {
        let kept = Kind { items: items(objects).into(), outcome: KindOutcome::default() };
        Early {
            namespaces: namespaces.iter().map(|&name| name.to_owned()).collect(),
            lists: Vec::new(),
            kinds: [(kind(), kept)].into(),
        }
    }

    #[test]
    fn what_was_read_early_takes_its_place_between_the_pages_of_the_rest() {
        let mut early = early(&["b", "d"], &["b/1", "b/3", "d/1"]);
        // `b/2` was made after the cut and `b/3` is of a later moment: both are not of the frozen state.
        let first = early.merge(&kind(), items(&["a/1", "b/2"]));
        assert_eq!(places(&first), ["a/1", "b/1"]);
        let second = early.merge(&kind(), items(&["b/3", "c/1"]));
        assert_eq!(places(&second), ["b/3", "c/1"]);
        assert_eq!(places(&early.rest(&kind()).0), ["d/1"]);
        assert!(early.rest(&kind()).0.is_empty());
    }

    #[test]
    fn a_kind_of_the_frozen_namespaces_alone_comes_as_a_whole() {
        let mut early = early(&["a"], &["a/1", "a/2"]);
        assert_eq!(places(&early.rest(&kind()).0), ["a/1", "a/2"]);
    }

    #[test]
    fn without_a_freeze_pages_are_left_as_they_are() {
        let mut early = Early::default();
        assert_eq!(places(&early.merge(&kind(), items(&["b/1", "a/1"]))), ["b/1", "a/1"]);
    }
}
