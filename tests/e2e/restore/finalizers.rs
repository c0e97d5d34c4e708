//! Which finalizers come back.

use serde_json::{Value, json};

use crate::world::World;

fn release(world: &World, name: &str) {
    let object = format!("configmap/{name}");
    world.kubectl(&["patch", &object, "--type=merge", "-p", r#"{"metadata":{"finalizers":null}}"#]).success();
    world.kubectl(&["delete", &object]).success();
}

fn finalizers(world: &World) -> Value {
    world.object("configmap/held").unwrap()["metadata"]["finalizers"].clone()
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_finalizer_comes_back_when_it_lives_or_is_asked_for() {
    let world = World::new();
    // Of no other test.
    let finalizer = format!("{}.example.com/cleanup", world.namespace());
    let held = |name: &str| {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "finalizers": [finalizer]}})
            .to_string()
    };
    world.apply(&held("held"));
    world.back_up();
    release(&world, "held");

    let result = world.restore(&["configmap/held"]).success();
    assert_eq!(finalizers(&world), Value::Null);
    let note = result.json()["objects"][0]["notes"][0].to_string();
    assert!(note.contains(&finalizer) && note.contains("--keep-finalizers"), "{note}");
    let again = world.restore(&["configmap/held"]).success().json();
    assert_eq!(again["objects"][0]["state"], "unchanged", "what was dropped is no difference: {again:#}");

    world.kubectl(&["delete", "configmap/held"]).success();
    world.restore(&["configmap/held", "--keep-finalizers"]).success();
    assert_eq!(finalizers(&world), json!([finalizer]));

    release(&world, "held");
    world.apply(&held("neighbour"));
    world.restore(&["configmap/held"]).success();
    assert_eq!(finalizers(&world), json!([finalizer]), "its controller lives: it holds the neighbour");
    release(&world, "held");
    release(&world, "neighbour");
}
