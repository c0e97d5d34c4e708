//! Waiting for the cluster: until a custom kind or an aggregated API is served, until a Service can be called, until an
//! object is gone.
//!
//! RBAC: `get` on what is waited for; for a Service also `list` on its `endpointslices`.

use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::model::{object::ObjectKey, resource::ResourceType};

use super::{
    Cluster, RequestError,
    live::{encoded, encoded_parameter},
};

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Why waiting ended without what was waited for.
#[derive(Debug, thiserror::Error)]
pub enum WaitError {
    /// Time is up.
    #[error("not so after {} s: {what}", limit.as_secs())]
    TimedOut {
        /// What was waited for, or what stood in its way.
        what: String,
        /// How long.
        limit: Duration,
    },
    /// It will never be: the server said no.
    #[error("{0}")]
    Never(String),
    /// Looking failed.
    #[error("could not look")]
    Look(#[source] RequestError),
}

/// Pauses that double up to a bound, within a limit.
struct Pauses {
    until: Instant,
    next: Duration,
}

impl Pauses {
    fn within(limit: Duration) -> Self {
        Self { until: Instant::now() + limit, next: FIRST_PAUSE }
    }

    /// Pauses; false once the limit is passed.
    async fn pause(&mut self) -> bool {
        if Instant::now() >= self.until {
            return false;
        }
        sleep(self.next).await;
        self.next = (self.next * 2).min(LONGEST_PAUSE);
        true
    }
}

/// `kind` as its definition serves it: one that was replaced by another may not serve the version that was there before.
fn at_a_served_version(kind: &ResourceType, definition: &Value) -> ResourceType {
    let versions = definition["spec"]["versions"].as_array().into_iter().flatten();
    let served: Vec<&str> =
        versions.filter(|it| it["served"] == true).filter_map(|it| it["name"].as_str()).collect();
    let version = match served.first() {
        Some(first) if !served.contains(&kind.version.as_str()) => *first,
        _ => &kind.version,
    };
    ResourceType { version: version.to_owned(), ..kind.clone() }
}

impl Cluster {
    /// Waits until a custom resource definition is established and discovery lists its kind.
    pub async fn wait_until_served(
        &self,
        definitions: &ResourceType,
        definition: &ObjectKey,
        kind: Option<&ResourceType>,
        limit: Duration,
    ) -> Result<(), WaitError> {
        let mut pauses = Pauses::within(limit);
        loop {
            let body =
                self.read(definitions, definition).await.map_err(WaitError::Look)?.unwrap_or(Value::Null);
            if let Some(problem) = name_conflict(&body) {
                return Err(WaitError::Never(problem));
            }
            let kind = kind.map(|kind| at_a_served_version(kind, &body));
            if condition(&body, "Established") && self.lists(kind.as_ref()).await? {
                return Ok(());
            }
            if !pauses.pause().await {
                let what = format!("`{}` is established and served", definition.name);
                return Err(WaitError::TimedOut { what, limit });
            }
        }
    }

    async fn lists(&self, kind: Option<&ResourceType>) -> Result<bool, WaitError> {
        let Some(kind) = kind else { return Ok(true) };
        match self.get_json::<Value>(&format!("/apis/{}", kind.api_version())).await {
            Ok(list) => {
                let mut names = list["resources"].as_array().into_iter().flatten().map(|it| &it["name"]);
                Ok(names.any(|name| *name == kind.resource.plural.as_str()))
            }
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(WaitError::Look(error)),
        }
    }

    /// Waits until the aggregated API that an `APIService` stands for is available.
    pub async fn wait_until_available(
        &self,
        kind: &ResourceType,
        key: &ObjectKey,
        limit: Duration,
    ) -> Result<(), WaitError> {
        let mut pauses = Pauses::within(limit);
        loop {
            let body = self.read(kind, key).await.map_err(WaitError::Look)?.unwrap_or(Value::Null);
            if condition(&body, "Available") {
                return Ok(());
            }
            if !pauses.pause().await {
                let why = conditions(&body).find(|it| it["type"] == "Available");
                let why = why.and_then(|it| it["message"].as_str()).unwrap_or("nothing is known of it yet");
                return Err(WaitError::TimedOut { what: format!("it is available ({why})"), limit });
            }
        }
    }

