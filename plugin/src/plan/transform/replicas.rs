//! `replicas: N`: how many pods a workload runs.

use serde_json::{Value, json};

use crate::plan::field_path::{FieldPath, Step};
use crate::plan::pod_spec::group_of;

/// Workloads whose pods are counted.
pub(super) fn concerns(object: &Value) -> bool {
    matches!(
        (group_of(object), object["kind"].as_str().unwrap_or_default()),
        ("apps", "Deployment" | "StatefulSet" | "ReplicaSet") | ("", "ReplicationController")
    )
}

pub(super) fn apply(object: &mut Value, count: u32) -> Result<(), String> {
    let path = FieldPath::new(vec![Step::Field("spec".to_owned()), Step::Field("replicas".to_owned())]);
    path.set(object, json!(count)).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::deployment("apps/v1", "Deployment", true)]
    #[case::stateful_set("apps/v1", "StatefulSet", true)]
    #[case::replica_set("apps/v1", "ReplicaSet", true)]
    #[case::replication_controller("v1", "ReplicationController", true)]
    #[case::daemon_set_has_one_a_node("apps/v1", "DaemonSet", false)]
    #[case::custom_kind("example.com/v1", "Deployment", false)]
    fn kinds_with_a_count(#[case] api_version: &str, #[case] kind: &str, #[case] expected: bool) {
        assert_eq!(concerns(&json!({"apiVersion": api_version, "kind": kind})), expected);
    }

    #[test]
    fn a_missing_count_is_set_too() {
        let mut object = json!({"spec": {}});
        apply(&mut object, 0).unwrap();
        assert_eq!(object, json!({"spec": {"replicas": 0}}));
    }
}
