//! The former state of a live object: what of it is set back, and what stays because somebody else changed it since.

use serde_json::Value;

use crate::{
    model::{
        resource::GroupResource,
        restoration::{FIELD_MANAGER, FieldChange, FieldProblem},
        restore_record::WrittenFields,
    },
    plan::{
        field_difference::differences,
        field_owner::FieldOwners,
        field_path::{FieldPath, Step},
        last_applied::{last_applied, set_last_applied},
        restore::{
            content::{content, content_in_place},
            merge::{Draft, merge_patch},
        },
        undo::written::is_as_written,
    },
};

/// Differing fields of one object that are told apart. With more, all of them are taken for the restore's own or none.
const MOST_LEAVES: usize = 1024;

/// Which fields of an object are taken for changed by the restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust<'a> {
    /// Every one: it is as the restore left it, or the user insists.
    All,
    /// Those that are as the restore left them.
    Written(&'a WrittenFields),
    /// Those that our field manager owns, and with `removals` those that are gone.
    Owned {
        /// The restore may have removed fields.
        removals: bool,
    },
    /// None but the links to owners.
    Owners,
}

/// What to write to get the former state back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reversal {
    /// The JSON merge patch; none if there is nothing to set.
    pub patch: Option<Value>,
    /// Fields that stay, with the reason.
    pub left: Vec<FieldProblem>,
    /// The fields that are set back.
    taken: Vec<FieldPath>,
    /// The live object with these set back.
    target: Value,
}

impl Reversal {
    fn new(live: &Value, target: Value, taken: Vec<FieldPath>, left: Vec<FieldProblem>) -> Self {
        Self { patch: merge_patch(live, &target), left, taken, target }
    }

    /// Lets the fields stay that the server refuses to set back; false if none of them was to be.
    pub fn give_way(&mut self, refused: &[FieldProblem], live: &Value) -> bool {
        let before = self.left.len();
        for path in &self.taken {
            let name = path.to_string();
            // A field may be refused under the name of another: `clusterIP` under that of `clusterIPs`.
            let is_about = |it: &&FieldProblem| Draft::is_about(it, path) || it.field.starts_with(&name);
            if let Some(problem) = refused.iter().find(is_about) {
                give_way(path, live, &mut self.target);
                self.left.push(FieldProblem { field: name, message: problem.message.clone() });
            }
        }
        self.taken.retain(|path| !self.left.iter().any(|it| it.field == path.to_string()));
        self.patch = merge_patch(live, &self.target);
        self.left.len() > before
    }
}

/// From the live object back to `former`, cleaned and linked to its owners of now.
pub fn reversal(resource: &GroupResource, former: &Value, live: &Value, trust: Trust<'_>) -> Reversal {
    let concerned =
        differences(&content(resource, former.clone()), &content(resource, live.clone()), MOST_LEAVES);
    let found = without_bookkeeping(live);
    let raw = differences(&without_bookkeeping(former), &found, MOST_LEAVES);
    let mut target = former.clone();
    let mut left = Vec::new();
    if concerned.more > 0 || raw.more > 0 {
        if trust != Trust::All {
            left.push(problem("more fields than can be told apart", None));
            target = live.clone();
        }
        return Reversal::new(live, target, Vec::new(), left);
    }
    let mut set_back = Vec::new();
    let owners = FieldOwners::of(live);
    let in_place = content_in_place(resource, live.clone());
    for field in &raw.fields {
        let is_near = |it: &&FieldPath| it.starts_with(&field.path) || field.path.starts_with(it);
        let mut concerned = concerned.fields.iter().map(|it| &it.path).filter(is_near).peekable();
        if concerned.peek().is_none() {
            give_way(&field.path, live, &mut target);
            continue;
        }
        let owner = owners.of_field(&field.path);
        let taken = match trust {
            Trust::All => true,
            Trust::Owners => is_owner_link(&field.path),
            Trust::Written(written) => concerned.all(|path| is_as_written(written, path, &in_place)),
            Trust::Owned { removals } => match field.change {
                FieldChange::OnlySaved => removals,
                FieldChange::Set | FieldChange::OnlyLive => owner == Some(FIELD_MANAGER),
            },
        };
        if taken {
            set_back.push(field.path.clone());
        } else {
            give_way(&field.path, live, &mut target);
            if trust != Trust::Owners {
                left.push(problem(&field.path.to_string(), owner));
            }
        }
    }
    if trust == Trust::All {
        set_last_applied(&mut target, last_applied(former).cloned());
    }
    Reversal::new(live, target, set_back, left)
}

