//! Pods for hooks: their metadata alone, page by page, and single ones as a whole.

use std::collections::BTreeMap;

use serde::{Deserialize, de::DeserializeOwned};

use crate::model::pod::Pod;

use super::{Cluster, RequestError, live::encoded};

/// A list without specs and states: most of a pod is of no interest here.
const METADATA_ONLY: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

/// Pods on a page.
const PAGE: u32 = 500;

/// How often a list is begun again after its token expired.
const RESTARTS: u32 = 3;

#[derive(Deserialize)]
struct List {
    #[serde(default)]
    metadata: ListMetadata,
    #[serde(default)]
    items: Option<Vec<Item>>,
}

#[derive(Default, Deserialize)]
struct ListMetadata {
    #[serde(default, rename = "continue")]
    next: Option<String>,
}

#[derive(Deserialize)]
struct Item {
    metadata: Metadata,
    #[serde(default)]
    spec: Spec,
    #[serde(default)]
    status: Status,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    namespace: String,
    name: String,
    #[serde(default)]
    uid: String,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(Default, Deserialize)]
struct Spec {
    #[serde(default)]
    volumes: Option<Vec<Volume>>,
}

#[derive(Deserialize)]
struct Volume {
    name: String,
    #[serde(default, rename = "persistentVolumeClaim")]
    claim: Option<Claim>,
}

#[derive(Deserialize)]
struct Claim {
    #[serde(rename = "claimName")]
    name: String,
}

#[derive(Default, Deserialize)]
struct Status {
    #[serde(default)]
    phase: String,
}

impl From<Item> for Pod {
    fn from(item: Item) -> Self {
        let volumes = item.spec.volumes.unwrap_or_default().into_iter();
        Self {
            namespace: item.metadata.namespace,
            name: item.metadata.name,
            uid: item.metadata.uid,
            labels: item.metadata.labels.unwrap_or_default(),
            annotations: item.metadata.annotations.unwrap_or_default(),
            phase: item.status.phase,
            claims: volumes.filter_map(|volume| Some((volume.name, volume.claim?.name))).collect(),
        }
    }
}

impl Cluster {
    /// The metadata of the pods of a namespace (None: of all), of which `keep` keeps those of interest. Their phase and
    /// claims are not read.
    ///
    /// Needs `list pods`.
    pub async fn pods(
        &self,
        namespace: Option<&str>,
        label_selector: Option<&str>,
        keep: impl Fn(&Pod) -> bool,
    ) -> Result<Vec<Pod>, RequestError> {
        let mut restarts = 0;
        let mut found = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let path = list_path(namespace, label_selector, token.as_deref());
            let list: List = match self.get(&path, &[(http::header::ACCEPT, METADATA_ONLY)]).await {
                Ok(answer) => serde_json::from_slice(&answer.body).map_err(RequestError::BadAnswer)?,
                Err(error) if error.code() == Some(410) && token.is_some() && restarts < RESTARTS => {
                    restarts += 1;
                    (token, found) = (None, Vec::new());
                    continue;
                }
                Err(error) => return Err(error),
            };
            found.extend(list.items.unwrap_or_default().into_iter().map(Pod::from).filter(&keep));
            token = list.metadata.next.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(found);
            }
        }
    }

    /// One pod; None if there is none. Needs `get pods`.
    pub async fn pod(&self, namespace: &str, name: &str) -> Result<Option<Pod>, RequestError> {
        let path = format!("/api/v1/namespaces/{}/pods/{}", encoded(namespace), encoded(name));
        Ok(self.optional::<Item>(&path).await?.map(Pod::from))
    }

    async fn optional<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, RequestError> {
        match self.get_json(path).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn list_path(namespace: Option<&str>, label_selector: Option<&str>, token: Option<&str>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("limit", &PAGE.to_string());
    for (name, value) in [("labelSelector", label_selector), ("continue", token)] {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    let collection = match namespace {
        Some(namespace) => format!("/api/v1/namespaces/{}/pods", encoded(namespace)),
        None => "/api/v1/pods".to_owned(),
    };
    format!("{collection}?{}", query.finish())
}
