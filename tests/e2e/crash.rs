//! `create`, killed in mid-work, leaves a sound repository and no half of a restore point.
//!
//! A few rounds, so that every run of the suite tries; `cargo xtask bench kill` does hundreds.

use std::{
    hash::{BuildHasher as _, RandomState},
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::world::World;

const ROUNDS: u64 = 15;
const OBJECTS: usize = 300;

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_killed_create_leaves_a_sound_repository_and_the_next_one_works() {
    let world = World::new();
    world.kubectl_backup(&["create"]).success();
    // The first run makes the repository too, which takes longer than what the others do.
    fill(&world, 0);
    let started = Instant::now();
    world.kubectl_backup(&["create"]).success();
    let whole_run = started.elapsed();
    let mut points = world.restore_points();
    let mut killed = 0;
    for round in 1..=ROUNDS {
        fill(&world, round);
        // From the first moment to past the end, each equally likely.
        let share = RandomState::new().hash_one(round) % 1_100;
        if killed_after(&world, whole_run.mul_f64(f64::from(u32::try_from(share).unwrap()) / 1_000.0)) {
            killed += 1;
        }
        world.kubectl_backup(&["check", "--read-data"]).success();
        let now = world.restore_points();
        assert!(now == points || now == points + 1, "round {round}: {points} restore points, then {now}");
        points = now;
    }
    assert!(killed > 0, "no run was slow enough to be killed: the test proves nothing");
    world.kubectl_backup(&["create"]).success();
    world.kubectl_backup(&["check", "--read-data"]).success();
    assert_eq!(world.restore_points(), points + 1);
    let saved = world.kubectl_backup(&["get", "latest", "cm/crash-299", "-o", "json"]).success().json();
    assert_eq!(saved["data"]["round"], json!(ROUNDS.to_string()));
}

/// Objects whose content no two rounds share, so that each run has packs to write.
fn fill(world: &World, round: u64) {
    let items: Vec<Value> = (0..OBJECTS)
        .map(|index| {
            let noise: String = (0..60).map(|part| RandomState::new().hash_one(part).to_string()).collect();
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("crash-{index}")},
                "data": {"round": round.to_string(), "noise": noise}})
        })
        .collect();
    world.apply(&json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string());
}

/// Whether the process was still there to be killed.
fn killed_after(world: &World, moment: Duration) -> bool {
    let mut child = world.command(&["create"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    thread::sleep(moment);
    // SIGKILL: the process cannot notice, let alone clean up.
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    let (status, said) = (output.status, String::from_utf8_lossy(&output.stderr));
    assert!(status.success() || status.code().is_none(), "create ended by itself with {status}: {said}");
    status.code().is_none()
}
