//! The part of a saved object that a server-side apply of one field needs.

use serde_json::{Map, Value};

use super::{FieldPath, Step, access::child};
use crate::{model::resource::GroupResource, plan::merge_keys};

impl FieldPath {
    /// An object with the identity of `saved` and nothing else but what this path leads to; none if it leads nowhere.
    ///
    /// Items of lists keep their keys. The server replaces lists without keys as a whole, so these come whole:
    /// [`FieldPath::applied_in`] says how much the skeleton really states.
    pub fn skeleton(&self, saved: &Value) -> Option<Value> {
        let covered = self.applied_in(saved);
        covered.get(saved)?;
        let mut skeleton = part(&covered.0, saved, "", "")?;
        let Value::Object(fields) = &mut skeleton else { return None };
        for field in ["apiVersion", "kind"] {
            fields.insert(field.to_owned(), saved.get(field)?.clone());
        }
        let metadata = fields.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
        for field in ["name", "namespace"] {
            if let (Value::Object(metadata), Some(value)) = (&mut *metadata, saved["metadata"].get(field)) {
                metadata.insert(field.to_owned(), value.clone());
            }
        }
        Some(skeleton)
    }

    /// This path with items by their keys where it says them by their places in `saved`, in lists that have keys: in another
    /// object the same place can hold another item.
    #[must_use]
    pub fn anchored_in(&self, saved: &Value) -> Self {
        let (mut holder, mut list, mut value) = ("", "", Some(saved));
        let steps = self.0.iter().map(|step| {
            value = value.and_then(|value| child(value, step));
            match (step, value) {
                (Step::Field(name), _) => (holder, list) = (list, name),
                (Step::Index(_), Some(item)) => {
                    let keys =
                        merge_keys::of_list(holder, list).and_then(|keys| merge_keys::of_item(item, keys));
                    if let Some(keys) = keys {
                        return Step::Item(keys);
                    }
                }
                _ => {}
            }
            step.clone()
        });
        let anchored = Self(steps.collect());
        // A key that the server fills in by its default may not be written.
        if anchored.get(saved).is_some() { anchored } else { self.clone() }
    }

    /// The shortest part of this path that an apply to an object like `saved` can set without touching more: the path
    /// itself, or the first list on it whose items the server does not merge.
    ///
    /// Custom kinds declare their lists in a schema that is not at hand; theirs count as not merged.
    #[must_use]
    pub fn applied_in(&self, saved: &Value) -> Self {
        let api_version = saved["apiVersion"].as_str().unwrap_or_default();
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        let built_in = GroupResource::new("", group).is_built_in();
        let (mut holder, mut list) = ("", "");
        for (depth, step) in self.0.iter().enumerate() {
            let merged = match step {
                Step::Field(name) => {
                    (holder, list) = (list, name);
                    true
                }
                Step::Item(_) => merge_keys::of_list(holder, list).is_some(),
                Step::Element(_) => merge_keys::is_set(list),
                Step::Index(_) => false,
            };
            // Metadata is the same for all kinds.
            let known = built_in || self.0.first() == Some(&Step::Field("metadata".to_owned()));
            if !merged || !(known || matches!(step, Step::Field(_))) {
                return Self(self.0[..depth].to_vec());
            }
        }
        self.clone()
    }
}

fn part(steps: &[Step], saved: &Value, holder: &str, list: &str) -> Option<Value> {
    let Some((step, rest)) = steps.split_first() else { return Some(saved.clone()) };
    let inside = child(saved, step)?;
    match step {
        Step::Field(name) => {
            let inner = part(rest, inside, list, name)?;
            Some(Value::Object(Map::from_iter([(name.clone(), inner)])))
        }
        Step::Item(_) => {
            let keys = merge_keys::of_item(inside, merge_keys::of_list(holder, list)?)?;
            let mut item: Map<String, Value> = keys.into_iter().collect();
            if let Value::Object(inner) = part(rest, inside, holder, list)? {
                item.extend(inner);
            }
            Some(Value::Array(vec![Value::Object(item)]))
        }
        Step::Element(_) | Step::Index(_) => Some(Value::Array(vec![inside.clone()])),
    }
}
