//! The hook for PostgreSQL 13 and later.
//!
//! The freeze is a backup that is started and stopped in one session (`pg_backup_start`, `pg_backup_stop`). It blocks
//! nobody: writes go on, and what is cut meanwhile can be recovered. How depends on the cut. What was cut at one instant
//! starts as after a power cut and must not get the backup's label; what was not needs the label, and the log up to the
//! end of the backup ([`recover`]).

mod connection;
mod recover;
mod server;
mod session;
mod wal;

use std::{
    io::{Read, Write},
    net::SocketAddr,
};

use hooks_sdk::{
    Connection, Consistency, Cut, Deadline, Description, Encryption, Error, Expiry, Facts, Folder, Hook,
    Receipt, Request, Result, SERVER_NAME, SSLMODE, Secret, Setting, Stream, log,
};

use crate::{
    server::{Server, Started, Stopped},
    session::{Login, Session},
};

const ADDRESS: Setting<SocketAddr> =
    Setting::with_default("address", "127.0.0.1:5432", "where the server listens, in numbers");
const USER: Setting<String> = Setting::with_default("user", "postgres", "the role that logs in");
const DATABASE: Setting<String> = Setting::with_default("database", "postgres", "the database it logs in to");
const WEAK: Setting<bool> = Setting::with_default(
    "weak-authentication",
    "false",
    "whether a server gets the password that asks for it in the clear, or for its MD5 hash",
);
const DATA_PATH: Setting<String> =
    Setting::with_default("data-path", "", "where PGDATA lies within the folder `data`, as in `pgdata`");
const RESTORE_COMMAND: Setting<String> = Setting::with_default(
    "restore-command",
    "",
    "`restore_command` for a copy that was not cut at one instant and lacks the log up to its end",
);
const VERIFY_QUERY: Setting<String> = Setting::with_default(
    "verify-query",
    "SELECT count(*) FROM pg_class",
    "run after a restore; it must not fail",
);
const PASSWORD: Secret = Secret::new("password");
const DATA: Folder = Folder::new("data");

#[derive(Default)]
struct Postgres {
    held: Option<Held>,
}

struct Held {
    session: Session<Connection>,
    server: Server,
    started: Option<Started>,
}

impl Held {
    fn renew(&mut self, request: &Request) -> Result<()> {
        let deadline = Deadline::of(request);
        self.session.stream().renew(deadline);
        self.server.bound(&mut self.session, deadline.left()?)
    }

    fn facts(&mut self, consistency: Consistency) -> Result<Receipt> {
        let backend = server::backend(&mut self.session)?;
        Ok(self.server.facts(Receipt::new(consistency).session(backend)))
    }
}

/// Whether what is cut like this is no state that the server ever was in.
fn is_torn(cut: Cut) -> bool {
    matches!(cut, Cut::Apart | Cut::LiveCopy)
}

fn connect(request: &Request) -> Result<Session<Connection>> {
    let (address, deadline) = (ADDRESS.get()?, Deadline::of(request));
    let encryption = Encryption::of(&SSLMODE.get()?, address)?;
    let connection = connection::open(address, encryption, &SERVER_NAME.get()?, deadline)?;
    let (user, database) = (USER.get()?, DATABASE.get()?);
    let login = Login { user: &user, database: &database, password: &|| PASSWORD.read(), weak: WEAK.get()? };
    Session::open(connection, &login)
}

fn open(request: &Request) -> Result<Held> {
    let mut session = connect(request)?;
    let server = server::look(&mut session)?;
    let mut held = Held { session, server, started: None };
    held.renew(request)?;
    held.server.may_back_up(&mut held.session)?;
    if held.server.standby && is_torn(request.cut) {
        // Needed at the thaw; who may not read it hears of it before anything is cut.
        Server::control(&mut held.session)?;
    }
    Server::checkpoint(&mut held.session)?;
    Ok(held)
}

impl Hook for Postgres {
    fn describe() -> Description {
        let freezes = "PostgreSQL, by a backup in one session; writes go on";
        Description::new("postgres", env!("CARGO_PKG_VERSION"), freezes, Expiry::SessionBound)
            .connects("the port of the server")
            .setting(&ADDRESS)
            .setting(&USER)
            .setting(&DATABASE)
            .setting(&WEAK)
            .setting(&SSLMODE)
            .setting(&SERVER_NAME)
            .setting(&DATA_PATH)
            .setting(&RESTORE_COMMAND)
            .setting(&VERIFY_QUERY)
    }

    fn prepare(&mut self, request: &Request) -> Result<Receipt> {
        self.held.insert(open(request)?).facts(Consistency::Crash)
    }

