//! Which resolution an object's conflict gets: the first rule that matches, else that of the whole run.

pub mod file;
mod matching;

use std::{collections::BTreeSet, sync::Arc};

use serde_json::Value;

use crate::{
    model::{object::ObjectKey, restoration::PassedOver},
    plan::{
        rename::{aligned, references::Referent},
        restore::{
            compare::{Differing, compare},
            facts::LiveObject,
            fields::Fields,
        },
    },
};

use super::{ConflictPolicy, Resolution};
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
    /// What ends the name of a renamed object, if this run renames any.
    suffix: Option<String>,
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

    /// These, where renamed objects get this suffix.
    #[must_use]
    pub fn with_suffix(self, suffix: &str) -> Self {
        let renames = |resolution: &Resolution| {
            matches!(resolution.policy, ConflictPolicy::Rename | ConflictPolicy::Ask)
        };
        let renames = renames(&self.otherwise) || self.list.iter().any(|rule| renames(&rule.resolution));
        let suffix = renames.then(|| suffix.to_owned());
        Self { suffix, ..self }
    }

    /// What ends the name of a renamed object, if this run renames any.
    pub fn suffix(&self) -> Option<&str> {
        self.suffix.as_deref()
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
            found.same_if = self.same_if(target, saved, live);
        }
        found
    }

    /// The objects that have to be renamed for `saved` to equal `live`.
    fn same_if(&self, target: &ObjectKey, saved: &Value, live: &Value) -> Option<BTreeSet<Referent>> {
        let (aligned, renamed) = aligned(saved, live, self.suffix.as_deref()?)?;
        compare(&target.resource, saved, aligned, live).is_none().then_some(renamed)
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
