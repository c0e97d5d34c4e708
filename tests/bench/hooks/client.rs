//! A freeze and a thaw by the hook, beside the same statements by the database's own client in one open session.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{Row, component::expect, median, milliseconds, postgres, process::Runtime, sql};

/// Rounds that the medians are of; the two take turns.
const ROUNDS: usize = 15;

pub(crate) fn measure() -> Vec<Row> {
    let server = postgres::Server::primary();
    let runtime = Runtime::with_hook("postgres", &server.hook(), postgres::PASSWORD);
    let psql = Session::start(&mut server.psql_session(), "\\echo");
    let mut rows = rows(
        ["freeze of `postgres` / psql", "thaw of `postgres` / psql"],
        &runtime,
        psql,
        &Statements {
            prepare: &["CHECKPOINT"],
            freeze: &[
                "SET statement_timeout = 10000; SET lock_timeout = 10000; SET idle_session_timeout = 35000",
                "SELECT pg_backup_start('bench', true)",
                "SELECT pg_backend_pid()",
            ],
            thaw: &[
                "SELECT pg_backend_pid()",
                "SELECT lsn, labelfile, spcmapfile FROM pg_backup_stop(false)",
            ],
        },
    );
    let server = sql::Server::new(sql::Kind::MariaDb);
    // Then the hook is answered as the client is.
    server.query("GRANT BINLOG MONITOR ON *.* TO backup@'%'");
    let runtime = server.runtime();
    let facts =
        "SELECT @@version, @@server_id, @@read_only, @@gtid_binlog_pos, @@gtid_current_pos, @@gtid_slave_pos";
    let client = Session::start(&mut server.session(), "SELECT");
    rows.extend(self::rows(
        ["freeze of `mariadb` / mariadb", "thaw of `mariadb` / mariadb"],
        &runtime,
        client,
        &Statements {
            prepare: &["BACKUP STAGE START"],
            freeze: &[
                "SET SESSION lock_wait_timeout = 10, SESSION wait_timeout = 35",
                "BACKUP STAGE BLOCK_COMMIT",
                "SELECT CONNECTION_ID()",
                facts,
                "SHOW MASTER STATUS",
            ],
            thaw: &["SELECT CONNECTION_ID()", facts, "SHOW MASTER STATUS", "BACKUP STAGE END"],
        },
    ));
    rows
}

/// What the hook says to the database at each step.
struct Statements<'a> {
    prepare: &'a [&'a str],
    freeze: &'a [&'a str],
    thaw: &'a [&'a str],
}

fn rows(
    names: [&'static str; 2],
    runtime: &Runtime,
    mut session: Session,
    statements: &Statements<'_>,
) -> Vec<Row> {
    let (mut hook, mut own) = ([vec![], vec![]], [vec![], vec![]]);
    for _ in 0..ROUNDS {
        let mut client = runtime.connect();
        expect("done", client.prepare(&json!({})));
        for (step, times) in ["freeze", "thaw"].into_iter().zip(&mut hook) {
            let began = Instant::now();
            let (status, answer) = client.step(step);
            times.push(began.elapsed());
            assert_eq!(status, 200, "{answer}");
        }
        session.run(statements.prepare);
        own[0].push(session.run(statements.freeze));
        own[1].push(session.run(statements.thaw));
    }
    let rows = names.into_iter().zip(hook.into_iter().zip(own));
    rows.map(|(name, (hook, own))| {
        let (hook, own) = (median(hook), median(own));
        let ratio = hook.as_secs_f64() / own.as_secs_f64();
        Row(name, milliseconds(hook), format!("{} ({ratio:.2})", milliseconds(own)), "≤ 1.5 times")
    })
    .collect()
}

/// A client that reads statements from a pipe.
struct Session {
    process: Child,
    statements: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// Prints what follows it on a line.
    echo: &'static str,
}

impl Session {
    fn start(client: &mut Command, echo: &'static str) -> Self {
        let mut process = client.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (statements, answers) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        let mut session = Self { process, statements, answers: BufReader::new(answers), echo };
        session.run(&["SELECT 1"]);
        session
    }

    /// Until the last has answered.
    fn run(&mut self, statements: &[&str]) -> Duration {
        let began = Instant::now();
        for statement in statements {
            let end = if self.echo.starts_with('\\') { "" } else { ";" };
            write!(self.statements, "{statement};\n{} 4711{end}\n", self.echo).unwrap();
            self.statements.flush().unwrap();
            let mut line = String::new();
            while line.trim() != "4711" {
                line.clear();
                assert!(self.answers.read_line(&mut line).unwrap() > 0, "the client ended at `{statement}`");
            }
        }
        began.elapsed()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
