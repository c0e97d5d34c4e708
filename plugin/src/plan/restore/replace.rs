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

/// Whether what the old object's controller made is taken over by the new one: both select the same.
pub fn is_adopted(new: &Value, old: &Value) -> bool {
    let selector = &new["spec"]["selector"];
    !selector.is_null() && *selector == old["spec"]["selector"]
}
