//! `create` against a real API server: what is saved, what is missed, and that nothing is saved by halves.

use std::{fs, process::Stdio, thread, time::Duration};

use serde_json::{Value, json};

use crate::world::World;

/// The kinds that a report names as missing.
fn missing(report: &Value) -> Vec<&str> {
    report["missing"].as_array().into_iter().flatten().filter_map(|entry| entry["what"].as_str()).collect()
}

/// How many objects of a kind a report counts.
fn count(report: &Value, resource: &str) -> u64 {
    let kinds = report["kinds"].as_array().unwrap();
    kinds
        .iter()
        .find(|entry| entry["resource"] == resource)
        .map_or(0, |entry| entry["objects"].as_u64().unwrap())
}

/// How many restore points the repository holds.
fn restore_points(world: &World) -> usize {
    fs::read_dir(world.repository().join("snapshots")).unwrap().count()
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_namespace_is_saved_with_what_it_refers_to() {
    let world = World::new();
    let namespace = world.namespace();
    world.apply(&format!(
        "apiVersion: v1
kind: ConfigMap
metadata: {{name: web}}
---
apiVersion: v1
kind: ServiceAccount
metadata: {{name: bot}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {{name: 'system:{namespace}'}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {{name: '{namespace}'}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: 'system:{namespace}'}}
subjects: [{{kind: ServiceAccount, name: bot, namespace: {namespace}}}]
"
    ));
    let report = world.kubectl_backup(&["create", "-o", "json"]).success().json();
    assert_eq!(count(&report, "configmaps"), 1, "kube-root-ca.crt is left out: {report}");
    assert_eq!(count(&report, "clusterroles.rbac.authorization.k8s.io"), 1);
    assert_eq!(count(&report, "clusterrolebindings.rbac.authorization.k8s.io"), 1);
    assert_eq!(count(&report, "namespaces"), 1);
    assert_eq!((report["completeness"].as_str(), missing(&report).len()), (Some("complete"), 0));
    world.kubectl(&["delete", "clusterrole", &format!("system:{namespace}")]).success();
    world.kubectl(&["delete", "clusterrolebinding", namespace]).success();
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_dry_run_counts_and_makes_no_repository() {
    let world = World::new();
    world.apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\n");
    let report = world.kubectl_backup(&["create", "--dry-run", "-o", "json"]).success().json();
    assert_eq!(count(&report, "configmaps"), 1);
    assert!(!world.repository().exists());
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_narrow_user_gets_what_it_may_read_and_is_told_the_rest() {
    let world = World::new();
    world.apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\n");
    let user =
        world.user_with_role(&json!([{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list"]}]));
    let namespace = world.namespace();
    let output = world.kubectl_backup_as(&user, &["create", "-n", namespace, "-o", "json"]).exits_with(3);
    let report = output.json();
    assert_eq!(count(&report, "configmaps"), 1);
    assert!(missing(&report).contains(&"secrets"), "{report}");
    assert!(output.stderr.contains("not saved: secrets in namespace"), "{}", output.stderr);

    let refused =
        world.kubectl_backup_as(&user, &["create", "-n", namespace, "--require-complete"]).exits_with(1);
    assert!(refused.stderr.contains("nothing was saved"), "{}", refused.stderr);
    assert_eq!(restore_points(&world), 1);
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
    let report = world.kubectl_backup(&["create", "--dry-run", "-o", "json"]).success().json();
    assert_eq!(count(&report, "configmaps"), 1);
    let excluded = report["leftOut"].as_array().unwrap().iter().filter(|entry| {
        entry["resource"] == "configmaps" && entry["reason"].as_str().unwrap().contains("exclude")
    });
    assert_eq!(excluded.map(|entry| entry["objects"].as_u64().unwrap()).sum::<u64>(), 2);
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_namespace_that_does_not_exist_is_refused_before_anything_is_written() {
    let world = World::new();
    let output = world.kubectl_backup(&["create", "-n", "no-such-namespace"]).exits_with(2);
    assert!(output.stderr.contains("there is no namespace `no-such-namespace`"), "{}", output.stderr);
    assert!(!world.repository().exists());
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn an_api_group_whose_server_is_gone_is_missing() {
    let world = World::new();
    world.apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\n");
    let group = format!("{}.example", world.namespace());
    world.apply(&format!(
        "apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {{name: v1.{group}}}
spec:
  group: {group}
  version: v1
  groupPriorityMinimum: 100
  versionPriority: 10
  insecureSkipTLSVerify: true
  service: {{name: absent, namespace: {}}}
",
        world.namespace()
    ));
    let name = format!("{group}/v1");
    world.wait_until("the group to count as stale", || {
        let report = world.kubectl_backup(&["create", "--dry-run", "-o", "json"]).json();
        missing(&report).contains(&name.as_str())
    });
    let namespace = world.namespace();
    world.kubectl_backup(&["create", "-n", namespace]).exits_with(3);
    let exclude = format!("*.{group}");
    let report = world.kubectl_backup(&["create", "--exclude", &exclude, "-o", "json"]).json();
    assert!(!missing(&report).contains(&name.as_str()));
    world.kubectl(&["delete", "apiservice", &format!("v1.{group}")]).success();
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_large_object_is_saved() {
    let world = World::new();
    let value = "x".repeat(1_000_000);
    world.apply(&format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: large}}\ndata: {{value: {value}}}\n"
    ));
    let report = world.kubectl_backup(&["create", "configmap/large", "-o", "json"]).success().json();
    assert!(report["bytes"].as_u64().unwrap() > 1_000_000);
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_killed_run_leaves_a_sound_repository() {
    let world = World::new();
    world.kubectl_backup(&["create"]).success();
    let mut child = world.command(&["create"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // Wherever it is by then: what counts is that no moment does damage.
    thread::sleep(Duration::from_millis(30));
    child.kill().unwrap();
    child.wait().unwrap();
    world.kubectl_backup(&["check", "--read-data"]).success();
    let before = restore_points(&world);
    world.kubectl_backup(&["create"]).success();
    assert_eq!(restore_points(&world), before + 1);
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn doctor_finds_what_a_narrow_user_lacks() {
    let world = World::new();
    let namespace = world.namespace();
    world.kubectl_backup(&["doctor", "-n", namespace]).success();
    let user =
        world.user_with_role(&json!([{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list"]}]));
    let output = world.kubectl_backup_as(&user, &["doctor", "-n", namespace]).exits_with(1);
    assert!(
        output.stdout.contains("you may not list") && output.stdout.contains("secrets"),
        "{}",
        output.stdout
    );
}
