//! MySQL: no commit lands between freeze and thaw, in one connection, and what is cut meanwhile starts with exactly what was
//! committed before; the password goes to the server alone.

mod server;

use std::time::Duration;

use rstest::rstest;
use rustix::process::Signal;
use serde_json::{Value, json};
use server::{PASSWORD, Server, runtime};

use crate::{
    authority::Authority,
    component::{expect, fact},
    machine, mariadb,
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
    for position in ["gtid-executed", "binlog-file", "binlog-position"] {
        assert_eq!(fact(&thawed, position), fact(&frozen, position));
        assert!(!fact(&thawed, position).is_empty(), "{position}");
    }
    server.writes_go_on();
    machine::wait("the session is closed", || server.connections().is_empty());
    let restored = Server::start(made);
    assert_eq!(restored.rows(), committed);
    assert_eq!(restored.query("SELECT @@global.gtid_executed"), fact(&thawed, "gtid-executed"));
    let verified = restored.runtime().connect().after_restore("verify", cut, &thawed["receipt"]["facts"]);
    assert!(fact(&expect("done", verified), "verify-query").parse::<u64>().unwrap() > 10);
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
    server.query("CREATE TABLE shop.made_after (id INT)");
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

/// The read lock would wait for it, and all that comes after behind the lock, also when that is given up.
#[test]
fn nothing_is_frozen_behind_a_long_statement() {
    let server = Server::new();
    let _long = server.in_background("SELECT SLEEP(60) FROM shop.log RIGHT JOIN (SELECT 1) one ON TRUE");
    machine::wait("the statement runs", || server.query("SHOW PROCESSLIST").contains("SLEEP(60)"));
    let mut hook = server.hook();
    let patient_one = runtime(&hook);
    let mut client = patient_one.connect();
    expect("done", client.prepare(&json!({ "freezeMs": 3000 })));
    hook["settings"]["longest-statement"] = json!("0");
    machine::wait("the statement counts as long", || {
        let (status, answer) = runtime(&hook).connect().prepare(&patient());
        status == 502 && answer["failure"]["message"].as_str().unwrap().contains("longest-statement")
    });
    // What is refused here never waited for its lock, so nobody waits behind it.
    server.query("INSERT INTO shop.log VALUES ()");
    drop(client);
    machine::wait("the sessions are closed", || server.connections().is_empty());
}

#[test]
fn without_tls_a_hash_is_enough_where_the_server_has_seen_the_password_and_the_password_is_never_told() {
    let server = Server::new();
    let mut plain = server.hook();
    plain["settings"]["sslmode"] = json!("auto");
    let unknown = runtime(&plain);
    let (status, answer) = unknown.connect().prepare(&patient());
    assert_eq!((status, &answer["failure"]["kind"]), (502, &json!("authentication")), "{answer}");
    assert!(answer["failure"]["message"].as_str().unwrap().contains("`sslmode`"), "{answer}");
    let secured = server.runtime();
    let (mut client, _) = freeze(&secured, &patient());
    let encrypted = format!(
        "SELECT VARIABLE_VALUE FROM performance_schema.status_by_thread JOIN performance_schema.threads USING (THREAD_ID) \
         WHERE VARIABLE_NAME = 'Ssl_version' AND PROCESSLIST_ID = {}",
        server.connections()
    );
    assert!(server.query(&encrypted).starts_with("TLS"), "{}", server.query(&encrypted));
    expect("thawed", client.step("thaw"));
    let known = runtime(&plain);
    let (mut client, _) = freeze(&known, &patient());
    expect("thawed", client.step("thaw"));
}

#[test]
fn the_servers_certificate_is_verified() {
    let server = Server::new();
    let mut hook = server.hook();
    hook["tls"] = json!({ "ca": server.data().join("ca.pem"), "verify": "ca" });
    let trusting = runtime(&hook);
    let (mut client, _) = freeze(&trusting, &patient());
    expect("thawed", client.step("thaw"));
    std::fs::write(server.data().join("stranger.pem"), Authority::new("stranger").pem()).unwrap();
    hook["tls"]["ca"] = json!(server.data().join("stranger.pem"));
    let (status, answer) = runtime(&hook).connect().prepare(&patient());
    assert_eq!(status, 502, "{answer}");
    assert!(answer["failure"]["message"].as_str().unwrap().contains("could not speak TLS"), "{answer}");
}

#[rstest]
#[case::password("ALTER USER backup@'%' IDENTIFIED BY 'other'", "atomic", "authentication")]
#[case::privilege("REVOKE BACKUP_ADMIN ON *.* FROM backup@'%'", "atomic", "denied")]
#[case::positions("REVOKE SELECT ON performance_schema.* FROM backup@'%'", "atomic", "denied")]
#[case::instrument(
    "UPDATE performance_schema.setup_instruments SET ENABLED = 'NO' WHERE NAME = 'wait/lock/metadata/sql/mdl'",
    "atomic",
    "unsupported"
)]
#[case::cut("SELECT 1", "live-copy", "unsupported")]
fn what_would_fail_is_told_before_the_freeze(#[case] change: &str, #[case] cut: &str, #[case] kind: &str) {
    let server = Server::new();
    server.query(change);
    let runtime = server.runtime();
    let (status, answer) = runtime.connect().prepare_for(cut, &patient());
    assert_eq!((status, &answer["failure"]["kind"]), (502, &json!(kind)), "{answer}");
    assert!(!runtime.lines().join("\n").contains(PASSWORD), "no secret is logged");
}

#[test]
fn the_hooks_of_mariadb_and_mysql_know_their_servers() {
    let mysql = Server::new();
    mysql.query("ALTER USER backup@'%' IDENTIFIED BY ''");
    let theirs = mariadb::server::Server::new();
    let address = format!("127.0.0.1:{}", theirs.port);
    let hook = json!({ "connect": [address], "settings": { "address": address } });
    let (status, answer) = runtime(&hook).connect().prepare(&patient());
    assert_eq!((status, &answer["failure"]["kind"]), (502, &json!("unsupported")), "{answer}");
    assert!(answer["failure"]["message"].as_str().unwrap().contains("`mariadb`"), "{answer}");
}
