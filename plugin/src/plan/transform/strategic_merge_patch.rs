//! `strategicMergePatch`: Kubernetes' own patch, which merges lists by the keys of their items.
//!
//! Understood are `$patch: merge|replace|delete`, `$retainKeys` and `$deleteFromPrimitiveList/FIELD`;
//! `$setElementOrder/FIELD` is skipped: the order is that of a patch without it. Lists merge by the keys of
//! [`crate::plan::merge_keys`]; those of custom kinds are replaced, as their schema is not at hand.

use serde_json::{Map, Value};

use crate::plan::pod_spec::group_of;
use crate::{
    model::resource::GroupResource,
    plan::merge_keys::{self, MergeKey},
};

const DIRECTIVE: &str = "$patch";
const RETAIN: &str = "$retainKeys";
const DELETE_FROM: &str = "$deleteFromPrimitiveList/";
const ORDER: &str = "$setElementOrder/";

/// Patches `object`; an error says what the patch lacks.
pub(super) fn apply(object: &mut Value, patch: &Value) -> Result<(), String> {
    let lists =
        if GroupResource::new("", group_of(object)).is_built_in() { Lists::Merge } else { Lists::Replace };
    let (Value::Object(fields), Value::Object(patch)) = (object, patch) else {
        return Err("a strategic merge patch is an object".to_owned());
    };
    let merged = Merge { lists }.map(std::mem::take(fields), patch, Place::default())?;
    *fields = merged;
    Ok(())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lists {
    Merge,
    Replace,
}

/// A field and the one that holds it, which decide how a list is merged.
#[derive(Clone, Copy, Debug, Default)]
struct Place<'a> {
    holder: &'a str,
    name: &'a str,
}

impl<'a> Place<'a> {
    fn field(self, name: &'a str) -> Self {
        Self { holder: self.name, name }
    }
}

struct Merge {
    lists: Lists,
}

impl Merge {
    fn map(
        &self,
        mut original: Map<String, Value>,
        patch: &Map<String, Value>,
        place: Place<'_>,
    ) -> Result<Map<String, Value>, String> {
        match directive(patch)? {
            Some(Directive::Delete) => return Ok(Map::new()),
            Some(Directive::Replace) => original.clear(),
            Some(Directive::Merge) | None => {}
        }
        if let Some(kept) = patch.get(RETAIN) {
            retain(&mut original, kept, patch)?;
        }
        for (name, value) in patch {
            if let Some(list) = name.strip_prefix(DELETE_FROM) {
                delete_from(&mut original, list, value)?;
            }
        }
        for (name, value) in patch.iter().filter(|(name, _)| !is_directive(name)) {
            if value.is_null() {
                original.shift_remove(name);
                continue;
            }
            let slot = original.entry(name).or_insert(Value::Null);
            *slot = self.value(slot.take(), value, place.field(name))?;
        }
        Ok(original)
    }

    /// Without an original, a patch is merged into nothing, which leaves its directives out.
    fn value(&self, original: Value, patch: &Value, place: Place<'_>) -> Result<Value, String> {
        match (original, patch) {
            (Value::Object(original), Value::Object(patch)) => {
                self.map(original, patch, place).map(Value::Object)
            }
            (_, Value::Object(patch)) => self.map(Map::new(), patch, place).map(Value::Object),
            (Value::Array(original), Value::Array(patch)) => self.list(original, patch, place),
            (_, Value::Array(patch)) => self.list(Vec::new(), patch, place),
            (_, scalar) => Ok(scalar.clone()),
        }
    }

    fn list(&self, original: Vec<Value>, patch: &[Value], place: Place<'_>) -> Result<Value, String> {
        let keys = match self.lists {
            Lists::Merge => merge_keys::of_list(place.holder, place.name),
            Lists::Replace => None,
        };
        if let Some(keys) = keys {
            return self.items(original, patch, keys, place).map(Value::Array);
        }
        if self.lists == Lists::Merge && merge_keys::is_set(place.name) {
            return Ok(union(original, patch).into());
        }
        patch.iter().map(|item| self.value(Value::Null, item, place)).collect()
    }

