//! MariaDB: no commit lands between freeze and thaw, in one connection, and what is cut meanwhile starts with exactly what
//! was committed before.

use std::{
    fs::{self, File},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::Duration,
};

use rstest::rstest;
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    component::{expect, fact},
    machine::{self, as_user},
    process::{Client, Runtime},
};

/// Of the user `backup`.
const PASSWORD: &str = "correct-horse";
const MISSING: &str = "no MariaDB on this machine: install the package `mariadb-server`";

struct Server {
    process: Child,
    port: u16,
    folder: TempDir,
}

/// Inserts rows, each in a transaction of its own, while it lives.
struct Writer(Child);

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    machine::give(folder.path());
    folder
}

/// Made once, because it takes seconds.
fn template() -> &'static Path {
    static TEMPLATE: OnceLock<TempDir> = OnceLock::new();
    let made = TEMPLATE.get_or_init(|| {
        let folder = folder();
        let mut install = Command::new("mariadb-install-db");
        install.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]);
        install.args(["--innodb-log-file-size=8M", "--innodb-fast-shutdown=0"]);
        install.arg(format!("--datadir={}", folder.path().join("data").display()));
        let output = as_user(&mut install).output().expect(MISSING);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        folder
    });
    made.path()
}

impl Server {
    fn new() -> Self {
        let folder = folder();
        copy(&template().join("data"), &folder.path().join("data"));
        let server = Self::start(folder);
        server.query(
            "CREATE DATABASE shop; CREATE TABLE shop.log (id INT AUTO_INCREMENT PRIMARY KEY) ENGINE=InnoDB",
        );
        server.query(&format!(
            "CREATE USER backup@'%' IDENTIFIED BY '{PASSWORD}'; GRANT RELOAD ON *.* TO backup@'%'"
        ));
        server
    }

    fn start(folder: TempDir) -> Self {
        let port = machine::free_port();
        let mut server = Command::new("mariadbd");
        server.args(["--no-defaults", "--bind-address=127.0.0.1", "--innodb-log-file-size=8M"]);
        server.args(["--innodb-buffer-pool-size=16M", "--skip-name-resolve", "--log-bin", "--server-id=7"]);
        server.arg(format!("--datadir={}", folder.path().join("data").display()));
        server
            .arg(format!("--socket={}", folder.path().join("socket").display()))
            .arg(format!("--port={port}"));
        let log = File::create(folder.path().join("log")).unwrap();
        server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let process = as_user(&mut server).spawn().expect(MISSING);
        let mut server = Self { process, port, folder };
        machine::wait("the server takes statements", || {
            assert!(server.process.try_wait().unwrap().is_none(), "the server ended:\n{}", server.log());
            server.client("SELECT 1").output().unwrap().status.success()
        });
        server
    }

    fn client(&self, statement: &str) -> Command {
        let mut client = Command::new("mariadb");
        client.args(["--no-defaults", "--skip-column-names", "--batch", "--user=root"]);
        client
            .arg(format!("--socket={}", self.folder.path().join("socket").display()))
            .arg("-e")
            .arg(statement);
        client
    }

    fn query(&self, statement: &str) -> String {
        machine::text(&machine::run(&mut self.client(statement)))
    }

    fn rows(&self) -> u64 {
        self.query("SELECT COUNT(*) FROM shop.log").parse().unwrap()
    }

    fn write(&self) -> Writer {
        let mut client = self.client(
            "DELIMITER //\nBEGIN NOT ATOMIC LOOP INSERT INTO shop.log VALUES (); DO SLEEP(0.002); END LOOP; END//",
        );
        let writer = Writer(client.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        machine::wait("the writer writes", || self.rows() > 10);
        writer
    }

    fn writes_go_on(&self) {
        let before = self.rows();
        machine::wait("writes go on", || self.rows() > before);
    }

    /// The connections of the hook.
    fn connections(&self) -> String {
        self.query("SELECT ID FROM information_schema.PROCESSLIST WHERE USER = 'backup'")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn runtime(&self) -> Runtime {
        let address = format!("127.0.0.1:{}", self.port);
        let hook = json!({ "connect": [address], "settings": { "address": address } });
        Runtime::with_hook("mariadb", &hook, PASSWORD)
    }

    /// Nothing moves while it is copied, so the copy is of one instant.
    fn cut(&self) -> TempDir {
        let made = folder();
        machine::signal(self.process.id(), Signal::STOP);
        copy(&self.folder.path().join("data"), &made.path().join("data"));
        machine::signal(self.process.id(), Signal::CONT);
        machine::give(made.path());
        made
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        machine::end(&mut self.process, Signal::KILL);
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn copy(from: &Path, to: &Path) {
    machine::run(Command::new("cp").arg("--archive").arg("--no-target-directory").arg(from).arg(to));
}

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
