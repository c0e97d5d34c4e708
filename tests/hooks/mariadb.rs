//! MariaDB: no commit lands between freeze and thaw, in one connection, and what is cut meanwhile starts with exactly what
//! was committed before.

pub(crate) mod server;

use std::time::Duration;

use rstest::rstest;
use rustix::process::Signal;
use serde_json::{Value, json};
use server::{PASSWORD, Server};

use crate::{
    component::{expect, fact},
    machine,
    process::{Client, Runtime},
};

fn patient() -> Value {
    json!({ "freezeMs": 120_000, "silenceMs": 60_000 })
}

fn freeze(runtime: &Runtime, limits: &Value) -> (Client, Value) {
    let mut client = runtime.connect();
    expect("done", client.prepare(limits));
    let frozen = expect("done", client.step("freeze"));
    (client, frozen)
}

#[rstest]
fn no_commit_lands_between_and_a_copy_has_exactly_what_was_before(#[values("atomic", "group")] cut: &str) {
    let server = Server::new();
    // The least that a server may keep of a commit before it answers.
    server.query("SET GLOBAL innodb_flush_log_at_trx_commit = 0");
    let _writer = server.write();
    let runtime = server.runtime();
    let mut client = runtime.connect();
    expect("done", client.prepare_for(cut, &patient()));
    server.writes_go_on();
    let frozen = expect("done", client.step("freeze"));
    let committed = server.rows();
    let session = format!("connection {}", server.connections());
    assert_eq!(frozen["receipt"]["session"], session);
    assert_eq!(expect("done", client.step("check"))["receipt"]["session"], session);
    let made = server.cut();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(server.rows(), committed, "readers go on, and commits wait");
    expect("done", client.step("check"));
    let thawed = expect("thawed", client.step("thaw"));
    assert_eq!(thawed["receipt"]["session"], session);
    assert_eq!(fact(&thawed, "gtid-binlog"), fact(&frozen, "gtid-binlog"));
    server.writes_go_on();
    machine::wait("the session is closed", || server.connections().is_empty());
    let restored = Server::start(made);
    assert_eq!(restored.rows(), committed);
    let verified = restored.runtime().connect().after_restore("verify", cut, &thawed["receipt"]["facts"]);
    assert!(fact(&expect("done", verified), "verify-query").parse::<u64>().unwrap() > 10);
}

#[test]
fn the_position_in_the_binary_log_is_kept_where_it_may_be_seen() {
    let server = Server::new();
    let runtime = server.runtime();
    let (mut client, frozen) = freeze(&runtime, &patient());
    assert!(!frozen.to_string().contains("binlog-file"));
    runtime.wait_for_line("GRANT BINLOG MONITOR");
    expect("thawed", client.step("thaw"));
    server.query("GRANT BINLOG MONITOR ON *.* TO backup@'%'");
    let (mut client, frozen) = freeze(&runtime, &patient());
    assert!(server.query("SHOW MASTER STATUS").starts_with(fact(&frozen, "binlog-file")));
    expect("thawed", client.step("thaw"));
}

#[rstest]
#[case::client("connection-lost")]
#[case::runtime("killed")]
#[case::hanging_runtime("stopped")]
fn whoever_goes_lets_the_commits_go_on(#[case] who: &str) {
    let server = Server::new();
    let _writer = server.write();
    let mut runtime = server.runtime();
    // The server counts in seconds, and from the last statement.
    let limits = json!({ "freezeMs": if who == "stopped" { 2000 } else { 60_000 } });
    let (client, _) = freeze(&runtime, &limits);
    match who {
        "killed" => {
            runtime.signal(Signal::KILL);
            runtime.wait();
        }
        "stopped" => runtime.signal(Signal::STOP),
        _ => drop(client),
    }
    server.writes_go_on();
    machine::wait("its session is closed", || server.connections().is_empty());
    if who == "connection-lost" {
        let last = runtime.last();
        assert_eq!((&last["broken"], &last["thawed"]), (&json!(who), &json!(true)), "{last}");
    }
}

#[test]
fn a_session_that_was_killed_is_told_at_the_check() {
    let server = Server::new();
    let runtime = server.runtime();
    let (mut client, _) = freeze(&runtime, &patient());
    server.query(&format!("KILL {}", server.connections()));
    let (status, answer) = client.step("check");
    assert_eq!((status, &answer["failure"]["kind"]), (502, &json!("unreachable")), "{answer}");
}

#[test]
fn one_backup_at_a_time_and_none_waits_for_ever() {
    let server = Server::new();
    let first = server.runtime();
    let _held = freeze(&first, &patient());
    let second = server.runtime();
    let (status, answer) = second.connect().prepare(&json!({ "prepareMs": 3000 }));
    assert_eq!(status, 502, "{answer}");
    assert!(matches!(answer["failure"]["kind"].as_str(), Some("timed-out" | "broke")), "{answer}");
}

#[rstest]
#[case::password("ALTER USER backup@'%' IDENTIFIED BY 'other'", "atomic", "authentication")]
#[case::privilege("REVOKE RELOAD ON *.* FROM backup@'%'", "atomic", "denied")]
#[case::cut("SELECT 1", "live-copy", "unsupported")]
fn what_would_fail_is_told_before_the_freeze(#[case] change: &str, #[case] cut: &str, #[case] kind: &str) {
    let server = Server::new();
    server.query(change);
    let runtime = server.runtime();
    let (status, answer) = runtime.connect().prepare_for(cut, &patient());
    assert_eq!((status, &answer["failure"]["kind"]), (502, &json!(kind)), "{answer}");
    assert!(!runtime.lines().join("\n").contains(PASSWORD), "no secret is logged");
}
