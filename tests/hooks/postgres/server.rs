//! A PostgreSQL server of its own for a test. Which release it is of says [`Release`].

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, Command, Stdio},
};

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::release::{self, Release};
use crate::machine::{children, end, free_port, give, run, signal, text, wait};

/// Of the role `backup`.
pub(crate) const PASSWORD: &str = "correct-horse";

/// A running server.
pub(crate) struct Server {
    release: &'static Release,
    process: Child,
    port: u16,
    /// Also of its socket, its log, and its log of transactions.
    folder: TempDir,
}

/// Writes rows, each in a transaction of its own, while it lives.
pub(crate) struct Writer(Child);

/// A folder that servers can be started in: `data`, and the log of transactions beside it, as on a volume of its own.
pub(crate) fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    give(folder.path());
    folder
}

impl Server {
    /// A new one of the machine's own release.
    pub(crate) fn primary() -> Self {
        Self::primary_of(Release::of_the_machine())
    }

    /// A new one with a table, and a role that may back up and no more.
    pub(crate) fn primary_of(release: &'static Release) -> Self {
        let folder = folder();
        for part in ["data", "wal"] {
            copy(&release.template().join(part), &folder.path().join(part));
        }
        let server = Self::start(release, folder);
        server.query("CREATE TABLE log (id bigserial PRIMARY KEY, filler text DEFAULT repeat('x', 200))");
        server.query(&format!("CREATE ROLE backup LOGIN PASSWORD '{PASSWORD}'"));
        server.query(release.grants());
        server
    }

    /// One that follows this one, from a copy of one instant.
    pub(crate) fn standby(&self) -> Self {
        let folder = folder();
        self.at_one_instant(|| {
            for part in ["data", "wal"] {
                copy(&self.folder.path().join(part), &folder.path().join(part));
            }
        });
        let data = folder.path().join("data");
        fs::remove_file(data.join("postmaster.pid")).unwrap();
        fs::write(data.join("standby.signal"), "").unwrap();
        let primary = format!("user=postgres host={} port={}", self.folder.path().display(), self.port);
        fs::write(data.join("postgresql.auto.conf"), format!("primary_conninfo = '{primary}'\n")).unwrap();
        give(folder.path());
        Self::start(self.release, folder)
    }

    /// One on what is in this folder, its log of transactions beside its data.
    fn start(release: &'static Release, folder: TempDir) -> Self {
        fs::remove_file(folder.path().join("data/pg_wal")).unwrap();
        std::os::unix::fs::symlink(folder.path().join("wal"), folder.path().join("data/pg_wal")).unwrap();
        Self::start_at(release, folder, free_port())
    }

    /// One on what is in this folder, at this port.
    pub(crate) fn start_at(release: &'static Release, folder: TempDir, port: u16) -> Self {
        let process = launch(release, folder.path(), port);
        let mut server = Self { release, process, port, folder };
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

    pub(crate) fn release(&self) -> &'static Release {
        self.release
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
        let mut psql = self.psql_session();
        psql.arg("--command").arg(statement);
        psql
    }

    /// A client that takes statements from its standard input.
    pub(crate) fn psql_session(&self) -> Command {
        let mut psql = release::client();
        psql.args(["--no-psqlrc", "--tuples-only", "--no-align", "--quiet", "--set=ON_ERROR_STOP=1"]);
        psql.args(["--username=postgres", "--dbname=postgres", "--host"]).arg(self.folder.path());
        psql.arg("--port").arg(self.port.to_string());
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
fn launch(release: &Release, folder: &Path, port: u16) -> Child {
    let log = fs::File::create(folder.join("log")).unwrap();
    let mut postgres = release.program("postgres");
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