    fn items(
        &self,
        mut original: Vec<Value>,
        patch: &[Value],
        keys: &[MergeKey],
        place: Place<'_>,
    ) -> Result<Vec<Value>, String> {
        let objects = patch
            .iter()
            .map(|item| item.as_object().ok_or_else(|| format!("an item of `{}` is no object", place.name)))
            .collect::<Result<Vec<_>, _>>()?;
        // `- $patch: replace`, without a key, stands for the list as a whole.
        let whole =
            |item: &Map<String, Value>| item.len() == 1 && item.get(DIRECTIVE) == Some(&"replace".into());
        if objects.iter().any(|item| whole(item)) {
            original.clear();
        }
        let first = keys.first().map_or("", |key| key.field);
        let mut named = Named::among(original);
        for item in objects.into_iter().filter(|item| !whole(item)) {
            if !item.contains_key(first) {
                return Err(format!(
                    "an item of `{}` has no `{first}`, by which items are told apart",
                    place.name
                ));
            }
            let is_it = |candidate: &Value| is_meant(candidate, item, keys);
            match directive(item)? {
                Some(Directive::Delete) => named.drop_others(is_it),
                // Kubernetes takes it for the whole list, and drops the item: nobody means that.
                Some(Directive::Replace) => {
                    return Err(format!(
                        "`$patch: replace` replaces all of `{}` and stands in an item of its own",
                        place.name
                    ));
                }
                Some(Directive::Merge) | None => {
                    let slot = named.slot(is_it);
                    *slot = self.value(slot.take(), &item.clone().into(), place)?;
                }
            }
        }
        Ok(named.in_order())
    }
}

/// A list on its way from the original to the result: what the patch names, and the others.
struct Named {
    /// By their place in the original; those that are named have left a gap.
    others: Vec<Option<Value>>,
    /// In the order of the patch, with their place in the original.
    named: Vec<(Option<usize>, Value)>,
}

impl Named {
    fn among(original: Vec<Value>) -> Self {
        Self { others: original.into_iter().map(Some).collect(), named: Vec::new() }
    }

    fn drop_others(&mut self, is_it: impl Fn(&Value) -> bool) {
        for other in self.others.iter_mut().filter(|other| other.as_ref().is_some_and(&is_it)) {
            *other = None;
        }
    }

    /// The item that is named now: one that was named before, one of the original, or a new one, which is null.
    fn slot(&mut self, is_it: impl Fn(&Value) -> bool) -> &mut Value {
        let before = self.named.iter().position(|(_, value)| is_it(value));
        let index = before.unwrap_or_else(|| {
            let at = self.others.iter().position(|other| other.as_ref().is_some_and(&is_it));
            let value = at.and_then(|at| self.others[at].take()).unwrap_or_default();
            self.named.push((at, value));
            self.named.len() - 1
        });
        &mut self.named[index].1
    }

    /// Kubernetes' order: what the patch names comes in its order, behind those others that preceded it; so what is
    /// new comes before what the patch does not name.
    fn in_order(self) -> Vec<Value> {
        let others = self.others.into_iter().enumerate();
        let mut others = others.filter_map(|(at, value)| Some((at, value?))).peekable();
        let mut ordered = Vec::new();
        for (place, value) in self.named {
            while let Some((_, other)) = others.next_if(|(at, _)| place.is_some_and(|place| *at < place)) {
                ordered.push(other);
            }
            ordered.push(value);
        }
        ordered.extend(others.map(|(_, other)| other));
        ordered
    }
}

