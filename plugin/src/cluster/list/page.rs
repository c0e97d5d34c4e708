//! One page of a list: cut into objects without reading more of them than their metadata.

use std::cmp::Ordering;

use bytes::{BufMut, Bytes, BytesMut};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::model::{facts::ObjectFacts, resource::ResourceType};

/// An object of a list.
#[derive(Clone, Debug)]
pub struct ListItem {
    /// Its metadata.
    pub facts: ObjectFacts,
    /// The server's JSON, complete with `apiVersion` and `kind`.
    pub json: Bytes,
}

impl ListItem {
    /// Reads one object of `kind` as the server gave it.
    pub(super) fn read(kind: &ResourceType, json: &str) -> Result<Self, serde_json::Error> {
        let facts = ObjectFacts::read(json)?;
        let json = if facts.is_typed { Bytes::copy_from_slice(json.as_bytes()) } else { typed(kind, json)? };
        Ok(Self { facts, json })
    }

    /// Order of keys in the API server's store: by the bytes of `namespace/name`.
    pub fn compare_keys(&self, other: &Self) -> Ordering {
        compare_keys(key(self), key(other))
    }
}

/// Namespace and name.
pub(super) type Key<'a> = (Option<&'a str>, &'a str);

pub(super) fn key(item: &ListItem) -> Key<'_> {
    (item.facts.namespace.as_deref(), &item.facts.name)
}

/// Order of keys in the API server's store, where `a-b/x` comes before `a/x`.
pub(super) fn compare_keys(left: Key<'_>, right: Key<'_>) -> Ordering {
    fn bytes(key: Key<'_>) -> impl Iterator<Item = u8> + '_ {
        let namespace = key.0.map(|namespace| namespace.bytes().chain([b'/']));
        namespace.into_iter().flatten().chain(key.1.bytes())
    }
    bytes(left).cmp(bytes(right))
}

/// `json` with the type in front, where kubectl prints it too. Items of built-in lists come without it.
fn typed(kind: &ResourceType, json: &str) -> Result<Bytes, serde_json::Error> {
    let api_version = serde_json::to_string(&kind.api_version())?;
    let kind = serde_json::to_string(&kind.kind)?;
    let head = format!("{{\"apiVersion\":{api_version},\"kind\":{kind},");
    // What parsed as an object with metadata begins with a brace and has at least one field.
    let fields = json.trim_start().get(1..).unwrap_or_default();
    let mut whole = BytesMut::with_capacity(head.len() + fields.len());
    whole.put_slice(head.as_bytes());
    whole.put_slice(fields.as_bytes());
    Ok(whole.freeze())
}

/// A page of a list.
#[derive(Debug)]
pub(super) struct Page {
    /// In the order of their keys.
    pub(super) items: Vec<ListItem>,
    /// The token of the next page; None ends the list.
    pub(super) next: Option<String>,
    /// Bytes of the answer.
    pub(super) bytes: usize,
    /// The revision of the store that it shows.
    pub(super) revision: Option<String>,
}

#[derive(Deserialize)]
struct Outline<'a> {
    #[serde(default)]
    metadata: ListMetadata,
    // Go writes an empty list as null at times.
    #[serde(borrow, default)]
    items: Option<Vec<&'a RawValue>>,
}

#[derive(Default, Deserialize)]
struct ListMetadata {
    #[serde(default, rename = "continue")]
    next: Option<String>,
    #[serde(default, rename = "resourceVersion")]
    revision: Option<String>,
}

impl Page {
    /// Reads the answer to a list of `kind`.
    pub(super) fn read(kind: &ResourceType, body: &[u8]) -> Result<Self, serde_json::Error> {
        let outline: Outline<'_> = serde_json::from_slice(body)?;
        let items: Result<Vec<_>, _> = outline
            .items
            .unwrap_or_default()
            .into_iter()
            .map(|item| ListItem::read(kind, item.get()))
            .collect();
        let mut items = items?;
        // An aggregated API may answer in any order; sorting what is sorted costs nothing.
        items.sort_by(ListItem::compare_keys);
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let ListMetadata { next, revision } = outline.metadata;
        Ok(Self { items, next: given(next), revision: given(revision), bytes: body.len() })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use crate::model::resource::{GroupResource, Scope};

    use super::*;

    fn kind() -> ResourceType {
        ResourceType::new(GroupResource::new("deployments", "apps"), "v1", "Deployment", Scope::Namespaced)
    }

    #[test]
    fn objects_get_their_type_in_front_and_keep_the_rest_byte_for_byte() {
        let body = r#"{"kind":"DeploymentList","metadata":{"continue":"t"},"items":[{"metadata":{"name":"web","namespace":"shop"},"spec":{"n":1.50,"big":12345678901234567890123}}]}"#;
        let page = Page::read(&kind(), body.as_bytes()).unwrap();
        assert_eq!(
            page.items[0].json,
            r#"{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"shop"},"spec":{"n":1.50,"big":12345678901234567890123}}"#
        );
        assert_eq!(page.next.as_deref(), Some("t"));
    }

    #[test]
    fn objects_that_say_their_type_are_left_alone() {
        let object = r#"{"apiVersion":"zoo.example/v1","kind":"Cat","metadata":{"name":"tom"}}"#;
        assert_eq!(ListItem::read(&kind(), object).unwrap().json, object);
    }

    #[rstest]
    #[case::null(json!({"metadata": {}, "items": null}))]
    #[case::absent(json!({"metadata": {"continue": ""}}))]
    #[case::empty(json!({"items": []}))]
    fn an_empty_page_is_a_page(#[case] body: Value) {
        let page = Page::read(&kind(), body.to_string().as_bytes()).unwrap();
        assert_eq!((page.items.len(), page.next), (0, None));
    }

    #[test]
    fn a_page_comes_in_the_order_of_the_store() {
        let item = |namespace: &str, name: &str| json!({"metadata": {"name": name, "namespace": namespace}});
        let body = json!({"items": [item("a", "x"), item("a", "b"), item("a-b", "x"), item("b", "a")]});
        let page = Page::read(&kind(), body.to_string().as_bytes()).unwrap();
        let order: Vec<_> = page.items.iter().map(|item| key(item)).collect();
        assert_eq!(order, [(Some("a-b"), "x"), (Some("a"), "b"), (Some("a"), "x"), (Some("b"), "a")]);
    }
}
