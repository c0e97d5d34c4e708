//! Redis: writers wait, nothing lands between, and what is copied meanwhile has all that was written before.

mod server;

use std::{path::Path, process::Command, time::Duration};

use rstest::rstest;
use rustix::process::Signal;
use serde_json::{Value, json};
use server::Server;
use tempfile::TempDir;

use crate::{
    component::{expect, fact},
    machine,
    process::{Client, Runtime},
};

fn freeze(runtime: &Runtime, cut: &str, limits: &Value) -> (Client, Value) {
    let mut client = runtime.connect();
    expect("done", client.prepare_for(cut, limits));
    let frozen = expect("done", client.step("freeze"));
    (client, frozen)
}

fn patient() -> Value {
    json!({ "freezeMs": 120_000, "silenceMs": 60_000 })
}

fn copy(from: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    machine::run(Command::new("cp").arg("--archive").arg("--no-target-directory").arg(from).arg(copy.path()));
    copy
}

#[rstest]
fn nothing_is_written_between_and_a_copy_has_all_that_was_before(
    #[values(true, false)] append_only: bool,
    #[values("atomic", "live-copy")] cut: &str,
) {
    let server = Server::start(append_only);
    let _writer = server.write();
    let runtime = server.runtime();
    let (mut client, frozen) = freeze(&runtime, cut, &patient());
    let count = server.count();
    assert_eq!(fact(&frozen, "append-only"), if append_only { "yes" } else { "no" });
    assert_eq!(expect("done", client.step("check"))["receipt"]["session"], frozen["receipt"]["session"]);
    let copy = copy(server.folder.path());
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(server.count(), count, "readers go on, and writers wait");
    expect("done", client.step("check"));
    let thawed = expect("thawed", client.step("thaw"));
    assert_eq!(thawed["receipt"]["session"], frozen["receipt"]["session"]);
    assert_eq!(thawed["receipt"]["consistency"], "application");
    server.writes_go_on();
    let restored = Server::start_on(copy, append_only);
    assert_eq!(restored.count(), count);
    let verified = restored.runtime().connect().after_restore("verify", cut, &thawed["receipt"]["facts"]);
    assert_eq!(fact(&expect("done", verified), "keys"), "1");
}

#[test]
fn a_client_that_goes_lets_the_writers_go_on() {
    let server = Server::start(true);
    let _writer = server.write();
    let runtime = server.runtime();
    drop(freeze(&runtime, "atomic", &patient()));
    server.writes_go_on();
    let last = runtime.last();
    assert_eq!((&last["broken"], &last["thawed"]), (&json!("connection-lost"), &json!(true)), "{last}");
}

#[test]
fn a_freeze_that_fails_lets_the_writers_go_on_at_once() {
    let server = Server::start(false);
    let _writer = server.write();
    let runtime = server.runtime();
    let mut client = runtime.connect();
    expect("done", client.prepare(&patient()));
    // No dump can be made where there is no folder.
    std::fs::remove_dir_all(server.folder.path()).unwrap();
    let (status, answer) = client.step("freeze");
    assert_eq!(status, 502, "{answer}");
    assert!(answer["failure"]["message"].as_str().unwrap().contains("BGSAVE"), "{answer}");
    server.writes_go_on();
    assert_eq!(runtime.last()["broken"], "hook-failed");
}

#[test]
fn a_runtime_that_is_killed_leaves_it_to_the_timer_of_the_server() {
    let server = Server::start(false);
    let _writer = server.write();
    let mut runtime = server.runtime();
    let _held = freeze(&runtime, "atomic", &json!({ "freezeMs": 3000 }));
    runtime.signal(Signal::KILL);
    runtime.wait();
    server.writes_go_on();
}

#[test]
fn a_pause_that_somebody_else_ended_is_told() {
    let server = Server::start(true);
    let _writer = server.write();
    let runtime = server.runtime();
    let (mut client, _) = freeze(&runtime, "atomic", &patient());
    server.ask(&["CLIENT", "UNPAUSE"]);
    server.writes_go_on();
    let (status, answer) = client.step("check");
    assert_eq!((status, &answer["failure"]["kind"]), (502, &json!("not-held")), "{answer}");
}

#[test]
fn a_server_that_came_back_empty_is_not_whole() {
    let server = Server::start(false);
    let facts = json!([{ "name": "keys", "text": "3" }]);
    let (status, answer) = server.runtime().connect().after_restore("verify", "atomic", &facts);
    assert_eq!(status, 502, "{answer}");
    assert!(answer["failure"]["message"].as_str().unwrap().contains("the server is empty"), "{answer}");
}

#[test]
fn a_missing_right_is_told_before_the_freeze() {
    let server = Server::start(false);
    server.ask(&["ACL", "SETUSER", "backup", "-info"]);
    let (status, answer) = server.runtime().connect().prepare(&patient());
    assert_eq!((status, &answer["failure"]["kind"]), (502, &json!("denied")), "{answer}");
}