/// Values of both, each once.
fn union(original: Vec<Value>, patch: &[Value]) -> Vec<Value> {
    let mut named = Named::among(original);
    for value in patch {
        *named.slot(|candidate| candidate == value) = value.clone();
    }
    named.in_order()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Directive {
    Merge,
    Replace,
    Delete,
}

fn directive(patch: &Map<String, Value>) -> Result<Option<Directive>, String> {
    match patch.get(DIRECTIVE) {
        None => Ok(None),
        Some(Value::String(word)) if word == "merge" => Ok(Some(Directive::Merge)),
        Some(Value::String(word)) if word == "replace" => Ok(Some(Directive::Replace)),
        Some(Value::String(word)) if word == "delete" => Ok(Some(Directive::Delete)),
        Some(other) => Err(format!("`$patch` is merge, replace or delete, not {other}")),
    }
}

fn is_directive(name: &str) -> bool {
    name == DIRECTIVE || name == RETAIN || name.starts_with(DELETE_FROM) || name.starts_with(ORDER)
}

/// Whether `candidate` is the item that `wanted` speaks of, by the keys that it states.
fn is_meant(candidate: &Value, wanted: &Map<String, Value>, keys: &[MergeKey]) -> bool {
    keys.iter().all(|key| {
        let default = key.default.map(Value::from);
        let stated = wanted.get(key.field).or(default.as_ref());
        let has = candidate.get(key.field).or(default.as_ref());
        stated.is_none() || stated == has
    })
}

fn retain(original: &mut Map<String, Value>, kept: &Value, patch: &Map<String, Value>) -> Result<(), String> {
    let kept: Vec<&str> = kept
        .as_array()
        .and_then(|names| names.iter().map(Value::as_str).collect())
        .ok_or("`$retainKeys` is a list of field names")?;
    let lacking = patch
        .iter()
        .find(|(name, value)| !is_directive(name) && !value.is_null() && !kept.contains(&name.as_str()));
    if let Some((name, _)) = lacking {
        return Err(format!("`$retainKeys` must name `{name}`, which the patch sets"));
    }
    original.retain(|name, _| kept.contains(&name.as_str()));
    Ok(())
}

fn delete_from(fields: &mut Map<String, Value>, name: &str, unwanted: &Value) -> Result<(), String> {
    let unwanted = unwanted.as_array().ok_or_else(|| format!("`{DELETE_FROM}{name}` is a list"))?;
    if let Some(Value::Array(values)) = fields.get_mut(name) {
        values.retain(|value| !unwanted.contains(value));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn patched(mut fields: Value, patch: &Value) -> Result<Value, String> {
        fields["apiVersion"] = json!("apps/v1");
        apply(&mut fields, patch)?;
        fields.as_object_mut().and_then(|fields| fields.shift_remove("apiVersion"));
        Ok(fields)
    }

    #[rstest]
    #[case::maps_merge(json!({"a": {"x": 1}}), json!({"a": {"y": 2}}), json!({"a": {"x": 1, "y": 2}}))]
    #[case::null_removes(json!({"a": {"x": 1, "y": 2}}), json!({"a": {"x": null}}), json!({"a": {"y": 2}}))]
    #[case::null_of_nothing(json!({}), json!({"a": {"x": null}}), json!({"a": {}}))]
    #[case::map_replaced(
        json!({"a": {"x": 1}}), json!({"a": {"$patch": "replace", "y": 2}}), json!({"a": {"y": 2}})
    )]
    #[case::map_emptied(json!({"a": {"x": 1}}), json!({"a": {"$patch": "delete"}}), json!({"a": {}}))]
    #[case::retain_keys(
        json!({"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}),
        json!({"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}),
        json!({"strategy": {"type": "Recreate"}})
    )]
    #[case::containers_merge_by_name(
        json!({"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "1"}]}),
        json!({"containers": [{"name": "b", "image": "2"}, {"name": "c", "image": "3"}]}),
        json!({"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "2"}, {"name": "c", "image": "3"}]})
    )]
    #[case::lists_inside_items(
        json!({"containers": [{"name": "a", "env": [{"name": "X", "value": "1"}],
                               "ports": [{"containerPort": 1, "name": "p"}]}]}),
        json!({"containers": [{"name": "a", "env": [{"name": "Y", "value": "2"}],
                               "ports": [{"containerPort": 1, "protocol": "TCP", "name": "q"}]}]}),
        json!({"containers": [{"name": "a", "env": [{"name": "Y", "value": "2"}, {"name": "X", "value": "1"}],
                               "ports": [{"containerPort": 1, "name": "q", "protocol": "TCP"}]}]})
    )]
    #[case::item_deleted(
        json!({"containers": [{"name": "a"}, {"name": "b"}]}),
        json!({"containers": [{"name": "a", "$patch": "delete"}]}),
        json!({"containers": [{"name": "b"}]})
    )]
    #[case::list_replaced(
        json!({"containers": [{"name": "a"}]}),
        json!({"containers": [{"$patch": "replace"}, {"name": "b"}]}),
        json!({"containers": [{"name": "b"}]})
    )]
    #[case::protocols_are_told_apart(
        json!({"spec": {"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]}}),
        json!({"spec": {"ports": [{"port": 53, "nodePort": 1}]}}),
        json!({"spec": {"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP", "nodePort": 1}]}})
    )]
    #[case::second_key_left_out_means_any(
        json!({"topologySpreadConstraints": [{"topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule"}]}),
        json!({"topologySpreadConstraints": [{"topologyKey": "z", "maxSkew": 2}]}),
        json!({"topologySpreadConstraints": [{"topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule", "maxSkew": 2}]})
    )]
    #[case::list_without_keys_is_replaced(
        json!({"args": ["a"], "tolerations": [{"key": "x"}]}),
        json!({"args": ["b"], "tolerations": [{"key": "y"}]}),
        json!({"args": ["b"], "tolerations": [{"key": "y"}]})
    )]
    #[case::sets_unite(json!({"finalizers": ["a"]}), json!({"finalizers": ["b", "a"]}), json!({"finalizers": ["b", "a"]}))]
    #[case::values_deleted_from_a_set(
        json!({"finalizers": ["a", "b"]}),
        json!({"$deleteFromPrimitiveList/finalizers": ["a"], "$setElementOrder/finalizers": ["b"]}),
        json!({"finalizers": ["b"]})
    )]
    #[case::order_of_named_and_other_items(
        json!({"containers": [{"name": "a"}, {"name": "b"}, {"name": "c"}]}),
        json!({"containers": [{"name": "new"}, {"name": "c"}, {"name": "a"}]}),
        json!({"containers": [{"name": "new"}, {"name": "b"}, {"name": "c"}, {"name": "a"}]})
    )]
    #[case::item_named_twice(
        json!({"containers": [{"name": "a"}]}),
        json!({"containers": [{"name": "a", "x": 1}, {"name": "a", "y": 2}]}),
        json!({"containers": [{"name": "a", "x": 1, "y": 2}]})
    )]
    #[case::directives_of_new_items_do_not_stay(
        json!({}), json!({"containers": [{"name": "a", "x": {"$patch": "merge", "y": null, "z": 1}}]}),
        json!({"containers": [{"name": "a", "x": {"z": 1}}]})
    )]
    #[case::deleting_what_is_not_there(
        json!({"containers": [{"name": "a"}]}),
        json!({"containers": [{"name": "b", "$patch": "delete"}]}),
        json!({"containers": [{"name": "a"}]})
    )]
    fn merges(#[case] fields: Value, #[case] patch: Value, #[case] expected: Value) {
        assert_eq!(patched(fields, &patch), Ok(expected));
    }

    #[test]
    fn lists_of_custom_kinds_are_replaced() {
        let mut object = json!({"apiVersion": "example.com/v1", "containers": [{"name": "a"}]});
        apply(&mut object, &json!({"containers": [{"name": "b"}]})).unwrap();
        assert_eq!(object["containers"], json!([{"name": "b"}]));
    }

    #[rstest]
    #[case::unknown_directive(json!({"a": {"$patch": "drop"}}), "`$patch` is merge, replace or delete, not \"drop\"")]
    #[case::no_key(
        json!({"containers": [{"image": "x"}]}),
        "an item of `containers` has no `name`, by which items are told apart"
    )]
    #[case::replace_with_a_key(
        json!({"containers": [{"name": "a", "$patch": "replace"}]}),
        "`$patch: replace` replaces all of `containers` and stands in an item of its own"
    )]
    #[case::no_object(json!({"containers": ["x"]}), "an item of `containers` is no object")]
    #[case::retain_lacks_a_field(
        json!({"$retainKeys": ["type"], "paused": true}),
        "`$retainKeys` must name `paused`, which the patch sets"
    )]
    #[case::retain_no_list(json!({"$retainKeys": "type"}), "`$retainKeys` is a list of field names")]
    #[case::delete_no_list(
        json!({"$deleteFromPrimitiveList/finalizers": "a"}),
        "`$deleteFromPrimitiveList/finalizers` is a list"
    )]
    fn says_what_is_wrong(#[case] patch: Value, #[case] expected: &str) {
        assert_eq!(patched(json!({}), &patch), Err(expected.to_owned()));
    }
}
