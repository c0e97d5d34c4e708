//! Claims and volumes: what binding wrote on both.

use std::collections::BTreeSet;

use serde_json::Value;

use super::fields::{remove, remove_entries};

pub(super) fn claim(body: &mut Value, kept_volumes: &BTreeSet<String>, notes: &mut Vec<String>) {
    remove_entries(body, &["metadata", "annotations"], |key| {
        matches!(
            key,
            "pv.kubernetes.io/bind-completed"
                | "pv.kubernetes.io/bound-by-controller"
                | "volume.kubernetes.io/selected-node"
                | "volume.alpha.kubernetes.io/selected-node"
                | "volume.kubernetes.io/storage-provisioner"
                | "volume.beta.kubernetes.io/storage-provisioner"
                | "volume.kubernetes.io/storage-resizer"
        )
    });
    let Some(volume) = body["spec"]["volumeName"].as_str() else { return };
    if !kept_volumes.contains(volume) {
        let note = format!("gets a new volume: `{volume}` is not restored");
        remove(body, &["spec", "volumeName"]);
        notes.push(note);
    }
}

/// The claim is named by namespace and name; its old uid would make the volume `Released` for ever.
pub(super) fn volume(body: &mut Value) {
    // Binding adds the type of the claim, which can be nothing else.
    for field in ["uid", "resourceVersion", "apiVersion", "kind"] {
        remove(body, &["spec", "claimRef", field]);
    }
    remove_entries(body, &["metadata", "annotations"], |key| key == "pv.kubernetes.io/bound-by-controller");
}
