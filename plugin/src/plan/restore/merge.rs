//! What a patch wants to set, what of it gives way, and the JSON merge patch that comes of it.
//!
//! The server merges (`docs/design/0003-conflicts.md`); here is decided what it is asked, and what of its answer is
//! written.

use serde_json::{Map, Value};

use crate::{
    model::restoration::{FieldChange, FieldProblem},
    plan::{
        conflict::Resolution,
        field_difference::differences,
        field_owner::FieldOwners,
        field_path::{FieldPath, Step},
        last_applied::{last_applied, set_last_applied},
    },
};

/// Differing fields of one object that are told apart; what lies beyond is patched or left with the rest.
const MOST_LEAVES: usize = 256;

/// Metadata that the server keeps for itself.
const SERVER_METADATA: [&str; 6] =
    ["managedFields", "resourceVersion", "generation", "creationTimestamp", "uid", "selfLink"];

/// A patch in the making.
#[derive(Clone, Debug)]
pub struct Draft {
    live: Value,
    wanted: Value,
    leaves: Vec<FieldPath>,
    /// Fields that the server does not let change, with its words.
    pub left: Vec<FieldProblem>,
    /// Fields that stay as the user's rules say, with the manager that owns them.
    pub kept: Vec<(String, Option<String>)>,
}

impl Draft {
    /// To set what `wanted` states on `live`, except what `resolution` keeps.
    pub fn new(live: Value, mut wanted: Value, resolution: &Resolution) -> Self {
        // A patch is no apply: the next one must still find what the last one said.
        set_last_applied(&mut wanted, last_applied(&live).cloned());
        let found = differences(&wanted, &live, MOST_LEAVES).fields;
        let set = found.into_iter().filter(|field| field.change != FieldChange::OnlyLive);
        let leaves: Vec<_> = set.map(|field| field.path).collect();
        let mut draft = Self { live, wanted, leaves, left: Vec::new(), kept: Vec::new() };
        draft.keep(resolution);
        draft
    }

    fn keep(&mut self, resolution: &Resolution) {
        let owners = FieldOwners::of(&self.live);
        let kept: Vec<_> = self
            .leaves
            .iter()
            .map(|path| (path.clone(), owners.of_field(path).map(str::to_owned)))
            .filter(|(path, manager)| resolution.keeps(path, manager.as_deref()))
            .collect();
        for (path, manager) in kept {
            self.give_way(&path);
            self.kept.push((path.to_string(), manager));
        }
    }

    /// Those of `extra`, fields that only the live object has, that `resolution` lets go.
    pub fn without_kept(&mut self, extra: Vec<FieldPath>, resolution: &Resolution) -> Vec<FieldPath> {
        let owners = FieldOwners::of(&self.live);
        let is_kept = |path: &FieldPath| resolution.keeps(path, owners.of_field(path));
        let (kept, rest): (Vec<_>, Vec<_>) = extra.into_iter().partition(is_kept);
        let kept = kept.iter().map(|path| (path.to_string(), owners.of_field(path).map(str::to_owned)));
        self.kept.extend(kept.collect::<Vec<_>>());
        rest
    }

    /// What to ask the server to set.
    pub fn wanted(&self) -> &Value {
        &self.wanted
    }

    /// The live object that it is based on.
    pub fn live(&self) -> &Value {
        &self.live
    }

    /// The fields to be set.
    pub fn leaves(&self) -> &[FieldPath] {
        &self.leaves
    }

    /// The fields to be set that a refusal of `problem` is about: those at, below or above its path.
    ///
    /// The server's path counts list items where ours name them, so any item matches any.
    pub fn concerned(&self, problem: &FieldProblem) -> Vec<FieldPath> {
        self.leaves.iter().filter(|leaf| Self::is_about(problem, leaf)).cloned().collect()
    }

    /// Whether a refusal is about the field at `path`.
    pub fn is_about(problem: &FieldProblem, path: &FieldPath) -> bool {
        touches(&segments(&problem.field), path)
    }

    /// Without setting any of `fields`.
    #[must_use]
    pub fn without(&self, fields: &[FieldPath]) -> Self {
        let mut draft = self.clone();
        for path in fields {
            draft.give_way(path);
        }
        draft
    }

    /// The field keeps its live value, for the reason that the server gives.
    pub fn leave(&mut self, path: &FieldPath, message: &str) {
        self.give_way(path);
        self.left.push(FieldProblem { field: path.to_string(), message: message.to_owned() });
    }

