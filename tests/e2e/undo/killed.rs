//! A restore killed at a write, one at a time and several at once, and then gone on with or taken back.
//! `cargo xtask bench kill-restore` does all of three hundred writes.
//!
//! After each round the cluster is as before it, so all of them share one namespace.

use std::{fs, path::PathBuf};

use serde_json::Value;
use test_cluster::{
    kill_scenario::{self as scenario, SMALL},
    write_proxy::{Moment, WriteProxy},
};

use super::{World, restores, undo};

const KINDS: &str = "configmaps,secrets,serviceaccounts";

/// The kills: at which write, when, and how many writes are under way. Patches and creations of maps come first, then
/// the secrets, each of which is deleted and made, then deletions.
const KILLS: [(usize, Moment, usize); 9] = [
    (1, Moment::Before, 1),
    (1, Moment::After, 8),
    (12, Moment::After, 8),
    (30, Moment::Before, 1),
    // Between the halves of a replacement.
    (41, Moment::After, 1),
    (42, Moment::Before, 8),
    // The owner of an object that was made since is back, and the two are not linked yet.
    (52, Moment::After, 1),
    (58, Moment::After, 8),
    (60, Moment::After, 1),
];

fn state(world: &World) -> Vec<Value> {
    let list = world.kubectl(&["get", KINDS, "-n", world.namespace(), "-o", "json"]).success().json();
    scenario::state(&list).unwrap()
}

/// A world in which everything is to be restored, and its rules.
struct Stage {
    world: World,
    rules: PathBuf,
    latest: String,
}

impl Stage {
    fn set() -> Self {
        let world = World::new();
        world.wait_until("the default service account", || world.object("serviceaccount/default").is_some());
        world.apply(&SMALL.saved().to_string());
        world.kubectl_backup(&["create", "-n", world.namespace(), "-q"]).success();
        let lost = SMALL.lost();
        let delete: Vec<&str> = ["delete"].into_iter().chain(lost.iter().map(String::as_str)).collect();
        world.kubectl(&delete).success();
        world.apply(&SMALL.since().to_string());
        let owner = world.object("secret/replaced-owner").unwrap();
        let uid = owner["metadata"]["uid"].as_str().unwrap();
        world.apply(&scenario::dependant(uid).to_string());
        let rules = world.folder().join("rules.yaml");
        fs::write(&rules, scenario::rules()).unwrap();
        let latest = format!("latest:{}", world.namespace());
        Self { world, rules, latest }
    }

    /// Runs the restore and kills it; how many writes came by.
    fn kill_at(&self, deadly: Option<(usize, Moment)>, parallel: usize) -> usize {
        let world = &self.world;
        let proxy = WriteProxy::start(world.kubectl_path(), world.kubeconfig(), deadly).unwrap();
        let kubeconfig = proxy.kubeconfig(world.folder(), world.namespace()).unwrap();
        let mut restore = world.command(&["restore", &self.latest, "--rules"]);
        restore.arg(&self.rules).args(scenario::options(parallel));
        let killed = proxy.run(restore.env("KUBECONFIG", kubeconfig)).unwrap();
        assert_eq!(killed, deadly.is_some());
        proxy.writes()
    }

    /// Everything is as the restore leaves it.
    fn assert_restored(&self, round: &str) {
        let rules = self.rules.to_str().unwrap();
        let again = ["restore", &self.latest, "--rules", rules, "--exact", "--prune", "--yes", "-o", "json"];
        let again = self.world.kubectl_backup(&again).success().json();
        assert_eq!(again["undoPoint"], Value::Null, "{round}: all was done: {again:#}");
        let dependant = self.world.object("configmap/dependant").unwrap();
        let owner = self.world.object("secret/replaced-owner").unwrap();
        assert_eq!(dependant["metadata"]["ownerReferences"][0]["uid"], owner["metadata"]["uid"], "{round}");
    }
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_killed_restore_goes_on_to_its_end_and_back_to_its_beginning() {
    let stage = Stage::set();
    let world = &stage.world;
    let before = state(world);
    for (write, moment, parallel) in KILLS {
        let round = format!("write {write}, {moment:?}, {parallel} at once");
        stage.kill_at(Some((write, moment)), parallel);
        assert_eq!(restores(world)[0]["state"], "unfinished", "{round}");
        let undone = undo(world, &[]).success().json();
        assert_eq!(state(world), before, "{round}: taken back after the kill: {undone:#}");

        stage.kill_at(Some((write, moment)), parallel);
        world.kubectl_backup(&["restore", "--resume", "--yes", "-q"]).success();
        let after = state(world);
        stage.assert_restored(&round);
        let nothing = world.kubectl_backup(&["restore", "--resume", "--yes"]).exits_with(1);
        assert!(nothing.stderr.contains("could be resumed"), "{round}: {nothing:?}");
        let undone = undo(world, &[]).success().json();
        assert_eq!(state(world), before, "{round}: taken back after it went on: {undone:#}");
        assert_ne!(after, before);
    }
    // And links the dependant of the replaced owner.
    for parallel in [1, 8] {
        assert_eq!(
            stage.kill_at(None, parallel),
            SMALL.writes() + 1,
            "what is killed elsewhere is all of it"
        );
        undo(world, &[]).success();
    }
}
