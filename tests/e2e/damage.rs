//! What a damaged repository still gives back.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::world::World;

const OBJECTS: usize = 120;

/// Maps of data that compresses badly, so that objects weigh more than folders.
fn maps() -> String {
    let items: Vec<Value> = (0..OBJECTS)
        .map(|number| {
            let noise: String = (0..40_u64)
                .map(|part| {
                    format!("{:016x}", (number as u64 * 40 + part + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15))
                })
                .collect::<Vec<_>>()
                .concat();
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("map-{number:03}")},
                "data": {"noise": noise}})
        })
        .collect();
    json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
}

fn damage_largest_pack(repository: &Path) {
    let packs = fs::read_dir(repository.join("data"))
        .unwrap()
        .flat_map(|folder| fs::read_dir(folder.unwrap().path()).unwrap().map(|pack| pack.unwrap().path()));
    let pack = packs.max_by_key(|pack| fs::metadata(pack).unwrap().len()).unwrap();
    let mut content = fs::read(&pack).unwrap();
    content[100] ^= 1;
    fs::write(&pack, content).unwrap();
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_restore_from_a_damaged_repository_refuses_what_is_lost_and_restores_the_rest() {
    let world = World::new();
    world.apply(&maps());
    world.kubectl_backup(&["create", "-n", world.namespace(), "-q"]).success();
    damage_largest_pack(&world.repository());
    world.kubectl(&["delete", "configmaps", "--all", "--wait"]).success();

    let latest = format!("latest:{}", world.namespace());
    let in_state = |result: &Value, state: &str| -> Vec<Value> {
        let objects = result["objects"].as_array().unwrap();
        objects.iter().filter(|object| object["state"] == state).cloned().collect()
    };
    let plan =
        world.kubectl_backup(&["restore", &latest, "--dry-run=client", "-o", "json"]).exits_with(3).json();
    assert_eq!(in_state(&plan, "refuse").len(), 1, "{plan:#}");

    let result = world.kubectl_backup(&["restore", &latest, "--yes", "-o", "json"]).exits_with(3).json();
    let lost = in_state(&result, "refused");
    assert_eq!(lost.len(), 1, "{lost:#?}");
    assert!(lost[0]["object"].as_str().unwrap().starts_with("configmap from map-"), "{lost:#?}");
    assert_eq!(lost[0]["namespace"], world.namespace());
    let reason = lost[0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("cannot be read: ") && reason.contains("kubectl backup check"), "{reason}");

    let first = lost[0]["name"].as_str().unwrap().to_owned();
    let list = world.kubectl(&["get", "configmaps", "-o", "json"]).success().json();
    let names = list["items"].as_array().unwrap().iter().filter_map(|it| it["metadata"]["name"].as_str());
    let back: Vec<&str> = names.filter(|name| name.starts_with("map-")).collect();
    assert!(!back.contains(&first.as_str()));
    assert!((OBJECTS - 64..OBJECTS).contains(&back.len()), "{back:?}");

    // Named alone, one that is lost is refused, and one that is not comes back as ever.
    let lost = format!("configmap/{first}");
    world.kubectl_backup(&["restore", &latest, &lost, "--yes"]).exits_with(3);
    let kept = format!("configmap/{}", back[0]);
    world.kubectl_backup(&["restore", &latest, &kept, "--yes"]).success();
}

/// Each shows without reading what is stored.
#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn doctor_sees_what_of_the_repository_is_lost() {
    let world = World::new();
    world.kubectl_backup(&["create", "-n", world.namespace(), "-q"]).success();
    world.kubectl_backup(&["doctor"]).success();
    for (folder, told) in [("data", "is missing"), ("index", "restic repair index")] {
        let kept = world.repository().join("kept");
        fs::rename(world.repository().join(folder), &kept).unwrap();
        let doctor = world.kubectl_backup(&["doctor"]).exits_with(1);
        fs::rename(&kept, world.repository().join(folder)).unwrap();
        assert!(doctor.stdout.contains(told), "{}", doctor.stdout);
    }
    world.kubectl_backup(&["doctor"]).success();
}
