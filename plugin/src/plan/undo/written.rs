//! What a write changed of a live object: little enough for a journal, and enough to tell later which fields are as the
//! write left them.

use serde_json::Value;

use crate::{
    model::{resource::GroupResource, restore_record::WrittenFields},
    plan::{
        field_difference::differences,
        field_path::FieldPath,
        restore::content::{Content, content_in_place},
    },
};

/// Fields of one object that are noted. Of an object with more nothing is: a journal has a line for each of 100,000 objects.
const MOST_FIELDS: usize = 256;

/// The fields in which the object differs after a write; none if they are too many.
pub fn written_fields(resource: &GroupResource, before: &Value, after: &Value) -> Option<WrittenFields> {
    let before = content_in_place(resource, before.clone());
    let after = content_in_place(resource, after.clone());
    let changed = differences(&before, &after, MOST_FIELDS);
    let noted = |path: FieldPath| (path.to_string(), digest(&path, &after));
    (changed.more == 0).then(|| changed.fields.into_iter().map(|field| noted(field.path)).collect())
}

/// Whether the field of `live`, a [`content_in_place`], is as the write left it.
pub fn is_as_written(written: &WrittenFields, path: &FieldPath, live: &Value) -> bool {
    written.get(&path.to_string()) == Some(&digest(path, live))
}

fn digest(path: &FieldPath, content: &Value) -> Option<String> {
    path.get(content).map(|value| Content::of_value(value).to_string())
}
