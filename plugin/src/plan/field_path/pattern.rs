//! Patterns over paths, for rules: `spec.*`, `metadata.annotations['example.com/*']`, `spec.containers[*].image`, `**`.
//!
//! A name is a glob. `*` alone is any one step, a field or an item of a list; `**` is any number of steps.

use std::{fmt, str::FromStr};

use super::{
    FieldPath, FieldPathError, Step,
    parse::{Stars, steps},
    plain_text,
};
use crate::plan::glob;

/// A pattern over paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldPattern(FieldPath);

impl FieldPattern {
    /// Reads a pattern.
    pub fn parse(text: &str) -> Result<Self, FieldPathError> {
        steps(text, Stars::Match).map(|steps| Self(FieldPath::new(steps)))
    }

    /// Whether it fits all of `path`.
    pub fn matches(&self, path: &FieldPath) -> bool {
        fits(self.0.steps(), path.steps())
    }

    /// Whether it fits `path` or something that holds it: `spec.*` covers `spec.template.spec.hostNetwork`.
    pub fn covers(&self, path: &FieldPath) -> bool {
        (1..=path.steps().len()).any(|length| fits(self.0.steps(), &path.steps()[..length]))
    }
}

impl FromStr for FieldPattern {
    type Err = FieldPathError;

    fn from_str(text: &str) -> Result<Self, FieldPathError> {
        Self::parse(text)
    }
}

/// Stars come in quotes, which changes nothing in a pattern.
impl fmt::Display for FieldPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Row by row over the pattern, so that many `**` cost no more than one each.
fn fits(pattern: &[Step], path: &[Step]) -> bool {
    // reached[n]: the pattern so far fits the first n steps.
    let mut reached = vec![false; path.len() + 1];
    reached[0] = true;
    for wanted in pattern {
        let mut next = vec![false; path.len() + 1];
        if is_field(wanted, "**") {
            let mut open = false;
            for (slot, before) in next.iter_mut().zip(&reached) {
                open |= before;
                *slot = open;
            }
        } else {
            for (place, step) in path.iter().enumerate() {
                next[place + 1] = reached[place] && step_fits(wanted, step);
            }
        }
        reached = next;
    }
    reached[path.len()]
}

fn is_field(step: &Step, name: &str) -> bool {
    matches!(step, Step::Field(field) if field == name)
}

fn step_fits(wanted: &Step, step: &Step) -> bool {
    match (wanted, step) {
        (Step::Field(star), _) if star == "*" => true,
        (Step::Field(wanted), Step::Field(name)) => glob::matches(wanted, name),
        (Step::Index(wanted), Step::Index(index)) => wanted == index,
        (Step::Element(wanted), Step::Element(value)) => value_fits(wanted, value),
        (Step::Item(wanted), Step::Item(keys)) => wanted.iter().all(|(key, wanted)| {
            keys.iter().any(|(name, value)| glob::matches(key, name) && value_fits(wanted, value))
        }),
        _ => false,
    }
}

fn value_fits(wanted: &serde_json::Value, value: &serde_json::Value) -> bool {
    match (plain_text(wanted), plain_text(value)) {
        (Some(wanted), Some(text)) => glob::matches(&wanted, &text),
        _ => wanted == value,
    }
}
