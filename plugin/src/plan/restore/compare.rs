//! Where a saved object and the live one of its name differ, and who owns the fields in question.

use serde_json::Value;

use crate::{
    model::{
        resource::GroupResource,
        restoration::{DifferingField, FieldChange},
    },
    plan::{
        conflict::Resolution, field_difference::differences, field_owner::FieldOwners, field_path::FieldPath,
    },
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
    /// A patch changes none of them.
    pub all_stay: bool,
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
    /// What the plan keeps of it, once it is known how the conflict is resolved.
    pub fn shown(self, resolution: &Resolution) -> Difference {
        let shown = |field: DifferingPath| DifferingField {
            stays: resolution.leaves(&field.path, field.change, field.manager.as_deref()),
            field: field.path.to_string(),
            change: field.change,
            manager: field.manager,
            saved_manager: field.saved_manager,
        };
        let mut fields: Vec<_> = self.fields.into_iter().map(shown).collect();
        let all_stay = self.more == 0 && fields.iter().all(|field| field.stays);
        let more = self.more + fields.len().saturating_sub(MOST_SHOWN);
        fields.truncate(MOST_SHOWN);
        Difference { fields, more, all_stay }
    }
}

impl Difference {
    /// The same, once another resolution was chosen, and `edited` perhaps put in the place of the saved object.
    pub fn resolved(&mut self, resolution: &Resolution, edited: Option<&Value>) {
        for field in &mut self.fields {
            let Ok(path) = FieldPath::parse(&field.field) else { continue };
            if field.change == FieldChange::OnlyLive && edited.is_some_and(|it| path.get(it).is_some()) {
                field.change = FieldChange::Set;
            }
            field.stays = resolution.leaves(&path, field.change, field.manager.as_deref());
        }
        // In what is not among the fields the edited object may differ too.
        self.all_stay = edited.is_none() && self.more == 0 && self.fields.iter().all(|field| field.stays);
    }
}

/// Compares `saved` with `live`, of which `wanted` would be written; none if they have the same content.
pub fn compare(resource: &GroupResource, saved: &Value, wanted: Value, live: &Value) -> Option<Differing> {
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
