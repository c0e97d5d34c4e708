//! Restore on a real API server: what comes back, what is left, what is refused, and what is never touched.

mod asking;
mod dependencies;
mod finalizers;
mod hold;
mod law;
mod order;
mod readiness;
mod redefined;
mod renaming;
mod rules;
mod stopped;
mod versions;

use std::{thread, time::Duration};

use serde_json::{Value, json};

use crate::world::{Output, World, without_its_life};

const SHOP: &str = include_str!("restore/shop.yaml");

impl World {
    /// Saves this test's namespace.
    fn back_up(&self) {
        self.kubectl_backup(&["create", "-n", self.namespace(), "-q"]).success();
    }

    fn restore(&self, arguments: &[&str]) -> Output {
        let latest = format!("latest:{}", self.namespace());
        let all: Vec<&str> = ["restore", &latest, "--yes", "-o", "json"]
            .into_iter()
            .chain(arguments.iter().copied())
            .collect();
        self.kubectl_backup(&all)
    }

    /// Every restorable object of the namespace, as kubectl prints it, without what no restore can bring back.
    fn content(&self, namespace: &str) -> Value {
        let kinds =
            "configmaps,secrets,serviceaccounts,services,deployments,jobs,roles,rolebindings,resourcequotas";
        let list = self.kubectl(&["get", kinds, "-n", namespace, "-o", "json"]).success().json();
        let items = list["items"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|it| it["metadata"]["name"] != "kube-root-ca.crt");
        items.map(essential).collect()
    }
}

fn essential(object: &Value) -> Value {
    let mut object = object.clone();
    without_its_life(&mut object);
    if let Some(Value::Array(owners)) = object["metadata"].get_mut("ownerReferences") {
        for owner in owners {
            owner.as_object_mut().unwrap().remove("uid");
        }
    }
    if let Some(Value::Object(spec)) = object.get_mut("spec") {
        spec.remove("clusterIP");
        spec.remove("clusterIPs");
        for port in spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
            port.as_object_mut().unwrap().remove("nodePort");
        }
        if spec.get("suspend").is_some() {
            // Made from the uid of the Job.
            spec.remove("selector");
            spec["template"]["metadata"].as_object_mut().unwrap().remove("labels");
            object["metadata"].as_object_mut().unwrap().remove("labels");
        }
    }
    object
}

/// The state of an object in a result: `created`.
fn state<'a>(result: &'a Value, object: &str) -> &'a str {
    let objects = result["objects"].as_array().unwrap();
    let found = objects.iter().find(|it| it["object"] == object);
    found.unwrap_or_else(|| panic!("no {object} in {result:#}"))["state"].as_str().unwrap()
}

fn reason<'a>(result: &'a Value, object: &str) -> &'a str {
    let objects = result["objects"].as_array().unwrap();
    objects.iter().find(|it| it["object"] == object).unwrap()["reason"].as_str().unwrap_or_default()
}

