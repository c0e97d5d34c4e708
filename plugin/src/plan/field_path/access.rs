//! Reading, setting and removing the field that a path leads to.

use serde_json::{Map, Value};

use super::{FieldPath, Step, same_key};

/// A field that cannot be set, because something of another kind is in the way.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetError {
    /// A step asks for an object or a list, and something else is there.
    #[error("`{place}` is {found}, not {wanted}")]
    InTheWay {
        /// Where.
        place: String,
        /// What is there: `a number`.
        found: &'static str,
        /// What the path needs: `a list`.
        wanted: &'static str,
    },
    /// A place behind the end of a list.
    #[error("`{place}` has {length} items: the next one is number {length}")]
    BeyondTheEnd {
        /// The list.
        place: String,
        /// How many it has.
        length: usize,
    },
}

impl FieldPath {
    /// The value it leads to in `object`.
    pub fn get<'a>(&self, object: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(object, |value, step| child(value, step))
    }

    /// Sets the value it leads to. Parents that are missing are made, a missing item of a list is added with its key.
    ///
    /// When it fails, `object` is as it was.
    pub fn set(&self, object: &mut Value, value: Value) -> Result<(), SetError> {
        let mut changed = object.clone();
        let mut place = &mut changed;
        for (depth, step) in self.0.iter().enumerate() {
            place = enter(place, step, &self.0[..depth])?;
        }
        *place = value;
        if let (Some(Step::Item(keys)), Value::Object(item)) = (self.0.last(), place) {
            for (key, value) in keys {
                item.entry(key).or_insert_with(|| value.clone());
            }
        }
        *object = changed;
        Ok(())
    }

    /// Takes the value it leads to out of `object`. Parents that become empty stay: `spec: {}` may be required.
    pub fn remove(&self, object: &mut Value) -> Option<Value> {
        let (last, parents) = self.0.split_last()?;
        let parent = parents.iter().try_fold(object, |value, step| child_mut(value, step))?;
        match (last, parent) {
            (Step::Field(name), Value::Object(map)) => map.shift_remove(name),
            (step, Value::Array(items)) => position(items, step).map(|place| items.remove(place)),
            _ => None,
        }
    }
}

pub(super) fn child<'a>(value: &'a Value, step: &Step) -> Option<&'a Value> {
    match (step, value) {
        (Step::Field(name), Value::Object(map)) => map.get(name),
        (step, Value::Array(items)) => position(items, step).map(|place| &items[place]),
        _ => None,
    }
}

fn child_mut<'a>(value: &'a mut Value, step: &Step) -> Option<&'a mut Value> {
    match (step, value) {
        (Step::Field(name), Value::Object(map)) => map.get_mut(name),
        (step, Value::Array(items)) => position(items, step).map(|place| &mut items[place]),
        _ => None,
    }
}

/// Where in a list the item is that `step` means.
fn position(items: &[Value], step: &Step) -> Option<usize> {
    match step {
        Step::Field(_) => None,
        Step::Index(index) => (*index < items.len()).then_some(*index),
        Step::Element(wanted) => items.iter().position(|item| same_key(item, wanted)),
        Step::Item(keys) => items.iter().position(|item| {
            keys.iter().all(|(key, wanted)| item.get(key).is_some_and(|value| same_key(value, wanted)))
        }),
    }
}

fn enter<'a>(value: &'a mut Value, step: &Step, before: &[Step]) -> Result<&'a mut Value, SetError> {
    let is_field = matches!(step, Step::Field(_));
    if value.is_null() {
        *value = if is_field { Value::Object(Map::new()) } else { Value::Array(Vec::new()) };
    }
    let found = kind_of(value);
    match (step, value) {
        (Step::Field(name), Value::Object(map)) => Ok(map.entry(name).or_insert(Value::Null)),
        (step, Value::Array(items)) if !is_field => {
            let place = match (position(items, step), step) {
                (Some(place), _) => place,
                (None, Step::Index(index)) if *index > items.len() => {
                    return Err(SetError::BeyondTheEnd { place: shown(before), length: items.len() });
                }
                (None, step) => {
                    items.push(new_item(step));
                    items.len() - 1
                }
            };
            Ok(&mut items[place])
        }
        _ => Err(SetError::InTheWay {
            place: shown(before),
            found,
            wanted: if is_field { "an object" } else { "a list" },
        }),
    }
}

fn new_item(step: &Step) -> Value {
    match step {
        Step::Item(keys) => Value::Object(keys.iter().cloned().collect()),
        Step::Element(value) => value.clone(),
        Step::Field(_) | Step::Index(_) => Value::Null,
    }
}

fn shown(steps: &[Step]) -> String {
    if steps.is_empty() { "the object".to_owned() } else { FieldPath::new(steps.to_vec()).to_string() }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
