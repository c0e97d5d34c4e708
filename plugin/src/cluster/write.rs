//! Writing objects: create, patch, delete, and asking what a patch would come to.
//!
//! A missing object is made by POST: it cannot overwrite anything, so nothing can change that the plan did not
//! announce. How an existing one is changed, and why not by server-side apply alone, is in
//! `docs/design/0003-conflicts.md`.
//!
//! RBAC: `create` for missing objects, `patch` for existing ones, `delete` to replace or prune, on the kinds restored.

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use crate::model::{object::ObjectKey, resource::ResourceType, restoration::FIELD_MANAGER};

use super::{
    Cluster, RequestError,
    live::{encoded, object_path},
    refusal::{WriteError, refusal},
    request::Answer,
};

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
    /// The object as it is now.
    pub body: Value,
    /// What the server warned of.
    pub warnings: Vec<String>,
}

/// A patch that the server has computed and not done.
#[derive(Clone, Debug)]
pub struct Preview {
    /// What the object would be.
    pub body: Value,
    /// What the server warned of.
    pub warnings: Vec<String>,
}

/// What the garbage collector does with the dependants of a deleted object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Propagation {
    /// Deletes them afterwards.
    Background,
    /// Lets them be, without the owner reference.
    Orphan,
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
        let path = format!("{}?{}", kind.collection_path(namespace.as_deref()), self.parameters(kind, mode));
        self.write(Method::POST, &path, "application/json", body).await
    }

    /// What the object would be if everything that `body` states were set on it, whoever owns it: server-side apply,
    /// merged, defaulted, admitted and validated by the server, and not done.
    pub async fn preview_apply(
        &self,
        kind: &ResourceType,
        key: &ObjectKey,
        body: &Value,
    ) -> Result<Preview, WriteError> {
        let path = object_path(kind, key.namespace.as_deref(), &key.name);
        let path = format!("{path}?{}&force=true", self.parameters(kind, WriteMode::DryRun));
        self.preview(&path, "application/apply-patch+yaml", body).await
    }

    /// What the object would be after a JSON merge patch.
    pub async fn preview_patch(
        &self,
        kind: &ResourceType,
        key: &ObjectKey,
        patch: &Value,
    ) -> Result<Preview, WriteError> {
        let path = object_path(kind, key.namespace.as_deref(), &key.name);
        let path = format!("{path}?{}", self.parameters(kind, WriteMode::DryRun));
        self.preview(&path, "application/merge-patch+json", patch).await
    }

    /// Does a JSON merge patch. With `metadata.resourceVersion` in it, only on that version of the object.
    pub async fn patch_object(
        &self,
        kind: &ResourceType,
        key: &ObjectKey,
        patch: &Value,
    ) -> Result<Written, WriteError> {
        let path = object_path(kind, key.namespace.as_deref(), &key.name);
        let path = format!("{path}?{}", self.parameters(kind, WriteMode::Real));
        self.write(Method::PATCH, &path, "application/merge-patch+json", patch).await
    }

    /// Deletes the object, if it is still this one at this version.
    pub async fn delete_object(
        &self,
        kind: &ResourceType,
        key: &ObjectKey,
        uid: &str,
        resource_version: Option<&str>,
        propagation: Propagation,
        mode: WriteMode,
    ) -> Result<(), WriteError> {
        let path = object_path(kind, key.namespace.as_deref(), &key.name);
        let policy = match propagation {
            Propagation::Background => "Background",
            Propagation::Orphan => "Orphan",
        };
        let mut options = json!({"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": policy,
            "preconditions": {"uid": uid}});
        if let Some(version) = resource_version {
            options["preconditions"]["resourceVersion"] = version.into();
        }
        if mode == WriteMode::DryRun {
            options["dryRun"] = json!(["All"]);
        }
        self.send_write(Method::DELETE, &path, "application/json", &options).await?;
        Ok(())
    }

    /// Unknown fields are warned of rather than dropped in silence, or refused.
    fn parameters(&self, kind: &ResourceType, mode: WriteMode) -> String {
        let dry_run = if mode == WriteMode::DryRun { "&dryRun=All" } else { "" };
        let validation = if self.strict.contains(&kind.resource) { "Strict" } else { "Warn" };
        format!("fieldManager={FIELD_MANAGER}&fieldValidation={validation}{dry_run}")
    }

    async fn preview(&self, path: &str, content_type: &str, body: &Value) -> Result<Preview, WriteError> {
        let answer = self.send_write(Method::PATCH, path, content_type, body).await?;
        let body = serde_json::from_slice(&answer.body).map_err(RequestError::BadAnswer)?;
        Ok(Preview { body, warnings: warnings(&answer.headers) })
    }

    pub(super) async fn write(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: &Value,
    ) -> Result<Written, WriteError> {
        let answer = self.send_write(method, path, content_type, body).await?;
        let body: Value = serde_json::from_slice(&answer.body).map_err(RequestError::BadAnswer)?;
        let uid = body["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
        Ok(Written { uid, body, warnings: warnings(&answer.headers) })
    }

    async fn send_write(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: &Value,
    ) -> Result<Answer, WriteError> {
        let bytes = serde_json::to_vec(body).map_err(|error| RequestError::BadRequest(Box::new(error)))?;
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header(http::header::CONTENT_TYPE, content_type)
            .header(http::header::ACCEPT, "application/json")
            .body(Bytes::from(bytes))
            .map_err(|error| RequestError::BadRequest(Box::new(error)))?;
        let answer = self.send_raw(&request).await?;
        if answer.status.is_success() { Ok(answer) } else { Err(refusal(&answer)) }
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
    fn warnings_are_unquoted() {
        let mut headers = http::HeaderMap::new();
        headers.append(http::header::WARNING, r#"299 - "unknown field \"spec.x\"""#.parse().unwrap());
        assert_eq!(warnings(&headers), [r#"unknown field "spec.x""#]);
    }
}
