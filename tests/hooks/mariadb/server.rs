//! A MariaDB server of its own for a test.

use std::{
    fs::{self, File},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

use rustix::process::Signal;
use serde_json::json;
use tempfile::TempDir;

use crate::{
    machine::{self, as_user},
    process::Runtime,
};

/// Of the user `backup`.
pub(crate) const PASSWORD: &str = "correct-horse";
const MISSING: &str = "no MariaDB on this machine: install the package `mariadb-server`";

pub(crate) struct Server {
    pub(crate) process: Child,
    pub(crate) port: u16,
    pub(crate) folder: TempDir,
}

/// Inserts rows, each in a transaction of its own, while it lives.
pub(crate) struct Writer(pub(crate) Child);

pub(crate) fn folder() -> TempDir {
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
    pub(crate) fn new() -> Self {
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

    pub(crate) fn start(folder: TempDir) -> Self {
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

    pub(crate) fn client(&self, statement: &str) -> Command {
        let mut client = self.session();
        client.arg("-e").arg(statement);
        client
    }

    /// A client that takes statements from its standard input.
    pub(crate) fn session(&self) -> Command {
        let mut client = Command::new("mariadb");
        client.args(["--no-defaults", "--skip-column-names", "--batch", "--unbuffered", "--user=root"]);
        client.arg(format!("--socket={}", self.folder.path().join("socket").display()));
        client
    }

    pub(crate) fn query(&self, statement: &str) -> String {
        machine::text(&machine::run(&mut self.client(statement)))
    }

    pub(crate) fn rows(&self) -> u64 {
        self.query("SELECT COUNT(*) FROM shop.log").parse().unwrap()
    }

    pub(crate) fn write(&self) -> Writer {
        let mut client = self.client(
            "DELIMITER //\nBEGIN NOT ATOMIC LOOP INSERT INTO shop.log VALUES (); DO SLEEP(0.002); END LOOP; END//",
        );
        let writer = Writer(client.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        machine::wait("the writer writes", || self.rows() > 10);
        writer
    }

    pub(crate) fn writes_go_on(&self) {
        let before = self.rows();
        machine::wait("writes go on", || self.rows() > before);
    }

    /// The connections of the hook.
    pub(crate) fn connections(&self) -> String {
        self.query("SELECT ID FROM information_schema.PROCESSLIST WHERE USER = 'backup'")
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    pub(crate) fn runtime(&self) -> Runtime {
        let address = format!("127.0.0.1:{}", self.port);
        let hook = json!({ "connect": [address], "settings": { "address": address } });
        Runtime::with_hook("mariadb", &hook, PASSWORD)
    }

    /// Nothing moves while it is copied, so the copy is of one instant.
    pub(crate) fn cut(&self) -> TempDir {
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

pub(crate) fn copy(from: &Path, to: &Path) {
    machine::run(Command::new("cp").arg("--archive").arg("--no-target-directory").arg(from).arg(to));
}
