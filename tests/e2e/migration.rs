//! An application moved to another cluster, into another namespace and onto another storage class.

use std::fs;

use serde_json::{Value, json};

use crate::world::{World, without_its_life};

const APPLICATION: &str = include_str!("migration/application.yaml");
const TRANSFORMS: &str = "apiVersion: kubectl-backup.dev/v1alpha1
kind: Transforms
transforms:
- {name: storage, storageClass: {premium: standard}}
";
const KINDS: &str = "serviceaccounts,rolebindings,configmaps,persistentvolumeclaims,services,statefulsets,deployments,\
    networkpolicies";

/// All objects of the namespace, without what belongs to one life in one cluster.
fn content(world: &World) -> Vec<Value> {
    let list = world.kubectl(&["get", KINDS, "-o", "json"]).success().json();
    let mut objects: Vec<Value> = list["items"].as_array().unwrap().clone();
    objects.retain(|object| {
        let name = object["metadata"]["name"].as_str().unwrap();
        // Made by Kubernetes, and by the StatefulSet.
        !matches!(name, "default" | "kube-root-ca.crt" | "data-db-0")
    });
    let binding = format!("clusterrolebinding/app-{}", world.namespace());
    objects.extend(world.cluster_object(&binding));
    for object in &mut objects {
        without_its_life(object);
        if object["metadata"]["annotations"] == json!({}) {
            object["metadata"].as_object_mut().unwrap().remove("annotations");
        }
    }
    objects
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn an_application_moves_to_another_cluster_with_namespace_and_storage_mapped() {
    let source = World::new();
    source.apply(&APPLICATION.replace("NAMESPACE", source.namespace()));
    source.kubectl_backup(&["create", "-n", source.namespace(), "-q"]).success();
    let saved = content(&source);

    let target = source.on_other_cluster();
    target.kubectl(&["delete", "namespace", target.namespace(), "--wait", "--timeout=60s"]).success();
    let transforms = source.folder().join("transforms.yaml");
    fs::write(&transforms, TRANSFORMS).unwrap();
    let point = format!("latest:{}", source.namespace());
    let map = format!("{}={}", source.namespace(), target.namespace());
    let words = [
        "restore",
        &point,
        "--map-namespace",
        &map,
        "--transform",
        transforms.to_str().unwrap(),
        "--yes",
        "-o",
        "json",
    ];
    let result = target.kubectl_backup(&words).success().json();
    assert_eq!(result["counts"]["refused"], Value::Null, "{result:#}");

    // What is expected is what was saved, with both words replaced wherever they have their meaning.
    let expected = serde_json::to_string(&saved)
        .unwrap()
        .replace(source.namespace(), target.namespace())
        .replace("\"storageClassName\":\"premium\"", "\"storageClassName\":\"standard\"");
    let mut expected: Vec<Value> = serde_json::from_str(&expected).unwrap();
    // The one object outside namespaces keeps its name.
    expected.retain(|object| object["kind"] != "ClusterRoleBinding");
    assert_eq!(expected.len(), saved.len() - 1);
    assert_eq!(content(&target), expected);
    let binding = target.cluster_object(&format!("clusterrolebinding/app-{}", source.namespace())).unwrap();
    assert_eq!(binding["subjects"][0]["namespace"], target.namespace());

    let again = target.kubectl_backup(&words).success().json();
    let changed = ["created", "patched", "replaced"].iter().any(|state| again["counts"].get(state).is_some());
    assert!(!changed, "{again:#}");
    for world in [&source, &target] {
        let binding = format!("app-{}", source.namespace());
        world.kubectl(&["delete", "clusterrolebinding", &binding]).success();
    }
}
