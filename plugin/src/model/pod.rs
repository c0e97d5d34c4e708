//! Pods, as far as hooks need to know them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pod {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// `Running`, `Pending`, `Succeeded`, `Failed`; empty where only the metadata was read.
    pub phase: String,
    /// The claims behind its volumes: the volume's name, the claim's name.
    pub claims: Vec<(String, String)>,
}

impl Pod {
    /// `shop/db-0`.
    pub fn place(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    /// Whether its containers have ended for good.
    pub fn is_over(&self) -> bool {
        matches!(self.phase.as_str(), "Succeeded" | "Failed")
    }
}