    /// Waits until a Service has an endpoint that is ready. One that leads out of the cluster has none and needs none.
    pub async fn wait_until_ready(&self, service: &ObjectKey, limit: Duration) -> Result<(), WaitError> {
        let namespace = encoded(service.namespace.as_deref().unwrap_or_default());
        let path = format!("/api/v1/namespaces/{namespace}/services/{}", encoded(&service.name));
        let slices = format!(
            "/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices?labelSelector={}",
            encoded_parameter(&format!("kubernetes.io/service-name={}", service.name))
        );
        let mut pauses = Pauses::within(limit);
        loop {
            let found: Value = self.get_json(&slices).await.map_err(WaitError::Look)?;
            if has_ready_endpoint(&found) {
                return Ok(());
            }
            match self.get_json::<Value>(&path).await {
                Ok(body) if body["spec"]["type"] == "ExternalName" => return Ok(()),
                Err(error) if !error.is_not_found() => return Err(WaitError::Look(error)),
                _ => {}
            }
            if !pauses.pause().await {
                return Err(WaitError::TimedOut {
                    what: "it has an endpoint that is ready".to_owned(),
                    limit,
                });
            }
        }
    }

    /// Waits until an object that is being deleted is gone.
    pub async fn wait_until_gone(
        &self,
        kind: &ResourceType,
        key: &ObjectKey,
        limit: Duration,
    ) -> Result<(), WaitError> {
        let mut pauses = Pauses::within(limit);
        loop {
            let Some(body) = self.read(kind, key).await.map_err(WaitError::Look)? else { return Ok(()) };
            if body["metadata"].get("deletionTimestamp").is_none() {
                // Someone made it anew; the write will meet it and decide.
                return Ok(());
            }
            if !pauses.pause().await {
                return Err(WaitError::TimedOut { what: still_there(&body), limit });
            }
        }
    }
}

fn has_ready_endpoint(slices: &Value) -> bool {
    let slices = slices["items"].as_array().into_iter().flatten();
    let mut endpoints = slices.flat_map(|slice| slice["endpoints"].as_array().into_iter().flatten());
    // What says nothing is ready.
    endpoints.any(|endpoint| endpoint["conditions"]["ready"] != false)
}

fn condition(body: &Value, wanted: &str) -> bool {
    conditions(body).any(|it| it["type"] == wanted && it["status"] == "True")
}

fn conditions(body: &Value) -> impl Iterator<Item = &Value> {
    body["status"]["conditions"].as_array().into_iter().flatten()
}

fn name_conflict(body: &Value) -> Option<String> {
    let refused = conditions(body).find(|it| it["type"] == "NamesAccepted" && it["status"] == "False")?;
    // Right after its creation, before the controller has looked, the reason is `Initializing` or none.
    let reason = refused["reason"].as_str().unwrap_or_default();
    let conflict = reason.ends_with("Conflict");
    conflict.then(|| format!("its names are taken: {}", refused["message"].as_str().unwrap_or(reason)))
}

/// What keeps an object from going, as far as it says.
fn still_there(body: &Value) -> String {
    let finalizers = body["metadata"]["finalizers"].as_array().into_iter().flatten();
    let names: Vec<_> = finalizers.filter_map(Value::as_str).collect();
    if !names.is_empty() {
        return format!("its deletion waits for finalizer {}", names.join(", "));
    }
    conditions(body).filter(|it| it["status"] == "True").find_map(|it| it["message"].as_str()).map_or_else(
        || "its deletion is under way".to_owned(),
        |message| format!("its deletion is under way: {message}"),
    )
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::ready(json!([{"endpoints": [{"conditions": {"ready": true}}]}]), true)]
    #[case::says_nothing(json!([{"endpoints": [{"addresses": ["10.0.0.1"]}]}]), true)]
    #[case::not_ready(json!([{"endpoints": [{"conditions": {"ready": false}}]}]), false)]
    #[case::in_another_slice(json!([{"endpoints": null}, {"endpoints": [{"conditions": {}}]}]), true)]
    #[case::no_endpoint(json!([{"endpoints": []}]), false)]
    #[case::no_slice(json!([]), false)]
    fn a_service_is_ready_with_one_endpoint(#[case] slices: Value, #[case] ready: bool) {
        assert_eq!(has_ready_endpoint(&json!({"items": slices})), ready);
    }
}
