//! Custom resources, and names that need care: saved, found again, brought back.

use serde_json::{Value, json};

use super::count;
use crate::world::{World, unique};

/// A custom kind `Cat` in a group that no other test has.
struct Cats<'world> {
    world: &'world World,
    group: String,
}

impl<'world> Cats<'world> {
    /// Served at these versions, the first of which is stored.
    fn served_at(world: &'world World, versions: &[&str]) -> Self {
        let cats = Self { world, group: format!("{}.example", unique("zoo")) };
        let anything =
            json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
        let versions: Vec<Value> = versions
            .iter()
            .enumerate()
            .map(|(index, name)| json!({"name": name, "served": true, "storage": index == 0, "schema": anything}))
            .collect();
        world.apply(
            &json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                "metadata": {"name": cats.resource()},
                "spec": {"group": cats.group, "scope": "Namespaced", "versions": versions,
                    "names": {"plural": "cats", "singular": "cat", "kind": "Cat"}}})
            .to_string(),
        );
        world.wait_until("the custom kind to be served", || {
            world.kubectl(&["get", &cats.resource(), "--namespace", world.namespace()]).code == 0
        });
        cats
    }

    /// `cats.GROUP`: the kind, and the name of its definition.
    fn resource(&self) -> String {
        format!("cats.{}", self.group)
    }

    fn apply(&self, version: &str, name: &str) {
        self.world.apply(
            &json!({"apiVersion": format!("{}/{version}", self.group), "kind": "Cat",
                "metadata": {"name": name}, "spec": {"lives": 9}})
            .to_string(),
        );
    }
}

impl Drop for Cats<'_> {
    fn drop(&mut self) {
        self.world.kubectl(&["delete", "crd", &self.resource(), "--wait=false", "--ignore-not-found"]);
    }
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_kind_with_several_versions_is_saved_at_the_preferred_one_and_comes_back_with_its_definition() {
    let world = World::new();
    let cats = Cats::served_at(&world, &["v1alpha1", "v1"]);
    cats.apply("v1alpha1", "tom");
    let report = world.kubectl_backup(&["create", "-o", "json"]).success().json();
    let kinds = report["kinds"].as_array().unwrap();
    let kind = kinds.iter().find(|kind| kind["resource"] == cats.resource().as_str()).unwrap();
    assert_eq!((kind["version"].as_str(), &kind["servedVersions"]), (Some("v1"), &json!(["v1", "v1alpha1"])));
    assert_eq!(count(&report, "customresourcedefinitions.apiextensions.k8s.io"), 1, "{report}");
    let name = format!("{}/tom", cats.resource());
    let saved = world.kubectl_backup(&["get", "latest", &name, "-o", "json"]).success().json();
    assert_eq!(saved["apiVersion"], format!("{}/v1", cats.group));

    world.kubectl(&["delete", "crd", &cats.resource(), "--timeout=60s"]).success();
    world.kubectl_backup(&["restore", "latest", "--yes"]).success();
    let restored = world.object(&name).unwrap();
    assert_eq!(restored["spec"], json!({"lives": 9}));
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_very_long_name_with_a_dot_goes_all_the_way() {
    let world = World::new();
    let cats = Cats::served_at(&world, &["v1"]);
    let name = format!("{}.{}", "a".repeat(124), "b".repeat(128));
    assert_eq!(name.len(), 253, "the longest name that there is");
    cats.apply("v1", &name);
    cats.apply("v1", "a.b");
    round_trip(&world, &format!("{}/{name}", cats.resource()), &name);
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_name_with_a_colon_goes_all_the_way() {
    let world = World::new();
    world.apply(
        "apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: 'system:node-proxier'}
rules: [{apiGroups: [''], resources: [configmaps], verbs: [get]}]
",
    );
    round_trip(&world, "role/system:node-proxier", "system:node-proxier");
}

/// Saves, lists, gets, loses and restores one object.
fn round_trip(world: &World, type_and_name: &str, name: &str) {
    let before = world.object(type_and_name).unwrap();
    world.kubectl_backup(&["create"]).success();
    let listed = world.kubectl_backup(&["ls", "latest", "-o", "name"]).success();
    assert!(listed.stdout.lines().any(|line| line.ends_with(&format!("/{name}"))), "{}", listed.stdout);
    let saved = world.kubectl_backup(&["get", "latest", type_and_name, "-o", "json"]).success().json();
    assert_eq!(
        (&saved["metadata"]["uid"], saved["metadata"]["name"].as_str()),
        (&before["metadata"]["uid"], Some(name))
    );
    world.kubectl(&["delete", type_and_name]).success();
    world.kubectl_backup(&["restore", "latest", type_and_name, "--yes"]).success();
    let after = world.object(type_and_name).unwrap();
    assert_ne!(after["metadata"]["uid"], before["metadata"]["uid"]);
    assert_eq!((&after["spec"], &after["rules"]), (&before["spec"], &before["rules"]));
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_built_in_role_is_saved_when_it_is_named() {
    let world = World::new();
    let name = "clusterrole/system:node-proxier";
    let report = world.kubectl_backup(&["create", name, "-o", "json"]).success().json();
    assert_eq!(count(&report, "clusterroles.rbac.authorization.k8s.io"), 1, "{report}");
    let saved = world.kubectl_backup(&["get", "latest", name, "-o", "json"]).success().json();
    assert_eq!(saved["rules"], world.cluster_object(name).unwrap()["rules"]);
    world.kubectl_backup(&["restore", "latest", name, "--yes"]).success();
}
