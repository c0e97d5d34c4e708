//! Where the pods of a workload are described.

use serde_json::Value;

/// The way to the pod spec of an object of a built-in kind, if the kind has one.
pub(super) fn path(object: &Value) -> Option<&'static str> {
    match (group_of(object), object["kind"].as_str()?) {
        ("", "Pod") => Some("/spec"),
        ("", "PodTemplate") => Some("/template/spec"),
        ("", "ReplicationController")
        | ("apps", "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet")
        | ("batch", "Job") => Some("/spec/template/spec"),
        ("batch", "CronJob") => Some("/spec/jobTemplate/spec/template/spec"),
        _ => None,
    }
}

/// The API group of an object; empty for the core group.
pub(super) fn group_of(object: &Value) -> &str {
    object["apiVersion"].as_str().and_then(|version| version.split_once('/')).map_or("", |(group, _)| group)
}

/// The pod spec of an object.
pub(super) fn of(object: &mut Value) -> Option<&mut Value> {
    let path = path(object)?;
    object.pointer_mut(path)
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::{Value, json};

    /// An object of each kind that has pods, with `spec` as its pod spec.
    pub(in crate::plan) fn of_every_kind(spec: &Value) -> Vec<Value> {
        let template = json!({"template": {"spec": spec}});
        vec![
            json!({"apiVersion": "v1", "kind": "Pod", "spec": spec}),
            json!({"apiVersion": "v1", "kind": "PodTemplate", "template": {"spec": spec}}),
            json!({"apiVersion": "v1", "kind": "ReplicationController", "spec": template}),
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": template}),
            json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "spec": template}),
            json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "spec": template}),
            json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "spec": template}),
            json!({"apiVersion": "batch/v1", "kind": "Job", "spec": template}),
            json!({"apiVersion": "batch/v1", "kind": "CronJob", "spec": {"jobTemplate": {"spec": template}}}),
        ]
    }

    #[test]
    fn every_workload_has_one() {
        let spec = json!({"containers": []});
        for mut object in of_every_kind(&spec) {
            assert_eq!(super::of(&mut object).cloned(), Some(spec.clone()), "{}", object["kind"]);
        }
    }

    #[test]
    fn a_custom_kind_of_the_same_name_has_none() {
        assert_eq!(super::path(&json!({"apiVersion": "example.com/v1", "kind": "Deployment"})), None);
    }
}
