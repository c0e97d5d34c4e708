//! Where a saved object and the live one of its name differ, and who owns the fields in question.

use serde_json::Value;

use crate::{
    model::{
        resource::GroupResource,
        restoration::{DifferingField, FieldChange},
    },
    plan::{field_difference::differences, field_owner::FieldOwners, field_path::FieldPath},
};

use super::content::content;

/// Differing fields that are kept of an object; a plan holds those of every conflict.
const MOST_SHOWN: usize = 24;

/// Differing fields that rules look at. A list of this many is replaced as a whole, whatever a rule says of its items.
const MOST_COMPARED: usize = 4096;

/// How two objects differ, as the plan keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// The fields, in the order of their paths; shortened.
    pub fields: Vec<DifferingField>,
    /// How many there are beyond those.
    pub more: usize,
}

/// A field in which two objects differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DifferingPath {
    /// Which.
    pub path: FieldPath,
    /// How.
    pub change: FieldChange,
    /// Who owned it when it was saved.
    pub saved_manager: Option<String>,
    /// Who owns it now.
    pub manager: Option<String>,
}

/// How two objects differ, whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differing {
    /// The fields.
    pub fields: Vec<DifferingPath>,
    /// How many there are beyond those, which is none but for objects out of all proportion.
    pub more: usize,
}

impl Differing {
    /// What the plan keeps of it. `stays` says which fields, of which manager, a patch leaves as they are.
    pub fn shown(self, stays: impl Fn(&FieldPath, Option<&str>) -> bool) -> Difference {
        let more = self.more + self.fields.len().saturating_sub(MOST_SHOWN);
        let fields = self.fields.into_iter().take(MOST_SHOWN).map(|field| DifferingField {
            stays: stays(&field.path, field.manager.as_deref()),
            field: field.path.to_string(),
            change: field.change,
            manager: field.manager,
            saved_manager: field.saved_manager,
        });
        Difference { fields: fields.collect(), more }
    }
}

/// Compares `saved`, as it is to be written, with `live`; none if they have the same content.
pub fn compare(resource: &GroupResource, saved: &Value, live: &Value) -> Option<Difference> {
    compare_all(resource, saved, saved.clone(), live).map(|differing| differing.shown(|_, _| false))
}

/// As [`compare`], with every field; `wanted` is what of `saved` would be written.
pub fn compare_all(
    resource: &GroupResource,
    saved: &Value,
    wanted: Value,
    live: &Value,
) -> Option<Differing> {
    let wanted = content(resource, wanted);
    let found = content(resource, live.clone());
    if wanted == found {
        return None;
    }
    let (saved_owners, owners) = (FieldOwners::of(saved), FieldOwners::of(live));
    let differing = differences(&wanted, &found, MOST_COMPARED);
    let fields = differing.fields.into_iter().map(|field| DifferingPath {
        saved_manager: saved_owners.of_field(&field.path).map(str::to_owned),
        manager: owners.of_field(&field.path).map(str::to_owned),
        path: field.path,
        change: field.change,
    });
    Some(Differing { fields: fields.collect(), more: differing.more })
}
