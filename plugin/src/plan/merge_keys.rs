//! By which fields Kubernetes tells the items of a list apart, so that lists of two objects can be paired and merged.
//!
//! A table of the lists of built-in kinds that the API declares as maps, keyed by the name of the list and, where one
//! name has several meanings, by the field that holds it. Two fields where server-side apply uses two, although a
//! strategic merge patch of kubectl uses only the first: `port` alone would take a UDP port for the TCP one.
//! Lists that are not here (tolerations, rules, args, …) are replaced as a whole by the server.

use serde_json::{Map, Value};

/// One field of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MergeKey {
    /// Its name.
    pub field: &'static str,
    /// What the server takes where an item lacks it.
    pub default: Option<&'static str>,
}

const fn key(field: &'static str) -> MergeKey {
    MergeKey { field, default: None }
}

const PROTOCOL: MergeKey = MergeKey { field: "protocol", default: Some("TCP") };
const NAME: &[MergeKey] = &[key("name")];
const IP: &[MergeKey] = &[key("ip")];

struct List {
    name: &'static str,
    /// Fields that hold such a list; any if empty.
    holders: &'static [&'static str],
    keys: &'static [MergeKey],
}

const fn list(name: &'static str, keys: &'static [MergeKey]) -> List {
    List { name, holders: &[], keys }
}

const LISTS: &[List] = &[
    list("containers", NAME),
    list("initContainers", NAME),
    list("ephemeralContainers", NAME),
    list("volumes", NAME),
    list("env", NAME),
    list("imagePullSecrets", NAME),
    list("resourceClaims", NAME),
    list("claims", NAME),
    list("schedulingGates", NAME),
    list("webhooks", NAME),
    list("matchConditions", NAME),
    list("variables", NAME),
    List { name: "secrets", holders: &[""], keys: NAME },
    List {
        name: "ports",
        holders: &["containers", "initContainers", "ephemeralContainers"],
        keys: &[key("containerPort"), PROTOCOL],
    },
    List { name: "ports", holders: &["spec"], keys: &[key("port"), PROTOCOL] },
    list("volumeMounts", &[key("mountPath")]),
    list("volumeDevices", &[key("devicePath")]),
    list("hostAliases", IP),
    list("podIPs", IP),
    list("hostIPs", IP),
    list("topologySpreadConstraints", &[key("topologyKey"), key("whenUnsatisfiable")]),
    list("conditions", &[key("type")]),
    list("ownerReferences", &[key("uid")]),
];

/// Lists of plain values that the server merges as sets.
const SETS: &[&str] = &["finalizers", "podCIDRs"];

/// The keys of the list `name` that the field `holder` has in it (empty: the object itself).
pub fn of_list(holder: &str, name: &str) -> Option<&'static [MergeKey]> {
    LISTS
        .iter()
        .find(|list| list.name == name && (list.holders.is_empty() || list.holders.contains(&holder)))
        .map(|list| list.keys)
}

/// Whether the list `name` is a set of plain values.
pub fn is_set(name: &str) -> bool {
    SETS.contains(&name)
}

/// What tells `item` apart, if it has all of `keys`.
pub fn of_item(item: &Value, keys: &[MergeKey]) -> Option<Vec<(String, Value)>> {
    let item = item.as_object()?;
    keys.iter().map(|key| Some((key.field.to_owned(), value(item, *key)?))).collect()
}

fn value(item: &Map<String, Value>, key: MergeKey) -> Option<Value> {
    match item.get(key.field) {
        Some(Value::Null) | None => key.default.map(Value::from),
        Some(Value::Object(_) | Value::Array(_)) => None,
        Some(value) => Some(value.clone()),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::container_ports("containers", "ports", Some(&["containerPort", "protocol"][..]))]
    #[case::service_ports("spec", "ports", Some(&["port", "protocol"][..]))]
    #[case::network_policy_ports_are_one_value("ingress", "ports", None)]
    #[case::endpoint_slice_ports_are_one_value("", "ports", None)]
    #[case::service_account_secrets("", "secrets", Some(&["name"][..]))]
    #[case::secrets_elsewhere("spec", "secrets", None)]
    #[case::env("containers", "env", Some(&["name"][..]))]
    #[case::tolerations_are_one_value("spec", "tolerations", None)]
    fn lists_have_the_keys_of_the_api(
        #[case] holder: &str,
        #[case] name: &str,
        #[case] expected: Option<&[&str]>,
    ) {
        let fields: Option<Vec<_>> =
            of_list(holder, name).map(|keys| keys.iter().map(|key| key.field).collect());
        assert_eq!(fields.as_deref(), expected);
    }

    #[test]
    fn a_port_without_protocol_is_tcp() {
        let keys = of_list("spec", "ports").unwrap();
        let expected = Some(vec![("port".to_owned(), json!(80)), ("protocol".to_owned(), json!("TCP"))]);
        assert_eq!(of_item(&json!({"port": 80}), keys), expected);
        assert_eq!(of_item(&json!({"protocol": "UDP"}), keys), None);
    }
}