    /// What of the server's `preview` is to be written: all but what neither side states. Those are defaults, which the
    /// server sets again, and placeholders for addresses and ports that it only allocates for real.
    pub fn stated(&self, preview: Value) -> Value {
        let found = differences(&preview, &self.live, MOST_LEAVES).fields;
        let mut target = preview;
        for field in found {
            if field.change == FieldChange::OnlySaved {
                match field.path.get(&self.wanted) {
                    // A path that was found can be set.
                    Some(value) => drop(field.path.set(&mut target, value.clone())),
                    None => drop(field.path.remove(&mut target)),
                }
            }
        }
        target
    }

    fn give_way(&mut self, path: &FieldPath) {
        match path.get(&self.live) {
            // A path that was found in one of the two can be set in the other, or need not be.
            Some(value) => drop(path.set(&mut self.wanted, value.clone())),
            None => drop(path.remove(&mut self.wanted)),
        }
        self.leaves.retain(|leaf| leaf != path);
    }
}

/// Fields that only `live` has, compared with the saved object that is `wanted`; both as content.
pub fn only_live(wanted: &Value, live: &Value) -> Vec<FieldPath> {
    let found = differences(wanted, live, MOST_LEAVES).fields;
    found
        .into_iter()
        .filter(|field| field.change == FieldChange::OnlyLive && !stays(&field.path))
        .map(|field| field.path)
        .collect()
}

/// Finalizers and owners belong to those who set them; a restore never takes one away.
fn stays(path: &FieldPath) -> bool {
    let field =
        |at: usize, name: &str| matches!(path.steps().get(at), Some(Step::Field(field)) if field == name);
    field(0, "metadata") && (field(1, "finalizers") || field(1, "ownerReferences"))
}

/// The JSON merge patch (RFC 7386) that makes `from` into `to`; none if nothing is to be changed.
///
/// Status and what the server keeps in the metadata are not part of it.
pub fn merge_patch(from: &Value, to: &Value) -> Option<Value> {
    let (mut from, mut to) = (from.clone(), to.clone());
    for object in [&mut from, &mut to] {
        if let Some(fields) = object.as_object_mut() {
            fields.shift_remove("status");
        }
        if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
            for field in SERVER_METADATA {
                metadata.shift_remove(field);
            }
        }
    }
    match difference(&from, &to) {
        Some(Value::Object(patch)) if patch.is_empty() => None,
        patch => patch,
    }
}

fn difference(from: &Value, to: &Value) -> Option<Value> {
    if from == to {
        return None;
    }
    let (Value::Object(from), Value::Object(to)) = (from, to) else { return Some(to.clone()) };
    let mut patch = Map::new();
    for (name, value) in to {
        let change = from.get(name).map_or_else(|| Some(value.clone()), |old| difference(old, value));
        if let Some(change) = change {
            patch.insert(name.clone(), change);
        }
    }
    for name in from.keys().filter(|name| !to.contains_key(*name)) {
        patch.insert(name.clone(), Value::Null);
    }
    Some(Value::Object(patch))
}

/// A path as the server writes it, `spec.ports[0].nodePort` or `data[app.conf]`, cut into names.
fn segments(path: &str) -> Vec<&str> {
    let mut segments = Vec::new();
    for part in path.trim_start_matches('.').split('[') {
        let mut names = part;
        if let Some((inside, behind)) = part.split_once(']') {
            segments.push(inside);
            names = behind.trim_start_matches('.');
        }
        segments.extend(names.split('.').filter(|name| !name.is_empty()));
    }
    segments
}

