//! What is MariaDB's own: the position in its binary log, one backup at a time, and its rights.

use rstest::rstest;
use serde_json::json;

use crate::{
    component::{expect, fact},
    sql::{
        freeze, patient,
        server::{Kind, PASSWORD, Server},
    },
};

#[test]
fn the_position_in_the_binary_log_is_kept_where_it_may_be_seen() {
    let server = Server::new(Kind::MariaDb);
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

#[test]
fn one_backup_at_a_time_and_none_waits_for_ever() {
    let server = Server::new(Kind::MariaDb);
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
    let server = Server::new(Kind::MariaDb);
    server.query(change);
    let runtime = server.runtime();
    let (status, answer) = runtime.connect().prepare_for(cut, &patient());
    assert_eq!((status, &answer["failure"]["kind"]), (502, &json!(kind)), "{answer}");
    assert!(!runtime.lines().join("\n").contains(PASSWORD), "no secret is logged");
}
