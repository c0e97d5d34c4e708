//! Objects saved at a version that the cluster no longer serves.

use serde_json::{Value, json};

use super::{reason, state};
use crate::world::{World, unique};

/// A custom kind `Widget` that is served at one version, and with it knows `spec.size` only or anything.
struct Widgets<'world> {
    world: &'world World,
    group: String,
}

impl Widgets<'_> {
    fn serve(&self, version: &str, spec: &Value) {
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

    fn stop(&self) {
        self.world.kubectl(&["delete", "crd", &self.resource(), "--timeout=60s"]).success();
    }

    fn resource(&self) -> String {
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
