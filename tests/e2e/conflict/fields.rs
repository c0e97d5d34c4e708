//! Single fields brought back into a live object.

use serde_json::json;

use super::SAVED;
use crate::world::World;

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn single_fields_come_back_and_do_not_undo_each_other() {
    let world = World::new();
    let map = |key: &str, other: &str| {
        world.apply(&format!(
            "{{apiVersion: v1, kind: ConfigMap, metadata: {{name: app}}, data: {{app.conf: {key}, other: {other}}}}}"
        ));
    };
    map("saved", "saved");
    world.apply(&SAVED.split("---").next().unwrap().replace("GROUP", "none"));
    world.kubectl_backup(&["create", "-n", world.namespace(), "-q"]).success();
    map("live", "live");
    let set = ["set", "image", "deployment/web", "web=example.com/web:9"];
    world.kubectl(&set).success();
    world.kubectl(&["scale", "deployment/web", "--replicas=5"]).success();
    let point = format!("latest:{}", world.namespace());
    let restore = |words: &[&str]| {
        world.kubectl_backup(&[&["restore", &point, "--yes", "-o", "json"][..], words].concat())
    };

    restore(&["configmap/app", "--field", "data['app.conf']"]).success();
    let data = || world.object("configmap/app").unwrap()["data"].clone();
    assert_eq!(data(), json!({"app.conf": "saved", "other": "live"}));
    restore(&["configmap/app", "--field", "data.other"]).success();
    assert_eq!(data(), json!({"app.conf": "saved", "other": "saved"}), "the first field stays");

    let image = "spec.template.spec.containers[name=web].image";
    restore(&["deployment", "web", "--field", image]).success();
    let deployment = world.object("deployment/web").unwrap();
    assert_eq!(deployment["spec"]["template"]["spec"]["containers"][0]["image"], "example.com/web:1");
    assert_eq!(deployment["spec"]["replicas"], 5);
    let again = restore(&["deployment/web", "--field", image]).success().json();
    assert_eq!(again["counts"], json!({"unchanged": 1}));

    let missing = restore(&["configmap/app", "--field", "data.nowhere"]).exits_with(1);
    assert!(missing.stderr.contains("data.nowhere"), "{missing:?}");
    world.kubectl(&["delete", "configmap/app"]).success();
    let gone = restore(&["configmap/app", "--field", "data.other"]).exits_with(3).json();
    assert_eq!(gone["counts"], json!({"refused": 1}), "{gone:#}");
    assert_eq!(world.object("configmap/app"), None);
}
