//! What others changed since a restore, told from what it wrote itself: also in the second in which it wrote.

use serde_json::{Value, json};

use super::undo;
use crate::world::World;

/// A world whose maps were saved with `saved` values and then changed to `live` ones.
fn changed() -> World {
    let world = World::new();
    let apply = |value: &str| {
        for name in ["one", "gone", "whole"] {
            world.apply(
                &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name},
                    "data": {"key": value, "more": value}})
                .to_string(),
            );
        }
    };
    apply("saved");
    world.kubectl_backup(&["create", "-n", world.namespace(), "-q"]).success();
    apply("live");
    world
}

fn entry<'a>(undone: &'a Value, object: &str) -> &'a Value {
    undone["objects"].as_array().unwrap().iter().find(|it| it["object"] == object).unwrap()
}

/// The server notes who changed a field by the second. Here the change follows the write at once; `plan::undo` has the
/// tables in which the second is the same for sure.
#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_change_right_after_the_write_is_left_and_its_owner_named() {
    for policy in ["--on-conflict=replace", "--on-conflict=patch"] {
        let world = changed();
        let latest = format!("latest:{}", world.namespace());
        world.kubectl_backup(&["restore", &latest, policy, "--yes", "-q"]).success();
        for (name, change) in [
            ("one", r#"{"data":{"key":"mine"}}"#),
            ("gone", r#"{"data":{"key":null}}"#),
            ("whole", r#"{"data":{"key":"mine","more":"mine"}}"#),
        ] {
            world.kubectl(&["patch", "configmap", name, "--type=merge", "-p", change]).success();
        }
        let undone = undo(&world, &[]).exits_with(3).json();
        let data = |name: &str| world.object(&format!("configmap/{name}")).unwrap()["data"].clone();
        assert_eq!(data("one"), json!({"key": "mine", "more": "live"}), "{policy}: {undone:#}");
        assert_eq!(data("gone"), json!({"more": "live"}), "{policy}: {undone:#}");
        assert_eq!(data("whole"), json!({"key": "mine", "more": "mine"}), "{policy}: {undone:#}");
        assert_eq!(entry(&undone, "configmap/whole")["state"], "skipped");
        let fields = &entry(&undone, "configmap/one")["fields"];
        assert_eq!(fields.as_array().unwrap().len(), 1);
        assert_eq!(fields[0]["field"], "data.key");
        assert!(fields[0]["message"].as_str().unwrap().contains("`kubectl-patch`"), "{undone:#}");
        assert_eq!(
            entry(&undone, "configmap/gone")["fields"][0]["message"],
            "was changed since; --force sets it back"
        );
    }
}

/// A world whose Service `web` and map `app` were replaced. The Service had an address and port that the cluster chose.
fn replaced(service_type: &str) -> (World, Value) {
    let world = World::new();
    let map = |value: &str| {
        world.apply(
            &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "app"}, "data": {"key": value}})
                .to_string(),
        );
    };
    let service = |spec: Value| {
        let service =
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": spec});
        world.apply(&service.to_string());
    };
    map("saved");
    service(json!({"clusterIP": "None", "selector": {"app": "saved"}, "ports": [{"port": 80}]}));
    world.kubectl_backup(&["create", "-n", world.namespace(), "-q"]).success();
    world.kubectl(&["delete", "service/web"]).success();
    map("live");
    service(json!({"type": service_type, "selector": {"app": "live"}, "ports": [{"port": 80}]}));
    let before = world.object("service/web").unwrap()["spec"].clone();
    let latest = format!("latest:{}", world.namespace());
    world.kubectl_backup(&["restore", &latest, "--on-conflict=replace", "--yes", "-q"]).success();
    assert_eq!(world.object("service/web").unwrap()["spec"]["clusterIP"], "None");
    (world, before)
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn what_cannot_be_set_back_beside_a_change_of_somebody_is_left_too() {
    let (world, _) = replaced("ClusterIP");
    world.kubectl(&["patch", "service/web", "-p", r#"{"metadata":{"labels":{"mine":"too"}}}"#]).success();
    let undone = undo(&world, &[]).exits_with(3).json();
    let service = entry(&undone, "service/web");
    let left: Vec<_> = service["fields"].as_array().unwrap().iter().map(|it| &it["field"]).collect();
    assert_eq!(service["state"], "patched", "{undone:#}");
    assert!(left.contains(&&json!("metadata.labels.mine")), "{undone:#}");
    assert!(left.contains(&&json!("spec.clusterIP")), "{undone:#}");
    let live = world.object("service/web").unwrap();
    assert_eq!(live["spec"]["selector"], json!({"app": "live"}), "{undone:#}");
    assert_eq!(live["metadata"]["labels"], json!({"mine": "too"}));
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_second_undo_knows_what_the_first_one_made_again() {
    let (world, before) = replaced("NodePort");
    world.kubectl(&["patch", "configmap/app", "-p", r#"{"data":{"key":"mine"}}"#]).success();

    let undone = undo(&world, &[]).exits_with(3).json();
    assert_eq!(entry(&undone, "service/web")["state"], "replaced", "{undone:#}");
    let made = world.object("service/web").unwrap();
    assert_eq!(made["spec"], before, "with its address and port");
    let again = undo(&world, &[]).exits_with(3).json();
    assert_eq!(entry(&again, "service/web")["state"], "unchanged", "{again:#}");

    // What is changed of it by now is somebody's own change, and no other object.
    world.kubectl(&["patch", "service/web", "-p", r#"{"spec":{"selector":{"app":"mine"}}}"#]).success();
    let again = undo(&world, &[]).exits_with(3).json();
    let service = entry(&again, "service/web");
    assert_eq!(
        (&service["state"], &service["fields"][0]["field"]),
        (&json!("skipped"), &json!("spec.selector.app"))
    );
    undo(&world, &["--force"]).success();
    let last = world.object("service/web").unwrap();
    assert_eq!((&last["spec"], &last["metadata"]["uid"]), (&before, &made["metadata"]["uid"]));
    assert_eq!(world.object("configmap/app").unwrap()["data"]["key"], "live");
}

/// Defines a kind of its own, of no other test; the name of its definition.
fn define(world: &World) -> String {
    let group = format!("{}.example.com", world.namespace());
    let name = format!("widgets.{group}");
    let version = json!({"name": "v1", "served": true, "storage": true,
        "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}});
    let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": name}, "spec": {"group": group, "scope": "Namespaced", "versions": [version],
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget"}}});
    world.apply(&definition.to_string());
    let definition = format!("crd/{name}");
    world.kubectl(&["wait", "--for=condition=Established", "--timeout=60s", &definition]).success();
    name
}

fn make_widget(world: &World, definition: &str, name: &str) {
    let group = definition.strip_prefix("widgets.").unwrap();
    let widget = json!({"apiVersion": format!("{group}/v1"), "kind": "Widget", "metadata": {"name": name}});
    world.wait_until("the kind to be served", || world.kubectl(&["get", definition]).code == 0);
    world.apply(&widget.to_string());
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_dry_run_without_the_server_tells_what_the_undo_then_leaves() {
    let world = changed();
    let map = |data: Value| {
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}, "data": data});
        world.apply(&map.to_string());
    };
    map(json!({"key": "saved"}));
    let definition = define(&world);
    make_widget(&world, &definition, "saved");
    world.kubectl_backup(&["create", "-n", world.namespace(), "-q"]).success();
    map(json!({"key": "live"}));
    let named = format!("crd/{definition}");
    world.kubectl(&["delete", "configmap/gone", &named]).success();
    let latest = format!("latest:{}", world.namespace());
    world.kubectl_backup(&["restore", &latest, "--on-conflict=replace", "--yes", "-q"]).success();
    make_widget(&world, &definition, "stranger");
    world.kubectl(&["patch", "configmap/one", "-p", r#"{"data":{"key":"mine","more":"mine"}}"#]).success();

    let told = world.kubectl_backup(&["undo", "--dry-run=client", "-o", "json"]).exits_with(3).json();
    let undone = undo(&world, &[]).exits_with(3).json();
    let widget = format!("customresourcedefinition.apiextensions.k8s.io/{definition}");
    for (object, planned, done, said) in [
        ("configmap/gone", "delete", "deleted", "made by the restore"),
        ("configmap/one", "skip", "skipped", "data.key: was changed since by `kubectl-patch`"),
        (widget.as_str(), "skip", "skipped", "/stranger, which the restore did not make"),
    ] {
        let (plan, result) = (entry(&told, object), entry(&undone, object));
        assert_eq!(
            (&plan["state"], &result["state"]),
            (&json!(planned), &json!(done)),
            "{told:#} {undone:#}"
        );
        assert!(plan["reason"].as_str().unwrap().contains(said), "{plan:#}");
        assert_eq!(plan["fields"], result["fields"], "{plan:#} {result:#}");
    }
    world.kubectl(&["delete", &named]).success();
}
