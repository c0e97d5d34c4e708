//! Where a saved object and the live one of its name differ, and who owns the fields in question.

use serde_json::Value;

use crate::{
    model::{resource::GroupResource, restoration::DifferingField},
    plan::{field_difference::differences, field_owner::FieldOwners},
};

use super::content::content;

/// Differing fields that are kept of an object; a plan holds those of every conflict.
const MOST_FIELDS: usize = 24;

/// How two objects differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// The fields, in the order of their paths; shortened.
    pub fields: Vec<DifferingField>,
    /// How many there are beyond those.
    pub more: usize,
}

/// Compares `saved`, as it is to be written, with `live`; none if they have the same content.
pub fn compare(resource: &GroupResource, saved: Value, live: &Value) -> Option<Difference> {
    let wanted = content(resource, saved);
    let found = content(resource, live.clone());
    if wanted == found {
        return None;
    }
    let owners = FieldOwners::of(live);
    let differing = differences(&wanted, &found, MOST_FIELDS);
    let fields = differing.fields.into_iter().map(|field| DifferingField {
        manager: owners.of_field(&field.path).map(str::to_owned),
        field: field.path.to_string(),
        change: field.change,
    });
    Some(Difference { fields: fields.collect(), more: differing.more })
}
