//! Which objects depend on one that is replaced, and what becomes of them.

use serde_json::Value;

use crate::model::object::ObjectKey;

use super::rules;

/// A live object that names the replaced one as its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependant {
    /// Which.
    pub key: ObjectKey,
    /// As it names the owner, uid and all.
    pub owner_reference: Value,
    /// Its owner's controller makes it: pods, replica sets, …
    pub made_by_controller: bool,
}

impl Dependant {
    /// The live object `body`, if it names `uid` as an owner.
    pub fn of(key: ObjectKey, body: &Value, uid: &str) -> Option<Self> {
        let references = body["metadata"]["ownerReferences"].as_array()?;
        let owner_reference = references.iter().find(|reference| reference["uid"] == uid)?.clone();
        let owner_kind = owner_reference["kind"].as_str().unwrap_or_default();
        let made_by_controller = rules::is_made_by(&key.resource, owner_kind);
        Some(Self { key, owner_reference, made_by_controller })
    }
}

/// Whether a refusal speaks of a port or an address that is taken by the live object itself, which gives it back when it
/// goes: `Invalid value: 30080: provided port is already allocated`.
pub fn is_held_by(live: &Value, message: &str) -> bool {
    let taken = message.strip_prefix("Invalid value: ").filter(|it| it.contains("already allocated"));
    let Some((value, _)) = taken.and_then(|it| it.rsplit_once(": ")) else { return false };
    // An address is in quotes, and the sentence about it has colons of its own.
    let value = match value.strip_prefix('"').and_then(|it| it.split_once('"')) {
        Some((address, _)) => address,
        None => value.split(':').next().unwrap_or_default(),
    };
    let spec = &live["spec"];
    let holds = |field: &Value| {
        field.as_str() == Some(value) || field.as_u64().is_some_and(|it| it.to_string() == value)
    };
    let ports = spec["ports"].as_array().into_iter().flatten().map(|port| &port["nodePort"]);
    let addresses = spec["clusterIPs"].as_array().into_iter().flatten();
    ports.chain(addresses).chain([&spec["clusterIP"], &spec["healthCheckNodePort"]]).any(holds)
}

/// Whether what the old object's controller made is taken over by the new one: both select the same.
pub fn is_adopted(new: &Value, old: &Value) -> bool {
    let selector = &new["spec"]["selector"];
    !selector.is_null() && *selector == old["spec"]["selector"]
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::its_own_port("Invalid value: 30080: provided port is already allocated", true)]
    #[case::a_port_of_another("Invalid value: 30081: provided port is already allocated", false)]
    #[case::its_own_address(
        "Invalid value: \"10.96.0.7\": failed to allocate IP 10.96.0.7: provided IP is already allocated",
        true
    )]
    #[case::an_address_of_another(
        "Invalid value: \"10.96.0.8\": failed to allocate IP 10.96.0.8: provided IP is already allocated",
        false
    )]
    #[case::its_health_check("Invalid value: 31000: provided port is already allocated", true)]
    #[case::another_complaint("Invalid value: 30080: field is immutable", false)]
    fn what_the_live_object_gives_back_is_no_hindrance(#[case] message: &str, #[case] held: bool) {
        let live = json!({"spec": {"clusterIP": "10.96.0.7", "clusterIPs": ["10.96.0.7"],
            "ports": [{"port": 80, "nodePort": 30080}], "healthCheckNodePort": 31000}});
        assert_eq!(is_held_by(&live, message), held);
    }
}
