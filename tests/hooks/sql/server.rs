//! A MariaDB or MySQL server of its own for a test. MariaDB's client speaks with both.

use std::{
    collections::HashMap,
    fs::{self, File},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, OnceLock},
};

use rustix::process::{Signal, geteuid};
use serde_json::{Value, json};
use tempfile::TempDir;
use test_cluster::mysql::MySql;

use crate::{
    machine::{self, as_user},
    process::Runtime,
};

/// Of the user `backup`.
pub(crate) const PASSWORD: &str = "correct-horse";
const MISSING: &str = "no MariaDB on this machine: install the package `mariadb-server`";

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    MariaDb,
    MySql,
}

impl Kind {
    /// The name of its hook.
    pub(crate) fn hook(self) -> &'static str {
        match self {
            Self::MariaDb => "mariadb",
            Self::MySql => "mysql",
        }
    }

    /// The server on this data.
    fn server(self, data: &Path) -> Command {
        let mut server = match self {
            Self::MariaDb => {
                let mut server = Command::new("mariadbd");
                server.args(["--no-defaults", "--innodb-log-file-size=8M", "--log-bin"]);
                as_user(&mut server);
                server
            }
            Self::MySql => mysqld(),
        };
        server.arg(format!("--datadir={}", data.display()));
        server
    }

    /// Makes the data of a new server.
    fn install(self, data: &Path) {
        match self {
            Self::MariaDb => {
                let mut install = Command::new("mariadb-install-db");
                install.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]);
                install.args(["--innodb-log-file-size=8M", "--innodb-fast-shutdown=0"]);
                install.arg(format!("--datadir={}", data.display()));
                let output = as_user(&mut install).output().expect(MISSING);
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            }
            Self::MySql => {
                machine::run(self.server(data).arg("--initialize-insecure"));
                // Each server has its own identity.
                fs::remove_file(data.join("auto.cnf")).unwrap();
            }
        }
    }

    /// The rights that the documentation asks for.
    fn rights(self) -> &'static str {
        match self {
            Self::MariaDb => "GRANT RELOAD ON *.* TO backup@'%'",
            Self::MySql => {
                "GRANT BACKUP_ADMIN, RELOAD ON *.* TO backup@'%'; GRANT SELECT ON performance_schema.* TO backup@'%'"
            }
        }
    }
}

/// As whoever runs the tests: the programs lie in his cache, which nobody else may look into.
fn mysqld() -> Command {
    static PROGRAMS: OnceLock<MySql> = OnceLock::new();
    let arguments = PROGRAMS.get_or_init(|| MySql::find_or_fetch().unwrap()).server();
    let mut server = Command::new(&arguments[0]);
    server.args(&arguments[1..]).args(["--gtid-mode=ON", "--enforce-gtid-consistency=ON"]);
    if geteuid().is_root() {
        server.arg("--user=root");
    }
    server
}

/// A server that runs.
pub(crate) struct Server {
    kind: Kind,
    process: Child,
    pub(crate) port: u16,
    folder: TempDir,
}

/// A client at work, until it is dropped.
pub(crate) struct Client(Child);

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    machine::give(folder.path());
    folder
}

/// Made once, because it takes seconds.
fn template(kind: Kind) -> PathBuf {
    static TEMPLATES: OnceLock<Mutex<HashMap<Kind, TempDir>>> = OnceLock::new();
    let mut templates = TEMPLATES.get_or_init(Mutex::default).lock().unwrap();
    let made = templates.entry(kind).or_insert_with(|| {
        let folder = folder();
        kind.install(&folder.path().join("data"));
        folder
    });
    made.path().join("data")
}

impl Server {
    pub(crate) fn new(kind: Kind) -> Self {
        let folder = folder();
        copy(&template(kind), &folder.path().join("data"));
        let server = Self::start(kind, folder);
        server.query(
            "CREATE DATABASE shop; CREATE TABLE shop.log (id INT AUTO_INCREMENT PRIMARY KEY) ENGINE=InnoDB",
        );
        server.query(
            "DELIMITER //\nCREATE PROCEDURE shop.write_on() BEGIN LOOP INSERT INTO shop.log VALUES (); \
             DO SLEEP(0.002); END LOOP; END//",
        );
        server.query(&format!("CREATE USER backup@'%' IDENTIFIED BY '{PASSWORD}'; {}", kind.rights()));
        server
    }

    pub(crate) fn start(kind: Kind, folder: TempDir) -> Self {
        let port = machine::free_port();
        let mut server = kind.server(&folder.path().join("data"));
        server.args(["--bind-address=127.0.0.1", "--innodb-buffer-pool-size=16M", "--skip-name-resolve"]);
        server.arg(format!("--socket={}", folder.path().join("socket").display()));
        server.arg(format!("--pid-file={}", folder.path().join("pid").display()));
        server.arg(format!("--port={port}")).arg("--server-id=7");
        let log = File::create(folder.path().join("log")).unwrap();
        let process = server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().expect(MISSING);
        let mut server = Self { kind, process, port, folder };
        machine::wait("the server takes statements", || {
            assert!(server.process.try_wait().unwrap().is_none(), "the server ended:\n{}", server.log());
            server.client("SELECT 1").output().unwrap().status.success()
        });
        server
    }

    fn client(&self, statement: &str) -> Command {
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

    /// Inserts rows, each in a transaction of its own.
    pub(crate) fn write(&self) -> Client {
        let writer = self.in_background("CALL shop.write_on()");
        machine::wait("the writer writes", || self.rows() > 10);
        writer
    }

    pub(crate) fn in_background(&self, statement: &str) -> Client {
        let mut client = self.client(statement);
        Client(client.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
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

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The hook as it is granted; of MySQL one that speaks TLS with whoever answers, for the server made its certificate
    /// itself.
    pub(crate) fn hook(&self) -> Value {
        let address = format!("127.0.0.1:{}", self.port);
        let mut hook = json!({ "connect": [address], "settings": { "address": address } });
        if self.kind == Kind::MySql {
            hook["settings"]["sslmode"] = json!("require");
            hook["tls"] = json!({ "verify": "none" });
        }
        hook
    }

    pub(crate) fn runtime(&self) -> Runtime {
        Runtime::with_hook(self.kind.hook(), &self.hook(), PASSWORD)
    }

    /// Nothing moves while it is copied, so the copy is of one instant.
    pub(crate) fn cut(&self) -> TempDir {
        let made = folder();
        machine::signal(self.process.id(), Signal::STOP);
        copy(&self.data(), &made.path().join("data"));
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

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn copy(from: &Path, to: &Path) {
    machine::run(Command::new("cp").arg("--archive").arg("--no-target-directory").arg(from).arg(to));
}
