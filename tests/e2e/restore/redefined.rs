//! Definitions that a restore replaces by ones of other versions, together with objects of their kind.

use serde_json::json;

use super::{reason, state, versions::Widgets};
use crate::world::{World, unique};

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_replaced_definition_is_waited_for_at_a_version_that_it_serves() {
    let world = World::new();
    let widgets = Widgets { world: &world, group: format!("{}.example.com", unique("widgets")) };
    let anything = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    widgets.serve("v1alpha1", &anything);
    let widget = json!({"apiVersion": format!("{}/v1alpha1", widgets.group), "kind": "Widget",
        "metadata": {"name": "w"}, "spec": {"size": 1}});
    world.apply(&widget.to_string());
    world.back_up();
    widgets.stop();
    widgets.serve("v1", &anything);
    let definition = format!("crd/{}", widgets.resource());
    let versions = || world.object(&definition).unwrap()["spec"]["versions"].clone();
    let before = versions();

    let kinds = format!("{},crd", widgets.resource());
    let restore = || world.restore(&["--include", &kinds, "--on-conflict=replace"]);
    let restored = restore();
    assert!(!restored.stdout.contains("made, but not served"), "{restored:?}");
    assert_ne!(versions(), before);
    let undone = world.kubectl_backup(&["undo", "--yes"]).success();
    assert!(!undone.stderr.contains("made, but not served"), "{undone:?}");
    assert_eq!(versions(), before);

    let name = format!("widget.{}/w", widgets.group);
    let restored = restore().exits_with(3).json();
    assert!(reason(&restored, &name).contains("restore again to make it"), "{restored:#}");
    let again = restore().success().json();
    assert_eq!(state(&again, &name), "created");
}
