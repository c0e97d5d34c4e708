//! Files that users write for a restore: what they have in common. Each says in `apiVersion` and `kind` what it is,
//! and what is wrong in one is said with its line and, for a word that nobody knows, with the nearest right one.

use std::fmt;

use serde::de::DeserializeOwned;
use serde_saphyr::Spanned;

/// What stands in `apiVersion`. It changes when a file that was right would come to mean something else.
pub const API_VERSION: &str = "kubectl-backup.dev/v1alpha1";

/// Below this Jaro-Winkler similarity a proposal confuses more than it helps.
const MIN_SIMILARITY: f64 = 0.75;

/// A file that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct UserFileError {
    /// Where, if that is known.
    pub line: Option<u64>,
    /// What.
    pub reason: String,
}

impl fmt::Display for UserFileError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(formatter, "line {line}: ")?;
        }
        formatter.write_str(&self.reason)
    }
}

/// Reads the YAML documents of a file.
pub(super) fn documents<T: DeserializeOwned>(text: &str) -> Result<Vec<T>, UserFileError> {
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_multiple_with_options(text, options).map_err(|error| explained(&error))
}

/// A field that says what the file is.
pub(super) fn expect(found: &Spanned<String>, field: &str, expected: &str) -> Result<(), UserFileError> {
    if found.value == expected {
        return Ok(());
    }
    let reason = format!("{field} is `{}`, and this version knows `{expected}` only", found.value);
    Err(wrong(found, reason))
}

/// What is wrong with a part of the file.
pub(super) fn wrong<T>(part: &Spanned<T>, reason: impl Into<String>) -> UserFileError {
    UserFileError { line: Some(part.referenced.line()), reason: reason.into() }
}

/// The library's errors in words that speak of the file.
fn explained(error: &serde_saphyr::Error) -> UserFileError {
    use serde_saphyr::Error;

    let mut inner = error;
    while let Error::WithSnippet { error, .. } | Error::AliasError { error, .. } = inner {
        inner = error;
    }
    let reason = match inner {
        Error::SerdeUnknownField { field, expected, .. } => unknown("field", field, expected),
        Error::SerdeUnknownVariant { variant, expected, .. } => unknown("value", variant, expected),
        Error::SerdeMissingField { field, .. } => format!("`{field}` is missing"),
        Error::DuplicateMappingKey { key: Some(key), .. } => format!("`{key}` is there twice"),
        Error::InvalidScalar { ty: "u32", .. } => "expected a whole number, 0 or more".to_owned(),
        Error::InvalidScalar { ty: "boolean", .. } => "expected true or false".to_owned(),
        other => without_place(&other.to_string()),
    };
    UserFileError { line: error.location().map(|location| location.line()), reason }
}

/// "there is no field `kind` here; perhaps `kinds`?"
pub(super) fn unknown(what: &str, word: &str, known: &[&str]) -> String {
    match nearest(word, known) {
        Some(near) => format!("there is no {what} `{word}` here; perhaps `{near}`?"),
        None => format!("there is no {what} `{word}` here; known are {}", known.join(", ")),
    }
}

fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|candidate| (strsim::jaro_winkler(&word.to_lowercase(), &candidate.to_lowercase()), *candidate))
        .filter(|(score, _)| *score >= MIN_SIMILARITY)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate)
}

/// Without the place, which is said in front.
fn without_place(message: &str) -> String {
    let first = message.lines().next().unwrap_or_default();
    let after =
        first.split_once(": ").filter(|(place, _)| place.contains("line ")).map_or(first, |(_, rest)| rest);
    after.rsplit_once(" at line ").map_or(after, |(reason, _)| reason).to_owned()
}
