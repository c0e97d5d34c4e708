//! The order in which objects come back.

use serde_json::json;

use super::{shop, state};
use crate::world::World;

/// When an object that nobody changes was made: its place in the order of all writes of the cluster.
fn written(world: &World, object: &str) -> u64 {
    let live = world.object(object).unwrap();
    live["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap()
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn the_users_order_is_followed_and_an_owner_comes_first_all_the_same() {
    let world = shop();
    let uid = world.object("configmap/app").unwrap()["metadata"]["uid"].clone();
    let owner = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "app", "uid": uid});
    for (name, owners) in [("alone", json!([])), ("owned", json!([owner]))] {
        let secret = json!({"apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": name, "ownerReferences": owners}});
        world.apply(&secret.to_string());
    }
    world.back_up();
    world.lose_namespace();
    let restored = world.restore(&["--order=role,secret", "--order", "cm/app,sts"]).success();
    let result = restored.json();
    for object in ["secret/alone", "secret/owned", "configmap/app"] {
        assert_eq!(state(&result, object), "created");
    }
    assert!(written(&world, "role/system:reader") < written(&world, "secret/alone"));
    assert!(written(&world, "secret/alone") < written(&world, "configmap/app"));
    assert!(written(&world, "configmap/app") < written(&world, "secret/owned"));
    assert!(restored.stderr.contains("`sts` is nothing that is restored"), "{}", restored.stderr);
    assert!(restored.stderr.contains("secrets/owned` comes later than you say"), "{}", restored.stderr);

    let unknown = world.restore(&["--order=deploi"]).exits_with(1);
    assert!(unknown.stderr.contains("did you mean `deployments.apps`?"), "{unknown:?}");
}
