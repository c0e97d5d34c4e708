//! What keeps a live object from being deleted to be replaced, and what is said before.

use serde_json::json;

use crate::world::World;

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_service_whose_node_port_another_one_holds_is_not_deleted_to_be_replaced() {
    let world = World::new();
    // Chosen, and unlikely to be anyone's.
    let port = 31_000 + std::process::id() % 1_500;
    let service = |name: &str, port: u32| {
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {"type": "NodePort",
            "selector": {"app": name}, "ports": [{"port": 80, "nodePort": port}]}})
        .to_string()
    };
    world.apply(&service("web", port));
    world.kubectl_backup(&["create", "-n", world.namespace(), "-q"]).success();
    world.apply(&service("web", port + 1));
    world.apply(&service("other", port));
    let before = world.object("service/web").unwrap();
    let latest = format!("latest:{}", world.namespace());
    for dry_run in [&["--dry-run=server"][..], &[]] {
        let replace = ["restore", &latest, "service/web", "--on-conflict=replace", "--yes", "-o", "json"];
        let refused = world.kubectl_backup(&[&replace[..], dry_run].concat()).exits_with(3).json();
        let entry = refused["objects"].as_array().unwrap().iter().find(|it| it["object"] == "service/web");
        let entry = entry.unwrap();
        assert_eq!(entry["state"], "refused", "{entry:#}");
        let reason = entry["reason"].as_str().unwrap();
        assert!(reason.contains("not deleted") && reason.contains("already allocated"), "{reason}");
        assert_eq!(world.object("service/web").unwrap()["metadata"]["uid"], before["metadata"]["uid"]);
    }
    // What the live one itself holds is no hindrance.
    world.kubectl(&["delete", "service/other"]).success();
    let change = r#"{"spec":{"selector":{"app":"changed"},"ports":[{"port":80,"nodePort":PORT}]}}"#;
    world.kubectl(&["patch", "service/web", "-p", &change.replace("PORT", &port.to_string())]).success();
    let replace = ["restore", &latest, "service/web", "--on-conflict=replace", "--yes", "-o", "json"];
    world.kubectl_backup(&replace).success();
    let after = world.object("service/web").unwrap();
    assert_eq!(after["spec"]["selector"]["app"], "web");
    assert_ne!(after["metadata"]["uid"], before["metadata"]["uid"]);
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_replacement_names_the_finalizers_that_its_deletion_waits_for_and_goes_on_when_they_are_gone() {
    let world = World::new();
    let map = |value: &str| {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"key": value},
            "metadata": {"name": "app", "finalizers": ["example.com/hold"]}})
        .to_string()
    };
    world.apply(&map("saved"));
    world.kubectl_backup(&["create", "-n", world.namespace(), "-q"]).success();
    world.apply(&map("live"));
    let latest = format!("latest:{}", world.namespace());
    for dry_run in ["--dry-run=client", "--dry-run=server"] {
        let plan = ["restore", &latest, "cm/app", "--on-conflict=replace", dry_run, "-o", "json"];
        let plan = world.kubectl_backup(&plan).success().json();
        assert_eq!(
            plan["objects"][0]["reason"],
            "exists and differs; its deletion waits until the controller of finalizer example.com/hold removes it",
            "{dry_run}"
        );
    }
    let patch =
        ["restore", &latest, "cm/app", "--on-conflict=patch", "--keep-finalizers", "--yes", "-o", "json"];
    let patched = world.kubectl_backup(&patch).success().json();
    assert!(!patched.to_string().contains("keeps finalizer"), "the live one has it already: {patched:#}");
    world.apply(&map("live again"));
    let replace = ["restore", &latest, "cm/app", "--on-conflict=replace", "--yes", "-o", "json"];
    let waiting = world.kubectl_backup(&replace).exits_with(3).json();
    assert!(waiting.to_string().contains("`restore --resume` then makes the saved one"), "{waiting:#}");
    world
        .kubectl(&["patch", "cm/app", "--type=merge", "-p", r#"{"metadata":{"finalizers":null}}"#])
        .success();
    world.kubectl_backup(&["restore", "--resume", "--yes"]).success();
    assert_eq!(world.object("cm/app").unwrap()["data"]["key"], "saved");
}
