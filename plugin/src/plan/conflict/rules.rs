//! Which resolution an object's conflict gets: the first rule that matches, else that of the whole run.

pub mod file;
mod matching;

use std::sync::Arc;

use serde_json::Value;

use crate::{
    model::{object::ObjectKey, restoration::PassedOver},
    plan::restore::{
        compare::{Differing, compare},
        facts::LiveObject,
        fields::Fields,
    },
};

use super::Resolution;
use matching::Match;

/// An object that exists and differs.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// What it is in the cluster.
    pub target: &'a ObjectKey,
    /// The saved object, as it would be written.
    pub saved: &'a Value,
    /// How it differs.
    pub differing: &'a Differing,
}

#[derive(Clone, Debug)]
struct Rule {
    matching: Match,
    resolution: Arc<Resolution>,
    /// It leaves to the run whether a patch is exact.
    takes_the_run: bool,
}

/// The rules of a run, in their order.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    list: Vec<Rule>,
    otherwise: Arc<Resolution>,
    fields: Fields,
    explains: bool,
}

impl Rules {
    /// No rules: `otherwise` for every object.
    pub fn for_all(otherwise: Resolution) -> Self {
        Self { otherwise: Arc::new(otherwise), ..Self::default() }
    }

    /// These, where only `fields` of each object are restored.
    #[must_use]
    pub fn for_fields(self, fields: Fields) -> Self {
        Self { fields, ..self }
    }

    /// These, and for each object what the rules before the deciding one missed.
    #[must_use]
    pub fn that_explain(self) -> Self {
        Self { explains: true, ..self }
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
        let mut found = LiveObject::of(&target.resource, live);
        if let Some(differing) = compare(&target.resource, saved, self.fields.overlay(saved, live), live) {
            let subject = Subject { target, saved, differing: &differing };
            if self.explains {
                found.passed_over = self.passed_over(&subject);
            }
            found.resolution = self.resolve(&subject);
            found.difference = Some(differing.shown(&found.resolution));
        }
        found
    }

    /// The resolution for an object.
    pub fn resolve(&self, subject: &Subject<'_>) -> Arc<Resolution> {
        let decides = self.list.iter().find(|rule| rule.matching.miss(subject).is_none());
        Arc::clone(decides.map_or(&self.otherwise, |rule| &rule.resolution))
    }

    /// The rules before the one that decides, each with what in it does not fit the object.
    fn passed_over(&self, subject: &Subject<'_>) -> Vec<PassedOver> {
        let missed = self.list.iter().map_while(|rule| {
            let because = rule.matching.miss(subject)?;
            Some(PassedOver { rule: rule.resolution.decided_by.clone(), because })
        });
        missed.collect()
    }
}

#[cfg(test)]
mod tests;
