//! `rename` on a real API server: objects beside their originals, and references that follow.

use serde_json::{Value, json};

use super::{reason, shop, state};
use crate::world::World;

/// The shop, whose Deployment reads the map `app`, behind an Ingress; saved, and then changed but for the account.
fn changed_shop() -> World {
    let world = shop();
    let ingress = json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "web"},
        "spec": {"rules": [{"host": "web.example", "http": {"paths": [{"path": "/", "pathType": "Prefix",
            "backend": {"service": {"name": "web", "port": {"number": 80}}}}]}}]}});
    world.apply(&ingress.to_string());
    let reads = json!([{"op": "add", "path": "/spec/template/spec/containers/0/envFrom",
        "value": [{"configMapRef": {"name": "app"}}]}]);
    world.kubectl(&["patch", "deployment/web", "--type=json", "-p", &reads.to_string()]).success();
    world.back_up();
    world.kubectl(&["patch", "configmap/app", "-p", r#"{"data":{"key":"changed"}}"#]).success();
    world.kubectl(&["set", "image", "deployment/web", "web=example.com/other"]).success();
    let port = r#"[{"op":"replace","path":"/spec/ports/0/port","value":81}]"#;
    world.kubectl(&["patch", "service/web", "--type=json", "-p", port]).success();
    world.kubectl(&["delete", "ingress/web", "configmap/two-owners", "--cascade=orphan"]).success();
    world
}

fn spec(world: &World, object: &str) -> Value {
    world.object(object).unwrap_or_else(|| panic!("no {object}"))["spec"].clone()
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn objects_return_beside_their_originals_and_what_is_written_refers_to_them() {
    let world = changed_shop();
    let originals = ["configmap/app", "service/web", "deployment/web"];
    let before: Vec<_> = originals.iter().map(|it| world.object(it).unwrap()).collect();
    let result = world.restore(&["--on-conflict=rename"]).success().json();
    for object in ["configmap/app-restored", "service/web-restored", "deployment.apps/web-restored"] {
        assert_eq!(state(&result, object), "renamed", "{}", reason(&result, object));
    }
    assert_eq!(state(&result, "ingress.networking.k8s.io/web"), "created");
    assert_eq!(state(&result, "serviceaccount/web"), "unchanged");
    for (object, before) in originals.iter().zip(before) {
        let content = |it: &Value| (it["spec"].clone(), it["data"].clone(), it["metadata"]["uid"].clone());
        assert_eq!(content(&world.object(object).unwrap()), content(&before), "{object}");
    }

    assert_eq!(world.object("configmap/app-restored").unwrap()["data"]["key"], "value");
    let web = spec(&world, "deployment/web-restored");
    let container = &web["template"]["spec"]["containers"][0];
    assert_eq!(container["image"], "example.com/web");
    assert_eq!(container["envFrom"][0]["configMapRef"]["name"], "app-restored");
    assert_eq!(web["template"]["spec"]["serviceAccountName"], "web", "which is the same");
    let backend = spec(&world, "ingress/web")["rules"][0]["http"]["paths"][0]["backend"].clone();
    assert_eq!(backend["service"]["name"], "web-restored");
    let map = world.object("configmap/two-owners").unwrap();
    let owners = map["metadata"]["ownerReferences"].as_array().unwrap();
    for (owner, object) in owners.iter().zip(["deployment/web-restored", "configmap/app-restored"]) {
        let uid = &world.object(object).unwrap()["metadata"]["uid"];
        assert_eq!((&owner["uid"], owner["name"].as_str()), (uid, object.split('/').nth(1)));
    }
    let objects = result["objects"].as_array().unwrap();
    let web = objects.iter().find(|it| it["object"] == "deployment.apps/web-restored").unwrap();
    assert!(web["notes"][0].as_str().unwrap().contains("same Services"), "{web}");
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_second_run_finds_what_the_first_made() {
    let world = changed_shop();
    world.restore(&["--on-conflict=rename"]).success();
    let before = world.content(world.namespace());
    let again = world.restore(&["--on-conflict=rename"]).success().json();
    assert_eq!(again["counts"]["renamed"], Value::Null, "{again:#}");
    assert_eq!(state(&again, "deployment.apps/web-restored"), "unchanged");
    assert_eq!(state(&again, "ingress.networking.k8s.io/web"), "unchanged", "it refers to the new Service");
    assert_eq!(world.content(world.namespace()), before);

    world.kubectl(&["patch", "configmap/app-restored", "-p", r#"{"data":{"key":"mine"}}"#]).success();
    let refused = world.restore(&["configmap/app", "--on-conflict=rename"]).exits_with(3).json();
    assert_eq!(state(&refused, "configmap/app-restored"), "refused");
    let why = "`app` exists and differs, and so does `app-restored`; choose another --rename-suffix";
    assert!(reason(&refused, "configmap/app-restored").starts_with(why), "{refused:#}");
    let third = ["configmap/app", "--on-conflict=rename", "--rename-suffix=-2"];
    assert_eq!(state(&world.restore(&third).success().json(), "configmap/app-2"), "renamed");
    assert_eq!(world.object("configmap/app-restored").unwrap()["data"]["key"], "mine");
    world.restore(&["--on-conflict=rename", "--rename-suffix=-Old"]).exits_with(2);
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_dry_run_shows_the_new_names_and_makes_none() {
    let world = changed_shop();
    let before = world.content(world.namespace());
    let plan = world.restore(&["--on-conflict=rename", "--dry-run"]).success().json();
    assert_eq!(state(&plan, "configmap/app-restored"), "rename");
    assert!(reason(&plan, "configmap/app-restored").starts_with("`app` exists and differs"), "{plan:#}");
    let checked = world.restore(&["--on-conflict=rename", "--dry-run=server"]).success().json();
    assert_eq!(state(&checked, "deployment.apps/web-restored"), "renamed");
    assert_eq!(world.content(world.namespace()), before);
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn what_a_rule_patches_follows_what_another_rule_renames() {
    let world = changed_shop();
    let rules = world.folder().join("rules.yaml");
    let text = "apiVersion: kubectl-backup.dev/v1alpha1\nkind: RestoreRules\nrules:\n\
                - {match: {kinds: [cm]}, policy: rename}\n- {match: {kinds: [deploy]}, policy: patch}\n";
    std::fs::write(&rules, text).unwrap();
    let rules = rules.display().to_string();
    let result = world.restore(&["--rules", &rules]).success().json();
    assert_eq!(state(&result, "configmap/app-restored"), "renamed");
    assert_eq!(state(&result, "deployment.apps/web"), "patched");
    assert_eq!(state(&result, "service/web"), "skipped");
    let container = spec(&world, "deployment/web")["template"]["spec"]["containers"][0].clone();
    assert_eq!(container["image"], "example.com/web");
    assert_eq!(container["envFrom"][0]["configMapRef"]["name"], "app-restored");
    let again = world.restore(&["--rules", &rules]).success().json();
    assert_eq!(
        state(&again, "deployment.apps/web"),
        "unchanged",
        "{}",
        reason(&again, "deployment.apps/web")
    );
    assert_eq!(state(&again, "configmap/app-restored"), "unchanged");
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_claim_beside_its_original_takes_no_volume_from_it() {
    let world = World::new();
    let volume = world.reserve_namespace();
    let class = json!("none-of-the-cluster");
    let size = json!({"storage": "1Mi"});
    world.apply(&json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": volume}, "spec": {
        "capacity": size, "accessModes": ["ReadWriteOnce"], "storageClassName": class, "hostPath": {"path": "/tmp"},
        "persistentVolumeReclaimPolicy": "Retain"}}).to_string());
    world.apply(
        &json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": {
        "accessModes": ["ReadWriteOnce"], "storageClassName": class, "volumeName": volume,
        "resources": {"requests": size}}})
        .to_string(),
    );
    world.wait_until("the claim to be bound", || {
        world.object("persistentvolumeclaim/data").unwrap()["status"]["phase"] == "Bound"
    });
    world.back_up();
    world.kubectl(&["label", "persistentvolumeclaim/data", "changed=yes"]).success();
    let result = world.restore(&["--on-conflict=rename"]).success().json();
    assert_eq!(state(&result, "persistentvolumeclaim/data-restored"), "renamed");
    assert_eq!(spec(&world, "persistentvolumeclaim/data-restored")["volumeName"], Value::Null);
    assert_eq!(spec(&world, "persistentvolumeclaim/data")["volumeName"], volume.as_str());
    world.kubectl(&["delete", "persistentvolume", &volume, "--wait=false"]).success();
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn what_was_made_beside_the_originals_can_be_taken_back() {
    let world = changed_shop();
    let before = world.content(world.namespace());
    let words = ["deploy/web", "svc/web", "ingress/web", "cm/app", "--on-conflict=rename"];
    let result = world.restore(&words).success().json();
    let undo_point = result["undoPoint"].as_str().unwrap();
    world.kubectl_backup(&["undo", undo_point, "--yes"]).success();
    world.wait_until("what was made to be gone", || world.object("deployment/web-restored").is_none());
    assert_eq!(world.content(world.namespace()), before);
}
