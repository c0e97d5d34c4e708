//! What others changed since a restore, told from what it wrote itself: also in the second in which it wrote.

use serde_json::{Value, json};

use super::undo;
use crate::world::World;

/// A world whose maps were saved with `saved` values and then changed to `live` ones.
fn changed() -> World {
    let world = World::new();
    let apply = |value: &str| {
        for name in ["one", "gone", "whole"] {
            world.apply(
                &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name},
                    "data": {"key": value, "more": value}})
                .to_string(),
            );
        }
    };
    apply("saved");
    world.kubectl_backup(&["create", "-n", world.namespace(), "-q"]).success();
    apply("live");
    world
}

fn entry<'a>(undone: &'a Value, object: &str) -> &'a Value {
    undone["objects"].as_array().unwrap().iter().find(|it| it["object"] == object).unwrap()
}

/// The server notes who changed a field by the second. Here the change follows the write at once; `plan::undo` has the
/// tables in which the second is the same for sure.
#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_change_right_after_the_write_is_left_and_its_owner_named() {
    for policy in ["--on-conflict=replace", "--on-conflict=patch"] {
        let world = changed();
        let latest = format!("latest:{}", world.namespace());
        world.kubectl_backup(&["restore", &latest, policy, "--yes", "-q"]).success();
        for (name, change) in [
            ("one", r#"{"data":{"key":"mine"}}"#),
            ("gone", r#"{"data":{"key":null}}"#),
            ("whole", r#"{"data":{"key":"mine","more":"mine"}}"#),
        ] {
            world.kubectl(&["patch", "configmap", name, "--type=merge", "-p", change]).success();
        }
        let undone = undo(&world, &[]).exits_with(3).json();
        let data = |name: &str| world.object(&format!("configmap/{name}")).unwrap()["data"].clone();
        assert_eq!(data("one"), json!({"key": "mine", "more": "live"}), "{policy}: {undone:#}");
        assert_eq!(data("gone"), json!({"more": "live"}), "{policy}: {undone:#}");
        assert_eq!(data("whole"), json!({"key": "mine", "more": "mine"}), "{policy}: {undone:#}");
        assert_eq!(entry(&undone, "configmap/whole")["state"], "skipped");
        let fields = &entry(&undone, "configmap/one")["fields"];
        assert_eq!(fields.as_array().unwrap().len(), 1);
        assert_eq!(fields[0]["field"], "data.key");
        assert!(fields[0]["message"].as_str().unwrap().contains("`kubectl-patch`"), "{undone:#}");
        assert_eq!(
            entry(&undone, "configmap/gone")["fields"][0]["message"],
            "was changed since; --force sets it back"
        );
    }
}
