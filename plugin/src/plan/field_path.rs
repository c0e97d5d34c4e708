//! Paths to one field of an object: `spec.template.spec.containers[name=web].image`, `data['app.conf']`, `args[0]`.
//!
//! | Step | Meaning |
//! |---|---|
//! | `.name` | a field; `['a.b']` or `a\.b` where the name has a dot, bracket or space |
//! | `[0]` | an item of a list by its place |
//! | `[name=web]`, `[port=80,protocol=TCP]` | an item of a list by what tells it apart |
//! | `[='text']` | a plain value in a list that is a set |
//!
//! A leading dot is allowed. A bare number or `true` in brackets is a number or a truth value, and also finds the text
//! that looks like it; quotes make it text. Paths are written by people and read from other people's objects: both
//! are bounded. Which lists have which keys is [`super::merge_keys`]' matter; patterns over paths are in [`pattern`].

mod access;
mod parse;
pub mod pattern;
mod skeleton;

use std::{fmt, str::FromStr};

use serde_json::Value;

pub use access::SetError;
pub use parse::FieldPathError;

/// Longest text of a path. Kubernetes' own field names stay far below it.
pub const MAX_TEXT: usize = 1024;

/// Most steps of a path. `serde_json` itself reads no deeper than 128.
pub const MAX_STEPS: usize = 64;

/// One step from a value to one inside it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// A field of an object.
    Field(String),
    /// An item of a list, by its place.
    Index(usize),
    /// An item of a list, by one or more of its fields with plain values.
    Item(Vec<(String, Value)>),
    /// A plain value in a list.
    Element(Value),
}

/// A path from an object to one of its fields. Never empty when it was parsed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct FieldPath(Vec<Step>);

impl FieldPath {
    /// From steps.
    pub fn new(steps: Vec<Step>) -> Self {
        Self(steps)
    }

    /// Reads a path.
    pub fn parse(text: &str) -> Result<Self, FieldPathError> {
        parse::steps(text, parse::Stars::AreErrors).map(Self)
    }

    /// The steps, from the object inwards.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// This path and one step more.
    #[must_use]
    pub fn with(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }

    /// Whether `prefix` is this path or leads to something that holds it.
    pub fn starts_with(&self, prefix: &Self) -> bool {
        self.0.starts_with(&prefix.0)
    }
}

impl FromStr for FieldPath {
    type Err = FieldPathError;

    fn from_str(text: &str) -> Result<Self, FieldPathError> {
        Self::parse(text)
    }
}

/// As [`FieldPath::parse`] reads it.
impl fmt::Display for FieldPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, step) in self.0.iter().enumerate() {
            match step {
                Step::Field(name) if is_plain(name) && place == 0 => formatter.write_str(name)?,
                Step::Field(name) if is_plain(name) => write!(formatter, ".{name}")?,
                Step::Field(name) => write!(formatter, "[{}]", quoted(name))?,
                Step::Index(index) => write!(formatter, "[{index}]")?,
                Step::Element(value) => write!(formatter, "[={}]", shown(value))?,
                Step::Item(keys) => {
                    let keys: Vec<_> =
                        keys.iter().map(|(key, value)| format!("{}={}", word(key), shown(value))).collect();
                    write!(formatter, "[{}]", keys.join(","))?;
                }
            }
        }
        Ok(())
    }
}

/// Whether a name needs no quotes. Narrower than what is read without them.
fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && name.chars().all(|character| character.is_ascii_alphanumeric() || "_-$/".contains(character))
}

fn word(name: &str) -> String {
    if is_plain(name) { name.to_owned() } else { quoted(name) }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// A plain value in brackets; text that would be read as something else is quoted.
fn shown(value: &Value) -> String {
    let Value::String(text) = value else { return value.to_string() };
    let bare = !text.is_empty()
        && text.chars().all(|character| character.is_ascii_alphanumeric() || "_-$/.:".contains(character));
    if bare && parse::bare_value(text).is_string() { text.clone() } else { quoted(text) }
}

/// Whether two values of a key are the same to a person: the number 80 and the text `80` are.
fn same_key(left: &Value, right: &Value) -> bool {
    left == right || plain_text(left).is_some_and(|text| Some(text) == plain_text(right))
}

/// The text of a plain value.
fn plain_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests;
