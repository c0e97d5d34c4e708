//! Each conflict policy against each kind that has its own rules, on a real API server, compared field by field.

mod asked;
mod fields;
mod prune;
mod rename;
mod replace;
mod undone;

use serde_json::{Value, json};

use crate::world::{World, unique};

const SAVED: &str = include_str!("conflict/saved.yaml");
const LIVE: &str = include_str!("conflict/live.yaml");

/// Everything in the manifests.
const OBJECTS: [&str; 10] = [
    "deployment/web",
    "statefulset/db",
    "service/ported",
    "service/fixed",
    "pvc/data",
    "job/once",
    "configmap/sealed",
    "configmap/open",
    "rolebinding/reader",
    "widget/w",
];

/// A namespace whose objects were saved, lost, and made again by somebody else.
struct Stage {
    world: World,
    /// What tells this stage's ports, addresses and kinds from those of tests beside it.
    group: String,
    ports: (u16, u16),
    addresses: (String, String),
}

/// What is expected of one object: its state, the fields left, and values of the live object after it.
struct Expected<'a> {
    object: &'a str,
    state: &'a str,
    left: &'a [&'a str],
    values: Vec<(&'a str, Value)>,
}

impl Stage {
    fn new(number: u16) -> Self {
        let world = World::new();
        let stage = Self {
            group: format!("{}.example.com", unique("g")),
            ports: (30500 + number * 2, 30501 + number * 2),
            addresses: (format!("10.96.77.{}", number * 2 + 1), format!("10.96.77.{}", number * 2 + 2)),
            world,
        };
        stage.define("saved");
        stage.apply(SAVED);
        stage.world.kubectl_backup(&["create", "-n", stage.world.namespace(), "-q"]).success();
        let mut delete = vec!["delete", "--wait", "--timeout=60s", "--cascade=background"];
        let widget = format!("widgets.{}/w", stage.group);
        delete.extend(OBJECTS.iter().map(|object| if *object == "widget/w" { &widget } else { *object }));
        stage.world.kubectl(&delete).success();
        stage.define("live");
        stage.apply(LIVE);
        stage
    }

