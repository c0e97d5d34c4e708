//! Transforms on a real API server: what is written, what counts as unchanged afterwards, and what is refused.

use std::{fs, path::PathBuf};

use serde_json::{Value, json};

use crate::world::{Output, World};

const TRANSFORMS: &str = "apiVersion: kubectl-backup.dev/v1alpha1
kind: Transforms
transforms:
- {name: asleep, replicas: 0}
- {name: mirror, imageRegistry: {docker.io: mirror.example/hub}}
- {name: storage, storageClass: {fast: slow}}
- {name: hosts, ingressHost: {'*.shop.example': '*.staging.example'}}
- {name: quiet, suspendCronJobs: true}
- name: small
  match: {kinds: [deploy], names: [web]}
  strategicMergePatch:
    spec: {template: {spec: {containers: [{name: agent, $patch: delete}, {name: web, env: [{name: B, value: '2'}]}]}}}
- name: settings
  match: {kinds: [cm], names: [app]}
  set: {\"data['app.conf']\": staging}
";

fn objects() -> Value {
    let pods = json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [
        {"name": "web", "image": "nginx:1", "env": [{"name": "A", "value": "1"}]},
        {"name": "agent", "image": "quay.io/acme/agent:1"}]}});
    let selector = json!({"matchLabels": {"app": "web"}});
    let mut job_pods = pods.clone();
    job_pods["spec"]["restartPolicy"] = json!("Never");
    let backend = json!({"service": {"name": "web", "port": {"number": 80}}});
    json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
         "spec": {"replicas": 2, "selector": selector, "template": pods}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "app"}, "data": {"app.conf": "live"}},
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"},
         "spec": {"storageClassName": "fast", "accessModes": ["ReadWriteOnce"],
                  "resources": {"requests": {"storage": "1Gi"}}}},
        {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "web"},
         "spec": {"rules": [{"host": "www.shop.example", "http": {"paths": [
             {"path": "/", "pathType": "Prefix", "backend": backend}]}}]}},
        {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "mails"},
         "spec": {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": job_pods}}}},
    ]})
}

/// A namespace that is saved, with a name for its copy.
struct Staging {
    world: World,
    copy: String,
}

