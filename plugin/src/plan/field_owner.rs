//! Who owns a field of a live object, as its `managedFields` tell.
//!
//! The format (`fieldsType: FieldsV1`) is that of structured-merge-diff: `f:name` is a field, `k:{"name":"web"}` an
//! item of a list by its keys, `v:"a"` a member of a set, `.` the thing itself.

use serde_json::{Map, Value};

use super::field_path::{FieldPath, Step};

/// The managers of one object's fields, those who spoke last first.
#[derive(Debug)]
pub struct FieldOwners<'object> {
    entries: Vec<Entry<'object>>,
}

#[derive(Debug)]
struct Entry<'object> {
    manager: &'object str,
    time: &'object str,
    fields: &'object Value,
}

impl<'object> FieldOwners<'object> {
    /// Of a live object. Entries of subresources count: the scale of a workload is how an autoscaler sets its replicas.
    /// That of `status` does not, since no restore writes it.
    pub fn of(live: &'object Value) -> Self {
        let entries = live["metadata"]["managedFields"].as_array().into_iter().flatten();
        let mut entries: Vec<_> = entries
            .filter(|entry| entry["subresource"] != "status")
            .filter_map(|entry| {
                Some(Entry {
                    manager: entry["manager"].as_str()?,
                    time: entry["time"].as_str().unwrap_or_default(),
                    fields: entry.get("fieldsV1")?,
                })
            })
            .collect();
        entries.sort_by(|a, b| b.time.cmp(a.time));
        Self { entries }
    }

    /// The manager that owns the field, or something inside it; none if nobody says so.
    pub fn of_field(&self, path: &FieldPath) -> Option<&'object str> {
        self.entries.iter().find(|entry| owns(entry.fields, path.steps())).map(|entry| entry.manager)
    }
}

/// Whether the set has the path itself, a leaf above it (then it owns the field as a whole), or anything below it.
fn owns(fields: &Value, steps: &[Step]) -> bool {
    let Some((step, rest)) = steps.split_first() else { return true };
    let Some(map) = fields.as_object() else { return false };
    if map.is_empty() {
        return true;
    }
    child(map, step).is_some_and(|below| owns(below, rest))
}

fn child<'set>(map: &'set Map<String, Value>, step: &Step) -> Option<&'set Value> {
    match step {
        Step::Field(name) => map.get(&format!("f:{name}")),
        Step::Index(index) => map.get(&format!("i:{index}")),
        Step::Item(keys) => map.iter().find(|(key, _)| is_item(key, keys)).map(|(_, below)| below),
        Step::Element(value) => map
            .iter()
            .find(|(key, _)| parsed(key, "v:").is_some_and(|member| member == *value))
            .map(|(_, below)| below),
    }
}

/// Whether `k:{…}` names the item that `keys` do; a set may have a default in it that the path leaves out.
fn is_item(name: &str, keys: &[(String, Value)]) -> bool {
    parsed(name, "k:").is_some_and(|item| keys.iter().all(|(key, value)| item[key] == *value))
}

fn parsed(key: &str, prefix: &str) -> Option<Value> {
    serde_json::from_str(key.strip_prefix(prefix)?).ok()
}