    /// The custom kind; it goes with the namespace, which owns it.
    fn define(&self, description: &str) {
        let namespace = self.world.cluster_object(&format!("namespace/{}", self.world.namespace())).unwrap();
        let uid = &namespace["metadata"]["uid"];
        let owner =
            json!({"apiVersion": "v1", "kind": "Namespace", "name": self.world.namespace(), "uid": uid});
        let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("widgets.{}", self.group), "ownerReferences": [owner]},
            "spec": {"group": self.group, "scope": "Namespaced",
                "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"},
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                    "type": "object", "description": description, "properties": {"spec": {"type": "object",
                        "x-kubernetes-preserve-unknown-fields": true}}}}}]}});
        self.world.apply(&definition.to_string());
        let wait = ["wait", "--for=condition=Established", "--timeout=60s"];
        let name = format!("crd/widgets.{}", self.group);
        self.world.kubectl(&[&wait[..], &[&name]].concat()).success();
    }

    fn apply(&self, manifest: &str) {
        let manifest = manifest
            .replace("GROUP", &self.group)
            .replace("SAVED_PORT", &self.ports.0.to_string())
            .replace("LIVE_PORT", &self.ports.1.to_string())
            .replace("SAVED_ADDRESS", &self.addresses.0)
            .replace("LIVE_ADDRESS", &self.addresses.1);
        self.world.apply(&manifest);
    }

    fn restore(&self, policy: &[&str], code: i32) -> Value {
        let point = format!("latest:{}", self.world.namespace());
        let mut words = vec!["restore", &point, "--yes", "-o", "json"];
        words.extend(policy);
        self.world.kubectl_backup(&words).exits_with(code).json()
    }

    fn live(&self, object: &str) -> Value {
        let named = match object.split_once('/') {
            Some(("widget", name)) => format!("widgets.{}/{name}", self.group),
            None => format!("crd/widgets.{}", self.group),
            Some(_) => object.to_owned(),
        };
        self.world.object(&named).unwrap()
    }

    /// All live objects, without what changes by itself.
    fn all(&self) -> Vec<Value> {
        let content = |object: &&str| {
            let live = self.live(object);
            json!([
                live["metadata"]["uid"],
                live["metadata"]["labels"],
                live["spec"],
                live["data"],
                live["roleRef"],
                live["subjects"]
            ])
        };
        OBJECTS.iter().map(content).collect()
    }

    #[track_caller]
    fn check(&self, result: &Value, expected: &[Expected<'_>]) {
        for it in expected {
            let (kind, name) = it.object.split_once('/').unwrap_or(("customresourcedefinition", "widgets"));
            let kind = if kind == "pvc" { "persistentvolumeclaim" } else { kind };
            let found = result["objects"].as_array().unwrap().iter().find(|found| {
                let text = found["object"].as_str().unwrap();
                text.starts_with(kind) && text.split_once('/').unwrap().1.starts_with(name)
            });
            let found = found.unwrap_or_else(|| panic!("no {} in {result:#}", it.object));
            assert_eq!(found["state"], it.state, "{found:#}");
            let mut left: Vec<_> =
                found["fields"].as_array().into_iter().flatten().map(|it| &it["field"]).collect();
            left.sort_by_key(ToString::to_string);
            assert_eq!(json!(left), json!(it.left), "{found:#}");
            let live = self.live(it.object);
            for (pointer, value) in &it.values {
                assert_eq!(live.pointer(pointer).unwrap_or(&Value::Null), value, "{pointer} of {live:#}");
            }
        }
    }
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn skip_and_fail_leave_every_kind_as_it_is() {
    let stage = Stage::new(0);
    let before = stage.all();
    let skipped = stage.restore(&["--on-conflict=skip"], 0);
    let expected: Vec<_> = OBJECTS
        .iter()
        .map(|object| Expected { object, state: "skipped", left: &[], values: vec![] })
        .collect();
    stage.check(&skipped, &expected);
    assert_eq!(stage.all(), before);

    let failed = stage.restore(&["--on-conflict=fail"], 1);
    let expected: Vec<_> = OBJECTS
        .iter()
        .map(|object| Expected { object, state: "conflict", left: &[], values: vec![] })
        .collect();
    stage.check(&failed, &expected);
    assert_eq!(stage.all(), before);
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
#[expect(clippy::too_many_lines, reason = "a table: what each kind is expected to become")]
fn patch_sets_what_each_kind_lets_be_set_and_tells_the_rest() {
    let stage = Stage::new(1);
    let result = stage.restore(&["--on-conflict=patch"], 3);
    let container = "/spec/template/spec/containers";
    let deployment = vec![
        ("/spec/replicas", json!(1)),
        ("/spec/template/spec/containers/0/image", json!("example.com/web:1")),
        (
            "/spec/template/spec/containers/0/env",
            json!([{"name": "A", "value": "saved"}, {"name": "B", "value": "added"}]),
        ),
        ("/spec/template/spec/containers/1/name", json!("sidecar")),
        ("/spec/selector/matchLabels/app", json!("other")),
        ("/metadata/labels/added", json!("since")),
    ];
    let image = format!("{container}/0/image");
    stage.check(
        &result,
        &[
            Expected {
                object: "deployment/web",
                state: "patched",
                left: &["spec.selector.matchLabels.app", "spec.template.metadata.labels.app"],
                values: deployment,
            },
            Expected {
                object: "statefulset/db",
                state: "patched",
                left: &["spec.serviceName"],
                values: vec![("/spec/replicas", json!(1)), (&image, json!("example.com/db:1"))],
            },
            Expected {
                object: "service/ported",
                state: "patched",
                left: &[],
                values: vec![
                    ("/spec/ports/0/nodePort", json!(stage.ports.0)),
                    ("/spec/ports/1/name", json!("admin")),
                ],
            },
            Expected {
                object: "service/fixed",
                state: "patched",
                left: &["spec.clusterIP", "spec.clusterIPs"],
                values: vec![
                    ("/spec/clusterIP", json!(stage.addresses.1)),
                    ("/spec/selector/app", json!("web")),
                ],
            },
            Expected {
                object: "pvc/data",
                state: "patched",
                left: &["spec.resources.requests.storage"],
                values: vec![
                    ("/spec/resources/requests/storage", json!("2Gi")),
                    ("/metadata/labels/tier", json!("back")),
                ],
            },
            Expected {
                object: "job/once",
                state: "patched",
                left: &["spec.template.spec.containers[name=job].image"],
                values: vec![("/spec/parallelism", json!(1)), (&image, json!("example.com/job:2"))],
            },
            Expected {
                object: "configmap/sealed",
                state: "patched",
                left: &["data.key"],
                values: vec![("/data/key", json!("live")), ("/metadata/labels/tier", json!("front"))],
            },
            Expected {
                object: "configmap/open",
                state: "patched",
                left: &[],
                values: vec![("/data", json!({"key": "saved", "added": "since"}))],
            },
            Expected {
                object: "rolebinding/reader",
                state: "patched",
                left: &["roleRef.name"],
                values: vec![("/roleRef/name", json!("edit")), ("/subjects/0/name", json!("saved"))],
            },
            Expected {
                object: "widget/w",
                state: "patched",
                left: &[],
                values: vec![("/spec", json!({"size": 1, "tags": ["a", "b"], "added": "since"}))],
            },
            Expected {
                object: "definition",
                state: "patched",
                left: &[],
                values: vec![("/spec/versions/0/schema/openAPIV3Schema/description", json!("saved"))],
            },
        ],
    );
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn an_exact_patch_also_removes_what_was_added_since() {
    let stage = Stage::new(2);
    let result = stage.restore(&["--on-conflict=patch", "--exact"], 3);
    stage.check(
        &result,
        &[
            Expected {
                object: "deployment/web",
                state: "patched",
                left: &["spec.selector.matchLabels.app", "spec.template.metadata.labels.app"],
                values: vec![
                    ("/spec/template/spec/containers/0/env", json!([{"name": "A", "value": "saved"}])),
                    ("/spec/template/spec/containers/1", Value::Null),
                    ("/metadata/labels", json!({"tier": "front"})),
                ],
            },
            Expected {
                object: "service/ported",
                state: "patched",
                left: &[],
                values: vec![
                    ("/spec/ports/0/nodePort", json!(stage.ports.0)),
                    ("/spec/ports/1", Value::Null),
                ],
            },
            Expected {
                object: "configmap/open",
                state: "patched",
                left: &[],
                values: vec![("/data", json!({"key": "saved"}))],
            },
            Expected {
                object: "widget/w",
                state: "patched",
                left: &[],
                values: vec![("/spec", json!({"size": 1, "tags": ["a", "b"]}))],
            },
        ],
    );
    // What can be set is set: a second run finds the same fields in the way, and nothing to do.
    let again = stage.restore(&["--on-conflict=patch", "--exact"], 3);
    assert_eq!(again["counts"]["patched"], Value::Null, "{again:#}");
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn replace_makes_each_kind_anew_and_never_what_would_take_others_along() {
    let stage = Stage::new(3);
    let pods =
        || stage.world.kubectl(&["get", "replicasets", "-l", "app=other", "-o", "name"]).success().stdout;
    stage.world.wait_until("the old replica set", || !pods().is_empty());
    let follower = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "follower",
        "ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "open",
            "uid": stage.live("configmap/open")["metadata"]["uid"]}]}, "data": {"made": "since"}});
    stage.world.apply(&follower.to_string());
    let before = stage.all();

    let result = stage.restore(&["--on-conflict=replace"], 3);
    let image = "/spec/template/spec/containers/0/image";
    let replaced = |object, values| Expected { object, state: "replaced", left: &[], values };
    stage.check(
        &result,
        &[
            replaced(
                "deployment/web",
                vec![
                    ("/spec/selector/matchLabels/app", json!("web")),
                    (image, json!("example.com/web:1")),
                    ("/spec/template/spec/containers/1", Value::Null),
                    ("/metadata/labels", json!({"tier": "front"})),
                ],
            ),
            replaced(
                "statefulset/db",
                vec![("/spec/serviceName", json!("db")), ("/spec/replicas", json!(1))],
            ),
            replaced("service/ported", vec![("/spec/ports/0/nodePort", json!(stage.ports.0))]),
            replaced("service/fixed", vec![("/spec/clusterIP", json!(stage.addresses.0))]),
            replaced("pvc/data", vec![("/spec/resources/requests/storage", json!("1Gi"))]),
            replaced("job/once", vec![(image, json!("example.com/job:1")), ("/spec/parallelism", json!(1))]),
            replaced("configmap/sealed", vec![("/data/key", json!("saved"))]),
            replaced("configmap/open", vec![("/data", json!({"key": "saved"}))]),
            replaced("rolebinding/reader", vec![("/roleRef/name", json!("view"))]),
            replaced("widget/w", vec![("/spec", json!({"size": 1, "tags": ["a", "b"]}))]),
            // Every widget would go with it.
            Expected { object: "definition", state: "refused", left: &[], values: vec![] },
        ],
    );
    for (old, new) in before.iter().zip(stage.all()) {
        assert_ne!(old[0], new[0], "a new life has a new uid");
    }
    // What named the replaced object as its owner is still there, and names the new one.
    let follower = stage.live("configmap/follower");
    assert_eq!(follower["data"], json!({"made": "since"}));
    assert_eq!(
        follower["metadata"]["ownerReferences"][0]["uid"],
        stage.live("configmap/open")["metadata"]["uid"]
    );
    stage.world.wait_until("the old replica set to go", || pods().is_empty());
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_service_gets_real_ports_and_addresses_from_a_patch() {
    let world = World::new();
    world.apply(
        "{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {type: NodePort, selector: {app: web}, \
         ports: [{name: http, port: 80}, {name: admin, port: 81}]}}",
    );
    world.kubectl_backup(&["create", "-n", world.namespace(), "-q"]).success();
    let service = || world.object("service/web").unwrap()["spec"].clone();
    let point = format!("latest:{}", world.namespace());
    for change in [
        r#"[{"op": "replace", "path": "/spec/type", "value": "ClusterIP"}]"#,
        r#"[{"op": "remove", "path": "/spec/ports/1"}]"#,
    ] {
        world.kubectl(&["patch", "service/web", "--type=json", "-p", change]).success();
        let words = ["restore", &point, "service/web", "--on-conflict=patch", "--yes", "-o", "json"];
        let result = world.kubectl_backup(&words).success().json();
        assert_eq!(result["counts"]["patched"], 1, "{result:#}");
        assert_eq!(service()["type"], "NodePort");
        let ports = service()["ports"].as_array().unwrap().clone();
        assert_eq!(ports.len(), 2);
        assert!(ports.iter().all(|port| port["nodePort"].as_u64() >= Some(30000)), "{ports:#?}");
    }
}
