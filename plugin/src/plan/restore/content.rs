//! What counts as content when objects are compared, and a digest of it that is small enough to keep.

use std::fmt;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::model::resource::GroupResource;
use crate::plan::{
    normalise::{Status, normalise},
    sanitize::{SanitizeContext, owners, sanitize},
};

/// What counts as content of `body`, saved or live; both are cleaned in the same way.
pub fn content(resource: &GroupResource, body: Value) -> Value {
    // With no volume kept, a claim compares equal wherever its data lies.
    cleaned(resource, body, &SanitizeContext::default())
}

/// The same, with what the cluster allocated.
pub fn content_in_place(resource: &GroupResource, body: Value) -> Value {
    cleaned(resource, body, &SanitizeContext { keep_allocations: true, ..SanitizeContext::default() })
}

fn cleaned(resource: &GroupResource, mut body: Value, context: &SanitizeContext) -> Value {
    sanitize(resource, &mut body, context);
    owners::forget_uids(&mut body);
    normalise(body, Status::Ignore)
}

/// A digest of what counts as content. 128 bits of SHA-256: a chance hit is out of the question, and a made one
/// is not worth its price, since all it gains is that an object is left as it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Content([u8; 16]);

impl Content {
    /// Of `body`, saved (its namespaces mapped) or live; both are cleaned in the same way first.
    ///
    /// Without finalizers: whether these return is known only when the cluster was looked at, and controllers add them.
    pub fn of(resource: &GroupResource, body: Value) -> Self {
        let mut content = content(resource, body);
        if let Some(Value::Object(metadata)) = content.get_mut("metadata") {
            metadata.remove("finalizers");
        }
        Self::of_value(&content)
    }

    /// Of one value of such a content.
    pub fn of_value(value: &Value) -> Self {
        let mut hasher = Sha256::new();
        feed(&mut hasher, value);
        let mut digest = [0; 16];
        digest.copy_from_slice(&hasher.finalize()[..16]);
        Self(digest)
    }
}

/// All of it, in hexadecimal digits.
impl fmt::Display for Content {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Content({:02x}{:02x}…)", self.0[0], self.0[1])
    }
}

/// Feeds `value` with its keys in order; every piece says how long it is, so that no two values feed the same bytes.
fn feed(hasher: &mut Sha256, value: &Value) {
    match value {
        Value::Object(map) => {
            hasher.update(b"{");
            hasher.update(map.len().to_le_bytes());
            let mut keys: Vec<_> = map.keys().collect();
            keys.sort_unstable();
            for key in keys {
                feed_text(hasher, key);
                feed(hasher, &map[key]);
            }
        }
        Value::Array(items) => {
            hasher.update(b"[");
            hasher.update(items.len().to_le_bytes());
            for item in items {
                feed(hasher, item);
            }
        }
        Value::String(text) => {
            hasher.update(b"s");
            feed_text(hasher, text);
        }
        scalar => {
            hasher.update(b"v");
            feed_text(hasher, &scalar.to_string());
        }
    }
}

fn feed_text(hasher: &mut Sha256, text: &str) {
    hasher.update(text.len().to_le_bytes());
    hasher.update(text);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Content;
    use crate::model::resource::GroupResource;

    #[test]
    fn server_noise_and_key_order_are_no_difference() {
        let maps = GroupResource::new("configmaps", "");
        let saved = json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "a", "uid": "1", "ownerReferences": [
                {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "1"}]},
            "data": {"a": "1", "b": "2"}});
        let live = json!({"kind": "ConfigMap", "apiVersion": "v1",
            "data": {"b": "2", "a": "1"},
            "metadata": {"name": "a", "uid": "2", "resourceVersion": "7", "managedFields": [], "ownerReferences": [
                {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "2"}]}});
        let mut changed = live.clone();
        changed["data"]["a"] = json!("3");
        assert_eq!(Content::of(&maps, saved.clone()), Content::of(&maps, live));
        assert_ne!(Content::of(&maps, saved), Content::of(&maps, changed));
    }
}
