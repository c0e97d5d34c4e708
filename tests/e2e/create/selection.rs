//! What of a namespace is saved: by names, selectors and marks; and objects that are out of the ordinary.

use serde_json::{Value, json};

use super::{count, missing};
use crate::world::World;

/// A world with `ConfigMap`s of these names, each with the label `app=NAME`.
fn with_config_maps(names: &[&str]) -> World {
    let world = World::new();
    let items: Vec<Value> = names
        .iter()
        .map(|name| {
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"app": name}}})
        })
        .collect();
    world.apply(&json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string());
    world
}

/// The names of the `ConfigMap`s in the newest restore point.
fn saved_config_maps(world: &World) -> Vec<String> {
    let listed = world.kubectl_backup(&["ls", "latest", "configmaps", "-o", "name"]).success();
    listed.stdout.lines().map(|line| line.rsplit('/').next().unwrap().to_owned()).collect()
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn labels_fields_and_names_choose() {
    let world = with_config_maps(&["cache", "db", "web"]);
    world.kubectl_backup(&["create", "-l", "app notin (db)"]).success();
    assert_eq!(saved_config_maps(&world), ["cache", "web"]);
    world.kubectl_backup(&["create", "--field-selector", "metadata.name!=web"]).success();
    assert_eq!(saved_config_maps(&world), ["cache", "db"]);
    let report = world.kubectl_backup(&["create", "cm/web", "configmap/db", "-o", "json"]).success().json();
    assert_eq!(saved_config_maps(&world), ["db", "web"]);
    assert_eq!(count(&report, "serviceaccounts"), 0, "only what is named, and what it refers to: {report}");
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_field_that_a_kind_does_not_have_leaves_the_kind_out() {
    let world = with_config_maps(&["web"]);
    world.apply("apiVersion: v1\nkind: Secret\nmetadata: {name: key}\ntype: example.com/key\n");
    let report = world
        .kubectl_backup(&["create", "--field-selector", "type=example.com/key", "-o", "json"])
        .success()
        .json();
    assert_eq!((count(&report, "secrets"), count(&report, "configmaps")), (1, 0), "{report}");
    let told = report["leftOut"].as_array().unwrap().iter().any(|entry| {
        entry["resource"] == "configmaps" && entry["reason"].as_str().unwrap().contains("fields")
    });
    assert!(told, "{report}");
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_name_that_is_not_there_is_missing() {
    let world = with_config_maps(&["web"]);
    let report = world.kubectl_backup(&["create", "cm/web", "cm/gone", "-o", "json"]).exits_with(3).json();
    assert_eq!((missing(&report), count(&report, "configmaps")), (vec!["configmaps/gone"], 1));
    let refused = world.kubectl_backup(&["create", "cm/web", "cm/gone", "--require-complete"]).exits_with(1);
    assert!(refused.stderr.contains("configmaps/gone"), "{}", refused.stderr);
    assert_eq!(world.restore_points(), 1);
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn objects_marked_for_exclusion_are_left_out() {
    let world = World::new();
    world.apply(
        "apiVersion: v1
kind: ConfigMap
metadata: {name: kept}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: by-label, labels: {kubectl-backup.dev/exclude: 'true'}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: by-annotation, annotations: {kubectl-backup.dev/exclude: 'true'}}
",
    );
    let report = world.kubectl_backup(&["create", "-o", "json"]).success().json();
    assert_eq!(saved_config_maps(&world), ["kept"]);
    let excluded = report["leftOut"].as_array().unwrap().iter().filter(|entry| {
        entry["resource"] == "configmaps" && entry["reason"].as_str().unwrap().contains("exclude")
    });
    assert_eq!(excluded.map(|entry| entry["objects"].as_u64().unwrap()).sum::<u64>(), 2);
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn the_largest_config_map_goes_all_the_way() {
    let world = World::new();
    // The server allows 1 MiB of keys and values.
    let value = "0123456789abcde\n".repeat((1 << 16) - 1);
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "large"}, "data": {"value": value}});
    world.apply(&object.to_string());
    let report = world.kubectl_backup(&["create", "-o", "json"]).success().json();
    assert!(report["bytes"].as_u64().unwrap() > 1_000_000);
    world.kubectl(&["delete", "configmap", "large"]).success();
    world.kubectl_backup(&["restore", "latest", "configmap/large", "--yes"]).success();
    assert!(
        world.object("configmap/large").unwrap()["data"]["value"] == value.as_str(),
        "the content differs"
    );
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn an_object_with_a_finalizer_is_saved_until_it_is_being_deleted() {
    let world = World::new();
    world.apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: held, finalizers: [example.com/hold]}\n");
    world.kubectl_backup(&["create"]).success();
    let saved = world.kubectl_backup(&["get", "latest", "cm/held", "-o", "json"]).success().json();
    assert_eq!(saved["metadata"]["finalizers"], json!(["example.com/hold"]));

    world.kubectl(&["delete", "configmap", "held", "--wait=false"]).success();
    let report = world.kubectl_backup(&["create", "-o", "json"]).success().json();
    assert_eq!(count(&report, "configmaps"), 0, "{report}");
    let told = report["leftOut"].as_array().unwrap().iter().any(|entry| {
        entry["resource"] == "configmaps" && entry["reason"].as_str().unwrap().contains("delet")
    });
    assert!(told, "{report}");
    let release = r#"{"metadata":{"finalizers":null}}"#;
    world.kubectl(&["patch", "configmap", "held", "--type=merge", "--patch", release]).success();
}
