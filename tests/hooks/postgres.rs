//! PostgreSQL: the backup is held in one session, and what is cut meanwhile starts with what was committed before.

mod other_releases;
mod recovery;
mod release;
mod server;
mod tls;

use rstest::rstest;
use rustix::process::Signal;
use serde_json::{Value, json};
use server::{PASSWORD, Server};

use crate::{
    component::{expect, fact},
    machine,
    process::{Client, Runtime},
};

/// Nobody is hurried: copies take what they take on a busy machine.
fn patient() -> Value {
    json!({ "freezeMs": 300_000, "silenceMs": 60_000 })
}

fn runtime(server: &Server) -> Runtime {
    Runtime::with_hook("postgres", &server.hook(), PASSWORD)
}

fn frozen(runtime: &Runtime, cut: &str) -> Client {
    let mut client = runtime.connect();
    expect("done", client.prepare_for(cut, &patient()));
    expect("done", client.step("freeze"));
    client
}

#[test]
fn one_session_holds_the_backup() {
    holds_the_backup_while_others_write(&Server::primary());
}

fn holds_the_backup_while_others_write(server: &Server) {
    holds_it(server, &runtime(server));
}

fn holds_it(server: &Server, runtime: &Runtime) {
    let _writer = server.write();
    let mut client = runtime.connect();
    let prepared = expect("done", client.prepare(&patient()));
    assert_eq!((fact(&prepared, "role"), fact(&prepared, "server-version")), ("primary", &*server.version()));
    let frozen = expect("done", client.step("freeze"));
    let session = format!("backend {}", server.sessions());
    assert_eq!(frozen["receipt"]["session"], session);
    let before = server.rows();
    machine::wait("writes go on", || server.rows() > before);
    assert_eq!(expect("done", client.step("check"))["receipt"]["session"], session);
    expect("heard", client.heartbeat());
    let thawed = expect("thawed", client.step("thaw"));
    assert_eq!((&thawed["receipt"]["session"], &thawed["ending"]["broken"]), (&json!(session), &Value::Null));
    assert_eq!(fact(&thawed, "start-lsn"), fact(&frozen, "start-lsn"));
    assert_eq!(thawed["receipt"]["needs"], json!([]), "one cut starts by itself");
    machine::wait("the session is closed", || server.sessions().is_empty());
    let log = server.log();
    assert!(!log.contains("aborting backup"), "{log}");
}

#[rstest]
#[case::client("connection-lost")]
#[case::deadline("deadline")]
fn a_lease_that_ends_stops_the_backup(#[case] cause: &str) {
    a_lease_that_ends_stops(&Server::primary(), cause);
}

fn a_lease_that_ends_stops(server: &Server, cause: &str) {
    it_ends(server, &runtime(server), cause);
}

fn it_ends(server: &Server, runtime: &Runtime, cause: &str) {
    let mut client = runtime.connect();
    expect("done", client.prepare(&json!({ "freezeMs": if cause == "deadline" { 1000 } else { 60_000 } })));
    expect("done", client.step("freeze"));
    if cause == "connection-lost" {
        drop(client);
    }
    let last = runtime.last();
    assert_eq!((&last["broken"], &last["thawed"]), (&json!(cause), &json!(true)), "{last}");
    machine::wait("the session is closed", || server.sessions().is_empty());
    // It was stopped, not just dropped.
    assert!(!server.log().contains("aborting backup"), "{}", server.log());
}

#[test]
fn a_runtime_that_is_killed_lets_go() {
    let server = Server::primary();
    let mut runtime = runtime(&server);
    let _client = frozen(&runtime, "atomic");
    runtime.signal(Signal::KILL);
    runtime.wait();
    machine::wait("the session is closed", || server.sessions().is_empty());
    machine::wait("the server says so", || server.log().contains("aborting backup"));
}

#[test]
fn a_runtime_that_hangs_is_let_go_by_the_server() {
    let server = Server::primary();
    let runtime = runtime(&server);
    let mut client = runtime.connect();
    expect("done", client.prepare(&json!({ "freezeMs": 1000 })));
    expect("done", client.step("freeze"));
    runtime.signal(Signal::STOP);
    machine::wait("its idle session is ended", || server.sessions().is_empty());
    assert!(server.log().contains("idle-session timeout"), "{}", server.log());
    runtime.signal(Signal::CONT);
    assert_eq!(client.step("thaw").1["result"], "broken");
}

#[test]
fn a_session_that_an_administrator_ended_is_told_at_the_check() {
    let server = Server::primary();
    let runtime = runtime(&server);
    let mut client = frozen(&runtime, "atomic");
    server.query(&format!("SELECT pg_terminate_backend({})", server.sessions()));
    let (status, answer) = client.step("check");
    assert_eq!((status, &answer["failure"]["kind"]), (502, &json!("unreachable")), "{answer}");
    assert_eq!(runtime.last()["broken"], "hook-failed");
}

#[rstest]
#[case::password("ALTER ROLE backup PASSWORD 'other'", "authentication", "password authentication failed")]
#[case::privilege(
    "REVOKE EXECUTE ON FUNCTION pg_backup_stop FROM backup",
    "denied",
    "GRANT EXECUTE ON FUNCTION pg_backup_stop(boolean)"
)]
#[case::connections("ALTER ROLE backup CONNECTION LIMIT 0", "unreachable", "too many connections")]
fn what_would_fail_is_told_before_the_freeze(#[case] change: &str, #[case] kind: &str, #[case] why: &str) {
    let server = Server::primary();
    server.query(change);
    let runtime = runtime(&server);
    let (status, answer) = runtime.connect().prepare(&patient());
    assert_eq!((status, &answer["failure"]["kind"]), (502, &json!(kind)), "{answer}");
    assert!(answer["failure"]["message"].as_str().unwrap().contains(why), "{answer}");
    assert!(!runtime.lines().join("\n").contains(PASSWORD), "no secret is logged");
}

#[test]
fn one_who_may_not_checkpoint_still_gets_a_backup() {
    let server = Server::primary();
    server.query("REVOKE pg_checkpoint FROM backup");
    let runtime = runtime(&server);
    let mut client = frozen(&runtime, "atomic");
    runtime.wait_for_line("the freeze takes longer by it");
    expect("thawed", client.step("thaw"));
}

#[test]
fn a_password_that_was_changed_is_read_anew() {
    let server = Server::primary();
    let runtime = runtime(&server);
    frozen(&runtime, "atomic").step("thaw");
    server.query("ALTER ROLE backup PASSWORD 'rotated'");
    std::fs::write(runtime.folder().join("password"), "rotated\n").unwrap();
    expect("thawed", frozen(&runtime, "atomic").step("thaw"));
}
