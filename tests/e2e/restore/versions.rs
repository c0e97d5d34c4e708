//! Objects saved at a version that the cluster no longer serves.

use serde_json::{Value, json};
use test_cluster::webhook::Webhook;

use super::{reason, state};
use crate::world::{World, unique};

/// A custom kind `Widget` that is served at one version, and with it knows `spec.size` only or anything.
pub(super) struct Widgets<'world> {
    pub(super) world: &'world World,
    pub(super) group: String,
}

impl Widgets<'_> {
    pub(super) fn serve(&self, version: &str, spec: &Value) {
        let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": self.resource()},
            "spec": {"group": self.group, "scope": "Namespaced",
                "names": {"plural": "widgets", "singular": "widget", "kind": "Widget"},
                "versions": [{"name": version, "served": true, "storage": true, "schema": {"openAPIV3Schema":
                    {"type": "object", "properties": {"spec": spec}}}}]}});
        self.world.apply(&definition.to_string());
        let path = format!("/apis/{}/{version}/namespaces/{}/widgets", self.group, self.world.namespace());
        self.world.wait_until("the version to be served", || {
            self.world.kubectl(&["get", "--raw", &path]).code == 0
        });
    }

    pub(super) fn stop(&self) {
        self.world.kubectl(&["delete", "crd", &self.resource(), "--timeout=60s"]).success();
    }

    pub(super) fn resource(&self) -> String {
        format!("widgets.{}", self.group)
    }

    fn live(&self, name: &str) -> Option<Value> {
        self.world.object(&format!("{}/{name}", self.resource()))
    }
}

impl Drop for Widgets<'_> {
    fn drop(&mut self) {
        self.world.kubectl(&["delete", "crd", &self.resource(), "--wait=false", "--ignore-not-found"]);
    }
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn an_object_moves_to_the_version_that_is_served_and_loses_nothing_in_silence() {
    let world = World::new();
    let widgets = Widgets { world: &world, group: format!("{}.example.com", unique("widgets")) };
    widgets.serve("v1alpha1", &json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true}));
    for (name, spec) in [("fits", json!({"size": 1})), ("odd", json!({"size": 1, "colour": "red"}))] {
        let widget = json!({"apiVersion": format!("{}/v1alpha1", widgets.group), "kind": "Widget",
            "metadata": {"name": name}, "spec": spec});
        world.apply(&widget.to_string());
    }
    world.back_up();
    widgets.stop();
    widgets.serve("v1", &json!({"type": "object", "properties": {"size": {"type": "integer"}}}));

    let kind = widgets.resource();
    let name = |name: &str| format!("widget.{}/{name}", widgets.group);
    let planned = world.restore(&["--include", &kind, "--cluster-scoped=none", "--dry-run"]).success().json();
    let entry =
        planned["objects"].as_array().unwrap().iter().find(|it| it["object"] == name("fits").as_str());
    let note = format!("moved from {0}/v1alpha1 to {0}/v1", widgets.group);
    assert_eq!(entry.unwrap()["notes"], json!([note]));

    let restored = world.restore(&["--include", &kind, "--cluster-scoped=none"]).exits_with(3).json();
    assert_eq!(state(&restored, &name("fits")), "created", "{}", reason(&restored, &name("fits")));
    assert_eq!(widgets.live("fits").unwrap()["spec"], json!({"size": 1}));
    assert_eq!(state(&restored, &name("odd")), "refused");
    let entry =
        restored["objects"].as_array().unwrap().iter().find(|it| it["object"] == name("odd").as_str());
    assert_eq!(entry.unwrap()["fields"][0]["field"], "spec.colour");
    assert_eq!(widgets.live("odd"), None);

    let again = world.restore(&[&format!("{kind}/fits")]).success().json();
    assert_eq!(state(&again, &name("fits")), "unchanged", "compared at the version that is served");
    let change = r#"{"spec":{"size":2}}"#;
    world.kubectl(&["patch", &format!("{kind}/fits"), "--type=merge", "-p", change]).success();
    let arguments = [&format!("{kind}/fits"), "--cluster-scoped=none", "--on-conflict=patch"];
    let patched = world.restore(&arguments).success().json();
    assert_eq!(state(&patched, &name("fits")), "patched");
    assert_eq!(widgets.live("fits").unwrap()["spec"], json!({"size": 1}));
}

