//! Looking into what `create` saved, and comparing it with the cluster it came from.

use serde_json::{Value, json};

use crate::world::{Output, World};

const SHOP: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: settings, labels: {app: shop}}
data: {colour: blue, octal: '0123'}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: gone}
---
apiVersion: v1
kind: Secret
metadata: {name: token}
stringData: {password: one, user: same}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: 'registry.example/web:1'}]}
";

/// What is different afterwards: a Secret's value, one `ConfigMap` more and one less, and a kind that was not there.
const CHANGED: &str = "apiVersion: v1
kind: Secret
metadata: {name: token}
stringData: {password: two, user: same}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: new}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {ports: [{port: 80}], selector: {app: web}}
";

/// A namespace with a few objects, and the restore point `before` of it.
fn saved() -> World {
    let world = World::new();
    world.wait_until("the default service account", || world.object("serviceaccount/default").is_some());
    world.apply(SHOP);
    // What its controllers make of it is saved too, and must not come later.
    world.wait_until("the pods", || {
        world.object("deployment/web").unwrap()["status"]["unavailableReplicas"] == 2
    });
    world.kubectl_backup(&["create", "--name", "before"]).success();
    world
}

fn change(world: &World) {
    world.apply(CHANGED);
    world.kubectl(&["delete", "configmap/gone"]).success();
}

/// The lines of `--brief` that are about kinds this test changes: the cluster's own controllers change others.
fn differences(output: &Output) -> Vec<String> {
    let ours = ["configmaps", "secrets", "services", "deployments.apps"];
    output
        .stdout
        .lines()
        .filter(|line| line.split('/').nth(1).is_some_and(|kind| ours.contains(&kind)))
        .map(|line| {
            let (change, key) = line.split_once(' ').unwrap();
            format!("{change} {}", key.trim_start().split_once('/').unwrap().1)
        })
        .collect()
}

/// The same columns in the same order, for kinds whose wide columns are easily forgotten.
#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn wide_tables_have_kubectls_columns() {
    let world = World::new();
    world.apply(WIDE);
    world.kubectl_backup(&["create", "--name", "wide"]).success();
    for kind in ["pvc", "cronjob", "rolebinding", "deploy", "svc", "networkpolicy", "role"] {
        let ours = world.kubectl_backup(&["get", "wide", kind, "-o", "wide"]).success().stdout;
        let kubectls = world.kubectl(&["get", kind, "-o", "wide"]).success().stdout;
        // An empty cell is nothing to kubectl and `<none>` to us; ages differ by the moment.
        let is_age = |cell: &str| {
            cell.ends_with(['s', 'm', 'h'])
                && cell.chars().all(|it| it.is_ascii_digit() || "smh".contains(it))
        };
        let told = |text: &str| -> Vec<Vec<String>> {
            let cells = |line: &str| -> Vec<String> {
                let cells = line.split("  ").map(str::trim);
                cells
                    .filter(|it| !it.is_empty() && *it != "<none>" && !is_age(it))
                    .map(str::to_owned)
                    .collect()
            };
            text.lines().map(cells).collect()
        };
        assert_eq!(told(&ours), told(&kubectls), "{kind}\n{ours}\n{kubectls}");
    }
}

const WIDE: &str = "apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}, storageClassName: none}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec:
  schedule: 0 3 * * *
  suspend: true
  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: run, image: 'busybox:1'}]}}}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: readers}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects:
- {kind: User, name: ada, apiGroup: rbac.authorization.k8s.io}
- {kind: User, name: bob, apiGroup: rbac.authorization.k8s.io}
- {kind: Group, name: ops, apiGroup: rbac.authorization.k8s.io}
- {kind: ServiceAccount, name: web, namespace: default}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader}
rules: []
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny}
spec: {podSelector: {matchLabels: {app: web}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 0
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: 'nginx:1'}]}}
";

