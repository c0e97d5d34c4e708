//! What kinds of object exist: the names a kind goes by, where it lives, how the API serves it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Whether objects of a kind live in a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Scope {
    /// In a namespace.
    Namespaced,
    /// Not in a namespace.
    Cluster,
}

/// API groups that Kubernetes itself serves; kinds of any other group are custom and need a definition.
const BUILT_IN_GROUPS: [&str; 24] = [
    "",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "apps",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "extensions",
    "flowcontrol.apiserver.k8s.io",
    "internal.apiserver.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "resource.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
    "storagemigration.k8s.io",
];

/// A resource without its version, as `kubectl api-resources` names it: `deployments.apps`, `configmaps`.
///
/// The identity of a kind through all of the plugin; versions come and go, this stays.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub struct GroupResource {
    /// The plural, lower case: `deployments`.
    pub plural: String,
    /// The API group; empty for the core group.
    pub group: String,
}

impl GroupResource {
    /// `GroupResource::new("deployments", "apps")`.
    pub fn new(plural: impl Into<String>, group: impl Into<String>) -> Self {
        Self { plural: plural.into(), group: group.into() }
    }

    /// Whether Kubernetes itself serves its group.
    pub fn is_built_in(&self) -> bool {
        BUILT_IN_GROUPS.contains(&self.group.as_str())
    }
}

impl fmt::Display for GroupResource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.plural)?;
        if !self.group.is_empty() {
            write!(formatter, ".{}", self.group)?;
        }
        Ok(())
    }
}

impl From<String> for GroupResource {
    fn from(text: String) -> Self {
        match text.split_once('.') {
            Some((plural, group)) => Self::new(plural, group),
            None => Self::new(text, ""),
        }
    }
}

impl From<GroupResource> for String {
    fn from(resource: GroupResource) -> Self {
        resource.to_string()
    }
}

/// A kind as one API server serves it, at the version a restore point uses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceType {
    /// Plural and group.
    pub resource: GroupResource,
    /// The version used, normally the server's preferred one: `v1`.
    pub version: String,
    /// `Deployment`.
    pub kind: String,
    /// `deployment`; empty where the server names none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub singular: String,
    /// `deploy`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub short_names: Vec<String>,
    /// `all`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
    /// Namespaced or not.
    pub scope: Scope,
    /// `list`, `create`, …
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verbs: Vec<String>,
    /// All versions the server serves, preferred first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub served_versions: Vec<String>,
}

impl ResourceType {
    /// A kind of which no more is known than what every object of it states, and where it lives.
    pub fn new(resource: GroupResource, version: &str, kind: &str, scope: Scope) -> Self {
        Self {
            resource,
            version: version.to_owned(),
            kind: kind.to_owned(),
            singular: String::new(),
            short_names: Vec::new(),
            categories: Vec::new(),
            scope,
            verbs: Vec::new(),
            served_versions: Vec::new(),
        }
    }

    /// `apps/v1`, or `v1` in the core group.
    pub fn api_version(&self) -> String {
        if self.resource.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.resource.group, self.version)
        }
    }

    /// Path of the collection on the API server: `/apis/apps/v1/namespaces/shop/deployments`.
    ///
    /// Without a namespace it is the collection over all namespaces (or the cluster-scoped one).
    pub fn collection_path(&self, namespace: Option<&str>) -> String {
        let root = if self.resource.group.is_empty() { "/api" } else { "/apis" };
        let api_version = self.api_version();
        match namespace {
            Some(namespace) if self.scope == Scope::Namespaced => {
                format!("{root}/{api_version}/namespaces/{namespace}/{}", self.resource.plural)
            }
            _ => format!("{root}/{api_version}/{}", self.resource.plural),
        }
    }

    /// Whether the server offers `verb` for it.
    pub fn has_verb(&self, verb: &str) -> bool {
        self.verbs.iter().any(|offered| offered == verb)
    }

    /// `deployment.apps` as `kubectl … -o name` writes it before the slash.
    pub fn kind_word(&self) -> String {
        let kind = self.kind.to_lowercase();
        if self.resource.group.is_empty() { kind } else { format!("{kind}.{}", self.resource.group) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn group_resource_survives_its_own_text() {
        for text in ["configmaps", "deployments.apps", "certificates.cert-manager.io"] {
            assert_eq!(GroupResource::from(text.to_owned()).to_string(), text);
        }
    }
}
