//! Removing fields of a JSON object by path, without leaving empty maps behind.

use serde_json::Value;

/// Removes the field at `path`; parents that become empty stay, since `spec: {}` may be required.
pub(in crate::plan) fn remove(body: &mut Value, path: &[&str]) {
    let Some((last, parents)) = path.split_last() else { return };
    if let Some(Value::Object(map)) = descend(body, parents) {
        map.shift_remove(*last);
    }
}

/// The value at `path`.
pub(in crate::plan) fn descend<'a>(body: &'a mut Value, path: &[&str]) -> Option<&'a mut Value> {
    path.iter().try_fold(body, |value, key| value.get_mut(*key))
}

/// Removes the entries of the map at `path` that `unwanted` names, and the map itself once it is empty.
pub(in crate::plan) fn remove_entries(body: &mut Value, path: &[&str], unwanted: impl Fn(&str) -> bool) {
    let Some(Value::Object(map)) = descend(body, path) else { return };
    map.retain(|key, _| !unwanted(key));
    let emptied = map.is_empty();
    if emptied {
        remove(body, path);
    }
}

/// Removes the items of the list at `path` that `unwanted` matches, and the list itself once it is empty.
pub(in crate::plan) fn remove_items(body: &mut Value, path: &[&str], unwanted: impl Fn(&Value) -> bool) {
    let Some(Value::Array(items)) = descend(body, path) else { return };
    items.retain(|item| !unwanted(item));
    let emptied = items.is_empty();
    if emptied {
        remove(body, path);
    }
}

/// `metadata.name`, empty when there is none.
pub(in crate::plan) fn name(body: &Value) -> &str {
    body["metadata"]["name"].as_str().unwrap_or_default()
}
