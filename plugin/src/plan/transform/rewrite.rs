//! Putting one text in the place of another, wherever in an object it is.

use serde_json::Value;

/// Replaces the text at `place` by what `new` makes of it, if there is a text and `new` makes something.
pub(super) fn text(place: Option<&mut Value>, new: impl FnOnce(&str) -> Option<String>) {
    let replaced = place.and_then(|place| {
        let new = new(place.as_str()?)?;
        Some((place, new))
    });
    if let Some((place, new)) = replaced {
        *place = Value::String(new);
    }
}

/// The items of a list; none if it is not there or no list.
pub(super) fn items(list: Option<&mut Value>) -> impl Iterator<Item = &mut Value> {
    list.and_then(Value::as_array_mut).into_iter().flatten()
}
