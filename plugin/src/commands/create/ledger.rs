//! The account of a backup while it runs: what was saved, left out and missing, and what it refers to.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    cluster::ListItem,
    model::{
        facts::ObjectFacts,
        object::CapturedObject,
        resource::{GroupResource, ResourceType},
        restore_point::{Completeness, FORMAT, KindEntry, LeftOut, Manifest, Missing, Summary, VersionEntry},
        selection::Selection,
    },
    plan::{backup::Names, left_out, referenced::References},
};

use super::reader::KindOutcome;

/// Namespaces named in a summary; more are only counted.
const MAX_NAMESPACES: usize = 100;

/// Why a reference could not be followed is told this many times a kind.
const MAX_WARNINGS: usize = 20;

/// What the account is closed with.
#[derive(Debug)]
pub(super) struct Provenance {
    pub(super) name: String,
    pub(super) cluster_uid: String,
    pub(super) context: String,
    pub(super) server_version: String,
    pub(super) scope: String,
    pub(super) selection: Selection,
}

/// The account.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) references: References,
    pub(super) missing: Vec<Missing>,
    pub(super) warnings: Vec<String>,
    /// Kinds that the caller may not list, in part or at all.
    pub(super) forbidden: BTreeSet<String>,
    /// The first kind that does not belong to the selection as a whole, and why.
    pub(super) unselectable: Option<(GroupResource, String)>,
    kinds: Vec<KindEntry>,
    left_out: BTreeMap<(String, String), (GroupResource, u64)>,
    namespaces: BTreeSet<String>,
    found: BTreeSet<(GroupResource, String)>,
}

impl Ledger {
    /// With what the plan knows already.
    pub(super) fn new(left_out: Vec<LeftOut>, missing: Vec<Missing>) -> Self {
        let mut ledger = Self { missing, ..Self::default() };
        for entry in left_out {
            ledger.leave_out(&entry.resource, &entry.reason, 0);
        }
        ledger
    }

    /// Takes in a page of a kind and returns what of it is saved.
    pub(super) fn take(
        &mut self,
        kind: &ResourceType,
        page: Vec<ListItem>,
        names: &Names,
    ) -> Vec<CapturedObject> {
        let mut saved = Vec::with_capacity(page.len());
        for item in page {
            if let Some(reason) = reason_to_leave_out(&kind.resource, &item.facts, names) {
                self.leave_out(&kind.resource, reason, 1);
                continue;
            }
            self.note(kind, &item, names);
            saved.push(CapturedObject {
                namespace: item.facts.namespace,
                name: item.facts.name,
                json: item.json,
            });
        }
        saved
    }

    fn note(&mut self, kind: &ResourceType, item: &ListItem, names: &Names) {
        if let Err(error) = self.references.observe(&kind.resource, &item.facts, &item.json) {
            self.warn(format!(
                "what {}/{} refers to could not be read: {error}",
                kind.resource, item.facts.name
            ));
        }
        if let Some(namespace) = &item.facts.namespace
            && !self.namespaces.contains(namespace)
        {
            self.namespaces.insert(namespace.clone());
        }
        if names.is_some() {
            self.found.insert((kind.resource.clone(), item.facts.name.clone()));
        }
        let bytes = item.json.len() as u64;
        match self.kinds.last_mut() {
            Some(entry) if entry.kind.resource == kind.resource => {
                entry.objects += 1;
                entry.bytes += bytes;
            }
            _ => self.kinds.push(KindEntry { objects: 1, bytes, ..KindEntry::new(kind.clone()) }),
        }
    }

    fn leave_out(&mut self, resource: &GroupResource, reason: &str, objects: u64) {
        let key = (resource.to_string(), reason.to_owned());
        self.left_out.entry(key).or_insert_with(|| (resource.clone(), 0)).1 += objects;
    }

    /// Notes what a reader of the restore point should know.
    pub(super) fn warn(&mut self, warning: String) {
        if self.warnings.len() < MAX_WARNINGS {
            self.warnings.push(warning);
        }
    }

    /// Notes how the reading of a kind ended. One that was read is in the account even if nothing of it was found.
    pub(super) fn settle(&mut self, kind: &ResourceType, outcome: KindOutcome) {
        let resource = &kind.resource;
        let was_read = outcome.missing.is_empty() && outcome.left_out.is_none();
        if was_read && self.kinds.last().is_none_or(|entry| entry.kind.resource != *resource) {
            self.kinds.push(KindEntry::new(kind.clone()));
        }
        self.missing.extend(outcome.missing);
        if outcome.is_forbidden {
            self.forbidden.insert(resource.to_string());
        }
        for warning in outcome.warnings {
            self.warn(warning);
        }
        if let Some(reason) = outcome.left_out {
            self.leave_out(resource, &reason, 0);
            self.unselectable.get_or_insert((resource.clone(), reason));
        }
    }

    /// Notes what of a kind was read at another version too.
    pub(super) fn note_version(&mut self, resource: &GroupResource, version: VersionEntry) {
        let entry = self.kinds.iter_mut().find(|entry| entry.kind.resource == *resource);
        if let Some(entry) = entry {
            entry.other_versions.push(version);
        }
    }

    /// How many objects of a kind were taken in.
    pub(super) fn objects_of(&self, resource: &GroupResource) -> u64 {
        self.kinds.iter().filter(|entry| entry.kind.resource == *resource).map(|entry| entry.objects).sum()
    }

