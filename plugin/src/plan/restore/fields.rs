//! `--field`: single fields of a saved object brought into the live one, which stays what it is otherwise.

use serde_json::Value;

use crate::plan::{field_difference::differences, field_path::FieldPath};

/// Enough for any object: every leaf of it.
const EVERY_LEAF: usize = usize::MAX;

/// The fields to restore; none means whole objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(Vec<FieldPath>);

impl Fields {
    /// From paths.
    pub fn new(paths: Vec<FieldPath>) -> Self {
        Self(paths)
    }

    /// Whether whole objects are restored.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first field that `saved` does not have.
    pub fn missing_in(&self, saved: &Value) -> Option<&FieldPath> {
        self.0.iter().find(|path| path.get(saved).is_none())
    }

    /// `live` with the fields of `saved`; all of `saved` when whole objects are restored.
    pub fn overlay(&self, saved: &Value, live: &Value) -> Value {
        if self.is_empty() {
            return saved.clone();
        }
        let mut overlaid = live.clone();
        for path in &self.0 {
            let path = path.anchored_in(saved);
            if let Some(value) = path.get(saved) {
                // Where the live object has something else in the way, that is what differs, and the server will say so.
                let _ = path.set(&mut overlaid, value.clone());
            }
        }
        overlaid
    }

    /// What to set on `live`: the fields alone, with the keys of the list items they are in. Of a list that the server
    /// does not merge the other items are those of the live object.
    pub fn narrow(&self, saved: Value, live: &Value) -> Value {
        if self.is_empty() {
            return saved;
        }
        let overlaid = self.overlay(&saved, live);
        let mut parts = self.0.iter().filter_map(|path| path.anchored_in(&saved).skeleton(&overlaid));
        let mut whole = parts.next().unwrap_or_default();
        for part in parts {
            for leaf in differences(&part, &whole, EVERY_LEAF).fields {
                if let Some(value) = leaf.path.get(&part) {
                    let _ = leaf.path.set(&mut whole, value.clone());
                }
            }
        }
        whole
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn saved() -> Value {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"replicas": 1, "template": {"spec": {"containers": [
                {"name": "web", "image": "web:1", "args": ["a", "b"]}, {"name": "log", "image": "log:1"}]}}}})
    }

    fn live() -> Value {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"replicas": 9, "template": {"spec": {"containers": [
                {"name": "log", "image": "log:9"}, {"name": "web", "image": "web:9", "args": ["x", "y", "z"]}]}}}})
    }

    fn fields(paths: &[&str]) -> Fields {
        Fields::new(paths.iter().map(|path| FieldPath::parse(path).unwrap()).collect())
    }

    #[rstest]
    #[case::plain(&["spec.replicas"], json!({"replicas": 1}))]
    #[case::in_a_list(&["spec.template.spec.containers[name=web].image"],
        json!({"template": {"spec": {"containers": [{"name": "web", "image": "web:1"}]}}}))]
    #[case::by_its_place_in_what_was_saved(&["spec.template.spec.containers[0].image"],
        json!({"template": {"spec": {"containers": [{"name": "web", "image": "web:1"}]}}}))]
    #[case::two_of_one_item(
        &["spec.template.spec.containers[name=web].image", "spec.template.spec.containers[name=web].args", "spec.replicas"],
        json!({"template": {"spec": {"containers": [{"name": "web", "image": "web:1", "args": ["a", "b"]}]}},
            "replicas": 1}))]
    #[case::one_of_a_list_that_is_not_merged(&["spec.template.spec.containers[name=web].args[0]"],
        json!({"template": {"spec": {"containers": [{"name": "web", "args": ["a", "y", "z"]}]}}}))]
    fn only_the_field_is_set(#[case] paths: &[&str], #[case] spec: Value) {
        let narrow = fields(paths).narrow(saved(), &live());
        assert_eq!(narrow["metadata"], json!({"name": "web", "namespace": "shop"}));
        assert_eq!(narrow["spec"], spec);
    }

    #[test]
    fn the_rest_of_the_live_object_is_no_difference() {
        let overlaid = fields(&["spec.replicas"]).overlay(&saved(), &live());
        assert_eq!(overlaid["spec"]["replicas"], 1);
        assert_eq!(overlaid["spec"]["template"], live()["spec"]["template"]);
    }

    #[test]
    fn a_field_that_was_not_saved_is_told() {
        let fields = fields(&["spec.replicas", "spec.paused"]);
        assert_eq!(fields.missing_in(&saved()).unwrap().to_string(), "spec.paused");
    }
}