impl Staging {
    fn new() -> Self {
        let world = World::new();
        world.wait_until("the default service account", || world.object("serviceaccount/default").is_some());
        world.apply(&objects().to_string());
        world.kubectl_backup(&["create", "-n", world.namespace(), "-q"]).success();
        let copy = world.reserve_namespace();
        Self { world, copy }
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.world.folder().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn restore(&self, arguments: &[&str]) -> Output {
        let map = format!("{}={}", self.world.namespace(), self.copy);
        let fixed = ["restore", "latest", "--map-namespace", &map, "--yes", "-o", "json"];
        let all: Vec<&str> = fixed.into_iter().chain(arguments.iter().copied()).collect();
        self.world.kubectl_backup(&all)
    }

    fn copied(&self, object: &str) -> Value {
        self.world.object_in(&self.copy, object).unwrap()
    }
}

fn state<'a>(result: &'a Value, object: &str) -> &'a Value {
    let objects = result["objects"].as_array().unwrap();
    objects.iter().find(|it| it["object"] == object).unwrap_or_else(|| panic!("no {object} in {result:#}"))
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_copy_is_transformed_and_then_unchanged() {
    let staging = Staging::new();
    let file = staging.file("staging.yaml", TRANSFORMS);
    let file = file.to_str().unwrap();
    let first = staging.restore(&["--transform", file]).success();
    assert!(!first.stderr.contains("transform `"), "{}", first.stderr);

    let web = staging.copied("deployment/web");
    assert_eq!(web["spec"]["replicas"], 0);
    let containers = web["spec"]["template"]["spec"]["containers"].as_array().unwrap();
    assert_eq!(containers.len(), 1, "{containers:#?}");
    assert_eq!(containers[0]["image"], "mirror.example/hub/library/nginx:1");
    assert_eq!(containers[0]["env"], json!([{"name": "B", "value": "2"}, {"name": "A", "value": "1"}]));
    assert_eq!(staging.copied("configmap/app")["data"], json!({"app.conf": "staging"}));
    assert_eq!(staging.copied("persistentvolumeclaim/data")["spec"]["storageClassName"], "slow");
    assert_eq!(staging.copied("ingress/web")["spec"]["rules"][0]["host"], "www.staging.example");
    assert_eq!(staging.copied("cronjob/mails")["spec"]["suspend"], true);

    // What is compared is the transformed object.
    let again = staging.restore(&["--transform", file]).success().json();
    for object in
        ["deployment.apps/web", "configmap/app", "ingress.networking.k8s.io/web", "cronjob.batch/mails"]
    {
        assert_eq!(state(&again, object)["state"], "unchanged", "{again:#}");
    }
    let plain = staging.restore(&["--dry-run"]).json();
    assert_eq!(state(&plain, "configmap/app")["state"], "skip", "{plain:#}");
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn an_object_whose_transform_fails_is_refused_and_the_others_go_on() {
    let staging = Staging::new();
    let file = staging.file(
        "wrong.yaml",
        "apiVersion: kubectl-backup.dev/v1alpha1\nkind: Transforms\ntransforms:\n\
         - {name: bad, match: {kinds: [cm], names: [app]}, set: {metadata.name: other}}\n\
         - {name: typo, match: {names: [wbe]}, replicas: 0}\n",
    );
    for mode in [&["--dry-run"][..], &[][..]] {
        let arguments: Vec<&str> =
            ["--transform", file.to_str().unwrap()].iter().chain(mode).copied().collect();
        let output = staging.restore(&arguments).exits_with(3);
        let result = output.json();
        let refused = state(&result, "configmap/app");
        assert_eq!(
            refused["reason"],
            "transform `bad`: it would change `metadata.name`, by which the object is known"
        );
        assert!(["refuse", "refused"].contains(&refused["state"].as_str().unwrap()), "{result:#}");
        assert!(
            output.stderr.contains("warning: transform `typo` matches none of the objects"),
            "{}",
            output.stderr
        );
    }
    assert_eq!(staging.copied("deployment/web")["spec"]["replicas"], 2);
    assert!(staging.world.object_in(&staging.copy, "configmap/app").is_none());
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn the_preview_shows_what_the_restore_writes() {
    let staging = Staging::new();
    let file = staging.file("staging.yaml", TRANSFORMS);
    let file = file.to_str().unwrap();
    let map = format!("{}={}", staging.world.namespace(), staging.copy);
    let preview = [
        "transform",
        "-f",
        file,
        "latest",
        "cm/app",
        "--map-namespace",
        &map,
        "-o",
        "json",
        "--kubeconfig",
        "/none",
    ];
    let preview = staging.world.kubectl_backup(&preview).success().json();
    staging.restore(&["--transform", file]).success();
    let written = staging.copied("configmap/app");
    for field in ["/data", "/metadata/namespace", "/metadata/labels"] {
        assert_eq!(preview["items"][0].pointer(field), written.pointer(field), "{preview:#}");
    }
}

/// A patch for the Deployment or the Service below, in the words of `kubectl patch` and of a transform.
const PATCHES: &[(&str, &str, &str)] = &[
    (
        "deployment",
        "strategic",
        r#"{"spec":{"template":{"spec":{"containers":[{"name":"agent","$patch":"delete"}]}}}}"#,
    ),
    (
        "deployment",
        "strategic",
        r#"{"spec":{"template":{"spec":{"containers":[{"name":"web","image":"x"},{"name":"new","image":"y"}]}}}}"#,
    ),
    (
        "deployment",
        "strategic",
        r#"{"spec":{"template":{"spec":{"containers":[{"$patch":"replace"},{"name":"new","image":"y"}]}}}}"#,
    ),
    (
        "deployment",
        "strategic",
        r#"{"spec":{"template":{"spec":{"containers":[{"name":"web","env":[{"name":"A","$patch":"delete"},{"name":"B","value":"2"}]}]}}}}"#,
    ),
    (
        "deployment",
        "strategic",
        r#"{"spec":{"template":{"spec":{"containers":[{"name":"web","args":["b"],"volumeMounts":[{"mountPath":"/b","name":"v"}]}]}}}}"#,
    ),
    (
        "deployment",
        "strategic",
        r#"{"spec":{"template":{"spec":{"volumes":[{"name":"v","emptyDir":null,"configMap":{"name":"c"}}]}}}}"#,
    ),
    (
        "deployment",
        "strategic",
        r#"{"spec":{"template":{"spec":{"tolerations":[{"key":"y","operator":"Exists"}]}}}}"#,
    ),
    ("deployment", "strategic", r#"{"spec":{"strategy":{"$retainKeys":["type"],"type":"Recreate"}}}"#),
    ("deployment", "strategic", r#"{"metadata":{"labels":{"$patch":"replace","b":"2"}}}"#),
    ("deployment", "strategic", r#"{"metadata":{"labels":{"a":null,"c":"3"}}}"#),
    ("deployment", "strategic", r#"{"metadata":{"finalizers":["example.com/new"]}}"#),
    (
        "deployment",
        "strategic",
        r#"{"metadata":{"$deleteFromPrimitiveList/finalizers":["example.com/old"]}}"#,
    ),
    (
        "deployment",
        "merge",
        r#"{"metadata":{"labels":{"a":null}},"spec":{"template":{"spec":{"containers":[{"name":"n","image":"i"}]}}}}"#,
    ),
    (
        "deployment",
        "json",
        r#"[{"op":"test","path":"/spec/replicas","value":2},{"op":"remove","path":"/metadata/labels/a"},{"op":"add","path":"/spec/template/spec/containers/0/args/-","value":"c"}]"#,
    ),
    ("service", "strategic", r#"{"spec":{"ports":[{"port":80,"targetPort":8080}]}}"#),
    ("service", "strategic", r#"{"spec":{"ports":[{"port":443,"name":"https"}]}}"#),
    ("service", "strategic", r#"{"spec":{"selector":{"$patch":"delete"},"externalIPs":["192.0.2.2"]}}"#),
];

fn patched_objects(kind: &str) -> Value {
    let metadata =
        json!({"name": "web", "labels": {"a": "1"}, "finalizers": ["example.com/old", "example.com/kept"]});
    if kind == "service" {
        return json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {
            "selector": {"app": "web"}, "externalIPs": ["192.0.2.1"],
            "ports": [{"port": 80, "protocol": "TCP", "name": "http"}]}});
    }
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {
        "replicas": 2, "selector": {"matchLabels": {"app": "web"}},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {
            "tolerations": [{"key": "x", "operator": "Exists"}],
            "volumes": [{"name": "v", "emptyDir": {}}],
            "containers": [
                {"name": "web", "image": "nginx", "args": ["a"], "env": [{"name": "A", "value": "1"}],
                 "volumeMounts": [{"mountPath": "/a", "name": "v"}]},
                {"name": "agent", "image": "agent"}]}}}})
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn patches_do_what_kubectl_does() {
    let world = World::new();
    let path = |name: &str| world.folder().join(name).to_str().unwrap().to_owned();
    let (manifest, transforms) = (path("object.json"), path("transforms.yaml"));
    let mut different = Vec::new();
    for (kind, form, patch) in PATCHES {
        fs::write(&manifest, patched_objects(kind).to_string()).unwrap();
        let word = match *form {
            "strategic" => "strategicMergePatch",
            "merge" => "mergePatch",
            _ => "jsonPatch",
        };
        let file = json!({"apiVersion": "kubectl-backup.dev/v1alpha1", "kind": "Transforms", "transforms": [
            {"name": "patch", word: serde_json::from_str::<Value>(patch).unwrap()}]});
        fs::write(&transforms, file.to_string()).unwrap();
        let ours = ["transform", "-f", &transforms, "--from", &manifest, "-o", "json", "-q"];
        let ours = world.kubectl_backup(&ours).success().json()["items"][0].clone();
        let theirs = ["patch", "--local", "-f", &manifest, "--type", form, "-p", patch, "-o", "json"];
        let theirs = world.kubectl(&theirs).success().json();
        // kubectl prints its typed object, with the empty fields of its type.
        let (ours, theirs) = (without_empty(&ours), without_empty(&theirs));
        if ours != theirs {
            different.push(format!("{patch}\n  ours:   {ours}\n  theirs: {theirs}"));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

/// Without nulls, empty maps and status, which a typed object has or has not.
fn without_empty(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.iter().map(|(name, value)| (name.clone(), without_empty(value)));
            kept.filter(|(name, value)| name != "status" && !value.is_null() && *value != json!({})).collect()
        }
        Value::Array(items) => items.iter().map(without_empty).collect(),
        plain => plain.clone(),
    }
}
