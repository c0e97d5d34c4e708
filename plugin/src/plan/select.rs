//! What the words of a selection mean against the kinds a server (or a restore point) has, and against an object.
//!
//! Kinds are resolved as kubectl resolves them ([`resolve_kind`]), labels are matched as the API server matches
//! them ([`LabelSelector`]). Of field selectors there is only the form ([`check_field_selector`]): what they mean to a
//! kind is known to the server alone.

mod fields;
mod kinds;
mod labels;

pub use fields::check_field_selector;
pub use kinds::{KindFilter, parse_group_word, resolve_kind, resolve_one_kind};
pub use labels::LabelSelector;

use crate::model::selection::NamedObject;

/// A word of a selection that means nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    /// No kind goes by this name.
    #[error("there is no kind `{word}`")]
    UnknownKind {
        /// As the user wrote it.
        word: String,
        /// Kinds whose names are close to it, best first.
        near: Vec<String>,
    },
    /// `*.group`, and no kind is in that group.
    #[error("there are no kinds in the API group `{group}`")]
    UnknownGroup {
        /// As the user wrote it.
        group: String,
        /// Groups whose names are close to it, best first.
        near: Vec<String>,
    },
    /// No word at all.
    #[error("a kind is empty")]
    EmptyKind,
    /// A word for many kinds where one is needed.
    #[error("`{word}` stands for several kinds, and an object has one")]
    SeveralKinds {
        /// As the user wrote it.
        word: String,
    },
    /// Not `TYPE/NAME`.
    #[error("`{text}` is not TYPE/NAME")]
    NotTypeAndName {
        /// As the user wrote it.
        text: String,
    },
    /// Not a label selector.
    #[error("`{selector}` is not a label selector: {reason}")]
    BadLabelSelector {
        /// As the user wrote it.
        selector: String,
        /// What the parser stumbled over.
        reason: String,
    },
    /// Not a field selector.
    #[error("`{selector}` is not a field selector: {reason}")]
    BadFieldSelector {
        /// As the user wrote it.
        selector: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl SelectError {
    /// Whether the word is wrong whatever kinds there are.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::EmptyKind
                | Self::NotTypeAndName { .. }
                | Self::BadLabelSelector { .. }
                | Self::BadFieldSelector { .. }
        )
    }

    /// The next thing to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownKind { near, .. } | Self::UnknownGroup { near, .. } if !near.is_empty() => {
                Some(format!("did you mean {}?", quoted_alternatives(near)))
            }
            Self::UnknownKind { .. } => {
                Some("`kubectl api-resources` lists the kinds of a cluster".to_owned())
            }
            Self::UnknownGroup { .. } => {
                Some("`kubectl api-versions` lists the API groups of a cluster".to_owned())
            }
            Self::EmptyKind => Some("write for example `deployments`".to_owned()),
            Self::SeveralKinds { .. } => Some("name the kind: `deployments/web`".to_owned()),
            Self::NotTypeAndName { .. } => {
                Some("write for example `deployments/web` or `deployments web`".to_owned())
            }
            Self::BadLabelSelector { .. } => {
                Some("write for example `app=web,tier in (front,back),!legacy`".to_owned())
            }
            Self::BadFieldSelector { .. } => {
                Some("write for example `metadata.name=web,status.phase!=Failed`".to_owned())
            }
        }
    }
}

/// "`a`, `b` or `c`".
fn quoted_alternatives(words: &[String]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}

/// Reads `TYPE/NAME …` or `TYPE NAME …`. Whether the types exist is not decided here.
pub fn parse_named_objects(words: &[String]) -> Result<Vec<NamedObject>, SelectError> {
    match words {
        [kind, names @ ..] if !names.is_empty() && words.iter().all(|word| !word.contains('/')) => {
            names.iter().map(|name| parse_named_object(&format!("{kind}/{name}"))).collect()
        }
        words => words.iter().map(|word| parse_named_object(word)).collect(),
    }
}

/// Reads `TYPE/NAME`. Whether the type exists is not decided here.
pub fn parse_named_object(text: &str) -> Result<NamedObject, SelectError> {
    match text.split_once('/') {
        Some((kind, name)) if !kind.is_empty() && !name.is_empty() && !name.contains('/') => {
            Ok(NamedObject { kind: kind.to_owned(), name: name.to_owned() })
        }
        _ => Err(SelectError::NotTypeAndName { text: text.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::short_kind("deploy/web", Some(("deploy", "web")))]
    #[case::kind_with_group("certificates.cert-manager.io/a.b", Some(("certificates.cert-manager.io", "a.b")))]
    #[case::colon_in_the_name("clusterroles/system:node-proxier", Some(("clusterroles", "system:node-proxier")))]
    #[case::no_slash("deploy", None)]
    #[case::no_name("deploy/", None)]
    #[case::no_type("/web", None)]
    #[case::two_slashes("shop/deploy/web", None)]
    fn reads_type_and_name(#[case] text: &str, #[case] expected: Option<(&str, &str)>) {
        let read = parse_named_object(text).ok();
        let read = read.as_ref().map(|object| (object.kind.as_str(), object.name.as_str()));
        assert_eq!(read, expected);
    }
}