    fn freeze(&mut self, request: &Request) -> Result<Receipt> {
        let held = self.held.as_mut().ok_or_else(no_session)?;
        held.renew(request)?;
        let label = format!("kubectl-backup {}", request.restore_point);
        let started = held.server.start(&mut held.session, &label)?;
        held.started = Some(started);
        Ok(held.facts(Consistency::Application)?.text("start-lsn", started.lsn.to_string()))
    }

    /// No query tells whether a session has a backup; but one that still answers has not lost it.
    fn check(&mut self, request: &Request) -> Result<Receipt> {
        let held = self.held.as_mut().filter(|held| held.started.is_some()).ok_or_else(no_session)?;
        held.session.stream().renew(Deadline::of(request));
        if server::recovers(&mut held.session)? != held.server.standby {
            return Err(Error::not_held("the standby was promoted while it was backed up"));
        }
        let backend = server::backend(&mut held.session)?;
        Ok(Receipt::new(Consistency::Application).session(backend))
    }

    fn thaw(&mut self, request: &Request) -> Result<Receipt> {
        // What another instance held went with its session.
        let Some(mut held) = self.held.take() else { return Ok(Receipt::new(Consistency::Crash)) };
        held.session.stream().renew(Deadline::of(request));
        let Some(started) = held.started else {
            held.session.close();
            return Ok(Receipt::new(Consistency::Crash));
        };
        let receipt = held.facts(Consistency::Application)?;
        let stopped = held.server.stop(&mut held.session, started)?;
        let receipt = described(receipt, &stopped);
        let receipt = match (is_torn(request.cut), held.server.standby) {
            (true, standby) => needs(torn(receipt, &mut held.session, standby)?, &stopped),
            // Else it would wait for its primary.
            (false, true) => receipt.needs_recover(),
            (false, false) => receipt,
        };
        held.session.close();
        Ok(receipt)
    }

    fn recover(&mut self, request: &Request, facts: Facts<'_>) -> Result<Receipt> {
        let address = ADDRESS.get()?;
        if Stream::connect(address, Deadline::of(request)).is_ok() {
            let message =
                format!("something answers at {address}: recovery is for a server that does not run");
            return Err(Error::new(hooks_sdk::ErrorKind::Busy, message));
        }
        let data = DATA.path()?.join(DATA_PATH.get()?);
        let done = recover::recover(&data, is_torn(request.cut), facts, &RESTORE_COMMAND.get()?)?;
        for line in &done {
            log::info(line);
        }
        Ok(Receipt::new(Consistency::Application).text("did", done.join("\n")))
    }

    fn verify(&mut self, request: &Request, facts: Facts<'_>) -> Result<Receipt> {
        let mut session = connect(request)?;
        if server::recovers(&mut session)? {
            return Err(Error::new(hooks_sdk::ErrorKind::Busy, "the server is still in recovery"));
        }
        let system = server::system(&mut session)?;
        if let Some(expected) = facts.text("system-identifier").filter(|expected| *expected != system) {
            let message =
                format!("the server is another one: its system identifier is {system}, not {expected}");
            return Err(Error::failed(message));
        }
        let rows = session.query("run `verify-query`", &VERIFY_QUERY.get()?)?;
        let first = rows.into_iter().flatten().flatten().next().unwrap_or_default();
        session.close();
        Ok(Receipt::new(Consistency::Application).text("verify-query", first))
    }
}

fn described(receipt: Receipt, stopped: &Stopped) -> Receipt {
    let receipt = receipt
        .text("start-lsn", stopped.wal.start.to_string())
        .text("stop-lsn", stopped.wal.stop.to_string())
        .text("timeline", stopped.wal.timeline.to_string())
        .bytes("backup-label", stopped.label.as_bytes());
    if stopped.map.is_empty() { receipt } else { receipt.bytes("tablespace-map", stopped.map.as_bytes()) }
}

fn torn<S: Read + Write>(receipt: Receipt, session: &mut Session<S>, standby: bool) -> Result<Receipt> {
    Ok(if standby { receipt.bytes("pg-control", Server::control(session)?) } else { receipt })
}

/// The log that a copy needs is complete only now, so it cannot have been copied.
fn needs(receipt: Receipt, stopped: &Stopped) -> Receipt {
    let mut segments = stopped.wal.segments();
    let first = segments.next().unwrap_or_default();
    let last = segments.last().unwrap_or_else(|| first.clone());
    let instruction = format!(
        "before `recover`, see that pg_wal of the copy has the segments {first} to {last}, copied from the server's \
         pg_wal after the thaw; or name an archive that has them in the setting `restore-command`"
    );
    receipt.text("wal-first", first).text("wal-last", last).needs_people(instruction).needs_recover()
}

fn no_session() -> Error {
    Error::not_held("no backup is held in this session")
}

hooks_sdk::export!(Postgres);
