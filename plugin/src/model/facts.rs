//! What can be said of an object without reading all of it: its metadata, as far as decisions need it.
//!
//! A backup of 100,000 objects looks at every one; building a tree of each would cost more than all else.

use std::{borrow::Cow, collections::BTreeMap};

use serde::Deserialize;
use serde_json::value::RawValue;

/// Longest annotation value that is kept, in bytes of JSON. What decisions ask for is far shorter, while
/// kubectl's last-applied configuration can be a quarter of a megabyte.
const MAX_ANNOTATION: usize = 512;

/// The metadata of one object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectFacts {
    /// None for cluster-scoped objects.
    pub namespace: Option<String>,
    /// `metadata.name`.
    pub name: String,
    /// Whether the object says its own `apiVersion` and `kind`; items of built-in lists do not.
    pub is_typed: bool,
    /// Whether it is being deleted.
    pub is_terminating: bool,
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
    /// `metadata.annotations`; a long value is there as an empty one.
    pub annotations: BTreeMap<String, String>,
    /// The `type` of a Secret; empty where there is none.
    pub secret_type: String,
}

impl ObjectFacts {
    /// Reads them from an object's JSON.
    pub fn read(json: &str) -> Result<Self, serde_json::Error> {
        let outline: Outline<'_> = serde_json::from_str(json)?;
        let metadata = outline.metadata;
        Ok(Self {
            namespace: metadata.namespace.filter(|namespace| !namespace.is_empty()).map(Cow::into_owned),
            name: metadata.name.into_owned(),
            is_typed: outline.kind.is_some() && outline.api_version.is_some(),
            is_terminating: metadata.deletion_timestamp.is_some(),
            labels: metadata.labels.unwrap_or_default(),
            annotations: short_values(metadata.annotations.unwrap_or_default()),
            secret_type: outline.secret_type.and_then(string_of).unwrap_or_default(),
        })
    }

    /// The label's value.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.labels.get(key).map(String::as_str)
    }

    /// The annotation's value, if it is a short one.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.get(key).map(String::as_str)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outline<'a> {
    #[serde(borrow, default)]
    api_version: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    metadata: Metadata<'a>,
    // In custom resources `type` can be anything.
    #[serde(borrow, default, rename = "type")]
    secret_type: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    namespace: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    deletion_timestamp: Option<&'a RawValue>,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
    #[serde(borrow, default)]
    annotations: Option<BTreeMap<Cow<'a, str>, &'a RawValue>>,
}

fn short_values(annotations: BTreeMap<Cow<'_, str>, &RawValue>) -> BTreeMap<String, String> {
    annotations
        .into_iter()
        .map(|(key, value)| {
            let short = if value.get().len() <= MAX_ANNOTATION { string_of(value) } else { None };
            (key.into_owned(), short.unwrap_or_default())
        })
        .collect()
}

fn string_of(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_the_metadata_alone() {
        let object = json!({
            "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "we\"b"},
                "annotations": {"short": "yes", "long": "x".repeat(1000)}, "deletionTimestamp": "2026-11-25T00:00:00Z"},
            "type": "Opaque", "data": {"kind": "not this one"},
        });
        let facts = ObjectFacts::read(&object.to_string()).unwrap();
        assert_eq!((facts.namespace.as_deref(), facts.name.as_str()), (Some("shop"), "web"));
        assert_eq!((facts.is_typed, facts.is_terminating), (false, true));
        assert_eq!(facts.label("app"), Some("we\"b"));
        assert_eq!((facts.annotation("short"), facts.annotation("long")), (Some("yes"), Some("")));
        assert_eq!(facts.secret_type, "Opaque");
    }

    #[test]
    fn takes_odd_but_legal_objects() {
        let object = json!({"apiVersion": "zoo.example/v1", "kind": "Cat", "type": {"colour": "black"},
            "metadata": {"name": "a.b", "labels": null, "annotations": null, "deletionTimestamp": null}});
        let facts = ObjectFacts::read(&object.to_string()).unwrap();
        assert_eq!((facts.is_typed, facts.is_terminating, facts.secret_type.as_str()), (true, false, ""));
    }

    #[test]
    fn an_object_without_a_name_is_an_error() {
        assert!(ObjectFacts::read("{\"metadata\":{}}").is_err());
    }
}
