//! What the caller may do, as the API server itself says.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::model::resource::ResourceType;

use super::{Cluster, RequestError, request::Answer};

/// The answer to "may I?".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Yes.
    Allowed,
    /// No, with the server's reason, which is often empty.
    Denied(String),
}

impl Cluster {
    /// Whether the caller may `verb` objects of `kind` in `namespace` (None: in all).
    ///
    /// Needs `create selfsubjectaccessreviews`, which every authenticated user has by default.
    pub async fn may(
        &self,
        verb: &str,
        kind: &ResourceType,
        namespace: Option<&str>,
    ) -> Result<Access, RequestError> {
        self.ask(json!({
            "verb": verb,
            "group": kind.resource.group,
            "resource": kind.resource.plural,
            "namespace": namespace.unwrap_or_default(),
        }))
        .await
    }

    /// The same of what is named as `kubectl auth can-i` takes it: `pods/portforward`, `deployments.apps`.
    pub async fn may_named(
        &self,
        verb: &str,
        name: &str,
        namespace: Option<&str>,
    ) -> Result<Access, RequestError> {
        let (kind, subresource) = name.split_once('/').unwrap_or((name, ""));
        let (resource, group) = kind.split_once('.').unwrap_or((kind, ""));
        self.ask(json!({
            "verb": verb,
            "group": group,
            "resource": resource,
            "subresource": subresource,
            "namespace": namespace.unwrap_or_default(),
        }))
        .await
    }

    async fn ask(&self, attributes: Value) -> Result<Access, RequestError> {
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        });
        let answer =
            self.post_json("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", &review).await?;
        let answer: Value = serde_json::from_slice(&answer.body).map_err(RequestError::BadAnswer)?;
        let status = &answer["status"];
        if status["allowed"].as_bool() == Some(true) {
            return Ok(Access::Allowed);
        }
        Ok(Access::Denied(status["reason"].as_str().unwrap_or_default().to_owned()))
    }

    async fn post_json(&self, path: &str, body: &Value) -> Result<Answer, RequestError> {
        let request = http::Request::post(path)
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(Bytes::from(body.to_string()))
            .map_err(|error| RequestError::BadRequest(Box::new(error)))?;
        self.send(&request).await
    }
}
