//! A restore killed at a write, and then gone on with or taken back. `cargo xtask bench kill-restore` does all three
//! hundred writes.

use std::{fs, path::PathBuf};

use rstest::rstest;
use serde_json::Value;
use test_cluster::{
    kill_scenario::{self as scenario, WRITES},
    write_proxy::{Moment, WriteProxy},
};

use super::{World, restores, undo};

const KINDS: &str = "configmaps,secrets,serviceaccounts";

fn state(world: &World) -> Vec<Value> {
    let list = world.kubectl(&["get", KINDS, "-n", world.namespace(), "-o", "json"]).success().json();
    scenario::state(&list).unwrap()
}

/// A world in which everything is to be restored, and its rules.
fn prepared() -> (World, PathBuf) {
    let world = World::new();
    world.wait_until("the default service account", || world.object("serviceaccount/default").is_some());
    world.apply(&scenario::saved().to_string());
    world.kubectl_backup(&["create", "-n", world.namespace(), "-q"]).success();
    let lost = scenario::lost();
    let delete: Vec<&str> = ["delete"].into_iter().chain(lost.iter().map(String::as_str)).collect();
    world.kubectl(&delete).success();
    world.apply(&scenario::since().to_string());
    let owner = world.object("secret/replaced-owner").unwrap();
    let uid = owner["metadata"]["uid"].as_str().unwrap();
    world.apply(&scenario::dependant(uid).to_string());
    let rules = world.folder().join("rules.yaml");
    fs::write(&rules, scenario::rules()).unwrap();
    (world, rules)
}

fn restore<'a>(world: &'a World, rules: &'a PathBuf, latest: &'a str) -> std::process::Command {
    let mut command = world.command(&["restore", latest, "--rules"]);
    command.arg(rules).args(scenario::OPTIONS);
    command
}

/// Runs the restore and kills it; how many writes came by.
fn kill_at(world: &World, rules: &PathBuf, deadly: Option<(usize, Moment)>) -> usize {
    let proxy = WriteProxy::start(world.kubectl_path(), world.kubeconfig(), deadly).unwrap();
    let kubeconfig = proxy.kubeconfig(world.folder(), world.namespace()).unwrap();
    let latest = format!("latest:{}", world.namespace());
    let killed = proxy.run(restore(world, rules, &latest).env("KUBECONFIG", kubeconfig)).unwrap();
    assert_eq!(killed, deadly.is_some());
    proxy.writes()
}

#[rstest]
#[case::first_unheard(1, Moment::Before)]
#[case::first_done(1, Moment::After)]
#[case::creating(60, Moment::After)]
#[case::patching(150, Moment::Before)]
#[case::between_the_halves_of_a_replacement(201, Moment::After)]
#[case::replacing(202, Moment::Before)]
#[case::deleting(290, Moment::After)]
#[case::last_done(WRITES, Moment::After)]
#[ignore = "needs cluster: cargo xtask test"]
fn a_killed_restore_goes_on_to_its_end_and_back_to_its_beginning(
    #[case] write: usize,
    #[case] moment: Moment,
) {
    let (world, rules) = prepared();
    let before = state(&world);
    kill_at(&world, &rules, Some((write, moment)));
    assert_eq!(restores(&world)[0]["state"], "unfinished");
    let undone = undo(&world, &[]).success().json();
    assert_eq!(state(&world), before, "taken back after the kill: {undone:#}");

    kill_at(&world, &rules, Some((write, moment)));
    world.kubectl_backup(&["restore", "--resume", "--yes", "-q"]).success();
    let after = state(&world);
    let latest = format!("latest:{}", world.namespace());
    let again =
        ["restore", &latest, "--rules", rules.to_str().unwrap(), "--exact", "--prune", "--yes", "-o", "json"];
    let again = world.kubectl_backup(&again).success().json();
    assert_eq!(again["undoPoint"], Value::Null, "all was done: {again:#}");
    let dependant = world.object("configmap/dependant").unwrap();
    let owner = world.object("secret/replaced-owner").unwrap();
    assert_eq!(dependant["metadata"]["ownerReferences"][0]["uid"], owner["metadata"]["uid"]);
    let nothing = world.kubectl_backup(&["restore", "--resume", "--yes"]).exits_with(1);
    assert!(nothing.stderr.contains("could be resumed"), "{nothing:?}");
    let undone = undo(&world, &[]).success().json();
    assert_eq!(state(&world), before, "taken back after it went on: {undone:#}");
    assert_ne!(after, before);
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn the_restore_that_is_killed_elsewhere_does_three_hundred_writes() {
    let (world, rules) = prepared();
    // And links the dependant of the replaced owner.
    assert_eq!(kill_at(&world, &rules, None), WRITES + 1);
}