    /// Adds an entry for each object that was named and not found anywhere.
    pub(super) fn require(&mut self, resource: &GroupResource, names: &BTreeSet<String>) {
        for name in names {
            if !self.found.contains(&(resource.clone(), name.clone())) {
                self.missing.push(Missing {
                    what: format!("{resource}/{name}"),
                    namespaces: Vec::new(),
                    reason: "there is no such object".to_owned(),
                    remedy: "check its name and namespace".to_owned(),
                    forbidden: false,
                });
            }
        }
    }

    /// Namespaces that objects came from.
    pub(super) fn namespaces(&self) -> &BTreeSet<String> {
        &self.namespaces
    }

    /// How many objects were taken in.
    pub(super) fn objects(&self) -> u64 {
        self.kinds.iter().map(|entry| entry.objects).sum()
    }

    /// Whether nothing was taken in but Namespace objects, which come along by themselves.
    pub(super) fn holds_namespaces_alone(&self) -> bool {
        let namespaces = GroupResource::new("namespaces", "");
        self.kinds.iter().all(|entry| entry.objects == 0 || entry.kind.resource == namespaces)
    }

    /// Closes the account.
    pub(super) fn close(self, provenance: Provenance) -> Manifest {
        let objects = self.objects();
        let summary = Summary {
            format: FORMAT,
            name: provenance.name,
            completeness: if self.missing.is_empty() {
                Completeness::Complete
            } else {
                Completeness::Incomplete
            },
            objects,
            bytes: self.kinds.iter().map(|entry| entry.bytes).sum(),
            namespace_count: self.namespaces.len() as u64,
            namespaces: self.namespaces.into_iter().take(MAX_NAMESPACES).collect(),
            cluster_uid: provenance.cluster_uid,
            context: provenance.context,
            scope: provenance.scope,
            is_narrowed: provenance.selection.is_narrowed(),
            consistency: None,
            restore: None,
        };
        let left_out = self.left_out.into_iter();
        Manifest {
            summary,
            written_by: env!("CARGO_PKG_VERSION").to_owned(),
            server_version: provenance.server_version,
            selection: provenance.selection,
            kinds: self.kinds,
            missing: self.missing,
            left_out: left_out
                .map(|((_, reason), (resource, objects))| LeftOut { resource, objects, reason })
                .collect(),
            warnings: self.warnings,
            freeze: None,
            record: None,
        }
    }
}

fn reason_to_leave_out(resource: &GroupResource, facts: &ObjectFacts, names: &Names) -> Option<&'static str> {
    match left_out::object_reason(resource, facts) {
        // An object that the user names is meant, whatever it is, but not one that is about to be gone.
        Some(_) if names.is_some() && !facts.is_terminating => None,
        reason => reason,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::{Value, json};

    use crate::model::{resource::Scope, selection::Namespaces};

    use super::*;

    fn kind(plural: &str) -> ResourceType {
        ResourceType::new(GroupResource::new(plural, ""), "v1", plural, Scope::Namespaced)
    }

    fn item(object: &Value) -> ListItem {
        let json = object.to_string();
        ListItem { facts: ObjectFacts::read(&json).unwrap(), json: Bytes::from(json) }
    }

    fn closed(ledger: Ledger) -> Manifest {
        ledger.close(Provenance {
            name: "n".to_owned(),
            cluster_uid: String::new(),
            context: String::new(),
            server_version: String::new(),
            scope: String::new(),
            selection: Selection::of(Namespaces::All),
        })
    }

    #[test]
    fn counts_what_is_saved_and_what_is_left_out() {
        let mut ledger = Ledger::default();
        let page = vec![
            item(&json!({"metadata": {"name": "a", "namespace": "shop"}})),
            item(&json!({"metadata": {"name": "kube-root-ca.crt", "namespace": "shop"}})),
        ];
        let saved = ledger.take(&kind("configmaps"), page, &None);
        assert_eq!(saved.len(), 1);
        let manifest = closed(ledger);
        assert_eq!((manifest.summary.objects, manifest.left_out[0].objects), (1, 1));
        assert_eq!(manifest.summary.completeness, Completeness::Complete);
        assert_eq!(manifest.summary.namespaces, ["shop"]);
    }

    #[test]
    fn a_kind_that_was_read_is_listed_even_if_there_is_nothing_of_it() {
        let mut ledger = Ledger::default();
        let page = vec![item(&json!({"metadata": {"name": "a", "namespace": "shop"}}))];
        ledger.take(&kind("configmaps"), page, &None);
        ledger.settle(&kind("configmaps"), KindOutcome::default());
        ledger.settle(&kind("pods"), KindOutcome::default());
        let left_out = KindOutcome { left_out: Some("no such field".to_owned()), ..KindOutcome::default() };
        ledger.settle(&kind("services"), left_out);
        let manifest = closed(ledger);
        let counts: Vec<_> =
            manifest.kinds.iter().map(|entry| (entry.kind.kind.as_str(), entry.objects)).collect();
        assert_eq!(counts, [("configmaps", 1), ("pods", 0)]);
        assert_eq!(manifest.saved_kinds().count(), 1);
    }

    #[test]
    fn a_named_object_is_saved_whatever_it_is_and_missed_when_it_is_not_there() {
        let names: BTreeSet<String> = ["kube-root-ca.crt", "gone"].map(str::to_owned).into();
        let mut ledger = Ledger::default();
        let page = vec![item(&json!({"metadata": {"name": "kube-root-ca.crt", "namespace": "shop"}}))];
        ledger.take(&kind("configmaps"), page, &Some(names.clone()));
        ledger.require(&GroupResource::new("configmaps", ""), &names);
        let manifest = closed(ledger);
        assert_eq!((manifest.summary.objects, manifest.missing[0].what.as_str()), (1, "configmaps/gone"));
        assert_eq!(manifest.summary.completeness, Completeness::Incomplete);
    }
}