fn touches(cause: &[&str], leaf: &FieldPath) -> bool {
    leaf.steps().iter().zip(cause).all(|(step, segment)| match step {
        Step::Field(name) => name == segment,
        _ => true,
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::plan::last_applied::LAST_APPLIED;

    #[rstest]
    #[case::nothing(json!({"a": 1}), json!({"a": 1}), None)]
    #[case::only_server_fields(json!({"metadata": {"resourceVersion": "1"}, "status": {"a": 1}}),
        json!({"metadata": {"resourceVersion": "2"}}), None)]
    #[case::set(json!({"a": {"b": 1, "c": 2}}), json!({"a": {"b": 3, "c": 2}}), Some(json!({"a": {"b": 3}})))]
    #[case::add(json!({}), json!({"a": {"b": 1}}), Some(json!({"a": {"b": 1}})))]
    #[case::remove(json!({"a": 1, "b": 2}), json!({"b": 2}), Some(json!({"a": null})))]
    #[case::lists_are_written_whole(json!({"a": [1, 2]}), json!({"a": [1, 3]}), Some(json!({"a": [1, 3]})))]
    fn patches(#[case] from: Value, #[case] to: Value, #[case] wanted: Option<Value>) {
        assert_eq!(merge_patch(&from, &to), wanted);
    }

    #[rstest]
    #[case("spec.ports[0].nodePort", &["spec", "ports", "0", "nodePort"])]
    #[case("data[app.conf]", &["data", "app.conf"])]
    #[case(".spec.replicas", &["spec", "replicas"])]
    #[case("metadata.annotations[a/b.c].x", &["metadata", "annotations", "a/b.c", "x"])]
    fn reads_paths_of_the_server(#[case] path: &str, #[case] wanted: &[&str]) {
        assert_eq!(segments(path), wanted);
    }

    fn draft() -> Draft {
        let live = json!({"spec": {"selector": {"a": "1"}, "replicas": 1, "template": {"spec": {"containers": [
            {"name": "web", "image": "x:1"}]}}}});
        let wanted = json!({"spec": {"selector": {"a": "2"}, "replicas": 2, "template": {"spec": {"containers": [
            {"name": "web", "image": "x:2"}]}}}});
        Draft::new(live, wanted, &Resolution::default())
    }

    #[rstest]
    #[case::exactly("spec.selector", &["spec.selector.a"])]
    #[case::above("spec", &["spec.replicas", "spec.selector.a", "spec.template.spec.containers[name=web].image"])]
    #[case::below("spec.replicas.x", &["spec.replicas"])]
    #[case::by_number("spec.template.spec.containers[0].image", &["spec.template.spec.containers[name=web].image"])]
    #[case::elsewhere("metadata.name", &[])]
    fn a_cause_concerns_the_fields_around_it(#[case] cause: &str, #[case] wanted: &[&str]) {
        let problem = FieldProblem { field: cause.to_owned(), message: String::new() };
        let mut concerned: Vec<_> = draft().concerned(&problem).iter().map(ToString::to_string).collect();
        concerned.sort_unstable();
        assert_eq!(concerned, wanted);
    }

    #[test]
    fn a_field_that_is_left_takes_the_live_value() {
        let mut draft = draft();
        let path = draft.leaves.iter().find(|leaf| leaf.to_string() == "spec.selector.a").unwrap().clone();
        draft.leave(&path, "field is immutable");
        assert_eq!(draft.wanted()["spec"]["selector"]["a"], "1");
        assert_eq!(draft.wanted()["spec"]["replicas"], 2);
        assert_eq!(draft.left.len(), 1);
    }

    #[test]
    fn what_the_server_fills_in_is_left_to_it() {
        let live = json!({"spec": {"type": "ClusterIP", "ports": [{"port": 80, "protocol": "TCP"}]}});
        let wanted = json!({"spec": {"type": "NodePort", "ports": [
            {"port": 80, "protocol": "TCP"}, {"port": 81, "protocol": "TCP"}]}});
        let preview = json!({"spec": {"type": "NodePort", "externalTrafficPolicy": "Cluster", "ports": [
            {"port": 80, "protocol": "TCP", "nodePort": 32769}, {"port": 81, "protocol": "TCP", "nodePort": 32770}]}});
        let draft = Draft::new(live, wanted.clone(), &Resolution::default());
        assert_eq!(draft.stated(preview)["spec"], wanted["spec"]);
    }

    #[test]
    fn a_patch_is_no_apply_and_leaves_what_the_last_one_said() {
        let annotated = |said: &str| json!({"metadata": {"annotations": {LAST_APPLIED: said}}});
        let draft = Draft::new(annotated("live"), annotated("saved"), &Resolution::default());
        assert_eq!(last_applied(draft.wanted()), Some(&json!("live")));
        assert!(draft.leaves().is_empty());
        let draft = Draft::new(json!({"metadata": {}}), annotated("saved"), &Resolution::default());
        assert_eq!(last_applied(draft.wanted()), None);
    }

    #[test]
    fn finalizers_and_owners_are_never_taken_away() {
        let live = json!({"metadata": {"finalizers": ["a.b/c"], "labels": {"x": "y"}, "ownerReferences": [
            {"kind": "A", "name": "a"}]}});
        let paths: Vec<_> =
            only_live(&json!({"metadata": {}}), &live).iter().map(ToString::to_string).collect();
        assert!(paths.iter().all(|path| path.starts_with("metadata.labels")), "{paths:?}");
        assert!(!paths.is_empty());
    }
}
