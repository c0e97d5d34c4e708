//! Who owns a field of a live object, as its `managedFields` tell.
//!
//! The format (`fieldsType: FieldsV1`) is that of structured-merge-diff: `f:name` is a field, `k:{"name":"web"}` an
//! item of a list by its keys, `v:"a"` a member of a set, `.` the thing itself.

use std::cmp::Reverse;

use serde_json::{Map, Value};

use crate::model::restoration::FIELD_MANAGER;

use super::field_path::{FieldPath, Step};

/// The managers of one object's fields, those who spoke last first; in the same second, our own last.
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
        // Times have no fraction of a second.
        entries.sort_by_key(|entry| (Reverse(entry.time), entry.manager == FIELD_MANAGER));
        Self { entries }
    }

    /// The manager that owns the field, or something inside it; none if nobody says so.
    pub fn of_field(&self, path: &FieldPath) -> Option<&'object str> {
        let mut nearest: Option<(usize, &Entry<'object>)> = None;
        for entry in &self.entries {
            let depth = depth(entry.fields, path.steps());
            if let Some(depth) = depth.filter(|depth| nearest.is_none_or(|(best, _)| *depth > best)) {
                nearest = Some((depth, entry));
            }
        }
        nearest.map(|(_, entry)| entry.manager)
    }

    /// Who spoke last of those that own one of `fields`, if not we.
    pub fn last_other(&self, fields: &[FieldPath]) -> Option<&'object str> {
        let mut others = self.entries.iter().filter(|entry| entry.manager != FIELD_MANAGER);
        let owner = others.find(|entry| fields.iter().any(|it| depth(entry.fields, it.steps()).is_some()));
        owner.map(|entry| entry.manager)
    }
}

/// How many steps of the path the set follows: all if it has the path itself or anything below it, fewer if it has a leaf
/// above it; none if it has neither.
///
/// A leaf above means that the field is owned as a whole. Or that its manager made a map whose entries have all been taken
/// over since: so whoever follows the path further is the owner.
fn depth(fields: &Value, steps: &[Step]) -> Option<usize> {
    let Some((step, rest)) = steps.split_first() else { return Some(0) };
    let map = fields.as_object()?;
    if map.is_empty() {
        return Some(0);
    }
    Some(depth(child(map, step)?, rest)? + 1)
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

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn live(entries: &[(&str, &str, Value)]) -> Value {
        let entries: Vec<Value> = entries
            .iter()
            .map(|(manager, time, fields)| json!({"manager": manager, "time": time, "fieldsV1": fields}))
            .collect();
        json!({"metadata": {"managedFields": entries}})
    }

    /// What the server notes of a map that we made and of whose only entry another one sets the value.
    #[rstest]
    #[case::in_the_same_second("10:00:00Z", "10:00:00Z")]
    #[case::later("10:00:00Z", "10:00:01Z")]
    #[case::before("10:00:01Z", "10:00:00Z")]
    fn who_owns_a_field_itself_goes_before_who_made_the_map(#[case] ours: &str, #[case] theirs: &str) {
        let live = live(&[
            ("kubectl-backup", ours, json!({"f:data": {}})),
            ("kubectl-patch", theirs, json!({"f:data": {"f:key": {}}})),
        ]);
        let path = FieldPath::parse("data.key").unwrap();
        assert_eq!(FieldOwners::of(&live).of_field(&path), Some("kubectl-patch"));
    }

    #[rstest]
    #[case::the_one_who_spoke_last("10:00:00Z", "10:00:01Z", "kubectl-backup")]
    #[case::another_than_we_in_the_same_second("10:00:00Z", "10:00:00Z", "kubectl-apply")]
    fn of_those_who_state_the_same_value(#[case] theirs: &str, #[case] ours: &str, #[case] owner: &str) {
        let fields = json!({"f:data": {"f:key": {}}});
        let live = live(&[("kubectl-backup", ours, fields.clone()), ("kubectl-apply", theirs, fields)]);
        let path = FieldPath::parse("data.key").unwrap();
        assert_eq!(FieldOwners::of(&live).of_field(&path), Some(owner));
    }

    #[test]
    fn who_owns_none_of_the_fields_did_not_change_them() {
        let live = live(&[
            ("kubectl-backup", "10:00:00Z", json!({"f:spec": {"f:paused": {}}})),
            ("kubectl", "10:00:01Z", json!({"f:spec": {"f:replicas": {}}})),
            (
                "controller",
                "10:00:02Z",
                json!({"f:metadata": {"f:annotations": {".": {}, "f:revision": {}}}}),
            ),
        ]);
        let fields = ["spec.paused", "spec.replicas"].map(|path| FieldPath::parse(path).unwrap());
        assert_eq!(FieldOwners::of(&live).last_other(&fields), Some("kubectl"));
        assert_eq!(FieldOwners::of(&live).last_other(&fields[..1]), None);
    }
}
