//! Writing objects: create, and server-side apply.
//!
//! A missing object is made by POST: it cannot overwrite anything, so nothing can change that the plan did not
//! announce. An existing one is changed by server-side apply, which merges lists by their declared keys and leaves
//! what only the live object states. `docs/design/0002-restore.md` has the reasoning.
//!
//! RBAC: `create` for missing objects, `patch` for existing ones, on the kinds restored.

use bytes::Bytes;
use http::Method;
use serde::Deserialize;
use serde_json::Value;

use crate::model::{object::ObjectKey, resource::ResourceType, restoration::FieldProblem};

use super::{
    Cluster, RequestError,
    live::{encoded, object_path},
    request::Answer,
};

/// Who owns the fields that a restore sets.
pub const FIELD_MANAGER: &str = "kubectl-backup";

/// Causes of a refusal that are kept; one object can have thousands.
const MAX_CAUSES: usize = 20;

/// Whether a write is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteMode {
    /// It is.
    Real,
    /// Only checked by the server: admission, validation, defaulting, rights.
    DryRun,
}

/// The server's answer to a write it accepted.
#[derive(Clone, Debug, Default)]
pub struct Written {
    /// The uid the object has now.
    pub uid: String,
    /// Its version.
    pub resource_version: String,
    /// What the server warned of.
    pub warnings: Vec<String>,
}

/// A write that did not happen.
#[derive(Debug, thiserror::Error)]
#[error("{source}")]
pub struct WriteError {
    /// Why.
    pub source: RequestError,
    /// The fields the server would not accept.
    pub fields: Vec<FieldProblem>,
    /// The API's words for single causes: `NamespaceTerminating`.
    pub causes: Vec<String>,
}

impl WriteError {
    /// The API's word for the error: `AlreadyExists`, `Invalid`.
    pub fn reason(&self) -> &str {
        match &self.source {
            RequestError::Refused { reason, .. } => reason,
            _ => "",
        }
    }
}

impl From<RequestError> for WriteError {
    fn from(source: RequestError) -> Self {
        Self { source, fields: Vec::new(), causes: Vec::new() }
    }
}

#[derive(Deserialize)]
struct Identity {
    metadata: IdentityMetadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IdentityMetadata {
    #[serde(default)]
    uid: String,
    #[serde(default)]
    resource_version: String,
}

impl Cluster {
    /// Makes an object that does not exist yet; `AlreadyExists` if it does.
    pub async fn create_object(
        &self,
        kind: &ResourceType,
        key: &ObjectKey,
        body: &Value,
        mode: WriteMode,
    ) -> Result<Written, WriteError> {
        let namespace = key.namespace.as_deref().map(encoded);
        let path = format!("{}?{}", kind.collection_path(namespace.as_deref()), parameters(mode));
        self.write(Method::POST, &path, "application/json", body).await
    }

    /// Sets what `body` states on an object, taking over the fields that others own.
    pub async fn apply_object(
        &self,
        kind: &ResourceType,
        key: &ObjectKey,
        body: &Value,
        mode: WriteMode,
    ) -> Result<Written, WriteError> {
        let path = object_path(kind, key.namespace.as_deref(), &key.name);
        let path = format!("{path}?{}&force=true", parameters(mode));
        self.write(Method::PATCH, &path, "application/apply-patch+yaml", body).await
    }

    async fn write(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: &Value,
    ) -> Result<Written, WriteError> {
        let bytes = serde_json::to_vec(body).map_err(|error| RequestError::BadRequest(Box::new(error)))?;
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header(http::header::CONTENT_TYPE, content_type)
            .header(http::header::ACCEPT, "application/json")
            .body(Bytes::from(bytes))
            .map_err(|error| RequestError::BadRequest(Box::new(error)))?;
        let answer = self.send_raw(&request).await?;
        if !answer.status.is_success() {
            return Err(refusal(&answer));
        }
        let Identity { metadata } = serde_json::from_slice(&answer.body).map_err(RequestError::BadAnswer)?;
        Ok(Written {
            uid: metadata.uid,
            resource_version: metadata.resource_version,
            warnings: warnings(&answer.headers),
        })
    }
}

/// Unknown fields are warned of rather than dropped in silence.
fn parameters(mode: WriteMode) -> String {
    let dry_run = if mode == WriteMode::DryRun { "&dryRun=All" } else { "" };
    format!("fieldManager={FIELD_MANAGER}&fieldValidation=Warn{dry_run}")
}

fn refusal(answer: &Answer) -> WriteError {
    let source = RequestError::from_answer(answer);
    let causes = serde_json::from_slice::<kube::core::Status>(&answer.body)
        .ok()
        .and_then(|status| status.details)
        .map(|details| details.causes)
        .unwrap_or_default();
    let fields = causes
        .iter()
        .filter(|cause| !cause.field.is_empty())
        .take(MAX_CAUSES)
        .map(|cause| FieldProblem { field: cause.field.clone(), message: cause.message.clone() })
        .collect();
    WriteError {
        source,
        fields,
        causes: causes.into_iter().take(MAX_CAUSES).map(|cause| cause.reason).collect(),
    }
}

/// The texts of `Warning: 299 - "text"` headers.
fn warnings(headers: &http::HeaderMap) -> Vec<String> {
    let text = |value: &http::HeaderValue| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        let (_, quoted) = value.split_once('"')?;
        let (text, _) = quoted.rsplit_once('"')?;
        Some(text.replace("\\\"", "\"").replace("\\\\", "\\"))
    };
    headers.get_all(http::header::WARNING).iter().filter_map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_its_fields() {
        let body = Bytes::from_static(
            br#"{"kind":"Status","code":422,"reason":"Invalid","message":"Secret \"s\" is invalid","details":{
                "causes":[{"reason":"FieldValueForbidden","message":"field is immutable","field":"data"}]}}"#,
        );
        let status = http::StatusCode::UNPROCESSABLE_ENTITY;
        let error = refusal(&Answer { status, headers: http::HeaderMap::new(), body });
        assert_eq!(error.reason(), "Invalid");
        assert_eq!(
            error.fields,
            [FieldProblem { field: "data".to_owned(), message: "field is immutable".to_owned() }]
        );
    }

    #[test]
    fn warnings_are_unquoted() {
        let mut headers = http::HeaderMap::new();
        headers.append(http::header::WARNING, r#"299 - "unknown field \"spec.x\"""#.parse().unwrap());
        assert_eq!(warnings(&headers), [r#"unknown field "spec.x""#]);
    }
}
