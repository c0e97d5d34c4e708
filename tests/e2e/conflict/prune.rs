//! Back to exactly the saved state: what was made since is deleted.

use serde_json::Value;

use super::SAVED;
use crate::world::World;

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn prune_deletes_what_was_made_since_and_nothing_else() {
    let world = World::new();
    world.wait_until("the default service account", || world.object("serviceaccount/default").is_some());
    let map = |name: &str, value: &str| {
        world.apply(&format!(
            "{{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}, labels: {{app: {value}}}}}, data: {{key: {value}}}}}"
        ));
    };
    map("saved", "saved");
    world.apply(&SAVED.split("---").next().unwrap().replace("GROUP", "none"));
    world.wait_until("its replica set", || {
        !world.kubectl(&["get", "replicasets", "-o", "name"]).success().stdout.is_empty()
    });
    world.kubectl_backup(&["create", "-n", world.namespace(), "-q"]).success();
    map("saved", "changed");
    map("since", "other");
    world.kubectl(&["create", "secret", "generic", "since", "--from-literal=a=b"]).success();
    let point = format!("latest:{}", world.namespace());
    let restore = |words: &[&str]| {
        world.kubectl_backup(&[&["restore", &point, "--yes", "-o", "json", "--prune"][..], words].concat())
    };
    let names = || {
        let kinds = "configmaps,secrets,serviceaccounts,deployments,replicasets";
        world.kubectl(&["get", kinds, "-o", "name"]).success().stdout
    };

    let before = names();
    let planned = restore(&["--dry-run"]).success().json();
    assert_eq!(planned["counts"]["delete"], 2, "{planned:#}");
    assert_eq!(restore(&["--dry-run=server"]).success().json()["counts"]["deleted"], 2);
    assert_eq!(names(), before);
    // A selection covers no more than it selects.
    assert_eq!(restore(&["-l", "app=saved"]).success().json()["counts"]["deleted"], Value::Null);
    assert_eq!(restore(&["--include", "configmaps", "--dry-run"]).success().json()["counts"]["delete"], 1);

    let exact = restore(&["--on-conflict=patch", "--exact"]).success().json();
    assert_eq!(exact["counts"]["deleted"], 2, "{exact:#}");
    assert_eq!(names(), before.replace("configmap/since\n", "").replace("secret/since\n", ""));
    world.kubectl_backup(&["diff", &point]).success();
}
