//! What the last `kubectl apply` said, in an annotation of the object. It is how the next one knows what to remove.

use serde_json::Value;

/// The annotation.
pub(in crate::plan) const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Its value.
pub fn last_applied(object: &Value) -> Option<&Value> {
    object["metadata"]["annotations"].get(LAST_APPLIED)
}

/// Sets or removes it.
pub fn set_last_applied(object: &mut Value, value: Option<Value>) {
    match value {
        Some(value) if object["metadata"].is_object() => {
            let annotations = &mut object["metadata"]["annotations"];
            if annotations.is_object() || annotations.is_null() {
                annotations[LAST_APPLIED] = value;
            }
        }
        Some(_) => {}
        None => {
            if let Some(Value::Object(annotations)) = object.pointer_mut("/metadata/annotations") {
                annotations.shift_remove(LAST_APPLIED);
            }
        }
    }
}
