//! Service accounts and their tokens: credentials that the old cluster signed.

use serde_json::Value;

use super::fields::{name, remove_entries, remove_items};

pub(super) fn service_account(body: &mut Value) {
    let account = name(body).to_owned();
    // OpenShift makes the `dockercfg` pair in the same manner as Kubernetes once made token Secrets.
    let generated = [format!("{account}-token-"), format!("{account}-dockercfg-")];
    for list in ["secrets", "imagePullSecrets"] {
        remove_items(body, &[list], |reference| {
            let name = reference["name"].as_str().unwrap_or_default();
            generated.iter().any(|prefix| name.starts_with(prefix))
        });
    }
}

/// A token Secret made by hand comes back empty, and the token controller fills it for the new cluster.
pub(super) fn secret(body: &mut Value) {
    if body["type"] != "kubernetes.io/service-account-token" {
        return;
    }
    remove_entries(body, &["metadata", "annotations"], |key| key == "kubernetes.io/service-account.uid");
    remove_entries(body, &["data"], |key| matches!(key, "token" | "ca.crt" | "namespace"));
    remove_entries(body, &["metadata", "labels"], |key| {
        matches!(key, "kubernetes.io/legacy-token-last-used" | "kubernetes.io/legacy-token-invalid-since")
    });
}
