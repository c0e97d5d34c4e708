//! What a restore leaves behind to be taken back with, on a real API server.

mod killed;
mod since;

use serde_json::{Value, json};

use crate::world::{Output, World};

/// A world with a saved namespace: two maps and a secret.
fn saved() -> World {
    let world = World::new();
    world.wait_until("the default service account", || world.object("serviceaccount/default").is_some());
    world.apply(
        &json!({"apiVersion": "v1", "kind": "List", "items": [
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kept"}, "data": {"key": "saved"}},
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "lost"}, "data": {"key": "saved"}},
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "lost"}, "stringData": {"key": "saved"}}]})
        .to_string(),
    );
    world.kubectl_backup(&["create", "-n", world.namespace(), "-q"]).success();
    world
}

fn restores(world: &World) -> Vec<Value> {
    let list = world.kubectl_backup(&["list", "--restores", "-o", "json"]).success().json();
    list["items"].as_array().unwrap().clone()
}

/// All that a restore may touch in the namespace, without what no two lives of an object share. Owner references tell
/// whether they lead to a live owner.
fn state(world: &World, namespace: &str) -> Vec<Value> {
    let kinds = "configmaps,secrets,services,deployments.apps,serviceaccounts,rolebindings";
    let list = world.kubectl(&["get", kinds, "-n", namespace, "-o", "json"]).success().json();
    let items = list["items"].as_array().unwrap();
    let uids: Vec<&Value> = items.iter().map(|item| &item["metadata"]["uid"]).collect();
    let essential = |item: &Value| {
        let mut item = item.clone();
        item.as_object_mut().unwrap().remove("status");
        if let Some(Value::Array(owners)) = item["metadata"].get_mut("ownerReferences") {
            for owner in owners {
                owner["uid"] = json!(if uids.contains(&&owner["uid"]) { "live" } else { "dangling" });
            }
        }
        let metadata = item["metadata"].as_object_mut().unwrap();
        for field in ["uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"] {
            metadata.remove(field);
        }
        if let Some(Value::Object(annotations)) = metadata.get_mut("annotations") {
            annotations.remove("deployment.kubernetes.io/revision");
        }
        if item["kind"] == "Service" {
            let spec = item["spec"].as_object_mut().unwrap();
            spec.remove("clusterIP");
            spec.remove("clusterIPs");
        }
        item
    };
    items.iter().map(essential).collect()
}

fn undo(world: &World, arguments: &[&str]) -> Output {
    let all: Vec<&str> =
        ["undo", "--yes", "-o", "json"].into_iter().chain(arguments.iter().copied()).collect();
    world.kubectl_backup(&all)
}

