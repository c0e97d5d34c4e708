//! Owner references: kept, and linked to the uids that the owners have now.
//!
//! A recorded uid must never be written: the garbage collector deletes an object all of whose owners are
//! dangling, and an owner of the same name with another uid counts as dangling.

use serde_json::Value;

use super::fields::{descend, remove};

/// An owner as a saved object names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnerReference {
    /// API group of the owner; empty for the core group.
    pub group: String,
    /// Kind of the owner.
    pub kind: String,
    /// Name of the owner, in the namespace of the dependant or cluster-scoped.
    pub name: String,
    /// Whether it is the managing controller.
    pub controller: bool,
}

/// The owners that `body` names, in its order.
pub fn owners(body: &Value) -> Vec<OwnerReference> {
    let references = body["metadata"]["ownerReferences"].as_array();
    references.into_iter().flatten().filter_map(parse).collect()
}

fn parse(reference: &Value) -> Option<OwnerReference> {
    let api_version = reference["apiVersion"].as_str()?;
    Some(OwnerReference {
        group: api_version.split_once('/').map_or("", |(group, _)| group).to_owned(),
        kind: reference["kind"].as_str()?.to_owned(),
        name: reference["name"].as_str()?.to_owned(),
        controller: reference["controller"] == true,
    })
}

/// Sets the uid of each owner reference to what `uid_of` finds; drops those it finds none for.
///
/// Returns a note for each one dropped.
pub fn relink(body: &mut Value, uid_of: impl Fn(&OwnerReference) -> Option<String>) -> Vec<String> {
    let mut notes = Vec::new();
    let Some(Value::Array(references)) = descend(body, &["metadata", "ownerReferences"]) else {
        return notes;
    };
    references.retain_mut(|reference| {
        let Some(owner) = parse(reference) else { return false };
        if let Some(uid) = uid_of(&owner) {
            reference["uid"] = Value::String(uid);
            return true;
        }
        notes.push(format!("loses its owner {} `{}`, which is nowhere", owner.kind, owner.name));
        false
    });
    if references.is_empty() {
        remove(body, &["metadata", "ownerReferences"]);
    }
    notes
}

/// Removes the uids, so that two objects with the same owners compare equal whatever cluster they are from.
pub fn forget_uids(body: &mut Value) {
    let Some(Value::Array(references)) = descend(body, &["metadata", "ownerReferences"]) else { return };
    for reference in references {
        remove(reference, &["uid"]);
    }
}
