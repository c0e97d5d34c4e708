//! A PostgreSQL server of its own for a test, from the newest version that the machine has.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::machine::{as_user, children, end, free_port, give, run, signal, text, wait};

/// Of the role `backup`.
pub(crate) const PASSWORD: &str = "correct-horse";

/// A running server.
pub(crate) struct Server {
    process: Child,
    port: u16,
    /// Also of its socket, its log, and its log of transactions.
    folder: TempDir,
}

/// Writes rows, each in a transaction of its own, while it lives.
pub(crate) struct Writer(Child);

fn programs() -> &'static Path {
    static PROGRAMS: OnceLock<PathBuf> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let mut folders: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
        folders.retain(|folder| folder.join("postgres").is_file() && folder.join("initdb").is_file());
        folders.sort();
        folders.pop().expect("no PostgreSQL server on this machine: install the package `postgresql`")
    })
}

fn program(name: &str) -> Command {
    let mut command = Command::new(programs().join(name));
    as_user(&mut command);
    command
}

/// A folder that servers can be started in: `data`, and the log of transactions beside it, as on a volume of its own.
pub(crate) fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    give(folder.path());
    folder
}

/// Made once, because it takes seconds.
fn template() -> &'static Path {
    static TEMPLATE: OnceLock<TempDir> = OnceLock::new();
    let made = TEMPLATE.get_or_init(|| {
        let folder = folder();
        let password = folder.path().join("password");
        fs::write(&password, PASSWORD).unwrap();
        fs::set_permissions(&password, fs::Permissions::from_mode(0o644)).unwrap();
        let mut initdb = program("initdb");
        initdb.args(["--no-sync", "--username=postgres", "--auth-local=trust", "--auth-host=scram-sha-256"]);
        // Small segments: copies are made of them.
        initdb.args(["--wal-segsize=1", "--encoding=UTF8", "--locale=C"]);
        initdb.arg("--pwfile").arg(&password);
        initdb.arg("--waldir").arg(folder.path().join("wal")).arg("--pgdata").arg(folder.path().join("data"));
        run(&mut initdb);
        folder
    });
    made.path()
}

impl Server {
    /// A new one with a table, and a role that may back up and no more.
    pub(crate) fn primary() -> Self {
        let folder = folder();
        for part in ["data", "wal"] {
            copy(&template().join(part), &folder.path().join(part));
        }
        fs::remove_file(folder.path().join("data/pg_wal")).unwrap();
        std::os::unix::fs::symlink(folder.path().join("wal"), folder.path().join("data/pg_wal")).unwrap();
        let server = Self::start(folder);
        server.query("CREATE TABLE log (id bigserial PRIMARY KEY, filler text DEFAULT repeat('x', 200))");
        server.query(&format!("CREATE ROLE backup LOGIN PASSWORD '{PASSWORD}'"));
        server.query(
            "GRANT EXECUTE ON FUNCTION pg_backup_start, pg_backup_stop, pg_read_binary_file(text) TO backup; \
             GRANT pg_checkpoint TO backup",
        );
        server
    }

    /// One that follows this one.
    pub(crate) fn standby(&self) -> Self {
        let folder = folder();
        let mut copy = program("pg_basebackup");
        copy.args([
            "--checkpoint=fast",
            "--no-sync",
            "--write-recovery-conf",
            "--username=postgres",
            "--host",
        ]);
        copy.arg(self.folder.path()).arg("--port").arg(self.port.to_string());
        copy.arg("--waldir").arg(folder.path().join("wal")).arg("--pgdata").arg(folder.path().join("data"));
        run(&mut copy);
        Self::start(folder)
    }

    /// One on what is in this folder.
    pub(crate) fn start(folder: TempDir) -> Self {
        Self::start_at(folder, free_port())
    }

