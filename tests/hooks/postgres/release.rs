//! The releases of PostgreSQL that tests run: the newest that the machine has, and others that npm brings.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, OnceLock},
};

use tempfile::TempDir;

use super::server::{PASSWORD, copy, folder};
use crate::machine::{as_user, run};

/// The folder of the packages that `package.json` names.
const PACKAGES: &str = "KUBECTL_BACKUP_POSTGRESQL";

/// The programs of a release, and a server of it that is made once because that takes seconds.
pub(crate) struct Release {
    programs: PathBuf,
    /// Of the programs, where they are a copy.
    _copy: Option<TempDir>,
    major: u32,
    template: OnceLock<TempDir>,
}

impl Release {
    /// The newest that the machine has.
    pub(crate) fn of_the_machine() -> &'static Self {
        static RELEASE: OnceLock<Release> = OnceLock::new();
        RELEASE.get_or_init(|| Self::at(machines(), None))
    }

    /// Another one, by its number.
    pub(crate) fn of_npm(major: u32) -> &'static Self {
        static RELEASES: Mutex<BTreeMap<u32, &'static Release>> = Mutex::new(BTreeMap::new());
        RELEASES.lock().unwrap().entry(major).or_insert_with(|| {
            let packages = env::var_os(PACKAGES).unwrap_or_else(|| {
                panic!(
                    "{PACKAGES} names no folder: `npm install` in tests/hooks/postgres makes `node_modules`"
                )
            });
            // Where the user of the servers can read it: a cache lies in a home.
            let copied = folder();
            copy(&Path::new(&packages).join(format!("postgresql-{major}/native")), copied.path());
            Box::leak(Box::new(Self::at(copied.path().join("bin"), Some(copied))))
        })
    }

    fn at(programs: PathBuf, copied: Option<TempDir>) -> Self {
        let version = run(Command::new(programs.join("postgres")).arg("--version")).stdout;
        let version = String::from_utf8(version).unwrap();
        let number = version.split(' ').find(|word| word.starts_with(|first: char| first.is_ascii_digit()));
        let major = number.and_then(|number| number.split('.').next()?.trim().parse().ok());
        let major = major.unwrap_or_else(|| panic!("`{version}` names no release"));
        Self { programs, _copy: copied, major, template: OnceLock::new() }
    }

    /// A program of it, as a user that is not root.
    pub(super) fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        as_user(&mut command);
        command
    }

    /// A folder with `data` and `wal` of a new server.
    pub(super) fn template(&self) -> &Path {
        let made = self.template.get_or_init(|| {
            let folder = folder();
            let password = folder.path().join("password");
            fs::write(&password, PASSWORD).unwrap();
            let mut initdb = self.program("initdb");
            initdb.args(["--no-sync", "--username=postgres", "--auth-local=trust"]);
            // Small segments: copies are made of them.
            initdb.args(["--auth-host=scram-sha-256", "--wal-segsize=1", "--encoding=UTF8", "--locale=C"]);
            initdb.arg("--pwfile").arg(&password);
            initdb
                .arg("--waldir")
                .arg(folder.path().join("wal"))
                .arg("--pgdata")
                .arg(folder.path().join("data"));
            run(&mut initdb);
            folder
        });
        made.path()
    }

    /// Gives the role `backup` what `docs/databases.md` says it needs.
    pub(super) fn grants(&self) -> &'static str {
        if self.major < 15 {
            return "GRANT EXECUTE ON FUNCTION pg_start_backup(text, boolean, boolean), \
                    pg_stop_backup(boolean, boolean), pg_read_binary_file(text) TO backup";
        }
        "GRANT EXECUTE ON FUNCTION pg_backup_start, pg_backup_stop, pg_read_binary_file(text) TO backup; \
         GRANT pg_checkpoint TO backup"
    }
}

/// The client, of the machine's release: it speaks to all.
pub(super) fn client() -> Command {
    Release::of_the_machine().program("psql")
}

fn machines() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    folders.retain(|folder| folder.join("postgres").is_file() && folder.join("initdb").is_file());
    folders.sort();
    folders.pop().expect("no PostgreSQL server on this machine: install the package `postgresql`")
}
