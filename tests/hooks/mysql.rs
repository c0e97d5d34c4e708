//! What is MySQL's own: long statements, its login and TLS, its rights, and how it is told from MariaDB.

use rstest::rstest;
use serde_json::{Value, json};

use crate::{
    authority::Authority,
    component::expect,
    machine,
    process::Runtime,
    sql::{
        freeze, patient,
        server::{Kind, PASSWORD, Server},
    },
};

fn runtime(hook: &Value) -> Runtime {
    Runtime::with_hook("mysql", hook, PASSWORD)
}

/// The read lock would wait for it, and all that comes after behind the lock, also when that is given up.
#[test]
fn nothing_is_frozen_behind_a_long_statement() {
    let server = Server::new(Kind::MySql);
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
    let server = Server::new(Kind::MySql);
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
    let server = Server::new(Kind::MySql);
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
    let server = Server::new(Kind::MySql);
    server.query(change);
    let runtime = server.runtime();
    let (status, answer) = runtime.connect().prepare_for(cut, &patient());
    assert_eq!((status, &answer["failure"]["kind"]), (502, &json!(kind)), "{answer}");
    assert!(!runtime.lines().join("\n").contains(PASSWORD), "no secret is logged");
}

#[test]
fn a_mariadb_is_told_by_name() {
    let theirs = Server::new(Kind::MariaDb);
    let address = format!("127.0.0.1:{}", theirs.port);
    let hook = json!({ "connect": [address], "settings": { "address": address } });
    let (status, answer) = runtime(&hook).connect().prepare(&patient());
    assert_eq!((status, &answer["failure"]["kind"]), (502, &json!("unsupported")), "{answer}");
    assert!(answer["failure"]["message"].as_str().unwrap().contains("`mariadb`"), "{answer}");
}
