//! The hook for MariaDB 10.5 and later.
//!
//! The freeze is `BACKUP STAGE BLOCK_COMMIT`: no transaction commits, no table is changed, and who reads goes on. It ends
//! with the session. What the server keeps in memory is written on all the while, so what is cut must be cut at one
//! instant, data and log together; it then starts as after a power cut, at the commit where it was frozen.

use std::{net::SocketAddr, time::Duration};

use hooks_sdk::{
    Connection, Consistency, Deadline, Description, Error, ErrorKind, Expiry, Facts, Hook, Receipt, Request,
    Result, Secret, Setting, Stream, log,
};
use mysql_protocol::{
    Channel, Greeting,
    held::{Held, Session, bound, expect_one_instant, verify},
};

const ADDRESS: Setting<SocketAddr> =
    Setting::with_default("address", "127.0.0.1:3306", "where the server listens, in numbers");
const USER: Setting<String> = Setting::with_default("user", "backup", "the user that logs in");
const VERIFY_QUERY: Setting<String> = Setting::with_default(
    "verify-query",
    "SELECT COUNT(*) FROM information_schema.TABLES",
    "run after a restore; it must not fail",
);
const PASSWORD: Secret = Secret::new("password");

/// Between two looks at a log that is being written.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// What a server says that is asked for a stage it has already reached in this session: the proof that it is held.
const HELD: &str = "(4147)";

#[derive(Default)]
struct MariaDb(Held);

fn connect(request: &Request) -> Result<Session> {
    let stream = Stream::connect(ADDRESS.get()?, Deadline::of(request))?;
    Greeting::receive(Connection::Plain(stream))?.log_in(&USER.get()?, &PASSWORD.read()?, Channel::Open)
}

/// Waits until the log is on disk up to this moment. With `innodb_flush_log_at_trx_commit` other than 1 the last commits are
/// in memory alone until the server writes them, each second; `FLUSH ENGINE LOGS` does not have it write them.
fn wait_for_log(session: &mut Session, request: &Request) -> Result<()> {
    let deadline = Deadline::of(request);
    let (committed, mut written) = log_numbers(session)?;
    while written < committed {
        deadline.left()?;
        std::thread::sleep(LOOK_AGAIN);
        written = log_numbers(session)?.1;
    }
    Ok(())
}

/// How far the log goes, and how far it is on disk.
fn log_numbers(session: &mut Session) -> Result<(u64, u64)> {
    let attempt = "ask how far the log is written (Innodb_lsn_flushed)";
    let [current, flushed] = ["current", "flushed"].map(|which| {
        let [_, number] = session.row(attempt, &format!("SHOW GLOBAL STATUS LIKE 'Innodb_lsn_{which}'"))?;
        let number = number.and_then(|number| number.parse().ok());
        number.ok_or_else(|| Error::failed(format!("could not {attempt}: the server does not tell")))
    });
    Ok((current?, flushed?))
}

/// What the server is, and where its logs stand.
fn facts(session: &mut Session, receipt: Receipt) -> Result<Receipt> {
    let [version, server, read_only, binlog, current, replica] = session.row(
        "ask for its positions",
        "SELECT @@version, @@server_id, @@read_only, @@gtid_binlog_pos, @@gtid_current_pos, @@gtid_slave_pos",
    )?;
    let values = [version, server, read_only, binlog, current, replica].map(Option::unwrap_or_default);
    let names = ["server-version", "server-id", "read-only", "gtid-binlog", "gtid-current", "gtid-replica"];
    let receipt = names.iter().zip(values).fold(receipt, |receipt, (name, value)| receipt.text(name, value));
    match session.query("ask for the position in the binary log", "SHOW MASTER STATUS") {
        // Not every server keeps one.
        Ok(rows) => Ok(match rows.first().map(Vec::as_slice) {
            Some([Some(file), Some(position), ..]) => {
                receipt.text("binlog-file", file).text("binlog-position", position)
            }
            _ => receipt,
        }),
        Err(error) if error.kind == ErrorKind::Denied => {
            log::info(format!("{}; GRANT BINLOG MONITOR has it kept", error.message));
            Ok(receipt)
        }
        Err(error) => Err(error),
    }
}

impl Hook for MariaDb {
    fn describe() -> Description {
        let freezes = "MariaDB: commits wait, readers go on";
        Description::new("mariadb", env!("CARGO_PKG_VERSION"), freezes, Expiry::SessionBound)
            .connects("the port of the server")
            .secret(&PASSWORD)
            .setting(&ADDRESS)
            .setting(&USER)
            .setting(&VERIFY_QUERY)
    }

    /// The first stage too: it blocks nobody but another backup.
    fn prepare(&mut self, request: &Request) -> Result<Receipt> {
        expect_one_instant(request)?;
        self.0.open(connect(request)?);
        self.0.during(|session| {
            let [version] = session.row("ask for its version", "SELECT @@version")?;
            if !version.is_some_and(|version| version.contains("MariaDB")) {
                return Err(Error::unsupported("the server is no MariaDB: it has no BACKUP STAGE"));
            }
            bound(session, request)?;
            session.query("begin a backup (BACKUP STAGE START)", "BACKUP STAGE START")?;
            let receipt = Receipt::new(Consistency::Crash).session(session.name()?);
            facts(session, receipt)
        })
    }

    fn freeze(&mut self, request: &Request) -> Result<Receipt> {
        self.0.freeze(|session| {
            bound(session, request)?;
            session.query("block commits (BACKUP STAGE BLOCK_COMMIT)", "BACKUP STAGE BLOCK_COMMIT")?;
            wait_for_log(session, request)?;
            let receipt = Receipt::new(Consistency::Application).session(session.name()?);
            facts(session, receipt)
        })
    }

    /// A stage that is reached cannot be reached again, and the server says so without leaving it.
    fn check(&mut self, request: &Request) -> Result<Receipt> {
        self.0.during(|session| {
            session.stream().renew(Deadline::of(request));
            match session.query("prove that commits are blocked", "BACKUP STAGE BLOCK_COMMIT") {
                Err(error) if error.message.ends_with(HELD) => {}
                Err(error) => return Err(error),
                Ok(_) => return Err(Error::not_held("commits were not blocked any more")),
            }
            Ok(Receipt::new(Consistency::Application).session(session.name()?))
        })
    }

    fn thaw(&mut self, request: &Request) -> Result<Receipt> {
        self.0.thaw(request, |session| {
            let receipt = Receipt::new(Consistency::Application).session(session.name()?);
            // Before the end: these are the positions of what was cut.
            let receipt = facts(session, receipt)?;
            session.query("end the backup (BACKUP STAGE END)", "BACKUP STAGE END")?;
            Ok(receipt)
        })
    }

    fn verify(&mut self, request: &Request, _: Facts<'_>) -> Result<Receipt> {
        verify(connect(request)?, &VERIFY_QUERY.get()?)
    }
}

hooks_sdk::export!(MariaDb);
