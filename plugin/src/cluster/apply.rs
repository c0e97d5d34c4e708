//! Server-side apply in a name of its own: what is no longer applied under that name goes away.

use serde_json::{Value, json};

use crate::model::{object::ObjectKey, resource::ResourceType};

use super::{
    Cluster,
    live::{encoded, object_path},
    refusal::WriteError,
    write::{WriteMode, Written},
};

/// What the hooks' own fields are applied as.
const HOOKS_MANAGER: &str = "kubectl-backup-hooks";

impl Cluster {
    /// Applies what hooks need in an object. Fields of others are a conflict, which the server tells.
    ///
    /// Needs `patch` on the kind.
    pub async fn apply_for_hooks(
        &self,
        kind: &ResourceType,
        key: &ObjectKey,
        body: &Value,
        mode: WriteMode,
    ) -> Result<Written, WriteError> {
        let path = object_path(kind, key.namespace.as_deref(), &key.name);
        let dry_run = if mode == WriteMode::DryRun { "&dryRun=All" } else { "" };
        let path = format!("{path}?fieldManager={HOOKS_MANAGER}&fieldValidation=Strict{dry_run}");
        self.write(http::Method::PATCH, &path, "application/apply-patch+yaml", body).await
    }
    /// Adds an ephemeral container to a running pod. It can never be taken out again.
    ///
    /// Needs `patch` on `pods/ephemeralcontainers`.
    pub async fn add_ephemeral_container(
        &self,
        namespace: &str,
        pod: &str,
        container: &Value,
        mode: WriteMode,
    ) -> Result<Written, WriteError> {
        let dry_run = if mode == WriteMode::DryRun { "&dryRun=All" } else { "" };
        let path = format!(
            "/api/v1/namespaces/{}/pods/{}/ephemeralcontainers?fieldManager={HOOKS_MANAGER}{dry_run}",
            encoded(namespace),
            encoded(pod)
        );
        let patch = json!({ "spec": { "ephemeralContainers": [container] } });
        self.write(http::Method::PATCH, &path, "application/strategic-merge-patch+json", &patch).await
    }
}
