//! `--with-dependencies`: an item brought back together with what it needs.

use serde_json::{Value, json};

use crate::world::{World, unique};

const APPLICATION: &str = include_str!("../migration/application.yaml");

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn an_item_comes_back_with_what_it_needs_and_nothing_else() {
    let world = World::new();
    world.apply(&APPLICATION.replace("NAMESPACE", world.namespace()));
    world.kubectl_backup(&["create", "-n", world.namespace(), "-q"]).success();
    world.lose_namespace();
    let point = format!("latest:{}", world.namespace());
    let restore = |words: &[&str]| {
        let words = [&["restore", &point, "deployment/web", "-o", "json"][..], words].concat();
        world.kubectl_backup(&words).success().json()
    };
    let names = |result: &Value| {
        let objects = result["objects"].as_array().unwrap().clone();
        let mut names: Vec<_> =
            objects.iter().map(|object| object["object"].as_str().unwrap().to_owned()).collect();
        names.retain(|name| !name.starts_with("namespace/") && !name.starts_with("clusterrolebinding"));
        names.sort();
        names
    };
    assert_eq!(names(&restore(&["--dry-run"])), ["deployment.apps/web"]);
    let without = restore(&["--dry-run", "--with-dependencies", "--exclude", "configmaps"]);
    assert!(!names(&without).contains(&"configmap/settings".to_owned()), "{without:#}");

    let result = restore(&["--yes", "--with-dependencies"]);
    let expected =
        ["configmap/settings", "deployment.apps/web", "persistentvolumeclaim/uploads", "serviceaccount/app"];
    assert_eq!(names(&result), expected);
    assert!(world.object("configmap/settings").is_some());
    assert!(world.object("statefulset/db").is_none());
    let binding = format!("app-{}", world.namespace());
    world.kubectl(&["delete", "clusterrolebinding", &binding]).success();
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_custom_resource_comes_back_with_its_lost_definition() {
    let world = World::new();
    let group = format!("{}.example.com", unique("needs"));
    let (kind, anything) =
        (format!("widgets.{group}"), json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true}));
    let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": kind}, "spec": {"group": group, "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": anything}}]}});
    world.apply(&definition.to_string());
    world
        .kubectl(&["wait", "--for=condition=Established", "--timeout=60s", &format!("crd/{kind}")])
        .success();
    for name in ["one", "two"] {
        let widget = json!({"apiVersion": format!("{group}/v1"), "kind": "Widget", "metadata": {"name": name}, "spec": {"size": 1}});
        world.wait_until("the kind to be served", || world.kubectl(&["get", &kind]).code == 0);
        world.apply(&widget.to_string());
    }
    world.kubectl_backup(&["create", "-n", world.namespace(), "-q"]).success();
    world.kubectl(&["delete", "crd", &kind, "--timeout=60s"]).success();
    let one = format!("{kind}/one");
    let latest = format!("latest:{}", world.namespace());
    world.kubectl_backup(&["restore", &latest, &one, "--with-dependencies", "--yes"]).success();
    assert_eq!(world.object(&one).unwrap()["spec"], json!({"size": 1}));
    assert_eq!(world.object(&format!("{kind}/two")), None);
    world.kubectl(&["delete", "crd", &kind, "--wait=false"]).success();
}