/// Why not all of an object is set back: `left` stays, or nothing but that was to be.
pub fn why_left(left: &[FieldProblem], is_changed: bool) -> Option<String> {
    let FieldProblem { field, message } = left.first()?;
    Some(if is_changed { format!("but for {field}: {message}") } else { format!("{field}: {message}") })
}

fn is_owner_link(path: &FieldPath) -> bool {
    matches!(path.steps(), [Step::Field(first), Step::Field(second), ..]
        if first == "metadata" && second == "ownerReferences")
}

fn problem(field: &str, owner: Option<&str>) -> FieldProblem {
    let message = match owner.filter(|manager| *manager != FIELD_MANAGER) {
        Some(manager) => format!("was changed since by `{manager}`; --force sets it back"),
        None => "was changed since; --force sets it back".to_owned(),
    };
    FieldProblem { field: field.to_owned(), message }
}

/// Without what is long and no business of anyone but the server's.
fn without_bookkeeping(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.shift_remove("status");
    }
    if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
        metadata.shift_remove("managedFields");
    }
    object
}

fn give_way(path: &FieldPath, live: &Value, target: &mut Value) {
    match path.get(live) {
        // A path that was found in one of the two can be set in the other, or need not be.
        Some(value) => drop(path.set(target, value.clone())),
        None => drop(path.remove(target)),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::plan::undo::written::written_fields;

    /// The live object: `data` with, for each field, who owns it.
    fn live(data: &Value, owners: &Value) -> Value {
        let entries: Vec<Value> = owners
            .as_object()
            .unwrap()
            .iter()
            .map(|(manager, fields)| {
                let fields: serde_json::Map<String, Value> = fields
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|field| (format!("f:{}", field.as_str().unwrap()), json!({})))
                    .collect();
                json!({"manager": manager, "operation": "Update", "time": "2026-11-25T10:00:00Z",
                    "fieldsType": "FieldsV1", "fieldsV1": {"f:data": fields}})
            })
            .collect();
        json!({"apiVersion": "v1", "kind": "ConfigMap", "data": data,
            "metadata": {"name": "app", "uid": "1", "resourceVersion": "9", "managedFields": entries}})
    }

    fn former(data: &Value) -> Value {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "app"}, "data": data})
    }

    const OWNED: Trust<'_> = Trust::Owned { removals: false };
    const EXACT: Trust<'_> = Trust::Owned { removals: true };

    #[rstest]
    #[case::set_by_the_restore(json!({"a": "1"}), json!({"a": "2"}), json!({"kubectl-backup": ["a"]}), OWNED,
        Some(json!({"data": {"a": "1"}})), &[])]
    #[case::added_by_the_restore(json!({"a": "1"}), json!({"a": "1", "b": "2"}), json!({"kubectl-backup": ["b"]}), OWNED,
        Some(json!({"data": {"b": null}})), &[])]
    #[case::removed_by_the_restore(json!({"a": "1", "b": "2"}), json!({"a": "1"}), json!({"kubectl": ["a"]}), EXACT,
        Some(json!({"data": {"b": "2"}})), &[])]
    #[case::removed_by_somebody(json!({"a": "1", "b": "2"}), json!({"a": "1"}), json!({"kubectl": ["a"]}), OWNED,
        None, &["data.b"])]
    #[case::changed_since(json!({"a": "1", "b": "1"}), json!({"a": "2", "b": "3"}),
        json!({"kubectl-backup": ["a"], "kubectl-edit": ["b"]}), OWNED, Some(json!({"data": {"a": "1"}})), &["data.b"])]
    #[case::added_since(json!({"a": "1"}), json!({"a": "2", "b": "3"}),
        json!({"kubectl-backup": ["a"], "kubectl-edit": ["b"]}), OWNED, Some(json!({"data": {"a": "1"}})), &["data.b"])]
    #[case::all_of_it(json!({"a": "1", "b": "1"}), json!({"a": "2", "c": "3"}),
        json!({"kubectl-edit": ["a", "c"]}), Trust::All, Some(json!({"data": {"a": "1", "b": "1", "c": null}})), &[])]
    #[case::as_before(json!({"a": "1"}), json!({"a": "1"}), json!({"kubectl-backup": ["a"]}), OWNED, None, &[])]
    fn the_former_state_comes_back_but_for_what_others_changed(
        #[case] before: Value,
        #[case] now: Value,
        #[case] owners: Value,
        #[case] trust: Trust<'_>,
        #[case] patch: Option<Value>,
        #[case] left: &[&str],
    ) {
        let maps = GroupResource::new("configmaps", "");
        let reversal = reversal(&maps, &former(&before), &live(&now, &owners), trust);
        assert_eq!(reversal.patch, patch);
        assert_eq!(reversal.left.iter().map(|it| it.field.as_str()).collect::<Vec<_>>(), left);
    }

    /// Managers tell nothing here: each change has the name and the second of the restore's own.
    #[rstest]
    #[case::set_by_the_restore(json!({"a": "1"}), json!({"a": "2"}), json!({"a": "2"}),
        Some(json!({"data": {"a": "1"}})), &[])]
    #[case::set_anew_since(json!({"a": "1"}), json!({"a": "2"}), json!({"a": "3"}), None, &["data.a"])]
    #[case::removed_since(json!({"a": "1"}), json!({"a": "2"}), json!({}), None, &["data.a"])]
    #[case::removed_by_the_restore(json!({"a": "1", "b": "1"}), json!({"a": "1"}), json!({"a": "1"}),
        Some(json!({"data": {"b": "1"}})), &[])]
    #[case::removed_by_the_restore_and_set_since(json!({"b": "1"}), json!({}), json!({"b": "2"}), None, &["data.b"])]
    #[case::added_since(json!({"a": "1"}), json!({"a": "2"}), json!({"a": "2", "b": "3"}),
        Some(json!({"data": {"a": "1"}})), &["data.b"])]
    #[case::removed_since_and_not_touched_by_the_restore(json!({"a": "1", "b": "1"}), json!({"a": "2", "b": "1"}),
        json!({"a": "2"}), Some(json!({"data": {"a": "1"}})), &["data.b"])]
    fn what_the_restore_wrote_tells_what_others_changed_since(
        #[case] before: Value,
        #[case] written: Value,
        #[case] now: Value,
        #[case] patch: Option<Value>,
        #[case] left: &[&str],
    ) {
        let maps = GroupResource::new("configmaps", "");
        let ours = json!({"kubectl-backup": ["a", "b"]});
        let noted = written_fields(&maps, &former(&before), &live(&written, &ours)).unwrap();
        let reversal = reversal(&maps, &former(&before), &live(&now, &ours), Trust::Written(&noted));
        assert_eq!(reversal.patch, patch);
        assert_eq!(reversal.left.iter().map(|it| it.field.as_str()).collect::<Vec<_>>(), left);
        assert!(reversal.left.iter().all(|it| it.message == "was changed since; --force sets it back"));
    }

    #[test]
    fn what_the_server_refuses_to_set_back_stays() {
        let services = GroupResource::new("services", "");
        let service = |address: &str, app: &str| {
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
                "spec": {"selector": {"app": app}, "clusterIP": address, "clusterIPs": [address]}})
        };
        let (former, live) = (service("10.0.0.1", "old"), service("10.0.0.2", "new"));
        let mut reversal = reversal(&services, &former, &live, Trust::All);
        let refused =
            FieldProblem { field: "spec.clusterIPs[0]".to_owned(), message: "immutable".to_owned() };
        assert!(reversal.give_way(std::slice::from_ref(&refused), &live));
        assert_eq!(reversal.patch, Some(json!({"spec": {"selector": {"app": "old"}}})));
        let left: Vec<_> = reversal.left.iter().map(|it| (it.field.as_str(), it.message.as_str())).collect();
        assert_eq!(left, [("spec.clusterIP", "immutable"), ("spec.clusterIPs", "immutable")]);
        assert!(!reversal.give_way(&[refused], &live));
    }

    #[test]
    fn a_dependant_gets_its_owner_back_and_nothing_else() {
        let maps = GroupResource::new("configmaps", "");
        let mut former = former(&json!({"a": "1"}));
        let owners = json!([{"apiVersion": "v1", "kind": "Secret", "name": "owner", "uid": "now"}]);
        former["metadata"]["ownerReferences"] = owners.clone();
        let live = live(&json!({"a": "2"}), &json!({"controller": ["a"]}));
        let reversal = reversal(&maps, &former, &live, Trust::Owners);
        assert_eq!(reversal.patch, Some(json!({"metadata": {"ownerReferences": owners}})));
        assert_eq!(reversal.left, []);
    }

    #[test]
    fn what_the_server_allocated_is_no_former_state() {
        let services = GroupResource::new("services", "");
        let former = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
            "spec": {"selector": {"app": "old"}, "ports": [{"port": 80, "protocol": "TCP"}]}});
        let live = json!({"apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "web", "uid": "2", "annotations": {"deployment.kubernetes.io/revision": "3"}},
            "spec": {"selector": {"app": "new"}, "clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"],
                "ports": [{"port": 80, "protocol": "TCP"}]}, "status": {"loadBalancer": {}}});
        let reversal = reversal(&services, &former, &live, Trust::All);
        assert_eq!(reversal.patch, Some(json!({"spec": {"selector": {"app": "old"}}})));
    }
}
