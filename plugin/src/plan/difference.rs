//! How two states of an object differ: pairing by key, masking of secrets. What counts as content is decided in
//! [`super::normalise`].

use std::cmp::Ordering;

use serde_json::Value;

use crate::model::object::ObjectKey;

/// What happened to an object from the first state to the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Only the second state has it.
    Added,
    /// Only the first state has it.
    Removed,
    /// Both have it, and it differs.
    Changed,
}

/// The order in which restore points hold objects and in which lists are read, so that two streams can be merged.
pub fn archive_order(left: &ObjectKey, right: &ObjectKey) -> Ordering {
    fn place(key: &ObjectKey) -> (bool, String, String) {
        let namespace = key.namespace.as_ref().map(|namespace| format!("{namespace}/")).unwrap_or_default();
        (key.namespace.is_none(), key.resource.to_string(), format!("{namespace}{}", key.name))
    }
    place(left).cmp(&place(right))
}

/// Replaces the values of a Secret on both sides by masks that still show which of them differ, as kubectl does:
/// `***` for equal ones, `*** (before)` and `*** (after)` for different ones.
pub fn mask_secret(before: &mut Option<Value>, after: &mut Option<Value>) {
    for field in ["data", "stringData"] {
        let saved = before.as_ref().map(|object| object[field].clone()).unwrap_or_default();
        let live = after.as_ref().map(|object| object[field].clone()).unwrap_or_default();
        mask(before, field, &live, " (before)");
        mask(after, field, &saved, " (after)");
    }
}

fn mask(object: &mut Option<Value>, field: &str, other: &Value, suffix: &str) {
    let Some(Value::Object(values)) = object.as_mut().and_then(|object| object.get_mut(field)) else {
        return;
    };
    for (key, value) in values.iter_mut() {
        let differs = other.get(key).is_some_and(|other| other != value);
        *value = Value::from(if differs { format!("***{suffix}") } else { "***".to_owned() });
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::model::resource::GroupResource;

    #[test]
    fn secret_values_are_masked_and_differences_still_show() {
        let mut before = Some(json!({"data": {"same": "YQ==", "changed": "Yg==", "gone": "Yw=="}}));
        let mut after = Some(json!({"data": {"same": "YQ==", "changed": "ZA==", "new": "ZQ=="}}));
        mask_secret(&mut before, &mut after);
        assert_eq!(before, Some(json!({"data": {"same": "***", "changed": "*** (before)", "gone": "***"}})));
        assert_eq!(after, Some(json!({"data": {"same": "***", "changed": "*** (after)", "new": "***"}})));
    }

    #[test]
    fn secret_on_one_side_is_masked_too() {
        let (mut before, mut after) = (None, Some(json!({"data": {"a": "YQ=="}, "stringData": {"b": "c"}})));
        mask_secret(&mut before, &mut after);
        assert_eq!(after, Some(json!({"data": {"a": "***"}, "stringData": {"b": "***"}})));
    }

    #[rstest]
    #[case::kinds_first("configmaps", Some("z"), "z", "secrets", Some("a"), "a")]
    #[case::names_within_a_namespace("configmaps", Some("a"), "a", "configmaps", Some("a"), "b")]
    #[case::dash_sorts_before_the_end_of_a_namespace(
        "configmaps",
        Some("a-b"),
        "z",
        "configmaps",
        Some("a"),
        "a"
    )]
    #[case::outside_namespaces_last("secrets", Some("a"), "a", "namespaces", None, "a")]
    fn order_is_that_of_the_archive(
        #[case] kind: &str,
        #[case] namespace: Option<&str>,
        #[case] name: &str,
        #[case] later_kind: &str,
        #[case] later_namespace: Option<&str>,
        #[case] later_name: &str,
    ) {
        let first = ObjectKey::new(GroupResource::new(kind, ""), namespace, name);
        let second = ObjectKey::new(GroupResource::new(later_kind, ""), later_namespace, later_name);
        assert_eq!(archive_order(&first, &second), Ordering::Less);
        assert_eq!(archive_order(&second, &first), Ordering::Greater);
    }
}
