//! One object: its identity, and its content as the server gave it.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::resource::{GroupResource, ResourceType};

/// Which object, independent of version and cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectKey {
    /// Its kind, by plural and group.
    pub resource: GroupResource,
    /// None for cluster-scoped objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// `metadata.name`.
    pub name: String,
}

impl ObjectKey {
    /// A key from its parts.
    pub fn new(resource: GroupResource, namespace: Option<&str>, name: &str) -> Self {
        Self { resource, namespace: namespace.map(str::to_owned), name: name.to_owned() }
    }
}

/// `shop/deployments.apps/web`, or `storageclasses.storage.k8s.io/fast` without a namespace.
impl fmt::Display for ObjectKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(namespace) = &self.namespace {
            write!(formatter, "{namespace}/")?;
        }
        write!(formatter, "{}/{}", self.resource, self.name)
    }
}

/// An object on its way into the archive: the server's JSON untouched, with its identity beside it.
#[derive(Clone, Debug)]
pub struct CapturedObject {
    /// None for cluster-scoped objects.
    pub namespace: Option<String>,
    /// `metadata.name`.
    pub name: String,
    /// One JSON object, complete with `apiVersion` and `kind`.
    pub json: Bytes,
}

/// An object read back from a restore point.
#[derive(Clone, Debug)]
pub struct SavedObject {
    /// Which object.
    pub key: ObjectKey,
    /// As the server gave it at the time of the backup.
    pub body: Value,
}

impl SavedObject {
    /// `metadata.uid` at the time of the backup; empty if the object had none.
    pub fn uid(&self) -> &str {
        self.body["metadata"]["uid"].as_str().unwrap_or_default()
    }
}

/// `deployment.apps/web`: an object as kubectl names it in its output.
pub fn kubectl_name(kind: &ResourceType, name: &str) -> String {
    format!("{}/{name}", kind.kind_word())
}
