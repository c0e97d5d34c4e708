//! Hooks as far as an API server alone shows them: which there are, what a hook that is not there means, and the change to
//! a workload. Freezes are in `on_a_node`, and in `tests/group` without a cluster.

mod on_a_node;
mod relay;

use std::fs;

use serde_json::{Value, json};

use crate::world::World;

/// A pod that no node will ever run.
fn add_pod(world: &World, name: &str, hooks: &str) {
    world.apply(
        &json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "labels": {"app": name}, "annotations": {"kubectl-backup.dev/hooks": hooks}},
            "spec": {"containers": [{"name": "main", "image": "localhost/none:1"}]},
        })
        .to_string(),
    );
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_hook_that_cannot_be_used_fails_the_backup_unless_the_user_says_otherwise() {
    let world = World::new();
    add_pod(&world, "db-0", "postgres");
    let required = world.kubectl_backup(&["create"]).exits_with(1);
    assert!(required.stderr.contains("the freeze did not hold"), "{}", required.stderr);
    assert!(required.stderr.contains("has hooks and is not running: Pending"), "{}", required.stderr);
    assert_eq!(world.restore_points(), 0);
    let preferred = world.kubectl_backup(&["create", "--hooks", "prefer"]).exits_with(3);
    assert!(preferred.stdout.contains("crash-consistent"), "{}", preferred.stdout);
    let saved = world.kubectl_backup(&["describe", "-o", "json"]).success().json();
    assert_eq!(
        (&saved["freeze"]["consistency"], &saved["completeness"]),
        (&json!("crash"), &json!("complete"))
    );
    let text = world.kubectl_backup(&["describe"]).success().stdout;
    assert!(text.contains("Consistency: crash") && text.contains("is not running"), "{text}");
    let listed = world.kubectl_backup(&["list", "-o", "json"]).success().json();
    assert_eq!(listed["items"][0]["consistency"], "crash");
    let off = world.kubectl_backup(&["create", "--hooks", "off", "-o", "json"]).success().json();
    assert_eq!(off["freeze"], Value::Null);
    // A part of the application stops nothing.
    world.kubectl_backup(&["create", "pod/db-0"]).success();
    world.kubectl_backup(&["create", "--include", "pods"]).success();
    // Nor do pods that the selection leaves out.
    world.kubectl_backup(&["create", "-l", "app=other", "--hooks", "require"]).exits_with(1);
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn what_pods_say_is_listed_and_what_cannot_be_understood_is_told() {
    let world = World::new();
    world.kubectl_backup(&["hooks", "list"]).success();
    add_pod(&world, "db-0", "Not A Name");
    let wrong = world.kubectl_backup(&["hooks", "list"]).exits_with(3);
    assert!(wrong.stderr.contains("`Not A Name` is no name of a hook"), "{}", wrong.stderr);
    let doctor = world.kubectl_backup(&["doctor"]);
    assert!(doctor.stdout.contains("is no name of a hook"), "{}", doctor.stdout);
    let missing = world.kubectl_backup(&["hooks", "test", "sts/none"]).exits_with(1);
    assert!(missing.stderr.contains("there is no sts/none"), "{}", missing.stderr);
    world.kubectl_backup(&["hooks", "test", "nonsense"]).exits_with(2);
    world.kubectl_backup(&["create", "--freeze-budget", "1h"]).exits_with(2);
    let file = world.folder().join("hooks.yaml");
    std::fs::write(&file, "kind: Other\n").unwrap();
    world.kubectl_backup(&["create", "--hooks-file", file.to_str().unwrap()]).exits_with(2);
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn who_may_not_list_pods_backs_up_without_hooks_and_is_told() {
    let world = World::new();
    world.apply(&config_map("a"));
    add_pod(&world, "db-0", "postgres");
    let rules = json!([{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list"]},
        {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]}]);
    let user = world.user_with_role(&rules);
    let without = world.kubectl_backup_as(&user, &["create", "-o", "json"]).exits_with(3);
    let warnings = without.json()["warnings"].to_string();
    assert!(warnings.contains("could not be looked at for hooks"), "{warnings}");
    let insisting = world.kubectl_backup_as(&user, &["create", "--hooks", "require"]).exits_with(1);
    assert!(insisting.stderr.contains("could not be looked at for hooks"), "{}", insisting.stderr);
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_configuration_of_ones_own_gets_its_secrets_and_nothing_is_injected_without_an_image() {
    let world = World::new();
    world.apply(&deployment().to_string());
    let file = world.folder().join("hooks.yaml");
    fs::write(&file, "folder: /hooks\nhooks: {db: {component: a.wasm, tls: {ca: /secrets/tls/ca.crt}}}\n")
        .unwrap();
    let whole = [
        "hooks",
        "inject",
        "deploy/db",
        "--image=i",
        "--dry-run=server",
        "--secret=ca=tls/ca.crt",
        "--config",
    ];
    let shown = world
        .kubectl_backup(&whole.into_iter().chain([file.to_str().unwrap()]).collect::<Vec<_>>())
        .success()
        .stdout;
    assert!(
        shown.contains("+        - mountPath: /secrets/tls") && shown.contains("+            path: ca.crt"),
        "{shown}"
    );
    let nameless = world.kubectl_backup(&["hooks", "inject", "deploy/db", "--hook=postgres"]).exits_with(2);
    assert!(nameless.stderr.contains("build one with `cargo xtask image NAME`"), "{}", nameless.stderr);
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_runtime_goes_into_a_workload_and_out_of_it_and_leaves_nothing() {
    let world = World::new();
    world.apply(&deployment().to_string());
    let inject = [
        "hooks",
        "inject",
        "deploy/db",
        "--hook",
        "postgres",
        "--image",
        "registry.example/hooks:1",
        "--setting",
        "user=backup",
        "--secret",
        "password=db/backup-password",
    ];
    let with = |more: &[&str]| inject.iter().chain(more).copied().map(str::to_owned).collect::<Vec<_>>();
    let run = |arguments: Vec<String>| {
        world.kubectl_backup(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let before = world.object("deploy/db").unwrap();
    // Without a terminal it wants to be told that it may.
    run(with(&[])).exits_with(2);
    let sent = run(with(&["--dry-run=client", "-o", "yaml"])).success().stdout;
    assert!(sent.contains("kind: ConfigMap") && sent.contains("restartPolicy: Always"), "{sent}");
    // It is for a file, and so for objects that are made later too.
    assert!(!sent.contains("uid:"), "{sent}");
    let shown = run(with(&["--dry-run=server"])).success().stdout;
    assert!(shown.contains("+        image: registry.example/hooks:1"), "{shown}");
    assert_eq!(world.object("deploy/db").unwrap()["spec"], before["spec"]);
    assert!(world.object("cm/db-backup-hooks").is_none());
    run(with(&["--yes"])).success();
    let after = world.object("deploy/db").unwrap();
    let template = &after["spec"]["template"];
    assert_eq!(template["metadata"]["annotations"]["kubectl-backup.dev/hooks"], "postgres");
    assert_eq!(template["metadata"]["annotations"]["mine"], "stays");
    assert_eq!(template["spec"]["initContainers"][0]["name"], "kubectl-backup-hooks");
    assert_eq!(template["spec"]["containers"], before["spec"]["template"]["spec"]["containers"]);
    let configuration = world.object("cm/db-backup-hooks").unwrap()["data"]["hooks.yaml"].to_string();
    assert!(configuration.contains("/secrets/db/backup-password"), "{configuration}");
    // Again it changes nothing.
    run(with(&["--yes"])).success();
    assert_eq!(world.object("deploy/db").unwrap()["spec"], after["spec"]);
    world.kubectl_backup(&["hooks", "eject", "deploy/db", "--yes"]).success();
    assert_eq!(world.object("deploy/db").unwrap()["spec"], before["spec"]);
    assert!(world.object("cm/db-backup-hooks").is_none());
    world.kubectl_backup(&["hooks", "eject", "deploy/db", "--yes"]).exits_with(1);
    world
        .kubectl_backup(&["hooks", "inject", "cm/x", "--hook", "a", "--image", "i:1", "--yes"])
        .exits_with(2);
}

fn config_map(name: &str) -> String {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}).to_string()
}

fn deployment() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "db"},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"app": "db"}},
            "template": {
                "metadata": {"labels": {"app": "db"}, "annotations": {"mine": "stays"}},
                "spec": {"containers": [{"name": "main", "image": "localhost/none:1"}]},
            },
        },
    })
}
