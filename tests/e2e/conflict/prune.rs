//! Back to exactly the saved state: what was made since is deleted.

use serde_json::{Value, json};

use super::SAVED;
use crate::world::World;

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn prune_deletes_what_was_made_since_and_nothing_else() {
    let world = World::new();
    world.wait_until("the default service account", || world.object("serviceaccount/default").is_some());
    let map = |name: &str, value: &str| {
        world.apply(&format!(
            "{{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}, labels: {{app: {value}}}}}, data: {{key: {value}}}}}"
        ));
    };
    map("saved", "saved");
    world.apply(&SAVED.split("---").next().unwrap().replace("GROUP", "none"));
    world.wait_until("its replica set", || {
        !world.kubectl(&["get", "replicasets", "-o", "name"]).success().stdout.is_empty()
    });
    world.kubectl_backup(&["create", "-n", world.namespace(), "-q"]).success();
    map("saved", "changed");
    map("since", "other");
    world.kubectl(&["create", "secret", "generic", "since", "--from-literal=a=b"]).success();
    let point = format!("latest:{}", world.namespace());
    let restore = |words: &[&str]| {
        world.kubectl_backup(&[&["restore", &point, "--yes", "-o", "json", "--prune"][..], words].concat())
    };
    let names = || {
        let kinds = "configmaps,secrets,serviceaccounts,deployments,replicasets";
        world.kubectl(&["get", kinds, "-o", "name"]).success().stdout
    };

    let before = names();
    let planned = restore(&["--dry-run"]).success().json();
    assert_eq!(planned["counts"]["delete"], 2, "{planned:#}");
    assert_eq!(restore(&["--dry-run=server"]).success().json()["counts"]["deleted"], 2);
    assert_eq!(names(), before);
    // A selection covers no more than it selects.
    assert_eq!(restore(&["-l", "app=saved"]).success().json()["counts"]["deleted"], Value::Null);
    assert_eq!(restore(&["--include", "configmaps", "--dry-run"]).success().json()["counts"]["delete"], 1);

    let exact = restore(&["--on-conflict=patch", "--exact"]).success().json();
    assert_eq!(exact["counts"]["deleted"], 2, "{exact:#}");
    assert_eq!(names(), before.replace("configmap/since\n", "").replace("secret/since\n", ""));
    world.kubectl_backup(&["diff", &point]).success();
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn what_others_depend_on_is_not_deleted_from_under_them() {
    let world = World::new();
    let made = |kind: &str, name: &str, owner: Option<&str>| {
        let mut metadata = json!({"name": name});
        if let Some(owner) = owner {
            let uid = &world.object(&format!("configmap/{owner}")).unwrap()["metadata"]["uid"];
            metadata["ownerReferences"] =
                json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": owner, "uid": uid}]);
        }
        world.apply(&json!({"apiVersion": "v1", "kind": kind, "metadata": metadata}).to_string());
    };
    made("ConfigMap", "saved", None);
    world.kubectl_backup(&["create", "-n", world.namespace(), "-q"]).success();
    made("ConfigMap", "parent", None);
    made("Secret", "precious", Some("parent"));
    let point = format!("latest:{}", world.namespace());
    let words = ["restore", &point, "--exclude", "secrets", "--prune", "--yes", "-o", "json"];
    let pruned = world.kubectl_backup(&words).exits_with(3).json();
    assert_eq!(pruned["counts"]["refused"], 1, "{pruned:#}");
    assert!(pruned.to_string().contains("secrets/precious"), "{pruned:#}");
    assert!(world.object("secret/precious").is_some() && world.object("configmap/parent").is_some());

    // Nor does taking a restore back delete what somebody hung on to an object that it made.
    world.kubectl(&["delete", "configmap/saved"]).success();
    world.kubectl_backup(&["restore", &point, "configmap/saved", "--yes", "-q"]).success();
    made("Secret", "later", Some("saved"));
    let undone = world.kubectl_backup(&["undo", "--yes", "-o", "json"]);
    assert!(undone.stdout.contains("secrets/later"), "{undone:?}");
    assert!(world.object("secret/later").is_some() && world.object("configmap/saved").is_some());
}

/// The role `edit` of Kubernetes may not list what `admin` may: roles, quotas and more.
#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn one_who_may_not_list_some_kinds_is_told_all_of_them_and_how_to_do_without() {
    let world = World::new();
    world.wait_until("the default service account", || world.object("serviceaccount/default").is_some());
    world.kubectl_backup(&["create", "-n", world.namespace(), "-q"]).success();
    world.kubectl(&["create", "configmap", "since"]).success();
    world.kubectl(&["create", "rolebinding", "edits", "--clusterrole=edit", "--user=edith"]).success();
    let point = format!("latest:{}", world.namespace());
    let words = ["restore", &point, "--prune", "--yes", "--as", "edith", "-o", "json"];
    let refused = world.kubectl_backup(&words).exits_with(1).stderr;
    for kind in ["roles.rbac.authorization.k8s.io", "rolebindings.rbac.authorization.k8s.io"] {
        assert!(refused.contains(kind), "{refused}");
    }
    assert!(world.object("configmap/since").is_some());
    let exclude: Vec<&str> = refused
        .split_whitespace()
        .skip_while(|word| *word != "--exclude")
        .filter(|word| *word != "\\")
        .collect();
    let pruned = world.kubectl_backup(&[&words[..], &exclude].concat()).success().json();
    assert_eq!(pruned["counts"]["deleted"], 1, "{pruned:#}");
    assert!(world.object("configmap/since").is_none());
}

/// The deletion is begun and cannot be called back; what is known of it must not be lost.
#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn what_a_finalizer_keeps_from_being_pruned_is_told_and_comes_back_by_undo() {
    let world = World::new();
    world.wait_until("the default service account", || world.object("serviceaccount/default").is_some());
    world.kubectl_backup(&["create", "-n", world.namespace(), "-q"]).success();
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"key": "value"},
        "metadata": {"name": "since", "finalizers": ["example.com/hold"]}});
    world.apply(&map.to_string());
    let point = format!("latest:{}", world.namespace());
    for dry_run in ["--dry-run=client", "--dry-run=server"] {
        let plan = ["restore", &point, "--prune", dry_run, "-o", "json"];
        let plan = world.kubectl_backup(&plan).success().json();
        let entry = plan["objects"].as_array().unwrap().iter().find(|it| it["name"] == "since").unwrap();
        assert_eq!(
            entry["reason"],
            "is not in the restore point; its deletion waits until the controller of finalizer example.com/hold \
             removes it"
        );
    }
    let pruned =
        world.kubectl_backup(&["restore", &point, "--prune", "--yes", "-o", "json"]).exits_with(3).json();
    assert_eq!(pruned["counts"]["refused"], 1, "{pruned:#}");
    assert!(pruned.to_string().contains("its deletion has begun"), "{pruned:#}");
    assert!(world.object("configmap/since").unwrap()["metadata"]["deletionTimestamp"].is_string());
    world
        .kubectl(&["patch", "cm/since", "--type=merge", "-p", r#"{"metadata":{"finalizers":null}}"#])
        .success();
    assert!(world.object("configmap/since").is_none());
    let undone = world.kubectl_backup(&["undo", "--yes", "-o", "json"]).success().json();
    assert_eq!(undone["counts"]["created"], 1, "{undone:#}");
    assert_eq!(world.object("configmap/since").unwrap()["data"]["key"], "value");
}
