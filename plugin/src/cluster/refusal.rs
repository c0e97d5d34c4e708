//! A write that the server did not do: which fields it minds, and whether another try makes sense.

use serde_json::Value;

use crate::model::restoration::FieldProblem;

use super::{RequestError, request::Answer};

/// Causes of a refusal that are kept; one object can have thousands.
const MAX_CAUSES: usize = 64;

/// A write that did not happen.
#[derive(Debug, thiserror::Error)]
#[error("{source}")]
pub struct WriteError {
    /// Why.
    pub source: RequestError,
    /// The fields the server would not accept.
    pub fields: Vec<FieldProblem>,
}

/// What a failed write means for the next try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The server means it.
    None,
    /// Over in a moment: a lost connection, a cache that lags behind.
    Passing,
    /// The object changed since it was read: read it again.
    Outdated,
    /// Perhaps over once the rest is restored: a webhook whose backend is not there yet.
    LastsAWhile,
}

impl WriteError {
    /// The API's word for the error: `AlreadyExists`, `Invalid`.
    pub fn reason(&self) -> &str {
        match &self.source {
            RequestError::Refused { reason, .. } => reason,
            _ => "",
        }
    }

    /// Whether another object has the name.
    pub fn is_already_exists(&self) -> bool {
        self.reason() == "AlreadyExists"
    }

    /// Whether the object itself is not acceptable, as it is.
    pub fn is_invalid(&self) -> bool {
        self.source.code() == Some(422)
    }

    /// Whether, and how, to try again. Where the API has one code for several things, its sentence decides.
    pub fn trouble(&self) -> Trouble {
        let message = self.source.to_string();
        match self.source.code() {
            Some(500) if message.contains("webhook") => Trouble::LastsAWhile,
            Some(404) if message.contains("could not find the requested resource") => Trouble::Passing,
            Some(409) if self.reason() == "Conflict" => Trouble::Outdated,
            // Made by controllers a moment after the namespace.
            Some(403)
                if (message.contains("serviceaccount") && message.contains("not found"))
                    || message.contains("status unknown for quota") =>
            {
                Trouble::Passing
            }
            _ if self.source.is_passing() => Trouble::Passing,
            _ => Trouble::None,
        }
    }
}

impl From<RequestError> for WriteError {
    fn from(source: RequestError) -> Self {
        Self { source, fields: Vec::new() }
    }
}

/// The error that an answer stands for.
pub(super) fn refusal(answer: &Answer) -> WriteError {
    let status = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default();
    let text = |cause: &Value, field: &str| cause[field].as_str().unwrap_or_default().to_owned();
    let causes = status["details"]["causes"].as_array().into_iter().flatten();
    let fields = causes
        .map(|cause| FieldProblem { field: text(cause, "field"), message: text(cause, "message") })
        .filter(|problem| !problem.field.is_empty())
        .chain(unknown_fields(&text(&status, "message")))
        .take(MAX_CAUSES)
        .collect();
    WriteError { source: RequestError::from_answer(answer), fields }
}

/// The fields that strict validation minds; its sentence is all there is of it.
fn unknown_fields(message: &str) -> Vec<FieldProblem> {
    let Some((_, found)) = message.split_once("strict decoding error: ") else { return Vec::new() };
    let problem = |part: &str| {
        let field = part.strip_prefix("unknown field \"")?.strip_suffix('"')?;
        Some(FieldProblem { field: field.to_owned(), message: "this version does not know it".to_owned() })
    };
    found.split(", ").filter_map(problem).collect()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

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
        assert!(error.is_invalid());
        assert_eq!(
            error.fields,
            [FieldProblem { field: "data".to_owned(), message: "field is immutable".to_owned() }]
        );
    }

    #[test]
    fn strict_validation_names_its_fields_in_a_sentence() {
        let found = unknown_fields(
            "Widget in version \"v1\" cannot be handled as a Widget: strict decoding error: unknown field \
             \"spec.extra\", unknown field \"spec.list[0].more\"",
        );
        let fields: Vec<_> = found.iter().map(|problem| problem.field.as_str()).collect();
        assert_eq!(fields, ["spec.extra", "spec.list[0].more"]);
        assert_eq!(unknown_fields("is invalid"), []);
    }
}
