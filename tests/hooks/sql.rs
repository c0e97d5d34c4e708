//! MariaDB and MySQL: no commit lands between freeze and thaw, in one connection, and what is cut meanwhile starts with exactly
//! what was committed before.

pub(crate) mod server;

use std::time::Duration;

use rstest::rstest;
use rustix::process::Signal;
use serde_json::{Value, json};
use server::{Kind, Server};

use crate::{
    component::{expect, fact},
    machine,
    process::{Client, Runtime},
};

pub(crate) fn patient() -> Value {
    json!({ "freezeMs": 120_000, "silenceMs": 60_000 })
}

pub(crate) fn freeze(runtime: &Runtime, limits: &Value) -> (Client, Value) {
    let mut client = runtime.connect();
    expect("done", client.prepare(limits));
    let frozen = expect("done", client.step("freeze"));
    (client, frozen)
}

/// What stands still between freeze and thaw.
fn positions(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::MariaDb => &["gtid-binlog"],
        Kind::MySql => &["gtid-executed", "binlog-file", "binlog-position"],
    }
}

#[rstest]
fn no_commit_lands_between_and_a_copy_has_exactly_what_was_before(
    #[values(Kind::MariaDb, Kind::MySql)] kind: Kind,
    #[values("atomic", "group")] cut: &str,
) {
    let server = Server::new(kind);
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
    for position in positions(kind) {
        assert_eq!(fact(&thawed, position), fact(&frozen, position));
        assert!(!fact(&thawed, position).is_empty(), "{position}");
    }
    server.writes_go_on();
    machine::wait("the session is closed", || server.connections().is_empty());
    let restored = Server::start(kind, made);
    assert_eq!(restored.rows(), committed);
    if kind == Kind::MySql {
        assert_eq!(restored.query("SELECT @@global.gtid_executed"), fact(&thawed, "gtid-executed"));
    }
    let verified = restored.runtime().connect().after_restore("verify", cut, &thawed["receipt"]["facts"]);
    assert!(fact(&expect("done", verified), "verify-query").parse::<u64>().unwrap() > 10);
}

#[rstest]
fn whoever_goes_lets_the_commits_go_on(
    #[values(Kind::MariaDb, Kind::MySql)] kind: Kind,
    #[values("connection-lost", "killed", "stopped")] who: &str,
) {
    let server = Server::new(kind);
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
    server.query("CREATE TABLE shop.made_after (id INT)");
    if who == "connection-lost" {
        let last = runtime.last();
        assert_eq!((&last["broken"], &last["thawed"]), (&json!(who), &json!(true)), "{last}");
    }
}

#[rstest]
fn a_session_that_was_killed_is_told_at_the_check(#[values(Kind::MariaDb, Kind::MySql)] kind: Kind) {
    let server = Server::new(kind);
    let runtime = server.runtime();
    let (mut client, _) = freeze(&runtime, &patient());
    server.query(&format!("KILL {}", server.connections()));
    let (status, answer) = client.step("check");
    assert_eq!((status, &answer["failure"]["kind"]), (502, &json!("unreachable")), "{answer}");
}
