//! Which resolution an object's conflict gets: the first rule that matches, else that of the whole run.

use std::sync::Arc;

use serde_json::Value;

use crate::{
    model::object::ObjectKey,
    plan::restore::{compare::Difference, facts::LiveObject, fields::Fields},
};

use super::Resolution;

/// An object that exists and differs.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// What it is in the cluster.
    pub target: &'a ObjectKey,
    /// The saved object, as it would be written.
    pub saved: &'a Value,
    /// How it differs.
    pub difference: &'a Difference,
}

/// The rules of a run, in their order.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    otherwise: Arc<Resolution>,
    fields: Fields,
}

impl Rules {
    /// No rules: `otherwise` for every object, of which only `fields` are restored.
    pub fn for_all(otherwise: Resolution, fields: Fields) -> Self {
        Self { otherwise: Arc::new(otherwise), fields }
    }

    /// What is restored of each object.
    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// The resolution of an object that no rule speaks of.
    pub fn otherwise(&self) -> &Arc<Resolution> {
        &self.otherwise
    }

    /// Compares an object to be written with the live one, and says what is to be done about it.
    pub fn compare(&self, target: &ObjectKey, saved: &Value, live: &Value) -> LiveObject {
        let mut found = LiveObject::of(&target.resource, self.fields.overlay(saved, live), live);
        if let Some(difference) = &found.difference {
            found.resolution = self.resolve(Subject { target, saved, difference });
        }
        found
    }

    /// The resolution for an object.
    pub fn resolve(&self, _subject: Subject<'_>) -> Arc<Resolution> {
        Arc::clone(&self.otherwise)
    }
}
