//! What a restore leaves behind to be taken back with, on a real API server.

use serde_json::{Value, json};

use crate::world::World;

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
