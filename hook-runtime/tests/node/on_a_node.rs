//! By the name of this module `cargo xtask test` leaves these tests out where no node can be.

mod stage;

use std::time::Duration;

use serde_json::{Value, json};
use test_cluster::{
    Lifetime, TestCluster,
    hooks::{self, CONTAINER},
};

use stage::{POD, Stage};

#[test]
#[ignore = "needs a node: cargo xtask test"]
fn a_freeze_is_held_and_let_go_through_the_api_server() {
    let stage = Stage::set();
    let mut client = stage.freeze();
    assert_eq!(client.step("check", "")["result"], "done");
    let thawed = client.step("thaw", "");
    assert_eq!(thawed["result"], "thawed", "{thawed}");
    assert!(!stage.is_frozen());
    let last = stage.last();
    assert_eq!((&last["broken"], &last["thawed"]), (&Value::Null, &json!(true)), "{last}");
}

#[test]
#[ignore = "needs a node: cargo xtask test"]
fn a_cut_port_forward_thaws() {
    let stage = Stage::set();
    drop(stage.freeze());
    stage.wait_until("it is thawed", |stage| !stage.is_frozen());
    let last = stage.last();
    assert_eq!((&last["broken"], &last["thawed"]), (&json!("connection-lost"), &json!(true)), "{last}");
}

#[test]
#[ignore = "needs a node: cargo xtask test"]
fn a_killed_runtime_leaves_nothing_frozen_and_comes_back() {
    let stage = Stage::set();
    let client = stage.freeze();
    stage.pods.kill_container(POD, CONTAINER).unwrap();
    stage.wait_until("it is thawed", |stage| !stage.is_frozen());
    drop(client);
    stage.wait_until("the runtime is back", |stage| {
        let pod = stage.pods.get(POD).unwrap();
        let sidecar = &pod["status"]["initContainerStatuses"][0];
        sidecar["restartCount"] == 1 && sidecar["started"] == true
    });
    hooks::wait_listening(&stage.pods, POD).unwrap();
    let mut client = stage.freeze();
    assert_eq!(client.step("thaw", "")["result"], "thawed");
}

#[test]
#[ignore = "needs a node: cargo xtask test"]
fn an_api_server_that_stands_still_or_dies_leaves_nothing_frozen() {
    let name = format!("silent-{}", std::process::id());
    let cluster = TestCluster::start_with_node(&name, Lifetime::OfThisProcess).unwrap();
    let stage = Stage::set_on(&cluster);
    let application = stage.pods.container_id(POD, "application").unwrap();
    // Past the API server, by containerd.
    let look = "if [ -e /tmp/frozen ]; then echo frozen; fi";
    let is_frozen = || cluster.exec_in_container(&application, &["sh", "-c", look]).unwrap() == "frozen\n";
    let api_server = cluster.process("kube-apiserver").unwrap();

    let client = stage.freeze_unless_silent(Duration::from_secs(2));
    assert!(is_frozen());
    api_server.suspend().unwrap();
    stage.wait_until("it is thawed in the silence", |_| !is_frozen());
    api_server.resume().unwrap();
    drop(client);
    assert_eq!(stage.last()["broken"], "silence");

    let client = stage.freeze();
    api_server.kill().unwrap();
    stage.wait_until("it is thawed without an API server", |_| !is_frozen());
    drop(client);
    assert!(stage.pods.get(POD).is_err(), "the API server is not dead, so this proves nothing");
    TestCluster::stop(&name).unwrap();
}