    /// One on what is in this folder, at this port.
    pub(crate) fn start_at(folder: TempDir, port: u16) -> Self {
        let process = launch(folder.path(), port);
        let mut server = Self { process, port, folder };
        wait("the server takes queries", || {
            let ended = server.process.try_wait().unwrap();
            assert!(ended.is_none(), "the server ended:\n{}", server.log());
            server.psql("SELECT 1").output().unwrap().status.success()
        });
        server
    }

    /// What the configuration of the hook has beside its component.
    pub(crate) fn hook(&self) -> Value {
        hook(self.port)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn query(&self, statement: &str) -> String {
        text(&run(&mut self.psql(statement)))
    }

    pub(crate) fn rows(&self) -> u64 {
        self.query("SELECT count(*) FROM log").parse().unwrap()
    }

    pub(crate) fn version(&self) -> String {
        self.query("SHOW server_version_num")
    }

    /// The backends of the hook.
    pub(crate) fn sessions(&self) -> String {
        self.query("SELECT pid FROM pg_stat_activity WHERE application_name = 'kubectl-backup'")
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Writes until the writer is dropped; it has begun.
    pub(crate) fn write(&self) -> Writer {
        let begun = self.rows();
        let mut psql = self.psql(
            "DO $$ BEGIN LOOP INSERT INTO log DEFAULT VALUES; COMMIT; PERFORM pg_sleep(0.001); END LOOP; END $$",
        );
        let writer = Writer(psql.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        wait("the writer writes", || self.rows() > begun + 10);
        writer
    }

    /// Nothing moves while this runs, so what it copies is of one instant.
    pub(crate) fn at_one_instant(&self, copy: impl FnOnce()) {
        let postmaster = self.process.id();
        signal(postmaster, Signal::STOP);
        let backends = children(postmaster);
        for backend in &backends {
            signal(*backend, Signal::STOP);
        }
        let stopped = |id: &u32| {
            let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
            stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('T') || rest.starts_with('Z'))
        };
        wait("all processes stand still", || backends.iter().all(stopped));
        copy();
        for process in backends.into_iter().chain([postmaster]) {
            signal(process, Signal::CONT);
        }
    }

    fn psql(&self, statement: &str) -> Command {
        let mut psql = program("psql");
        psql.args(["--no-psqlrc", "--tuples-only", "--no-align", "--quiet", "--set=ON_ERROR_STOP=1"]);
        psql.args(["--username=postgres", "--dbname=postgres", "--host"]).arg(self.folder.path());
        psql.arg("--port").arg(self.port.to_string()).arg("--command").arg(statement);
        psql
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        end(&mut self.process, Signal::QUIT);
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What the configuration of a hook for this port has beside its component.
pub(crate) fn hook(port: u16) -> Value {
    let address = format!("127.0.0.1:{port}");
    json!({ "connect": [address], "settings": { "address": address, "user": "backup" } })
}

/// Starts the program.
fn launch(folder: &Path, port: u16) -> Child {
    let log = fs::File::create(folder.join("log")).unwrap();
    let mut postgres = program("postgres");
    postgres.arg("-D").arg(folder.join("data")).arg("-k").arg(folder).arg("-p").arg(port.to_string());
    // Pages still reach the kernel in order, and it is the kernel that copies them.
    postgres.args(["-c", "fsync=off", "-c", "listen_addresses=127.0.0.1", "-c", "wal_keep_size=64MB"]);
    postgres.args(["-c", "log_min_messages=info", "-c", "max_wal_size=32MB", "-c", "min_wal_size=2MB"]);
    postgres.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap()
}

/// Copies a folder as it is, though files may come and go meanwhile.
pub(crate) fn copy(from: &Path, to: &Path) {
    let output =
        Command::new("cp").arg("--archive").arg("--no-target-directory").arg(from).arg(to).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    let serious = errors.lines().find(|line| !line.contains("No such file or directory"));
    assert_eq!(serious, None, "`{}` could not be copied", from.display());
}