/// As `create -A` does, `diff` goes through the namespaces where it may not list across them.
#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn diff_of_all_namespaces_compares_what_a_narrow_user_may_read() {
    let world = World::new();
    let map = |value: &str| {
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: probe}}\ndata: {{key: {value}}}\n")
    };
    world.apply(&map("before"));
    world.kubectl_backup(&["create", "-A", "--include", "configmaps", "--name", "all"]).success();
    world.apply(&map("after"));
    let user = world
        .user_with_role(&json!([{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]}]));
    let output = world.kubectl_backup_as(&user, &["diff", "all", "--brief"]).exits_with(2);
    assert_eq!(output.stdout, format!("changed  {}/configmaps/probe\n", world.namespace()));
    assert!(output.stderr.contains("not compared: configmaps in"), "{}", output.stderr);
    assert!(!output.stderr.contains("cluster scope"), "{}", output.stderr);
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn what_was_saved_can_be_looked_at() {
    let world = saved();
    let list = world.kubectl_backup(&["list", "-o", "json"]).success().json();
    assert_eq!(list["items"][0]["name"], "before");
    assert_eq!(list["items"][0]["namespaces"], json!([world.namespace()]));
    assert_eq!(list["items"][0]["completeness"], "complete");
    let describe = world.kubectl_backup(&["describe", "before"]).success().stdout;
    assert!(describe.contains("deployments.apps"), "{describe}");
    assert!(!describe.contains("statefulsets"), "there is none of them: {describe}");

    let names = world.kubectl_backup(&["ls", "before", "cm,secret", "-o", "name"]).success().stdout;
    assert_eq!(names, "configmap/gone\nconfigmap/settings\nsecret/token\n");
    let labelled = world.kubectl_backup(&["ls", "before", "-l", "app=shop", "-o", "name"]).success().stdout;
    assert_eq!(labelled, "configmap/settings\n");

    let octal = ["get", "before", "cm/settings", "-o", "jsonpath={.data.octal}"];
    assert_eq!(world.kubectl_backup(&octal).success().stdout, "0123");
    let deployment = world.kubectl_backup(&["get", "before", "deploy", "web", "-o", "json"]).success().json();
    let live = world.object("deployment/web").unwrap();
    assert_eq!(
        (&deployment["spec"], &deployment["metadata"]["uid"]),
        (&live["spec"], &live["metadata"]["uid"])
    );
    let none = world.kubectl_backup(&["get", "before", "statefulsets"]).success();
    let expected = format!("No resources found in {} namespace.\n", world.namespace());
    assert_eq!((none.stdout.as_str(), none.stderr), ("", expected));
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn the_cluster_is_compared_with_what_was_saved() {
    let world = saved();
    let same = world.kubectl_backup(&["diff", "before"]).success();
    let nowhere = world.kubectl_backup(&["diff", "before", "-n", "no-such-namespace"]).exits_with(2);
    assert!(nowhere.stderr.contains("namespace `no-such-namespace`"), "{}", nowhere.stderr);
    assert_eq!(same.stdout, "", "what the server adds by itself is no difference");

    change(&world);
    let brief = world.kubectl_backup(&["diff", "before", "--brief"]).exits_with(1);
    let expected =
        ["removed configmaps/gone", "added configmaps/new", "changed secrets/token", "added services/web"];
    assert_eq!(differences(&brief), expected, "{brief:?}");
    world.kubectl_backup(&["diff", "before", "deploy/web"]).success();

    let lines = world.kubectl_backup(&["diff", "before", "secret/token"]).exits_with(1).stdout;
    assert!(lines.contains("-  password: \"*** (before)\""), "{lines}");
    let (one, two) = ("b25l", "dHdv");
    assert!(!lines.contains(one) && !lines.contains(two), "{lines}");
    let shown =
        world.kubectl_backup(&["diff", "before", "secret/token", "--show-secrets"]).exits_with(1).stdout;
    assert!(shown.contains(one) && shown.contains(two), "{shown}");
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn the_users_own_diff_program_gets_both_sides() {
    let world = saved();
    let external = |arguments: &[&str]| {
        let mut command = world.command(arguments);
        command.env("KUBECTL_EXTERNAL_DIFF", "diff -r -q -N").output().unwrap()
    };
    let same = external(&["diff", "before"]);
    assert_eq!((same.status.code(), String::from_utf8_lossy(&same.stdout).as_ref()), (Some(0), ""));
    change(&world);
    let changed = external(&["diff", "before", "cm/gone", "secret/token"]);
    let printed = String::from_utf8(changed.stdout).unwrap();
    assert_eq!((changed.status.code(), printed.lines().count()), (Some(1), 2), "{printed}");
    let name = format!("v1.Secret.{}.token differ", world.namespace());
    assert!(printed.contains(&name) && printed.contains("/1-") && printed.contains("/2-live/"), "{printed}");
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn what_may_not_be_listed_is_told_and_the_rest_compared() {
    let world = saved();
    change(&world);
    let rules = json!([{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list"]}]);
    let user = world.user_with_role(&rules);
    let arguments = ["diff", "before", "-n", world.namespace(), "--include", "cm,secrets", "--brief"];
    let output = world.kubectl_backup_as(&user, &arguments).exits_with(2);
    let key = |name: &str| format!("{}/configmaps/{name}", world.namespace());
    assert_eq!(output.stdout, format!("removed  {}\nadded    {}\n", key("gone"), key("new")));
    let told = format!("warning: not compared: secrets in namespace {}: ", world.namespace());
    assert!(output.stderr.starts_with(&told), "{}", output.stderr);
    assert!(output.stderr.contains("ask for the right to list secrets"), "{}", output.stderr);
    assert_eq!(output.stderr.lines().count(), 1, "{}", output.stderr);
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn history_tells_in_which_restore_points_an_object_changed() {
    let world = saved();
    change(&world);
    world.kubectl_backup(&["create", "--name", "after"]).success();
    let history = |object: &str| -> Vec<String> {
        let report = world.kubectl_backup(&["history", object, "--all", "-o", "json"]).success().json();
        let entries = report["items"].as_array().unwrap().clone();
        entries.iter().map(|entry| format!("{} {}", text(&entry["name"]), text(&entry["change"]))).collect()
    };
    let expected: [(&str, [&str; 2]); 4] = [
        ("secret/token", ["after changed", "before created"]),
        ("deploy/web", ["after unchanged", "before created"]),
        ("cm/gone", ["after deleted", "before created"]),
        ("svc/web", ["after created", "before absent"]),
    ];
    for (object, changes) in expected {
        assert_eq!(history(object), changes, "{object}");
    }
    let between = world.kubectl_backup(&["diff", "before", "after", "--brief"]).exits_with(1);
    assert!(between.stdout.contains(&format!("changed  {}/secrets/token", world.namespace())), "{between:?}");
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}
