//! `create` against a real API server: what is saved, what is missed, and that nothing is saved by halves.

mod custom;
mod selection;
pub(crate) mod stopped;

use std::process::Stdio;

use serde_json::{Value, json};

use crate::world::World;

/// What a report says is missing.
fn missing(report: &Value) -> Vec<&str> {
    report["missing"].as_array().into_iter().flatten().filter_map(|entry| entry["what"].as_str()).collect()
}

/// How much is missing for other reasons than the caller's rights: another test may have broken an API group.
fn others(report: &Value) -> usize {
    report["missing"].as_array().into_iter().flatten().filter(|entry| entry["forbidden"] != true).count()
}

/// How many objects of a kind a report counts.
fn count(report: &Value, resource: &str) -> u64 {
    let kinds = report["kinds"].as_array().unwrap();
    kinds
        .iter()
        .find(|entry| entry["resource"] == resource)
        .map_or(0, |entry| entry["objects"].as_u64().unwrap())
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
    assert_eq!(output.stderr.matches("kinds that you may not read").count(), 1, "{}", output.stderr);
    assert_eq!(output.stderr.matches("warning: not saved").count(), others(&report) + 1, "{}", output.stderr);
    // What it says to add makes the run complete.
    let words = output.stderr.split_once("add:").unwrap().1.split("\nTo have").next().unwrap();
    // Several lines, as a shell joins them.
    let words = words.split_whitespace().filter(|word| *word != "\\");
    let again: Vec<&str> = ["create", "-n", namespace, "-o", "json"].into_iter().chain(words).collect();
    let report = world.kubectl_backup_as(&user, &again).json();
    assert_eq!(missing(&report).len(), others(&report), "{report}");

    let refused =
        world.kubectl_backup_as(&user, &["create", "-n", namespace, "--require-complete"]).exits_with(1);
    assert!(refused.stderr.contains("nothing was saved"), "{}", refused.stderr);
    assert_eq!(world.restore_points(), 2);
}

/// Begun side by side, so that neither sees the other's restore point before it begins.
#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_name_is_given_to_one_of_two_runs() {
    let world = World::new();
    world.apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\n");
    world.kubectl_backup(&["create", "--name", "first"]).success();
    for round in 0..3 {
        let name = format!("twin-{round}");
        let begin = || {
            let mut command = world.command(&["create", "--name", &name]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let runs = [begin(), begin()].map(|run| run.wait_with_output().unwrap());
        let mut codes = runs.each_ref().map(|run| run.status.code());
        codes.sort_unstable();
        assert_eq!(codes, [Some(0), Some(1)], "{runs:?}");
        let failed = runs.iter().find(|run| run.status.code() == Some(1)).unwrap();
        let said = String::from_utf8_lossy(&failed.stderr);
        assert!(said.contains(&format!("there is a restore point named `{name}` already")), "{said}");
    }
    assert_eq!(world.restore_points(), 4);
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_namespace_that_does_not_exist_is_refused_before_anything_is_written() {
    let world = World::new();
    let output = world.kubectl_backup(&["create", "-n", "no-such-namespace"]).exits_with(1);
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
    assert_eq!(output.stdout.matches("permissions: ask for the rights, or").count(), 1, "{}", output.stdout);
    assert!(output.stdout.lines().all(|line| line.len() < 170), "{}", output.stdout);

    // What `create` reads one by one needs no list: a user who may read the namespace is well.
    let reader =
        world.user_with_role(&json!([{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list"]}]));
    let output = world.kubectl_backup_as(&reader, &["doctor", "-n", namespace]).success();
    assert!(output.stdout.contains("it matters only where saved objects refer to one"), "{}", output.stdout);

    let nowhere = world.kubectl_backup(&["doctor", "-n", "no-such-namespace"]).exits_with(1);
    assert!(nowhere.stdout.contains("there is no namespace `no-such-namespace`"), "{}", nowhere.stdout);
}

/// The object is all there; that the namespace it lies in may not be read is no loss of what was asked for.
#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn who_may_read_one_object_saves_it_whole() {
    let world = World::new();
    world.kubectl(&["create", "configmap", "app", "--from-literal=a=b"]).success();
    let rules = json!([{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]}]);
    let user = world.user_with_role(&rules);
    let report = world.kubectl_backup_as(&user, &["create", "cm/app", "-o", "json"]).success().json();
    assert_eq!((&report["completeness"], &report["objects"]), (&json!("complete"), &json!(1)), "{report:#}");
}