/// A namespace that differs from what was saved of it in every way that a restore can make good.
fn changed() -> World {
    let world = World::new();
    world.wait_until("the default service account", || world.object("serviceaccount/default").is_some());
    let labels = json!({"app": "web"});
    let container = json!({"name": "web", "image": "web:1", "ports": [{"containerPort": 80}]});
    world.apply(
        &json!({"apiVersion": "v1", "kind": "List", "items": [
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "lost"}, "data": {"key": "saved"}},
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "app"}, "data": {"key": "saved", "more": "saved"}},
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "sealed"}, "immutable": true,
                "stringData": {"key": "saved"}},
            {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
                "spec": {"selector": labels, "ports": [{"name": "http", "port": 80}]}},
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 2,
                "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels},
                "spec": {"containers": [container]}}}}]})
        .to_string(),
    );
    world.kubectl_backup(&["create", "-n", world.namespace(), "-q"]).success();
    world.kubectl(&["delete", "configmap/lost", "secret/sealed"]).success();
    let sidecar = json!({"name": "sidecar", "image": "sidecar:1"});
    let container = json!({"name": "web", "image": "web:2", "ports": [{"containerPort": 80}]});
    let labels = json!({"app": "web"});
    world.apply(
        &json!({"apiVersion": "v1", "kind": "List", "items": [
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "app", "labels": {"new": "label"}},
                "data": {"key": "changed", "added": "since"}},
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "sealed"}, "immutable": true,
                "stringData": {"key": "changed"}},
            {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
                "spec": {"selector": {"app": "web", "tier": "new"}, "ports": [{"name": "http", "port": 8080},
                    {"name": "admin", "port": 9090}]}},
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 5,
                "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels},
                "spec": {"containers": [container, sidecar]}}}},
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "since"}, "data": {"key": "since"}}]})
        .to_string(),
    );
    let uid = world.object("secret/sealed").unwrap()["metadata"]["uid"].clone();
    let owner = json!({"apiVersion": "v1", "kind": "Secret", "name": "sealed", "uid": uid});
    world.apply(
        &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "dependant", "ownerReferences": [owner]},
            "data": {"key": "since"}})
        .to_string(),
    );
    world
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn an_undo_brings_the_state_before_back_whatever_the_policy_and_can_be_undone() {
    for policy in [
        vec!["--on-conflict=patch"],
        vec!["--on-conflict=patch", "--exact", "--prune"],
        vec!["--on-conflict=replace"],
    ] {
        let world = changed();
        let before = state(&world, world.namespace());
        let latest = format!("latest:{}", world.namespace());
        let restore: Vec<&str> =
            ["restore", &latest, "--yes", "-o", "json"].into_iter().chain(policy.iter().copied()).collect();
        let restored = world.kubectl_backup(&restore);
        let id = restored.json()["undoPoint"].as_str().unwrap().to_owned();
        let after = state(&world, world.namespace());
        assert_ne!(after, before, "{policy:?} did nothing");

        let planned = world.kubectl_backup(&["undo", "--dry-run", "-o", "json"]).success().json();
        assert_eq!(planned["kind"], "UndoPlan");
        world.kubectl_backup(&["undo", "--dry-run=server"]).success();
        assert_eq!(state(&world, world.namespace()), after, "a dry run changes nothing");
        let undone = undo(&world, &[&id]).success().json();
        assert_eq!(state(&world, world.namespace()), before, "{policy:?}: {undone:#}");
        let runs = restores(&world);
        assert_eq!((&runs[1]["state"], &runs[0]["state"]), (&json!("undone"), &json!("finished")));
        let again = undo(&world, &[&id]).exits_with(1);
        assert!(again.stderr.contains("taken back already"), "{again:?}");

        let redone = undo(&world, &[undone["undoPoint"].as_str().unwrap()]).success().json();
        assert_eq!(state(&world, world.namespace()), after, "{policy:?}: {redone:#}");
        assert_eq!(restores(&world)[2]["state"], "finished");
    }
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn what_somebody_changed_since_is_left_unless_forced() {
    let world = changed();
    let before = state(&world, world.namespace());
    let latest = format!("latest:{}", world.namespace());
    world.kubectl_backup(&["restore", &latest, "--on-conflict=patch", "--yes", "-q"]);
    world.kubectl(&["patch", "configmap/lost", "-p", r#"{"data":{"key":"mine"}}"#]).success();
    world.kubectl(&["patch", "configmap/app", "-p", r#"{"data":{"more":"mine"}}"#]).success();
    let undone = undo(&world, &[]).exits_with(3).json();
    let objects = undone["objects"].as_array().unwrap();
    let of = |name: &str| objects.iter().find(|it| it["object"] == name).unwrap();
    assert_eq!(of("configmap/lost")["state"], "skipped");
    assert!(of("configmap/lost")["reason"].as_str().unwrap().contains("kubectl-patch"), "{undone:#}");
    assert_eq!(world.object("configmap/lost").unwrap()["data"], json!({"key": "mine"}));
    assert_eq!(of("configmap/app")["fields"][0]["field"], "data.more");
    let data = world.object("configmap/app").unwrap()["data"].clone();
    assert_eq!(data, json!({"key": "changed", "added": "since", "more": "mine"}));
    assert_eq!(restores(&world)[1]["state"], "partlyUndone");

    undo(&world, &["--force"]).success();
    assert_eq!(state(&world, world.namespace()), before);
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_namespace_that_the_restore_made_goes_unless_others_use_it() {
    let world = changed();
    let copy = world.reserve_namespace();
    let map = format!("{}={copy}", world.namespace());
    let latest = format!("latest:{}", world.namespace());
    let restore = ["restore", &latest, "--map-namespace", &map, "--yes", "-q"];
    world.kubectl_backup(&restore).success();
    world.kubectl(&["create", "configmap", "stranger", "-n", &copy]).success();
    let undone = undo(&world, &[]).exits_with(3).json();
    let objects = undone["objects"].as_array().unwrap();
    let namespace = objects.iter().find(|it| it["object"] == format!("namespace/{copy}").as_str()).unwrap();
    assert_eq!(namespace["state"], "skipped");
    assert!(namespace["reason"].as_str().unwrap().contains("configmap/stranger"), "{undone:#}");
    assert!(world.object_in(&copy, "deployment/web").is_none());
    assert!(world.object_in(&copy, "configmap/stranger").is_some());
    world.kubectl(&["delete", "configmap", "stranger", "-n", &copy]).success();
    undo(&world, &[]).success();
    assert!(world.cluster_object(&format!("namespace/{copy}")).is_none());
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn restores_are_taken_back_last_first() {
    let world = changed();
    let latest = format!("latest:{}", world.namespace());
    let restore = ["restore", &latest, "configmap/app", "--on-conflict=patch", "--yes", "-q"];
    world.kubectl_backup(&restore).success();
    world.kubectl(&["patch", "configmap/app", "-p", r#"{"data":{"key":"between"}}"#]).success();
    world.kubectl_backup(&restore).success();
    let runs = restores(&world);
    let first = runs[1]["id"].as_str().unwrap();
    let refused = undo(&world, &[first]).exits_with(3).json();
    assert_eq!(refused["objects"][0]["state"], "skipped", "{refused:#}");
    undo(&world, &[]).success();
    assert_eq!(world.object("configmap/app").unwrap()["data"]["key"], "between");
    let again = undo(&world, &[]).exits_with(3).json();
    let fields = again["objects"][0]["fields"].as_array().unwrap();
    assert_eq!(fields.iter().map(|it| &it["field"]).collect::<Vec<_>>(), ["data.key"], "{again:#}");
    assert_eq!(world.object("configmap/app").unwrap()["data"]["key"], "between");
    undo(&world, &["--force"]).success();
    assert_eq!(world.object("configmap/app").unwrap()["data"]["key"], "changed");
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_restore_saves_what_it_overwrites_before_it_writes() {
    let world = saved();
    world.kubectl(&["patch", "configmap/kept", "-p", r#"{"data":{"key":"changed"}}"#]).success();
    world.kubectl(&["delete", "configmap/lost", "secret/lost"]).success();
    let latest = format!("latest:{}", world.namespace());
    let restore = ["restore", &latest, "--on-conflict=patch", "--yes", "-o", "json"];
    world.kubectl_backup(&["restore", &latest, "--on-conflict=patch", "--dry-run"]).success();
    world.kubectl_backup(&["restore", &latest, "--on-conflict=patch", "--dry-run=server"]).success();
    assert_eq!(restores(&world), Vec::<Value>::new(), "a dry run leaves nothing");
    let before = world.object("configmap/kept").unwrap();
    let result = world.kubectl_backup(&restore).success().json();

    let [record] = restores(&world).try_into().unwrap();
    assert_eq!(record["id"], result["undoPoint"]);
    assert_eq!(record["state"], "finished");
    assert_eq!(record["planned"], json!({"create": 2, "patch": 1}));
    assert_eq!(record["done"], json!({"created": 2, "patched": 1}));
    let id = record["id"].as_str().unwrap();
    let kept = world.kubectl_backup(&["get", id, "cm/kept", "-o", "json"]).success().json();
    assert_eq!(kept, before, "as the server gave it");
    let described = world.kubectl_backup(&["describe", id, "-o", "json"]).success().json();
    assert_eq!(described["planned"].as_array().unwrap().len(), 3);
    assert_eq!(described["done"].as_array().unwrap().len(), 3);
    assert!(world.kubectl_backup(&["describe", id]).success().stdout.contains("Journal:"));

    assert_eq!(world.restore_points(), 1, "an undo point is no backup");
    let name = world.kubectl_backup(&["describe", "latest", "-o", "json"]).success().json();
    assert_eq!(name["id"], record["restorePoint"], "nor is it ever the latest");
    world.kubectl_backup(&["check", "--read-data"]).success();
    world.kubectl_backup(&restore).success();
    assert_eq!(restores(&world).len(), 1, "nothing to write, nothing to undo");
    world.kubectl_backup(&["delete", id, "--yes"]).success();
    assert_eq!(restores(&world).len(), 0);
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_restore_that_cannot_save_an_undo_point_changes_nothing() {
    let world = saved();
    world.kubectl(&["delete", "configmap/lost"]).success();
    let user = world.user_with_role(&json!([
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "create", "patch"]}]));
    let latest = format!("latest:{}", world.namespace());
    // A file where the packs should go keeps the repository from taking anything.
    let data = world.repository().join("data");
    std::fs::rename(&data, world.folder().join("data")).unwrap();
    std::fs::write(&data, "").unwrap();
    let restore = ["restore", &latest, "configmap/lost", "--yes"];
    let failed = world.kubectl_backup_as(&user, &restore).exits_with(1);
    std::fs::remove_file(&data).unwrap();
    std::fs::rename(world.folder().join("data"), &data).unwrap();
    assert!(!failed.stderr.is_empty(), "{failed:?}");
    assert!(world.object("configmap/lost").is_none());
    world.kubectl_backup(&["restore", &latest, "configmap/lost", "--yes", "--no-undo"]).success();
    assert!(world.object("configmap/lost").is_some());
    assert_eq!(restores(&world).len(), 0);
}