/// The shop, with a map that belongs to two owners.
fn shop() -> World {
    let world = World::new();
    world.wait_until("the default service account", || world.object("serviceaccount/default").is_some());
    world.apply(&SHOP.replace("NAMESPACE", world.namespace()));
    let uid = |object: &str| world.object(object).unwrap()["metadata"]["uid"].clone();
    let owners = json!([
        {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": uid("deployment/web")},
        {"apiVersion": "v1", "kind": "ConfigMap", "name": "app", "uid": uid("configmap/app")}]);
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "two-owners", "ownerReferences": owners}, "data": {"a": "b"}});
    world.apply(&map.to_string());
    world.wait_until("the pods' controller", || {
        let sets = world.kubectl(&["get", "replicasets", "-o", "json"]).success().json();
        !sets["items"].as_array().unwrap().is_empty()
    });
    world
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_lost_namespace_comes_back_with_the_same_content_and_live_owners() {
    let world = shop();
    world.back_up();
    let before = world.content(world.namespace());
    world.lose_namespace();
    let result = world.restore(&[]).success().json();
    assert_eq!(state(&result, "configmap/two-owners"), "created");
    assert!(result["counts"]["left"].as_u64() > Some(0), "the pods are left to their controller: {result:#}");
    assert_eq!(world.content(world.namespace()), before);

    let owners = world.object("configmap/two-owners").unwrap()["metadata"]["ownerReferences"].clone();
    for (index, owner) in ["deployment/web", "configmap/app"].into_iter().enumerate() {
        assert_eq!(owners[index]["uid"], world.object(owner).unwrap()["metadata"]["uid"]);
    }
    // The law: a restore of what is there changes nothing.
    let again = world.restore(&[]).success().json();
    assert!(
        again["counts"].get("created").is_none() && again["counts"].get("patched").is_none(),
        "{again:#}"
    );
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn another_namespace_gets_a_copy_whose_references_follow() {
    let world = shop();
    world.back_up();
    let copy = world.reserve_namespace();
    let map = format!("{}={copy}", world.namespace());
    let result = world.restore(&["--map-namespace", &map]).success().json();
    assert_eq!(state(&result, "service/web"), "created");
    let binding = world.object_in(&copy, "rolebinding/web").unwrap();
    assert_eq!(binding["subjects"][0]["namespace"], copy.as_str());
    let original = world.object("service/web").unwrap();
    let service = world.object_in(&copy, "service/web").unwrap();
    assert_ne!(service["spec"]["ports"][0]["nodePort"], original["spec"]["ports"][0]["nodePort"]);
    assert_eq!(world.object("rolebinding/web").unwrap()["subjects"][0]["namespace"], world.namespace());
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn each_policy_does_what_it_says_to_an_object_that_differs() {
    let world = shop();
    world.back_up();
    world.kubectl(&["patch", "configmap/app", "-p", r#"{"data":{"key":"changed","mine":"kept"}}"#]).success();

    let passed_over = world.restore(&["configmap/app"]).exits_with(3);
    assert!(passed_over.stderr.contains("--on-conflict patch"), "named and not done: {passed_over:?}");
    assert_eq!(state(&passed_over.json(), "configmap/app"), "skipped");
    let skipped = world.restore(&["configmap/app", "--on-conflict=skip"]).success().json();
    assert_eq!(state(&skipped, "configmap/app"), "skipped");
    world.restore(&[]).success();
    assert_eq!(world.object("configmap/app").unwrap()["data"]["key"], "changed");

    let before = world.object("configmap/app").unwrap();
    world.kubectl(&["delete", "serviceaccount/web"]).success();
    let failed = world.restore(&["--on-conflict=fail"]).exits_with(1);
    assert!(failed.stderr.contains("nothing was changed"), "{failed:?}");
    assert_eq!(world.object("configmap/app").unwrap(), before);
    assert_eq!(world.object("serviceaccount/web"), None, "nothing at all is changed");

    let patched = world.restore(&["--on-conflict=patch"]).success().json();
    assert_eq!(state(&patched, "configmap/app"), "patched");
    assert_eq!(state(&patched, "serviceaccount/web"), "created");
    assert_eq!(world.object("configmap/app").unwrap()["data"], json!({"key": "value", "mine": "kept"}));
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn an_immutable_secret_is_refused_by_field_and_the_rest_goes_on() {
    let world = shop();
    world.back_up();
    world.kubectl(&["delete", "secret/sealed"]).success();
    world.apply(
        "{apiVersion: v1, kind: Secret, metadata: {name: sealed}, immutable: true, stringData: {key: other}}",
    );
    world.kubectl(&["patch", "configmap/app", "-p", r#"{"data":{"key":"changed"}}"#]).success();
    let result = world.restore(&["--on-conflict=patch"]).exits_with(3).json();
    assert_eq!(state(&result, "secret/sealed"), "refused");
    let secret =
        result["objects"].as_array().unwrap().iter().find(|it| it["object"] == "secret/sealed").unwrap();
    assert_eq!(secret["fields"][0]["field"], "data.key");
    assert_eq!(state(&result, "configmap/app"), "patched");
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_dry_run_changes_nothing_and_finds_what_would_be_refused() {
    let world = shop();
    world.back_up();
    world.kubectl(&["patch", "configmap/app", "-p", r#"{"data":{"key":"changed"}}"#]).success();
    world.kubectl(&["delete", "secret/sealed", "serviceaccount/web"]).success();
    world.apply(
        "{apiVersion: v1, kind: Secret, metadata: {name: sealed}, immutable: true, stringData: {key: other}}",
    );
    let versions = || {
        let list = world
            .kubectl(&["get", "configmaps,secrets,serviceaccounts,services", "-o", "json"])
            .success()
            .json();
        let items = list["items"].as_array().unwrap();
        items.iter().map(|it| it["metadata"]["resourceVersion"].clone()).collect::<Vec<_>>()
    };
    let before = versions();
    let client = world.restore(&["--on-conflict=patch", "--dry-run"]).success().json();
    assert_eq!(state(&client, "configmap/app"), "patch");
    assert_eq!(state(&client, "secret/sealed"), "patch");
    let server = world.restore(&["--on-conflict=patch", "--dry-run=server"]).exits_with(3).json();
    assert_eq!(state(&server, "secret/sealed"), "refused");
    assert_eq!(state(&server, "serviceaccount/web"), "created");
    assert_eq!(versions(), before);
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_webhook_that_refuses_is_told_and_does_not_stop_the_rest() {
    let world = shop();
    let owner = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "app",
        "uid": world.object("configmap/app").unwrap()["metadata"]["uid"]});
    let owned = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "owned", "ownerReferences": [owner]}});
    world.apply(&owned.to_string());
    world.back_up();
    world.kubectl(&["delete", "secret/owned", "secret/sealed", "configmap/app"]).success();
    let name = world.namespace();
    let webhook = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": name, "ownerReferences": [{"apiVersion": "v1", "kind": "Namespace", "name": name,
            "uid": world.cluster_object(&format!("namespace/{name}")).unwrap()["metadata"]["uid"]}]},
        "webhooks": [{"name": "dead.example.com", "failurePolicy": "Fail", "sideEffects": "None", "timeoutSeconds": 1,
            "admissionReviewVersions": ["v1"],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}},
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}],
            "clientConfig": {"service": {"namespace": name, "name": "nobody"}}}]});
    world.apply(&webhook.to_string());
    // Admission reads its configuration from a watch.
    world.wait_until("the webhook to refuse", || {
        world.kubectl(&["create", "configmap", "probe", "--dry-run=server"]).code != 0
    });
    let result = world.restore(&[]).exits_with(3).json();
    world.kubectl(&["delete", "validatingwebhookconfiguration", name]).success();
    assert_eq!(state(&result, "configmap/app"), "refused");
    assert!(reason(&result, "configmap/app").contains("dead.example.com"), "{result:#}");
    assert_eq!(state(&result, "secret/sealed"), "created");
    // Made without its owner it would stay so.
    assert_eq!(state(&result, "secret/owned"), "refused");
    assert!(reason(&result, "secret/owned").contains("its owner ConfigMap `app`"), "{result:#}");
    assert_eq!(world.object("secret/owned"), None);
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_narrow_user_restores_what_it_may_and_is_told_the_rest() {
    let world = shop();
    world.back_up();
    world.kubectl(&["delete", "configmap/app", "secret/sealed"]).success();
    let kubeconfig = world.user_with_role(&json!([
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "create"]}]));
    let latest = format!("latest:{}", world.namespace());
    let arguments = ["restore", &latest, "configmap/app", "secret/sealed", "--yes", "-o", "json"];
    let result = world.kubectl_backup_as(&kubeconfig, &arguments).exits_with(3).json();
    assert_eq!(state(&result, "configmap/app"), "created");
    assert_eq!(state(&result, "secret/sealed"), "refused");
    assert!(reason(&result, "secret/sealed").contains("forbidden"), "{result:#}");

    // That the namespace is there shows by what is in it.
    let kinds = ["restore", &latest, "--include", "configmaps,namespaces", "--yes", "-o", "json"];
    let result = world.kubectl_backup_as(&kubeconfig, &kinds).success().json();
    let namespace = format!("namespace/{}", world.namespace());
    assert_eq!(state(&result, &namespace), "skipped");
    assert_eq!(reason(&result, &namespace), "exists, and you may not look at it");
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn another_cluster_gets_definition_and_objects_of_a_custom_kind() {
    let world = shop();
    let group = format!("{}.example.com", world.namespace());
    let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("widgets.{group}")},
        "spec": {"group": group, "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget"},
            "versions": (["v1alpha1", "v1"].map(|version| json!({"name": version, "served": true,
                "storage": version == "v1", "schema": {"openAPIV3Schema":
                    {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}})))}});
    world.apply(&definition.to_string());
    let long = format!("w.{}", "x".repeat(240));
    let widget = json!({"apiVersion": format!("{group}/v1"), "kind": "Widget",
        "metadata": {"name": long, "finalizers": ["example.com/cleanup"]}, "spec": {"size": 3}});
    world.wait_until("the kind to be served", || {
        world.kubectl(&["get", &format!("widgets.{group}")]).code == 0
    });
    world.apply(&widget.to_string());
    world.back_up();

    let other = world.on_other_cluster();
    let map = format!("{}={}", world.namespace(), other.namespace());
    let latest = format!("latest:{}", world.namespace());
    let arguments = ["restore", &latest, "--map-namespace", &map, "--keep-finalizers", "--yes", "-o", "json"];
    let result = other.kubectl_backup(&arguments).success().json();
    let restored = other.object(&format!("widgets.{group}/{long}")).unwrap();
    assert_eq!(restored["spec"], json!({"size": 3}));
    assert_eq!(restored["metadata"]["finalizers"], json!(["example.com/cleanup"]));
    let name = format!("widget.{group}/{long}");
    let entry =
        result["objects"].as_array().unwrap().iter().find(|it| it["object"] == name.as_str()).unwrap();
    assert!(entry["notes"][0].as_str().unwrap().contains("example.com/cleanup"), "{entry:#}");

    for place in [&world, &other] {
        let object = format!("widgets.{group}/{long}");
        place
            .kubectl(&["patch", &object, "--type=merge", "-p", r#"{"metadata":{"finalizers":[]}}"#])
            .success();
        place.kubectl(&["delete", "crd", &format!("widgets.{group}")]).success();
    }
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_killed_restore_is_run_again_to_the_same_end() {
    let world = shop();
    let maps: Vec<_> = (0..300)
        .map(|index| {
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("map-{index}")},
                "data": {"index": index.to_string()}})
        })
        .collect();
    world.apply(&json!({"apiVersion": "v1", "kind": "List", "items": maps}).to_string());
    world.back_up();
    let before = world.content(world.namespace());
    world.lose_namespace();
    let latest = format!("latest:{}", world.namespace());
    for round in 0..5 {
        let mut child = world.command(&["restore", &latest, "--yes", "--parallel=4", "-q"]).spawn().unwrap();
        thread::sleep(Duration::from_millis(400 + 150 * round));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    world.restore(&[]).success();
    assert_eq!(world.content(world.namespace()), before);
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn words_that_mean_nothing_change_nothing() {
    let world = shop();
    world.back_up();
    let missing = world.restore(&["configmap/nope"]).exits_with(1);
    assert!(missing.stderr.contains("configmaps/nope"), "{missing:?}");
    let typo = world.restore(&["--map-namespace", "shap=x"]).exits_with(1);
    assert!(typo.stderr.contains("`shap`"), "{typo:?}");
    let unasked = world.kubectl_backup(&["restore", "latest"]).exits_with(2);
    assert!(unasked.stderr.contains("--yes"), "{unasked:?}");
}
