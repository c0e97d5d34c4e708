//! `storageClass: {OLD: NEW}`: the class of claims, of volumes, and of the claims that workloads make.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::plan::pod_spec::{self, group_of};

use super::{
    matching::is_kind,
    rewrite::{items, text},
};

/// What Kubernetes read before `storageClassName`, and still reads first.
const BETA: &str = "volume.beta.kubernetes.io/storage-class";

/// Which class becomes which.
#[derive(Clone, Debug)]
pub(super) struct StorageClass(pub(super) BTreeMap<String, String>);

impl StorageClass {
    pub(super) fn concerns(object: &Value) -> bool {
        let is_storage = matches!(
            (group_of(object), object["kind"].as_str().unwrap_or_default()),
            ("", "PersistentVolumeClaim" | "PersistentVolume")
        );
        is_storage || pod_spec::path(object).is_some()
    }

    pub(super) fn apply(&self, object: &mut Value) {
        if let Some(spec) = pod_spec::of(object) {
            for volume in items(spec.get_mut("volumes")) {
                if let Some(template) = volume.pointer_mut("/ephemeral/volumeClaimTemplate") {
                    self.claim(template);
                }
            }
        } else {
            self.claim(object);
        }
        if is_kind(object, "apps", "StatefulSet") {
            for template in items(object.pointer_mut("/spec/volumeClaimTemplates")) {
                self.claim(template);
            }
        }
    }

    /// A claim, a volume, or a template of a claim.
    fn claim(&self, claim: &mut Value) {
        let new = |class: &str| self.0.get(class).cloned();
        let annotations = claim.pointer_mut("/metadata/annotations");
        text(annotations.and_then(|annotations| annotations.get_mut(BETA)), new);
        text(claim.pointer_mut("/spec/storageClassName"), new);
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::claim(
        json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "spec": {"storageClassName": "old"}}),
        json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "spec": {"storageClassName": "new"}})
    )]
    #[case::volume(
        json!({"apiVersion": "v1", "kind": "PersistentVolume", "spec": {"storageClassName": "old"}}),
        json!({"apiVersion": "v1", "kind": "PersistentVolume", "spec": {"storageClassName": "new"}})
    )]
    #[case::beta_annotation(
        json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"annotations": {BETA: "old"}}}),
        json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"annotations": {BETA: "new"}}})
    )]
    #[case::another_class_stays(
        json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "spec": {"storageClassName": "old2"}}),
        json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "spec": {"storageClassName": "old2"}})
    )]
    #[case::templates_of_a_stateful_set(
        json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "spec": {"volumeClaimTemplates": [
            {"spec": {"storageClassName": "old"}}, {"metadata": {"annotations": {BETA: "old"}}, "spec": {}}]}}),
        json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "spec": {"volumeClaimTemplates": [
            {"spec": {"storageClassName": "new"}}, {"metadata": {"annotations": {BETA: "new"}}, "spec": {}}]}})
    )]
    #[case::ephemeral_volume(
        json!({"apiVersion": "v1", "kind": "Pod", "spec": {"volumes": [{"name": "a"}, {"name": "b", "ephemeral":
            {"volumeClaimTemplate": {"spec": {"storageClassName": "old"}}}}]}}),
        json!({"apiVersion": "v1", "kind": "Pod", "spec": {"volumes": [{"name": "a"}, {"name": "b", "ephemeral":
            {"volumeClaimTemplate": {"spec": {"storageClassName": "new"}}}}]}})
    )]
    fn classes_are_renamed(#[case] mut object: Value, #[case] expected: Value) {
        assert!(StorageClass::concerns(&object));
        StorageClass(BTreeMap::from([("old".to_owned(), "new".to_owned())])).apply(&mut object);
        assert_eq!(object, expected);
    }

    #[test]
    fn two_classes_can_change_places() {
        let both = [("a", "b"), ("b", "a")].map(|(from, to)| (from.to_owned(), to.to_owned()));
        let mut claim =
            json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "spec": {"storageClassName": "a"}});
        StorageClass(BTreeMap::from(both)).apply(&mut claim);
        assert_eq!(claim["spec"]["storageClassName"], "b");
    }
}