/// `v1alpha1` has the size in `spec.size`, `v2` in `spec.dimensions.size`.
fn converted(mut widget: Value, wanted: &str) -> Value {
    let spec = &mut widget["spec"];
    let size = [&spec["size"], &spec["dimensions"]["size"]].into_iter().find(|it| !it.is_null()).cloned();
    *spec =
        if wanted.ends_with("/v2") { json!({"dimensions": {"size": size}}) } else { json!({"size": size}) };
    widget
}

/// How widgets of two versions are defined; the first is stored.
fn two_versions(names: &[&str]) -> Vec<Value> {
    let number = json!({"type": "integer"});
    let schema = |name: &str| match name {
        "v2" => {
            json!({"type": "object", "properties": {"dimensions": {"type": "object", "properties": {"size": number}}}})
        }
        _ => json!({"type": "object", "properties": {"size": number}}),
    };
    let version = |(index, name): (usize, &&str)| {
        json!({"name": name, "served": true, "storage": index == 0, "schema": {"openAPIV3Schema":
            {"type": "object", "properties": {"spec": schema(name)}}}})
    };
    names.iter().enumerate().map(version).collect()
}

impl Widgets<'_> {
    /// Served at these versions and at no other.
    fn serve_at(&self, names: &[&str], conversion: Option<&Webhook>) {
        let conversion = conversion.map_or_else(
            || json!({"strategy": "None"}),
            |webhook| {
                json!({"strategy": "Webhook", "webhook":
                    {"clientConfig": webhook.client_config(), "conversionReviewVersions": ["v1"]}})
            },
        );
        let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": self.resource()},
            "spec": {"group": self.group, "scope": "Namespaced", "conversion": conversion,
                "names": {"plural": "widgets", "singular": "widget", "kind": "Widget"},
                "versions": two_versions(names)}});
        self.world.apply(&definition.to_string());
        let path = format!("/apis/{}", self.group);
        self.world.wait_until("these versions to be served", || {
            let answer = self.world.kubectl(&["get", "--raw", &path]);
            let Ok(group) = serde_json::from_str::<Value>(&answer.stdout) else { return false };
            let served = group["versions"].as_array().into_iter().flatten();
            let mut served: Vec<_> = served.filter_map(|it| it["version"].as_str()).collect();
            let mut wanted = names.to_vec();
            served.sort_unstable();
            wanted.sort_unstable();
            let is_there = |name: &&str| {
                let path =
                    format!("/apis/{}/{name}/namespaces/{}/widgets", self.group, self.world.namespace());
                self.world.kubectl(&["get", "--raw", &path]).code == 0
            };
            served == wanted && names.iter().all(is_there)
        });
    }

    /// Makes a widget of `v2`.
    fn make(&self, name: &str, size: u64) {
        let widget = json!({"apiVersion": format!("{}/v2", self.group), "kind": "Widget",
            "metadata": {"name": name}, "spec": {"dimensions": {"size": size}}});
        self.world.apply(&widget.to_string());
    }

    /// Backs up, and tells at which other versions the widgets were saved.
    fn saved_besides(&self, arguments: &[&str]) -> Vec<String> {
        let create = ["create", "-n", self.world.namespace(), "-o", "json"];
        let create: Vec<&str> = create.into_iter().chain(arguments.iter().copied()).collect();
        let report = self.world.kubectl_backup(&create).success().json();
        let kinds = report["kinds"].as_array().unwrap();
        let kind = kinds.iter().find(|kind| kind["resource"] == self.resource().as_str()).unwrap();
        assert_eq!(kind["version"], "v2", "{kind:#}");
        let others = kind["otherVersions"].as_array().into_iter().flatten();
        others.map(|other| format!("{} {}", other["version"].as_str().unwrap(), other["objects"])).collect()
    }
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn an_object_is_taken_as_the_saved_version_that_is_still_served() {
    let world = World::new();
    let widgets = Widgets { world: &world, group: format!("{}.example.com", unique("widgets")) };
    let webhook = Webhook::converting(converted).unwrap();
    widgets.serve_at(&["v2", "v1alpha1"], Some(&webhook));
    for name in ["one", "two", "three", "four", "five", "six"] {
        widgets.make(name, 1);
    }
    assert_eq!(widgets.saved_besides(&["--api-versions=preferred"]), [""; 0]);
    assert_eq!(widgets.saved_besides(&[]), ["v1alpha1 6"], "a webhook converts them");
    assert!(webhook.calls() > 0);
    world.kubectl_backup(&["check", "--read-data"]).success();
    let (latest, one) = (format!("latest:{}", world.namespace()), format!("{}/one", widgets.resource()));
    let got = |version: &str| {
        let get = ["get", &latest, &one, "-o", "json", "--api-version", version];
        world.kubectl_backup(&get)
    };
    assert_eq!(got("v2").success().json()["spec"], json!({"dimensions": {"size": 1}}));
    assert_eq!(got("v1alpha1").success().json()["spec"], json!({"size": 1}));
    assert!(got("v3").exits_with(1).stderr.contains("it is saved at v2, v1alpha1"));
    widgets.stop();
    widgets.serve_at(&["v1alpha1"], None);

    let (kind, name) = (widgets.resource(), format!("widget.{}/one", widgets.group));
    let restored = world.restore(&["--include", &kind, "--cluster-scoped=none"]).success().json();
    assert_eq!(state(&restored, &name), "created", "{}", reason(&restored, &name));
    let note =
        format!("taken as {0}/v1alpha1, as which it was saved too; {0}/v2 is not served", widgets.group);
    assert!(restored["objects"][0]["notes"].as_array().unwrap().contains(&json!(note)), "{restored:#}");
    assert_eq!(widgets.live("one").unwrap()["spec"], json!({"size": 1}));
    assert_eq!(widgets.live("six").unwrap()["spec"], json!({"size": 1}));

    let again = world.restore(&["--include", &kind, "--cluster-scoped=none"]).success().json();
    assert_eq!(state(&again, &name), "unchanged");
    world.kubectl_backup(&["diff", &latest, "--include", &kind]).success();
    let change = r#"{"spec":{"size":2}}"#;
    world.kubectl(&["patch", &format!("{kind}/one"), "--type=merge", "-p", change]).success();
    let arguments = [&format!("{kind}/one"), "--cluster-scoped=none", "--on-conflict=patch"];
    assert_eq!(state(&world.restore(&arguments).success().json(), &name), "patched");
    assert_eq!(widgets.live("one").unwrap()["spec"], json!({"size": 1}));
    world.kubectl_backup(&["undo", "--yes"]).success();
    assert_eq!(widgets.live("one").unwrap()["spec"], json!({"size": 2}));
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn what_a_webhook_converts_is_not_moved_by_its_name() {
    let world = World::new();
    let widgets = Widgets { world: &world, group: format!("{}.example.com", unique("widgets")) };
    let webhook = Webhook::converting(converted).unwrap();
    widgets.serve_at(&["v2", "v1alpha1"], Some(&webhook));
    widgets.make("one", 1);
    widgets.saved_besides(&["--api-versions=preferred"]);
    widgets.stop();
    // This definition converts nothing, and the saved one did.
    widgets.serve_at(&["v1alpha1"], None);
    let (kind, name) = (widgets.resource(), format!("widget.{}/one", widgets.group));
    let refused = world.restore(&["--include", &kind, "--cluster-scoped=none"]).exits_with(3).json();
    assert_eq!(state(&refused, &name), "refused");
    let said = reason(&refused, &name);
    assert!(
        said.contains("does not serve") && said.contains("webhook") && said.contains("--api-versions"),
        "{said}"
    );

    // Served again, the version is written as it was saved, and the server converts it.
    widgets.serve_at(&["v1alpha1", "v2"], Some(&webhook));
    let calls = webhook.calls();
    let restored = world.restore(&["--include", &kind, "--cluster-scoped=none"]).success().json();
    assert_eq!(state(&restored, &name), "created");
    assert!(webhook.calls() > calls);
    let stored = world.object(&format!("widgets.v1alpha1.{}/one", widgets.group)).unwrap();
    assert_eq!(stored["spec"], json!({"size": 1}));
    let again = world.restore(&["--include", &kind, "--cluster-scoped=none"]).success().json();
    assert_eq!(state(&again, &name), "unchanged");
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_version_that_cannot_be_read_is_told_and_missing_only_where_it_was_asked_for() {
    let world = World::new();
    let widgets = Widgets { world: &world, group: format!("{}.example.com", unique("widgets")) };
    let webhook = Webhook::converting(converted).unwrap();
    widgets.serve_at(&["v2", "v1alpha1"], Some(&webhook));
    // Before there is a widget: what was converted once is in the server's cache.
    webhook.go_down();
    widgets.make("one", 1);
    let create = ["create", "-n", world.namespace()];
    let saved = world.kubectl_backup(&create).success();
    let said = format!("not saved as {} at version v1alpha1", widgets.resource());
    assert!(saved.stderr.contains(&said), "{saved:?}");
    let all = world.kubectl_backup(&[create.as_slice(), &["--api-versions=all"]].concat()).exits_with(3);
    assert!(all.stderr.contains(&format!("{} at version v1alpha1", widgets.resource())), "{all:?}");
    let kind = widgets.resource();
    let restored = world.restore(&["--include", &kind, "--cluster-scoped=none"]).success().json();
    assert_eq!(state(&restored, &format!("widget.{}/one", widgets.group)), "unchanged");
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn versions_that_differ_in_their_name_are_saved_where_all_are_asked_for() {
    let world = World::new();
    let widgets = Widgets { world: &world, group: format!("{}.example.com", unique("widgets")) };
    widgets.serve_at(&["v2", "v3alpha1"], None);
    widgets.make("one", 1);
    assert_eq!(widgets.saved_besides(&[]), [""; 0], "the restore can name the other version");
    assert_eq!(widgets.saved_besides(&["--api-versions=all"]), ["v3alpha1 1"]);
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_built_in_kind_of_two_shapes_is_saved_at_both() {
    let world = World::new();
    let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"});
    let metrics = json!([{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}}]);
    let scaler = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"},
        "spec": {"scaleTargetRef": target, "maxReplicas": 3, "metrics": metrics}});
    world.apply(&scaler.to_string());
    let report = world.kubectl_backup(&["create", "-n", world.namespace(), "-o", "json"]).success().json();
    let kinds = report["kinds"].as_array().unwrap();
    let others: Vec<_> = kinds.iter().filter(|kind| kind["otherVersions"].is_array()).collect();
    assert_eq!(others.len(), 1, "no other kind of a plain cluster: {others:#?}");
    assert_eq!(others[0]["otherVersions"][0]["version"], "v1");
    let get = ["get", "latest", "hpa/web", "--api-version=v1", "-o", "json"];
    let saved = world.kubectl_backup(&get).success().json();
    assert_eq!(
        (&saved["apiVersion"], &saved["spec"]["targetCPUUtilizationPercentage"]),
        (&json!("autoscaling/v1"), &json!(70))
    );
}
