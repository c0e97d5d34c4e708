//! `--prune`: live objects that the restore point would hold if they had been there when it was made.
//!
//! Deleted is only what the selection covers, what was read completely, and what no controller owns.

use serde_json::Value;

use crate::{
    model::{object::ObjectKey, resource::ResourceType, restore_point::Manifest},
    plan::{coverage::covers, map_namespace::NamespaceMap, sanitize::own_finalizers},
};

use super::{
    rules::{Rule, rule},
    wanted::Wanted,
};

/// What deciding needs to know.
#[derive(Clone, Copy, Debug)]
pub struct Coverage<'a> {
    /// The restore point's own.
    pub manifest: &'a Manifest,
    /// What of it is restored.
    pub wanted: &'a Wanted,
    /// Where to.
    pub map: &'a NamespaceMap,
    /// Every kind known.
    pub kinds: &'a [ResourceType],
}

/// A live object to delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extra {
    /// The name it would have in the restore point.
    pub saved_key: ObjectKey,
    /// What it is in the cluster.
    pub target: ObjectKey,
    /// Its uid: another object of its name is not deleted.
    pub uid: String,
    /// Finalizers that are not Kubernetes' own.
    pub finalizers: Vec<String>,
}

impl Coverage<'_> {
    /// The live object `body` of kind `kind` as one to delete, unless there is a reason to let it be.
    pub fn extra(&self, kind: &ResourceType, saved_namespace: &str, body: &Value) -> Option<Extra> {
        let metadata = &body["metadata"];
        let name = metadata["name"].as_str()?;
        let saved_key = ObjectKey::new(kind.resource.clone(), Some(saved_namespace), name);
        let going = metadata.get("deletionTimestamp").is_some();
        if going || is_owned(body) || rule(&kind.resource, body, false) != Rule::Restore {
            return None;
        }
        if is_of_every_namespace(&saved_key) || self.wanted.namespaced(&saved_key, body).is_none() {
            return None;
        }
        covers(self.manifest, self.kinds, &saved_key, body).then(|| Extra {
            target: self.map.target_key(&saved_key),
            saved_key,
            uid: metadata["uid"].as_str().unwrap_or_default().to_owned(),
            finalizers: own_finalizers(body).map(str::to_owned).collect(),
        })
    }
}

/// Whether something else makes it, and would make it again, or takes it along when it goes.
fn is_owned(body: &Value) -> bool {
    body["metadata"]["ownerReferences"].as_array().is_some_and(|owners| !owners.is_empty())
}

/// The account that Kubernetes makes in every namespace.
fn is_of_every_namespace(key: &ObjectKey) -> bool {
    key.resource.plural == "serviceaccounts" && key.name == "default"
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::{
        model::{
            resource::{GroupResource, Scope},
            restore_point::{Completeness, Missing, Summary},
            selection::{ClusterScoped, Namespaces, Selection},
        },
        plan::select::{KindFilter, LabelSelector},
    };

    fn kind(plural: &str, kind: &str) -> ResourceType {
        ResourceType {
            singular: kind.to_lowercase(),
            verbs: vec!["list".to_owned()],
            served_versions: vec!["v1".to_owned()],
            ..ResourceType::new(GroupResource::new(plural, ""), "v1", kind, Scope::Namespaced)
        }
    }

    fn manifest() -> Manifest {
        Manifest {
            summary: Summary {
                format: 1,
                name: "shop".to_owned(),
                completeness: Completeness::Complete,
                objects: 0,
                bytes: 0,
                namespaces: vec!["shop".to_owned(), "web".to_owned()],
                namespace_count: 2,
                cluster_uid: String::new(),
                context: String::new(),
                scope: String::new(),
                is_narrowed: false,
                consistency: None,
                restore: None,
            },
            written_by: String::new(),
            server_version: String::new(),
            selection: Selection::of(Namespaces::Named(vec!["shop".to_owned(), "web".to_owned()])),
            kinds: vec![],
            missing: vec![],
            left_out: vec![],
            warnings: vec![],
            freeze: None,
            record: None,
        }
    }

    fn wanted(kinds: &[ResourceType]) -> Wanted {
        Wanted {
            namespaces: None,
            kinds: KindFilter::new(&[], &[], kinds).unwrap(),
            labels: None,
            named: [].into(),
            needed_by_named: [].into(),
            cluster_scoped: ClusterScoped::default(),
        }
    }

    fn is_extra(manifest: &Manifest, wanted: &Wanted, plural: &str, metadata: &Value) -> bool {
        let kinds =
            [kind("configmaps", "ConfigMap"), kind("serviceaccounts", "ServiceAccount"), kind("leases", "L")];
        let map = NamespaceMap::default();
        let coverage = Coverage { manifest, wanted, map: &map, kinds: &kinds };
        let kind = kinds.iter().find(|kind| kind.resource.plural == plural).unwrap();
        coverage.extra(kind, "shop", &json!({"metadata": metadata})).is_some()
    }

    #[rstest]
    #[case::made_since("configmaps", json!({"name": "new"}), true)]
    #[case::made_by_kubernetes("configmaps", json!({"name": "kube-root-ca.crt"}), false)]
    #[case::account_of_every_namespace("serviceaccounts", json!({"name": "default"}), false)]
    #[case::owned_by_another("configmaps", json!({"name": "x", "ownerReferences": [{"kind": "App"}]}), false)]
    #[case::going_already("configmaps", json!({"name": "x", "deletionTimestamp": "now"}), false)]
    #[case::never_backed_up("configmaps", json!({"name": "x", "labels": {"kubectl-backup.dev/exclude": "true"}}), false)]
    fn is_deleted(#[case] plural: &str, #[case] metadata: Value, #[case] expected: bool) {
        let kinds = [kind("configmaps", "ConfigMap")];
        assert_eq!(is_extra(&manifest(), &wanted(&kinds), plural, &metadata), expected);
    }

    #[rstest]
    #[case::kind_was_not_read(&|it: &mut Manifest| it.missing.push(Missing { what: "configmaps".to_owned(),
        namespaces: vec![], reason: String::new(), remedy: String::new(), forbidden: true }))]
    #[case::kind_was_excluded(&|it: &mut Manifest| it.selection.exclude_kinds.push("configmaps".to_owned()))]
    #[case::label_was_not_selected(&|it: &mut Manifest| it.selection.label_selector = Some("app=web".to_owned()))]
    #[case::field_selector_cannot_be_judged(&|it: &mut Manifest| it.selection.field_selector = Some("x=y".to_owned()))]
    #[case::namespace_was_not_saved(&|it: &mut Manifest| it.selection.namespaces = Namespaces::Named(vec!["web".to_owned()]))]
    fn what_the_restore_point_did_not_cover_stays(#[case] change: &dyn Fn(&mut Manifest)) {
        let kinds = [kind("configmaps", "ConfigMap")];
        let mut manifest = manifest();
        change(&mut manifest);
        assert!(!is_extra(&manifest, &wanted(&kinds), "configmaps", &json!({"name": "new"})));
    }

    #[test]
    fn what_the_restore_does_not_select_stays() {
        let kinds = [kind("configmaps", "ConfigMap")];
        let mut wanted = wanted(&kinds);
        wanted.labels = Some(LabelSelector::parse("app=web").unwrap());
        assert!(!is_extra(&manifest(), &wanted, "configmaps", &json!({"name": "new"})));
        assert!(is_extra(
            &manifest(),
            &wanted,
            "configmaps",
            &json!({"name": "new", "labels": {"app": "web"}})
        ));
    }
}
