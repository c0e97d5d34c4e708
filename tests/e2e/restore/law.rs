//! The law of backups, on objects that nobody thought of: what is saved, lost and restored is saved again as the same.
//!
//! Both sides are read from the restore points alone, so that neither kubectl nor the cluster can hide a difference.

use std::collections::BTreeMap;

use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};

use super::essential;
use crate::world::World;

/// Each loses a namespace, which takes seconds.
const CASES: u32 = 8;

fn name() -> impl Strategy<Value = String> {
    "[a-z]([-a-z0-9]{0,50}[a-z0-9])?"
}

fn key() -> impl Strategy<Value = String> {
    "[-_a-zA-Z0-9][-._a-zA-Z0-9]{0,30}"
}

/// Whatever YAML, terminals and shells take for something else.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[ \t\r\n:#'\"{}\\[\\]&*!|>%@`~-]{0,20}",
        Just("0x1F".to_owned()),
        Just("no".to_owned())
    ]
}

fn metadata() -> impl Strategy<Value = Value> {
    let labels = prop::collection::btree_map("[a-z]{1,20}", "[a-zA-Z0-9]{0,20}", 0..3);
    let annotations = prop::collection::btree_map("example\\.com/[a-z]{1,20}", text(), 0..3);
    (labels, annotations)
        .prop_map(|(labels, annotations)| json!({ "labels": labels, "annotations": annotations }))
}

/// Of one kind: its API version, its name, and its content.
fn body() -> impl Strategy<Value = (&'static str, &'static str, Value)> {
    let data = || prop::collection::btree_map(key(), text(), 0..5);
    let words = prop::collection::vec("[a-z]{1,12}", 1..4);
    let ports = prop::collection::btree_set(1_u16.., 1..4);
    prop_oneof![
        data().prop_map(|data| ("v1", "ConfigMap", json!({ "data": data }))),
        (data(), any::<bool>()).prop_map(|(data, fixed)| (
            "v1",
            "Secret",
            json!({ "stringData": data, "immutable": fixed })
        )),
        any::<bool>().prop_map(|mount| (
            "v1",
            "ServiceAccount",
            json!({ "automountServiceAccountToken": mount })
        )),
        words.prop_map(|words| {
            let rules =
                json!([{ "apiGroups": ["", "example.com"], "resources": words, "verbs": ["get", "list"] }]);
            ("rbac.authorization.k8s.io/v1", "Role", json!({ "rules": rules }))
        }),
        (ports, any::<bool>()).prop_map(|(ports, headless)| {
            let ports: Vec<Value> =
                ports.into_iter().map(|port| json!({ "name": format!("p{port}"), "port": port })).collect();
            let mut spec = json!({ "ports": ports, "selector": { "app": "any" } });
            if headless {
                spec["clusterIP"] = json!("None");
            }
            ("v1", "Service", json!({ "spec": spec }))
        }),
    ]
}

/// A namespace's objects, each kind and name once.
fn objects() -> impl Strategy<Value = Vec<Value>> {
    let named = prop::collection::btree_map(name(), (metadata(), body()), 1..8);
    named.prop_map(|named: BTreeMap<String, _>| {
        let object = |(name, (metadata, (version, kind, body))): (String, (Value, (&str, &str, Value)))| {
            let mut object = body;
            (object["apiVersion"], object["kind"], object["metadata"]) =
                (json!(version), json!(kind), metadata);
            object["metadata"]["name"] = json!(name);
            object
        };
        named.into_iter().map(object).collect()
    })
}

/// All that the newest restore point holds of the namespace.
fn saved(world: &World) -> Vec<Value> {
    world.kubectl_backup(&["create", "-n", world.namespace(), "-q"]).success();
    let latest = format!("latest:{}", world.namespace());
    let kinds = "configmaps,secrets,serviceaccounts,roles,services";
    let list = world
        .kubectl_backup(&["get", &latest, kinds, "-n", world.namespace(), "-o", "json"])
        .success()
        .json();
    list["items"].as_array().unwrap().iter().map(essential).collect()
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn what_is_saved_lost_and_restored_is_saved_again_as_the_same() {
    let mut runner = TestRunner::new(Config { cases: CASES, max_shrink_iters: 16, ..Config::default() });
    let law = |objects: Vec<Value>| {
        let world = World::new();
        let count = objects.len();
        world.apply(&json!({ "apiVersion": "v1", "kind": "List", "items": objects }).to_string());
        let before = saved(&world);
        prop_assert!(before.len() >= count, "{} of {count} were saved", before.len());
        world.lose_namespace();
        world.restore(&[]).success();
        prop_assert_eq!(saved(&world), before);
        Ok(())
    };
    runner.run(&objects(), law).unwrap_or_else(|error| panic!("{error}"));
}
