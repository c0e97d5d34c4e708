//! The cluster's namespaces: their names, and whether one is there.

use serde::Deserialize;
use serde_json::Value;

use super::{Cluster, RequestError};

/// Namespaces a page.
const PAGE: u32 = 500;

#[derive(Deserialize)]
struct Names {
    metadata: ListMetadata,
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct ListMetadata {
    #[serde(default, rename = "continue")]
    next: String,
}

#[derive(Deserialize)]
struct Item {
    metadata: ItemMetadata,
}

#[derive(Deserialize)]
struct ItemMetadata {
    name: String,
}

impl Cluster {
    /// The names of all namespaces, sorted. Needs `list namespaces`.
    pub async fn namespaces(&self) -> Result<Vec<String>, RequestError> {
        let mut names = Vec::new();
        let mut next = String::new();
        loop {
            let token: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
            let page: Names =
                self.get_json(&format!("/api/v1/namespaces?limit={PAGE}&continue={token}")).await?;
            names.extend(page.items.into_iter().map(|item| item.metadata.name));
            next = page.metadata.next;
            if next.is_empty() {
                names.sort();
                // A token that expired on the way repeats nothing, but costs nothing to guard against either.
                names.dedup();
                return Ok(names);
            }
        }
    }

    /// Whether there is such a namespace. Needs `get` on it.
    pub async fn has_namespace(&self, name: &str) -> Result<bool, RequestError> {
        let name: String = form_urlencoded::byte_serialize(name.as_bytes()).collect();
        match self.get_json::<Value>(&format!("/api/v1/namespaces/{name}")).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }
}
