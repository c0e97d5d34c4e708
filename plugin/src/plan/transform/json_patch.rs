//! `jsonPatch`: RFC 6902, by the library; here is what keeps a diff of the result readable.

use json_patch::{Patch, PatchErrorKind};
use serde_json::{Map, Value};

/// Operations in their order; all or none.
#[derive(Clone, Debug)]
pub(super) struct JsonPatch(Patch);

/// Most operations of one patch. Each copy may double an object: what a person writes stays far below both.
const MOST: usize = 1000;

/// Most copies of one patch.
const MOST_COPIES: usize = 8;

impl JsonPatch {
    pub(super) fn new(operations: Value) -> Result<Self, String> {
        let patch: Patch = serde_json::from_value(operations).map_err(|error| error.to_string())?;
        let copies =
            patch.0.iter().filter(|operation| matches!(operation, json_patch::PatchOperation::Copy(_)));
        if copies.count() > MOST_COPIES || patch.0.len() > MOST {
            return Err(format!("at most {MOST} operations, and {MOST_COPIES} copies among them"));
        }
        Ok(Self(patch))
    }

    pub(super) fn apply(&self, object: &mut Value) -> Result<(), String> {
        let mut changed = object.clone();
        json_patch::patch(&mut changed, &self.0).map_err(|error| {
            let what = match error.kind {
                PatchErrorKind::TestFailed => "the value is another one",
                PatchErrorKind::InvalidFromPointer => "there is nothing at its `from`",
                PatchErrorKind::InvalidPointer => "there is nothing there",
                PatchErrorKind::CannotMoveInsideItself => "a value cannot move into itself",
                _ => "it cannot be done",
            };
            format!("operation {} at `{}`: {what}", error.operation + 1, error.path)
        })?;
        *object = in_order_of(object, changed);
        Ok(())
    }
}

/// `changed` with its fields in the order they had in `before`: the library moves others when it removes one.
fn in_order_of(before: &Value, changed: Value) -> Value {
    match (before, changed) {
        (Value::Object(before), Value::Object(mut changed)) => {
            let mut ordered = Map::new();
            for (name, value) in before {
                if let Some((name, new)) = changed.shift_remove_entry(name) {
                    ordered.insert(name, in_order_of(value, new));
                }
            }
            ordered.extend(changed);
            Value::Object(ordered)
        }
        (Value::Array(before), Value::Array(changed)) if before.len() == changed.len() => {
            before.iter().zip(changed).map(|(before, changed)| in_order_of(before, changed)).collect()
        }
        (_, changed) => changed,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn applied(operations: Value, mut object: Value) -> Result<Value, String> {
        JsonPatch::new(operations)?.apply(&mut object).map(|()| object)
    }

    #[rstest]
    #[case::add(json!([{"op": "add", "path": "/b", "value": 2}]), json!({"a": 1, "b": 2}))]
    #[case::replace(json!([{"op": "replace", "path": "/a", "value": 2}]), json!({"a": 2}))]
    #[case::remove(json!([{"op": "remove", "path": "/a"}]), json!({}))]
    #[case::move_(json!([{"op": "move", "from": "/a", "path": "/b"}]), json!({"b": 1}))]
    #[case::copy(json!([{"op": "copy", "from": "/a", "path": "/b"}]), json!({"a": 1, "b": 1}))]
    #[case::test(json!([{"op": "test", "path": "/a", "value": 1}, {"op": "remove", "path": "/a"}]), json!({}))]
    fn patches(#[case] operations: Value, #[case] expected: Value) {
        assert_eq!(applied(operations, json!({"a": 1})), Ok(expected));
    }

    #[rstest]
    #[case::test(json!([{"op": "test", "path": "/a", "value": 2}]), "operation 1 at `/a`: the value is another one")]
    #[case::nothing(json!([{"op": "remove", "path": "/b/c"}]), "operation 1 at `/b/c`: there is nothing there")]
    #[case::from(
        json!([{"op": "add", "path": "/b", "value": 1}, {"op": "copy", "from": "/x", "path": "/c"}]),
        "operation 2 at `/c`: there is nothing at its `from`"
    )]
    #[case::unknown(
        json!([{"op": "drop", "path": "/a"}]),
        "unknown variant `drop`, expected one of `add`, `remove`, `replace`, `move`, `copy`, `test`"
    )]
    #[case::no_value(json!([{"op": "add", "path": "/a"}]), "missing field `value`")]
    fn failures(#[case] operations: Value, #[case] expected: &str) {
        assert_eq!(applied(operations, json!({"a": 1})), Err(expected.to_owned()));
    }

    #[test]
    fn other_fields_keep_their_order() {
        let object = json!({"a": 1, "b": {"x": 1, "y": 2, "z": 3}, "c": 3, "d": 4});
        let patch = json!([{"op": "remove", "path": "/a"}, {"op": "remove", "path": "/b/x"}]);
        assert_eq!(applied(patch, object).unwrap().to_string(), r#"{"b":{"y":2,"z":3},"c":3,"d":4}"#);
    }

    #[test]
    fn copies_cannot_fill_the_memory() {
        let copies: Vec<_> =
            (0..40).map(|n| json!({"op": "copy", "from": "", "path": format!("/{n}")})).collect();
        assert!(JsonPatch::new(Value::from(copies)).is_err());
    }
}
