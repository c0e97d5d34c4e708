//! Custom resource definitions.

use serde_json::{Value, json};

use super::fields::{descend, remove};

/// `preserveUnknownFields: true` is a left-over of v1beta1 that v1 refuses on create; the schema says the same.
pub(super) fn definition(body: &mut Value, notes: &mut Vec<String>) {
    let preserves = body["spec"]["preserveUnknownFields"] == true;
    remove(body, &["spec", "preserveUnknownFields"]);
    if !preserves {
        return;
    }
    let Some(Value::Array(versions)) = descend(body, &["spec", "versions"]) else { return };
    for version in versions {
        if let Some(Value::Object(schema)) = descend(version, &["schema", "openAPIV3Schema"]) {
            schema.insert("x-kubernetes-preserve-unknown-fields".to_owned(), json!(true));
        }
    }
    notes.push("preserves unknown fields by its schemas, as v1 asks for".to_owned());
}
