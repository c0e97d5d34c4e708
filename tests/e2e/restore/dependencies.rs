//! `--with-dependencies`: an item brought back together with what it needs.

use serde_json::Value;

use crate::world::World;

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
