//! A namespace that a restore of many writes brings back: what it creates, patches, replaces and deletes.
//! For tests that kill it at any of them.

use anyhow::Context;
use serde_json::{Value, json};

/// How much of each a restore does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scenario {
    created: usize,
    patched: usize,
    replaced: usize,
    deleted: usize,
}

/// A replaced owner with a dependant that was made since: two writes, and one to link it.
const WITH_DEPENDANT: usize = 1;

/// Three hundred writes.
pub const LARGE: Scenario = Scenario { created: 100, patched: 80, replaced: 39, deleted: 40 };

/// Sixty, of the same kinds in the same proportion.
pub const SMALL: Scenario = Scenario { created: 20, patched: 16, replaced: 7, deleted: 8 };

const _: () = assert!(LARGE.writes() == 300 && SMALL.writes() == 60);

/// What the restore is asked for, with the rules in [`rules`] and so many writes at once.
pub fn options(parallel: usize) -> [String; 4] {
    ["--exact", "--prune", "--yes", &format!("--parallel={parallel}")].map(str::to_owned)
}

/// Secrets are replaced, everything else is patched.
pub fn rules() -> &'static str {
    "apiVersion: kubectl-backup.dev/v1alpha1\nkind: RestoreRules\nrules:\n- match: {kinds: [secrets]}\n  policy: replace\n- policy: patch\n"
}

fn map(name: &str, data: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})
}

fn secret(name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "immutable": true,
        "stringData": {"key": value}})
}

fn list(items: &[Value]) -> Value {
    json!({"apiVersion": "v1", "kind": "List", "items": items})
}

impl Scenario {
    /// Writes that the restore does, but for the link of the dependant: each replacement takes two.
    pub const fn writes(self) -> usize {
        self.created + self.patched + 2 * (self.replaced + WITH_DEPENDANT) + self.deleted
    }

    /// What is there when the backup is made.
    pub fn saved(self) -> Value {
        let mut items: Vec<Value> = (0..self.created)
            .map(|index| map(&format!("created-{index:03}"), &json!({"key": "saved"})))
            .collect();
        items.extend(
            (0..self.patched)
                .map(|index| map(&format!("patched-{index:03}"), &json!({"key": "saved", "gone": "saved"}))),
        );
        items.extend((0..self.replaced).map(|index| secret(&format!("replaced-{index:03}"), "saved")));
        items.push(secret("replaced-owner", "saved"));
        list(&items)
    }

    /// Names, as `TYPE/NAME`, of what is deleted after the backup.
    pub fn lost(self) -> Vec<String> {
        let mut names: Vec<_> =
            (0..self.created).map(|index| format!("configmap/created-{index:03}")).collect();
        names.extend((0..self.replaced).map(|index| format!("secret/replaced-{index:03}")));
        names.push("secret/replaced-owner".to_owned());
        names
    }

    /// What is made and changed after the backup.
    pub fn since(self) -> Value {
        let mut items: Vec<Value> = (0..self.patched)
            .map(|index| map(&format!("patched-{index:03}"), &json!({"key": "since", "added": "since"})))
            .collect();
        items.extend((0..self.replaced).map(|index| secret(&format!("replaced-{index:03}"), "since")));
        items.push(secret("replaced-owner", "since"));
        items.extend(
            (0..self.deleted).map(|index| map(&format!("since-{index:03}"), &json!({"key": "since"}))),
        );
        list(&items)
    }
}

/// What names the replaced owner, by its uid, as its own.
pub fn dependant(owner_uid: &str) -> Value {
    let mut dependant = map("dependant", &json!({"key": "since"}));
    dependant["metadata"]["ownerReferences"] =
        json!([{"apiVersion": "v1", "kind": "Secret", "name": "replaced-owner", "uid": owner_uid}]);
    dependant
}

/// A list of objects without what no two lives of an object share; an owner reference says whether its owner lives.
pub fn state(list: &Value) -> anyhow::Result<Vec<Value>> {
    let items = list["items"].as_array().context("this is no list")?;
    let uids: Vec<&Value> = items.iter().map(|item| &item["metadata"]["uid"]).collect();
    let mut state = items.clone();
    for item in &mut state {
        if let Some(Value::Array(owners)) = item["metadata"].get_mut("ownerReferences") {
            for owner in owners {
                owner["uid"] = if uids.contains(&&owner["uid"]) { "live" } else { "dangling" }.into();
            }
        }
        let metadata = item["metadata"].as_object_mut().context("an object has no metadata")?;
        for field in ["uid", "resourceVersion", "creationTimestamp", "managedFields"] {
            metadata.remove(field);
        }
    }
    Ok(state)
}
