//! Which finalizers return with their objects.
//!
//! An object with a finalizer whose controller runs nowhere can never be deleted. So a finalizer returns only if a live
//! object of the same kind carries it too, which is what can be seen of a controller, or if the user asks for it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{model::resource::GroupResource, plan::sanitize::own_finalizers};

/// Finalizers that are remembered of a kind; a hostile restore point could have one for each object.
const MOST_OF_A_KIND: usize = 64;

/// What the deletion of an object with these finalizers, which are not Kubernetes' own, waits for.
pub fn deletion_waits_for<'a>(finalizers: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let finalizers: Vec<&str> = finalizers.into_iter().collect();
    (!finalizers.is_empty()).then(|| {
        format!("its deletion waits until the controller of finalizer {} removes it", finalizers.join(", "))
    })
}

/// Finalizers of the kinds that carry them, without those of Kubernetes itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Finalizers(BTreeMap<GroupResource, BTreeSet<String>>);

impl Finalizers {
    /// Adds those of an object.
    pub fn observe(&mut self, resource: &GroupResource, body: &Value) {
        for finalizer in own_finalizers(body) {
            let known = self.0.entry(resource.clone()).or_default();
            if known.len() < MOST_OF_A_KIND {
                known.insert(finalizer.to_owned());
            }
        }
    }

    /// Whether objects of a kind carry `finalizer`.
    pub fn contains(&self, resource: &GroupResource, finalizer: &str) -> bool {
        self.0.get(resource).is_some_and(|known| known.contains(finalizer))
    }

    /// Whether all of `others` of a kind are among these.
    pub fn covers(&self, resource: &GroupResource, others: &Self) -> bool {
        let mut wanted = others.0.get(resource).into_iter().flatten();
        wanted.all(|finalizer| self.contains(resource, finalizer))
    }

    /// The kinds.
    pub fn kinds(&self) -> impl Iterator<Item = &GroupResource> {
        self.0.keys()
    }

    /// Adds all of `others`.
    pub fn merge(&mut self, others: Self) {
        for (resource, finalizers) in others.0 {
            self.0.entry(resource).or_default().extend(finalizers);
        }
    }

    /// Drops from an object what is not among these; returns a note that names it.
    pub fn restrict(&self, resource: &GroupResource, body: &mut Value) -> Option<String> {
        let lost: Vec<String> = own_finalizers(body)
            .filter(|finalizer| !self.contains(resource, finalizer))
            .map(str::to_owned)
            .collect();
        if lost.is_empty() {
            return None;
        }
        if let Some(Value::Array(finalizers)) = body.pointer_mut("/metadata/finalizers") {
            finalizers.retain(|it| !it.as_str().is_some_and(|it| lost.iter().any(|lost| lost == it)));
        }
        Some(format!(
            "loses finalizer {}: no live object of its kind has it, so its controller may not be there; \
             --keep-finalizers keeps it",
            lost.join(", ")
        ))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn widgets() -> GroupResource {
        GroupResource::new("widgets", "example.com")
    }

    #[expect(clippy::needless_pass_by_value, reason = "reads better with `json!` at the call")]
    fn object(finalizers: Value) -> Value {
        json!({"metadata": {"name": "w", "finalizers": finalizers}})
    }

    fn alive(finalizers: Value) -> Finalizers {
        let mut alive = Finalizers::default();
        alive.observe(&widgets(), &object(finalizers));
        alive
    }

    #[rstest]
    #[case::alive(json!(["a/x"]), json!(["a/x"]), json!(["a/x"]), None)]
    #[case::nobody(json!([]), json!(["a/x"]), json!([]), Some("a/x"))]
    #[case::one_of_two(json!(["a/x"]), json!(["b/y", "a/x"]), json!(["a/x"]), Some("b/y"))]
    #[case::of_kubernetes_is_not_our_matter(json!([]), json!(["kubernetes.io/pvc-protection"]),
        json!(["kubernetes.io/pvc-protection"]), None)]
    fn only_what_lives_is_kept(
        #[case] live: Value,
        #[case] saved: Value,
        #[case] wanted: Value,
        #[case] lost: Option<&str>,
    ) {
        let mut body = object(saved);
        let note = alive(live).restrict(&widgets(), &mut body);
        assert_eq!(body["metadata"]["finalizers"], wanted);
        let named = lost.map(|lost| format!("loses finalizer {lost}:"));
        assert!(note.as_deref().zip(named.as_deref()).is_none_or(|(note, named)| note.starts_with(named)));
        assert_eq!(note.is_some(), lost.is_some());
    }

    #[test]
    fn the_same_finalizer_on_another_kind_says_nothing() {
        let mut body = object(json!(["a/x"]));
        let note = alive(json!(["a/x"])).restrict(&GroupResource::new("configmaps", ""), &mut body);
        assert!(note.unwrap().contains("--keep-finalizers"));
    }

    #[test]
    fn looking_ends_when_all_are_found() {
        let wanted = alive(json!(["a/x", "b/y"]));
        let mut found = alive(json!(["a/x"]));
        assert!(!found.covers(&widgets(), &wanted));
        found.merge(alive(json!(["b/y", "c/z"])));
        assert!(found.covers(&widgets(), &wanted));
    }
}
