//! A Redis server of its own for a test.

use std::{
    fs::File,
    process::{Child, Command, Stdio},
};

use rustix::process::Signal;
use serde_json::json;
use tempfile::TempDir;

use crate::{machine, process::Runtime};

/// Of the user `backup`.
pub(crate) const PASSWORD: &str = "correct-horse";
/// Of everybody else.
pub(crate) const OTHER_PASSWORD: &str = "battery-staple";
/// All that the hook asks for.
pub(crate) const RIGHTS: &str =
    "+ping +info +client|id +client|setname +client|pause +client|unpause +bgsave +waitaof +dbsize";

pub(crate) struct Server {
    pub(crate) process: Child,
    pub(crate) port: u16,
    pub(crate) folder: TempDir,
}

/// Counts up while it lives.
pub(crate) struct Writer(Child);

impl Server {
    pub(crate) fn start(append_only: bool) -> Self {
        Self::start_on(tempfile::tempdir().unwrap(), append_only)
    }

    pub(crate) fn start_on(folder: TempDir, append_only: bool) -> Self {
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

    pub(crate) fn cli(&self, command: &[&str]) -> Command {
        let mut cli = Command::new("redis-cli");
        cli.arg("-p")
            .arg(self.port.to_string())
            .args(["--no-auth-warning", "-a", OTHER_PASSWORD])
            .args(command);
        cli
    }

    pub(crate) fn ask(&self, command: &[&str]) -> String {
        machine::text(&machine::run(&mut self.cli(command)))
    }

    pub(crate) fn count(&self) -> u64 {
        self.ask(&["GET", "count"]).parse().unwrap_or_default()
    }

    pub(crate) fn write(&self) -> Writer {
        let mut cli = self.cli(&["-r", "100000000", "-i", "0.001", "INCR", "count"]);
        let writer = Writer(cli.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        machine::wait("the writer writes", || self.count() > 10);
        writer
    }

    pub(crate) fn writes_go_on(&self) {
        let before = self.count();
        machine::wait("writes go on", || self.count() > before);
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    pub(crate) fn runtime(&self) -> Runtime {
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
pub(crate) fn version() -> (u32, u32) {
    let output = Command::new("redis-server").arg("--version").output();
    let text = machine::text(&output.expect("no Redis on this machine: install the package `redis-server`"));
    let version = text.split("v=").nth(1).unwrap().split('.').map(|part| part.parse().unwrap_or_default());
    let parts: Vec<u32> = version.collect();
    (parts[0], parts[1])
}
