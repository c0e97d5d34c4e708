//! A copy that was made between freeze and thaw, in each way of cutting, on primary and standby: it starts after
//! `recover`, with the rows that were committed before the freeze.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use rstest::rstest;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    patient,
    release::Release,
    runtime,
    server::{self, PASSWORD, Server, copy, folder},
};
use crate::{
    component::{expect, fact},
    machine,
    process::Runtime,
};

/// Copies a server as a cut does.
fn cut(server: &Server, how: &str, to: &Path) {
    let part = |part: &str| copy(&server.folder().join(part), &to.join(part));
    match how {
        "atomic" | "group" => server.at_one_instant(|| {
            part("data");
            part("wal");
        }),
        "apart" => {
            server.at_one_instant(|| part("wal"));
            move_on(server);
            server.at_one_instant(|| part("data"));
        }
        _ => {
            part("wal");
            move_on(server);
            part("data");
        }
    }
    fs::remove_file(to.join("data/pg_wal")).unwrap();
    if how == "group" {
        std::os::unix::fs::symlink(to.join("wal"), to.join("data/pg_wal")).unwrap();
    } else {
        // Within the folder that `recover` is granted.
        fs::rename(to.join("wal"), to.join("data/pg_wal")).unwrap();
    }
}

/// Pages are written that the log has only later.
fn move_on(server: &Server) {
    let before = server.rows();
    machine::wait("the writer goes on", || server.rows() > before + 20);
    server.query("CHECKPOINT");
}

/// A copy, and the runtime beside it after the restore.
struct Restore {
    release: &'static Release,
    copy: TempDir,
    port: u16,
    runtime: Runtime,
    cut: &'static str,
    facts: Value,
}

impl Restore {
    fn of(
        release: &'static Release,
        copy: TempDir,
        cut: &'static str,
        thawed: &Value,
        restore_command: &str,
    ) -> Self {
        let port = machine::free_port();
        let mut hook = server::hook(port);
        hook["folders"] = json!({ "data": copy.path().join("data") });
        hook["settings"]["restore-command"] = json!(restore_command);
        let runtime = Runtime::with_hook("postgres", &hook, PASSWORD);
        Self { release, copy, port, runtime, cut, facts: thawed["receipt"]["facts"].clone() }
    }

    fn step(&self, step: &str) -> (u16, Value) {
        self.runtime.connect().after_restore(step, self.cut, &self.facts)
    }

    fn data(&self) -> PathBuf {
        self.copy.path().join("data")
    }

    /// It starts, has what it must have, and the hook can tell.
    fn assert_whole(self, committed: u64) {
        machine::give(self.copy.path());
        let Self { release, copy, port, runtime, cut, facts } = self;
        let restored = Server::start_at(release, copy, port);
        machine::wait("recovery is over", || restored.query("SELECT pg_is_in_recovery()") == "f");
        assert!(restored.rows() >= committed, "{} rows of {committed}", restored.rows());
        // Every row by the index and by the table.
        assert_eq!(restored.query("SELECT count(*) FROM log WHERE id > 0"), restored.rows().to_string());
        let verified = expect("done", runtime.connect().after_restore("verify", cut, &facts));
        assert!(fact(&verified, "verify-query").parse::<u64>().unwrap() > 100, "{verified}");
    }
}

/// The log that a copy lacks, as whoever copies brings it after the thaw.
fn bring_log(server: &Server, thawed: &Value, to: &Path) {
    let (first, last) = (fact(thawed, "wal-first"), fact(thawed, "wal-last"));
    for entry in fs::read_dir(server.folder().join("wal")).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        if name.len() == 24 && (first..=last).contains(&name.as_str()) {
            machine::run(Command::new("cp").arg("--archive").arg(entry.path()).arg(to));
        }
    }
}

#[rstest]
fn a_primary_comes_back(#[values("atomic", "group", "apart", "live-copy")] how: &'static str) {
    let server = Server::primary();
    let _writer = server.write();
    comes_back(&server, &server, how);
}

#[rstest]
fn a_standby_comes_back(#[values("atomic", "group", "apart", "live-copy")] how: &'static str) {
    let primary = Server::primary();
    let standby = primary.standby();
    let _writer = primary.write();
    comes_back(&primary, &standby, how);
}

pub(super) fn comes_back(writes: &Server, server: &Server, how: &'static str) {
    let written = writes.rows();
    machine::wait("a standby follows", || server.rows() >= written);
    let runtime = runtime(server);
    let mut client = runtime.connect();
    expect("done", client.prepare_for(how, &patient()));
    let committed = server.rows();
    expect("done", client.step("freeze"));
    let made = folder();
    cut(server, how, made.path());
    expect("done", client.step("check"));
    move_on(writes);
    writes.query("SELECT pg_switch_wal()");
    let ahead = writes.rows();
    machine::wait("it has caught up", || server.rows() >= ahead);
    let thawed = expect("thawed", client.step("thaw"));
    let restore = Restore::of(server.release(), made, how, &thawed, "");
    let label = restore.data().join("backup_label");
    let torn = matches!(how, "apart" | "live-copy");
    if torn {
        // Without the log there is no way, and nothing is touched.
        let (status, answer) = restore.step("recover");
        assert_eq!(status, 502, "{answer}");
        assert!(
            answer["failure"]["message"].as_str().unwrap().contains(fact(&thawed, "wal-last")),
            "{answer}"
        );
        assert!(!label.exists());
        bring_log(server, &thawed, &restore.data().join("pg_wal"));
    }
    for _ in 0..2 {
        // Twice, as after an interruption.
        expect("done", restore.step("recover"));
    }
    assert_eq!(label.exists(), torn);
    restore.assert_whole(committed);
}

#[test]
fn a_copy_without_its_log_comes_back_from_an_archive() {
    let server = Server::primary();
    let _writer = server.write();
    let runtime = runtime(&server);
    let mut client = runtime.connect();
    expect("done", client.prepare_for("live-copy", &patient()));
    let committed = server.rows();
    expect("done", client.step("freeze"));
    let made = folder();
    cut(&server, "live-copy", made.path());
    move_on(&server);
    let thawed = expect("thawed", client.step("thaw"));
    let archive = folder();
    bring_log(&server, &thawed, archive.path());
    machine::give(archive.path());
    let command = format!("cp {}/%f %p", archive.path().display());
    let restore = Restore::of(server.release(), made, "live-copy", &thawed, &command);
    expect("done", restore.step("recover"));
    restore.assert_whole(committed);
}

#[test]
fn a_server_that_runs_is_not_recovered() {
    let server = Server::primary();
    let mut hook = server.hook();
    hook["folders"] = json!({ "data": server.folder().join("data") });
    let runtime = Runtime::with_hook("postgres", &hook, PASSWORD);
    let (status, answer) = runtime.connect().after_restore("recover", "atomic", &json!([]));
    assert_eq!((status, &answer["failure"]["kind"]), (502, &json!("busy")), "{answer}");
    assert!(server.folder().join("data/postmaster.pid").exists());
}
