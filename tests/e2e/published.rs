//! Manifests that others have published: the bundle of prometheus-operator and the definitions of cert-manager, with
//! resources of theirs, backed up, wiped and restored to equality.

use std::{fs, path::PathBuf, process::Command};

use serde_json::Value;

use crate::world::{World, without_its_life};

const RESOURCES: &str = include_str!("published/resources.yaml");

/// What is compared, with and without a namespace.
const NAMESPACED: &str = "prometheuses,servicemonitors,prometheusrules,alertmanagerconfigs,issuers,certificates,\
    deployments,services,serviceaccounts";
const CLUSTER_SCOPED: [&str; 8] = [
    "clusterrole/prometheus-operator",
    "clusterrolebinding/prometheus-operator",
    "crd/prometheuses.monitoring.coreos.com",
    "crd/servicemonitors.monitoring.coreos.com",
    "crd/prometheusrules.monitoring.coreos.com",
    "crd/alertmanagerconfigs.monitoring.coreos.com",
    "crd/issuers.cert-manager.io",
    "crd/certificates.cert-manager.io",
];

/// The folder of a Go module, fetched if it is not there; Go checks it against its checksum database or `sum`.
fn module(path: &str, sum: &str) -> PathBuf {
    let output = Command::new("go").args(["mod", "download", "-json", path]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["Sum"], sum, "{path} is not what it was");
    found["Dir"].as_str().unwrap().into()
}

fn install(world: &World) {
    let operator = module(
        "github.com/prometheus-operator/prometheus-operator@v0.85.0",
        "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=",
    );
    let bundle = fs::read_to_string(operator.join("bundle.yaml")).unwrap();
    world.apply(&bundle.replace("namespace: default", &format!("namespace: {}", world.namespace())));
    let manager = module(
        "github.com/cert-manager/cert-manager@v1.21.2",
        "h1:UWgoYM+KLNtRlqmoWOKjKBOBUPVHeepQ6/ac3ERJW68=",
    );
    for entry in fs::read_dir(manager.join("deploy/crds")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            world.apply(&fs::read_to_string(path).unwrap());
        }
    }
    world.kubectl(&["wait", "crd", "--all", "--for=condition=Established", "--timeout=60s"]).success();
    world.apply(RESOURCES);
}

/// All that is compared, without what belongs to one life of an object.
fn content(world: &World) -> Vec<Value> {
    let list = world.kubectl(&["get", NAMESPACED, "-o", "json"]).success().json();
    let mut objects: Vec<Value> = list["items"].as_array().unwrap().clone();
    objects.extend(CLUSTER_SCOPED.iter().map(|object| world.cluster_object(object).unwrap()));
    for object in &mut objects {
        without_its_life(object);
        if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) {
            spec.remove("clusterIP");
            spec.remove("clusterIPs");
        }
    }
    objects
}

fn wipe(world: &World) {
    world.lose_namespace();
    let mut delete = vec!["delete", "--wait", "--timeout=120s"];
    delete.extend(CLUSTER_SCOPED);
    world.kubectl(&delete).success();
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn operators_and_their_resources_come_back_equal_from_nothing() {
    // Their kinds have fixed names: on the second cluster they are in nobody's way.
    let world = World::new().on_other_cluster();
    install(&world);
    world.wait_until("the operator's replica set", || {
        !world.kubectl(&["get", "replicasets", "-o", "name"]).success().stdout.is_empty()
    });
    let before = content(&world);
    world.kubectl_backup(&["create", "-n", world.namespace(), "-q"]).success();
    wipe(&world);

    let latest = format!("latest:{}", world.namespace());
    let result = world.kubectl_backup(&["restore", &latest, "--yes", "-o", "json"]).success().json();
    assert_eq!(result["counts"]["refused"], Value::Null, "{result:#}");
    let after = content(&world);
    for (saved, restored) in before.iter().zip(&after) {
        assert_eq!(restored, saved);
    }
    assert_eq!(after.len(), before.len());
    world.kubectl_backup(&["diff", &latest]).success();
    wipe(&world);
}
