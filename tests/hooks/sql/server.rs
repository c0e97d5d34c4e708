//! A MySQL server of its own for a test.

use std::{
    fs::{self, File},
    path::Path,
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

use rustix::{process::Signal, process::geteuid};
use serde_json::{Value, json};
use tempfile::TempDir;
use test_cluster::mysql::MySql;

use crate::{
    machine,
    mariadb::server::{Writer, copy, folder},
    process::Runtime,
};

/// Of the user `backup`.
pub(crate) const PASSWORD: &str = "correct-horse";

pub(crate) struct Server {
    process: Child,
    port: u16,
    folder: TempDir,
}

fn programs() -> &'static MySql {
    static PROGRAMS: OnceLock<MySql> = OnceLock::new();
    PROGRAMS.get_or_init(|| MySql::find_or_fetch().unwrap())
}

/// As whoever runs the tests: the programs lie in his cache, which nobody else may look into.
fn mysqld(data: &Path) -> Command {
    let arguments = programs().server();
    let mut server = Command::new(&arguments[0]);
    server.args(&arguments[1..]).arg(format!("--datadir={}", data.display()));
    if geteuid().is_root() {
        server.arg("--user=root");
    }
    server
}

/// Made once, because it takes seconds.
fn template() -> &'static Path {
    static TEMPLATE: OnceLock<TempDir> = OnceLock::new();
    let made = TEMPLATE.get_or_init(|| {
        let folder = folder();
        machine::run(mysqld(&folder.path().join("data")).arg("--initialize-insecure"));
        folder
    });
    made.path()
}

impl Server {
    pub(crate) fn new() -> Self {
        let folder = folder();
        copy(&template().join("data"), &folder.path().join("data"));
        // Each has its own identity.
        fs::remove_file(folder.path().join("data/auto.cnf")).unwrap();
        let server = Self::start(folder);
        server.query("CREATE DATABASE shop; CREATE TABLE shop.log (id INT AUTO_INCREMENT PRIMARY KEY)");
        server.query(
            "DELIMITER //\nCREATE PROCEDURE shop.write_on() BEGIN LOOP INSERT INTO shop.log VALUES (); \
             DO SLEEP(0.002); END LOOP; END//",
        );
        server.query(&format!(
            "CREATE USER backup@'%' IDENTIFIED BY '{PASSWORD}'; GRANT BACKUP_ADMIN, RELOAD ON *.* TO backup@'%'; \
             GRANT SELECT ON performance_schema.* TO backup@'%'"
        ));
        server
    }

    pub(crate) fn start(folder: TempDir) -> Self {
        let port = machine::free_port();
        let mut server = mysqld(&folder.path().join("data"));
        server.args(["--bind-address=127.0.0.1", "--innodb-buffer-pool-size=16M", "--skip-name-resolve"]);
        server.args(["--gtid-mode=ON", "--enforce-gtid-consistency=ON", "--server-id=7"]);
        server.arg(format!("--socket={}", folder.path().join("socket").display()));
        server
            .arg(format!("--pid-file={}", folder.path().join("pid").display()))
            .arg(format!("--port={port}"));
        let log = File::create(folder.path().join("log")).unwrap();
        let process = server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let mut server = Self { process, port, folder };
        machine::wait("the server takes statements", || {
            assert!(server.process.try_wait().unwrap().is_none(), "the server ended:\n{}", server.log());
            server.client("SELECT 1").output().unwrap().status.success()
        });
        server
    }

    /// MariaDB's client, which speaks with both.
    fn client(&self, statement: &str) -> Command {
        let mut client = Command::new("mariadb");
        client.args(["--no-defaults", "--skip-column-names", "--batch", "--unbuffered", "--user=root"]);
        client.arg(format!("--socket={}", self.folder.path().join("socket").display()));
        client.arg("-e").arg(statement);
        client
    }

    pub(crate) fn query(&self, statement: &str) -> String {
        machine::text(&machine::run(&mut self.client(statement)))
    }

    pub(crate) fn rows(&self) -> u64 {
        self.query("SELECT COUNT(*) FROM shop.log").parse().unwrap()
    }

    pub(crate) fn write(&self) -> Writer {
        let writer = self.in_background("CALL shop.write_on()");
        machine::wait("the writer writes", || self.rows() > 10);
        writer
    }

    pub(crate) fn in_background(&self, statement: &str) -> Writer {
        let mut client = self.client(statement);
        Writer(client.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    pub(crate) fn writes_go_on(&self) {
        let before = self.rows();
        machine::wait("writes go on", || self.rows() > before);
    }

    /// The connections of the hook.
    pub(crate) fn connections(&self) -> String {
        self.query("SELECT ID FROM information_schema.PROCESSLIST WHERE USER = 'backup'")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    pub(crate) fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    /// A hook that speaks TLS with whoever answers: the server made its certificate itself.
    pub(crate) fn hook(&self) -> Value {
        let address = format!("127.0.0.1:{}", self.port);
        json!({
            "connect": [address],
            "settings": { "address": address, "sslmode": "require" },
            "tls": { "verify": "none" },
        })
    }

    pub(crate) fn runtime(&self) -> Runtime {
        runtime(&self.hook())
    }

    /// Nothing moves while it is copied, so the copy is of one instant.
    pub(crate) fn cut(&self) -> TempDir {
        let made = folder();
        machine::signal(self.process.id(), Signal::STOP);
        copy(&self.data(), &made.path().join("data"));
        machine::signal(self.process.id(), Signal::CONT);
        made
    }
}

pub(crate) fn runtime(hook: &Value) -> Runtime {
    Runtime::with_hook("mysql", hook, PASSWORD)
}

impl Drop for Server {
    fn drop(&mut self) {
        machine::end(&mut self.process, Signal::KILL);
    }
}
