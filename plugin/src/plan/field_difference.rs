//! In which fields two states of an object differ. What counts as content is decided before, in [`super::normalise`].
//!
//! Objects are compared field by field down to plain values. Lists of objects are paired by the keys of
//! [`super::merge_keys`], else by `name` if that tells all items apart; any other list is one value. An item that only
//! one side has is one difference. So is another order of the same items: init containers run in theirs.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::{Map, Value};

use crate::model::restoration::FieldChange;

use super::{
    field_path::{FieldPath, MAX_STEPS, Step},
    merge_keys::{self, MergeKey},
};

/// One field in which they differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldDifference {
    /// Which.
    pub path: FieldPath,
    /// How.
    pub change: FieldChange,
}

/// The fields in which two objects differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldDifferences {
    /// The first of them, in the order of the saved object.
    pub fields: Vec<FieldDifference>,
    /// How many there are besides.
    pub more: usize,
}

/// Compares; keeps at most `limit` differences and counts the others.
pub fn differences(saved: &Value, live: &Value, limit: usize) -> FieldDifferences {
    let mut comparison = Comparison { found: FieldDifferences::default(), limit, steps: Vec::new() };
    comparison.both(saved, live);
    comparison.found
}

/// The keys of items, as text, and where each is in its list.
type Places = BTreeMap<Vec<String>, usize>;

struct Comparison {
    found: FieldDifferences,
    limit: usize,
    steps: Vec<Step>,
}

impl Comparison {
    fn both(&mut self, saved: &Value, live: &Value) {
        if saved == live {
            return;
        }
        match (saved, live) {
            _ if self.steps.len() >= MAX_STEPS => self.note(FieldChange::Set),
            (Value::Object(saved), Value::Object(live)) => self.objects(saved, live),
            (Value::Array(saved), Value::Array(live)) => self.lists(saved, live),
            _ => self.note(FieldChange::Set),
        }
    }

    fn objects(&mut self, saved: &Map<String, Value>, live: &Map<String, Value>) {
        for (name, value) in saved {
            self.inside(Step::Field(name.clone()), |comparison| match live.get(name) {
                Some(live) => comparison.both(value, live),
                None => comparison.one(value, FieldChange::OnlySaved),
            });
        }
        for (name, value) in live.iter().filter(|(name, _)| !saved.contains_key(*name)) {
            self.inside(Step::Field(name.clone()), |comparison| comparison.one(value, FieldChange::OnlyLive));
        }
    }

    /// What only one side has, by its plain values, so that rules over fields see each.
    fn one(&mut self, value: &Value, change: FieldChange) {
        match value {
            Value::Object(map) if !map.is_empty() && self.steps.len() < MAX_STEPS => {
                for (name, value) in map {
                    self.inside(Step::Field(name.clone()), |comparison| comparison.one(value, change));
                }
            }
            _ => self.note(change),
        }
    }

    fn lists(&mut self, saved: &[Value], live: &[Value]) {
        let (holder, list) = self.names();
        if merge_keys::is_set(&list) && saved.iter().chain(live).all(is_plain) {
            return self.sets(saved, live);
        }
        let table = merge_keys::of_list(&holder, &list);
        let by_name: &[MergeKey] = &[MergeKey { field: "name", default: None }];
        let keys = table
            .into_iter()
            .chain([by_name])
            .find_map(|keys| Some((keys, places(saved, keys)?, places(live, keys)?)));
        match keys {
            Some((keys, saved_places, live_places)) => {
                self.items(keys, (saved, &saved_places), (live, &live_places));
            }
            None => self.note(FieldChange::Set),
        }
    }

    fn items(&mut self, keys: &[MergeKey], saved: (&[Value], &Places), live: (&[Value], &Places)) {
        let step = |item| merge_keys::of_item(item, keys).map(Step::Item);
        let mut order: Vec<usize> = Vec::new();
        for item in saved.0 {
            let Some(step) = step(item) else { continue };
            let place = key_text(item, keys).and_then(|key| live.1.get(&key));
            order.extend(place);
            self.inside(step, |comparison| match place {
                Some(&place) => comparison.both(&stated(item, keys), &stated(&live.0[place], keys)),
                None => comparison.note(FieldChange::OnlySaved),
            });
        }
        for item in live.0 {
            let known = key_text(item, keys).is_some_and(|key| saved.1.contains_key(&key));
            if let (false, Some(step)) = (known, step(item)) {
                self.inside(step, |comparison| comparison.note(FieldChange::OnlyLive));
            }
        }
        if !order.is_sorted() {
            self.note(FieldChange::Set);
        }
    }

    fn sets(&mut self, saved: &[Value], live: &[Value]) {
        let sides = [(saved, live, FieldChange::OnlySaved), (live, saved, FieldChange::OnlyLive)];
        for (these, others, change) in sides {
            for value in these.iter().filter(|value| !others.contains(value)) {
                self.inside(Step::Element(value.clone()), |comparison| comparison.note(change));
            }
        }
    }

    /// The list that is compared, and the field that holds it; both empty where there is none.
    fn names(&self) -> (String, String) {
        let mut names = self.steps.iter().rev().filter_map(|step| match step {
            Step::Field(name) => Some(name.clone()),
            _ => None,
        });
        match self.steps.last() {
            Some(Step::Field(_)) => {
                let list = names.next().unwrap_or_default();
                (names.next().unwrap_or_default(), list)
            }
            _ => Default::default(),
        }
    }

    fn inside(&mut self, step: Step, compare: impl FnOnce(&mut Self)) {
        self.steps.push(step);
        compare(self);
        self.steps.pop();
    }

    fn note(&mut self, change: FieldChange) {
        if self.found.fields.len() < self.limit {
            let path = FieldPath::new(self.steps.clone());
            self.found.fields.push(FieldDifference { path, change });
        } else {
            self.found.more += 1;
        }
    }
}

fn is_plain(value: &Value) -> bool {
    !value.is_object() && !value.is_array()
}

/// Where each key is, if every item has one of its own.
fn places(items: &[Value], keys: &[MergeKey]) -> Option<Places> {
    let mut places = Places::new();
    for (place, item) in items.iter().enumerate() {
        if places.insert(key_text(item, keys)?, place).is_some() {
            return None;
        }
    }
    Some(places)
}

/// `item` with its keys stated where the server would take their defaults: leaving one out is no difference.
fn stated<'a>(item: &'a Value, keys: &[MergeKey]) -> Cow<'a, Value> {
    let missing = keys.iter().any(|key| item.get(key.field).is_none_or(Value::is_null));
    match (missing, item, merge_keys::of_item(item, keys)) {
        (true, Value::Object(fields), Some(stated)) => {
            let mut fields = fields.clone();
            fields.extend(stated);
            Cow::Owned(Value::Object(fields))
        }
        _ => Cow::Borrowed(item),
    }
}

fn key_text(item: &Value, keys: &[MergeKey]) -> Option<Vec<String>> {
    Some(merge_keys::of_item(item, keys)?.into_iter().map(|(_, value)| value.to_string()).collect())
}

#[cfg(test)]
mod tests;
