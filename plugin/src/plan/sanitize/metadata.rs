//! Metadata of every kind.

use serde_json::Value;

use super::fields::{descend, remove, remove_entries};

/// Given by the server, and refused or meaningless when sent back.
const SERVER_FIELDS: [&str; 9] = [
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "selfLink",
    "managedFields",
    // The name is already there; keeping this would only make a second object if the name were ever dropped.
    "generateName",
];

pub(super) fn clean(body: &mut Value) {
    for field in SERVER_FIELDS {
        remove(body, &["metadata", field]);
    }
    clean_finalizers(body);
    for map in ["annotations", "labels"] {
        // Dropping the last entry must leave the same as never having had one.
        remove_entries(body, &["metadata", map], |_| false);
    }
}

/// Kubernetes' own finalizers are put back by the server or the controller that acts on them. Any other is
/// content and stays here; whether it returns is decided in `plan::restore::finalizers`.
fn clean_finalizers(body: &mut Value) {
    let Some(Value::Array(finalizers)) = descend(body, &["metadata", "finalizers"]) else { return };
    finalizers.retain(|finalizer| !finalizer.as_str().is_some_and(is_built_in_finalizer));
    if finalizers.is_empty() {
        remove(body, &["metadata", "finalizers"]);
    }
}

pub(super) fn own_finalizers(body: &Value) -> impl Iterator<Item = &str> {
    let finalizers = body["metadata"]["finalizers"].as_array().into_iter().flatten();
    finalizers.filter_map(Value::as_str).filter(|finalizer| !is_built_in_finalizer(finalizer))
}

fn is_built_in_finalizer(finalizer: &str) -> bool {
    let domain = finalizer.split_once('/').map_or(finalizer, |(domain, _)| domain);
    matches!(domain, "foregroundDeletion" | "orphan" | "kubernetes" | "kubernetes.io")
        || domain.ends_with(".kubernetes.io")
        || domain.ends_with(".k8s.io")
}

/// The lock of the leader election that used to live on Endpoints and `ConfigMaps`: a stale lease that would keep
/// the next leader waiting.
pub(super) fn drop_leader_election(body: &mut Value) {
    remove_entries(body, &["metadata", "annotations"], |key| {
        matches!(
            key,
            "control-plane.alpha.kubernetes.io/leader" | "endpoints.kubernetes.io/last-change-trigger-time"
        )
    });
}
