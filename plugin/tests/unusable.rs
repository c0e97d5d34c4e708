//! What the real binary says of a configuration, a password and a repository that it cannot use; no cluster is needed.
//!
//! Every message that this can bring about is in one snapshot. The others of the same errors (a full disk, a file system that is
//! read-only, an archive of a newer version) are rendered from samples in `commands/failure/messages/storage.rs`.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot set its stage has failed")]

use std::{
    ffi::{OsStr, OsString},
    fmt::Write as _,
    fs,
    os::unix::ffi::OsStringExt as _,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use kubectl_backup::{
    archive,
    model::repository::{Access, Location, Secret},
};
use tempfile::TempDir;

/// A random key, so that no time goes into its derivation.
const KEY: &str = "4f3c2b1a4f3c2b1a4f3c2b1a4f3c2b1a4f3c2b1a4f3c2b1a4f3c2b1a4f3c2b1a";

/// What was run and what it said.
struct Told {
    home: TempDir,
    text: String,
}

impl Told {
    fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap(), text: String::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        fs::write(self.path(name), content).unwrap();
        self.path(name)
    }

    /// An empty repository whose key is in the file `key`.
    fn repository(&self, name: &str) -> PathBuf {
        self.file("key", KEY);
        let access = Access { location: Location::Folder(self.path(name)), secret: Secret::generated(KEY) };
        archive::open_or_create(&access, Arc::new(|_| {})).unwrap();
        self.path(name)
    }

    fn run(&mut self, what: &str, arguments: &[&OsStr], environment: &[(&str, &OsStr)]) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-backup"));
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.home.path()).envs(environment.iter().copied()).args(arguments);
        let output = command.output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{what}");
        let said = String::from_utf8(output.stderr).unwrap();
        let home = self.home.path().display().to_string();
        writeln!(self.text, "# {what}, exit code {}", output.status.code().unwrap()).unwrap();
        writeln!(self.text, "{}\n", said.trim_end().replace(&home, "~")).unwrap();
    }

    fn list(&mut self, what: &str, options: &[(&str, &Path)]) {
        let mut arguments: Vec<&OsStr> = vec![OsStr::new("list")];
        for (option, value) in options {
            arguments.extend([OsStr::new(option), value.as_os_str()]);
        }
        self.run(what, &arguments, &[]);
    }
}

#[test]
fn a_configuration_or_password_that_cannot_be_used() {
    let mut told = Told::new();
    let repository = told.repository("repository");
    let list = [OsStr::new("list")];

    told.list("a configuration file that is not there", &[("--config", &told.path("none.yaml"))]);
    told.list("one that is a folder", &[("--config", &told.path(""))]);
    for (what, text) in [
        ("one with an unknown key", "repository: ~/backups\npasword-file: key\n"),
        ("one that is no YAML", "repository: [\n"),
        ("one with a key of another type", "repository: [a, b]\n"),
    ] {
        let file = told.file("config.yaml", text);
        told.list(what, &[("--config", &file)]);
    }
    told.list("a store that is none", &[("--repo", Path::new("s3:bucket/folder"))]);
    let latin = OsString::from_vec(vec![0xff, b'a']);
    told.run("an environment variable that is no text", &list, &[("KUBECTL_BACKUP_REPO", &latin)]);

    let both = [
        ("KUBECTL_BACKUP_PASSWORD_FILE", OsStr::new("key")),
        ("KUBECTL_BACKUP_PASSWORD_COMMAND", OsStr::new("pass show backup")),
    ];
    told.run("two passwords", &list, &both);
    told.list("a generated key that is not there", &[("--repo", &repository)]);
    let missing = told.path("no-password");
    told.list("a password file that is not there", &[("--repo", &repository), ("--password-file", &missing)]);
    let folder = told.path("");
    told.list("one that is a folder", &[("--repo", &repository), ("--password-file", &folder)]);
    let empty = told.file("empty", "\n");
    told.list("an empty one", &[("--repo", &repository), ("--password-file", &empty)]);
    for (what, command) in [
        ("a password command that is not well formed", "pass 'show"),
        ("one that does not start", "no-such-program show"),
        ("one that fails", "false"),
        ("one that prints nothing", "true"),
    ] {
        told.list(what, &[("--repo", &repository), ("--password-command", Path::new(command))]);
    }
    insta::assert_snapshot!(told.text);
}

#[test]
fn a_repository_that_cannot_be_used() {
    let mut told = Told::new();
    let right = told.repository("right");
    let key = told.path("key");
    let wrong = told.file("wrong", "another password\n");
    let open = |told: &mut Told, what: &str, repository: &Path, key: &Path| {
        told.list(what, &[("--repo", repository), ("--password-file", key)]);
    };
    let none = told.path("none");
    open(&mut told, "nothing", &none, &key);
    let file = told.file("file", "text");
    open(&mut told, "a file", &file, &key);
    fs::create_dir(told.path("photos")).unwrap();
    let photos = told.path("photos");
    told.file("photos/holiday.jpg", "text");
    open(&mut told, "a folder of something else", &photos, &key);
    open(&mut told, "another password", &right, &wrong);
    for (what, damage) in [
        ("no config", &(|it: &Path| fs::remove_file(it.join("config")).unwrap()) as &dyn Fn(&Path)),
        ("a config that was cut off", &|it: &Path| fs::write(it.join("config"), "short").unwrap()),
        ("no keys", &|it: &Path| {
            fs::remove_dir_all(it.join("keys")).unwrap();
            fs::create_dir(it.join("keys")).unwrap();
        }),
        ("a restore point that is none", &|it: &Path| {
            fs::write(it.join("snapshots").join("0".repeat(64)), "nothing").unwrap();
        }),
    ] {
        let repository = told.repository(&what.replace(' ', "-"));
        damage(&repository);
        open(&mut told, what, &repository, &key);
    }
    let words = ["describe", "latest", "--repo"].map(OsStr::new);
    let options = [right.as_os_str(), OsStr::new("--password-file"), key.as_os_str()];
    told.run("no restore point yet", &[&words[..], &options].concat(), &[]);
    insta::assert_snapshot!(told.text);
}
