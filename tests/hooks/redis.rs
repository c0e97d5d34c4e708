//! Redis: writers wait, nothing lands between, and what is copied meanwhile has all that was written before.

use std::{
    fs::File,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use rstest::rstest;
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    component::{expect, fact},
    machine,
    process::{Client, Runtime},
};

/// Of the user `backup`.
const PASSWORD: &str = "correct-horse";
/// Of everybody else.
const OTHER_PASSWORD: &str = "battery-staple";
/// All that the hook asks for.
const RIGHTS: &str =
    "+ping +info +client|id +client|setname +client|pause +client|unpause +bgsave +waitaof +dbsize";

struct Server {
    process: Child,
    port: u16,
    folder: TempDir,
}

/// Counts up while it lives.
struct Writer(Child);

impl Server {
    fn start(append_only: bool) -> Self {
        Self::start_on(tempfile::tempdir().unwrap(), append_only)
    }

    fn start_on(folder: TempDir, append_only: bool) -> Self {
        let port = machine::free_port();
        let mut server = Command::new("redis-server");
        server.arg("--port").arg(port.to_string()).args(["--bind", "127.0.0.1", "--save", ""]);
        server.args(["--appendonly", if append_only { "yes" } else { "no" }, "--dir"]).arg(folder.path());
        server.args(["--requirepass", OTHER_PASSWORD]);
        // The server knows its own commands only: WAITAOF came with 7.2.
        let rights = if version() >= (7, 2) { RIGHTS.to_owned() } else { RIGHTS.replace(" +waitaof", "") };
        server.args(["--user", "backup", "on", &format!(">{PASSWORD}")]).args(rights.split(' '));
        let log = File::create(folder.path().join("log")).unwrap();
        let process = server.stdout(log).stdin(Stdio::null()).spawn();
        let process = process.expect("no Redis on this machine: install the package `redis-server`");
        let mut server = Self { process, port, folder };
        machine::wait("the server answers", || {
            assert!(server.process.try_wait().unwrap().is_none(), "the server ended: {}", server.log());
            server.cli(&["PING"]).output().unwrap().stdout == b"PONG\n"
        });
        server
    }

    fn cli(&self, command: &[&str]) -> Command {
        let mut cli = Command::new("redis-cli");
        cli.arg("-p")
            .arg(self.port.to_string())
            .args(["--no-auth-warning", "-a", OTHER_PASSWORD])
            .args(command);
        cli
    }

    fn ask(&self, command: &[&str]) -> String {
        machine::text(&machine::run(&mut self.cli(command)))
    }

    fn count(&self) -> u64 {
        self.ask(&["GET", "count"]).parse().unwrap_or_default()
    }

    fn write(&self) -> Writer {
        let mut cli = self.cli(&["-r", "100000000", "-i", "0.001", "INCR", "count"]);
        let writer = Writer(cli.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        machine::wait("the writer writes", || self.count() > 10);
        writer
    }

    fn writes_go_on(&self) {
        let before = self.count();
        machine::wait("writes go on", || self.count() > before);
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn runtime(&self) -> Runtime {
        let address = format!("127.0.0.1:{}", self.port);
        let hook = json!({ "connect": [address], "settings": { "address": address, "user": "backup" } });
        Runtime::with_hook("redis", &hook, PASSWORD)
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

/// Of the programs on this machine: `Redis server v=7.0.15 …`
fn version() -> (u32, u32) {
    let output = Command::new("redis-server").arg("--version").output();
    let text = machine::text(&output.expect("no Redis on this machine: install the package `redis-server`"));
    let version = text.split("v=").nth(1).unwrap().split('.').map(|part| part.parse().unwrap_or_default());
    let parts: Vec<u32> = version.collect();
    (parts[0], parts[1])
}

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
