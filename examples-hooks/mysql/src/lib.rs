//! The hook for MySQL 8.0 and later, and Percona Server.
//!
//! The freeze is `FLUSH TABLES WITH READ LOCK` behind `LOCK INSTANCE FOR BACKUP`: no transaction commits, no table is changed,
//! and who reads goes on. It ends with the session. `InnoDB` writes its files all the while, so what is cut must be cut at
//! one instant, data and logs together; it then starts as after a power cut, at the commit where it was frozen.

use std::net::SocketAddr;

use hooks_sdk::{
    Connection, Consistency, Deadline, Description, Encryption, Error, Expiry, Facts, Hook, Receipt, Request,
    Result, SERVER_NAME, SSLMODE, Secret, Setting, Stream,
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
const LONGEST_STATEMENT: Setting<i64> = Setting::with_default(
    "longest-statement",
    "5",
    "seconds; while a statement has run for longer nothing is frozen, for all others would wait behind it",
);
const PASSWORD: Secret = Secret::new("password");

/// The locks that this session holds until it lets go of them: `BACKUP LOCK`, then `GLOBAL` and `COMMIT` too.
const LOCKS: &str = "SELECT COUNT(DISTINCT OBJECT_TYPE) FROM performance_schema.metadata_locks \
    WHERE OBJECT_TYPE IN ('BACKUP LOCK', 'GLOBAL', 'COMMIT') AND LOCK_DURATION = 'EXPLICIT' \
    AND LOCK_STATUS = 'GRANTED' AND OWNER_THREAD_ID = PS_CURRENT_THREAD_ID()";
const PREPARED: &str = "1";
const FROZEN: &str = "3";
/// The statement of a user that has run for longest. Those of replicas run for ever and hold nothing up.
const LONGEST: &str = "SELECT PROCESSLIST_ID, PROCESSLIST_TIME FROM performance_schema.threads \
    WHERE NAME = 'thread/sql/one_connection' AND PROCESSLIST_COMMAND IN ('Query', 'Execute') \
    AND PROCESSLIST_ID <> CONNECTION_ID() ORDER BY PROCESSLIST_TIME DESC LIMIT 1";
/// Where the logs stand, all at one moment.
const POSITIONS: &str = "SELECT @@version, @@server_id, @@server_uuid, @@read_only, LOCAL->>'$.gtid_executed', \
    LOCAL->>'$.binary_log_file', LOCAL->>'$.binary_log_position', STORAGE_ENGINES->>'$.InnoDB.LSN', \
    JSON_LENGTH(REPLICATION->'$.channels') FROM performance_schema.log_status";
/// The facts that these become.
const NAMES: [&str; 9] = [
    "server-version",
    "server-id",
    "server-uuid",
    "read-only",
    "gtid-executed",
    "binlog-file",
    "binlog-position",
    "innodb-lsn",
    "replica-channels",
];

#[derive(Default)]
struct MySql(Held);

fn connect(request: &Request) -> Result<Session> {
    let address = ADDRESS.get()?;
    let encryption = Encryption::of(&SSLMODE.get()?, address)?;
    let greeting = Greeting::receive(Connection::Plain(Stream::connect(address, Deadline::of(request))?))?;
    let (greeting, channel) = match encryption {
        Encryption::Disable => (greeting, Channel::Open),
        Encryption::Require => {
            let name = SERVER_NAME.get()?;
            (greeting.secure(|plain| plain.secure(&name, address))?, Channel::Private)
        }
    };
    greeting.log_in(&USER.get()?, &PASSWORD.read()?, channel)
}

/// How many kinds of the freeze's locks the session holds.
fn held(session: &mut Session) -> Result<String> {
    let [count] = session.row("look at its locks (performance_schema.metadata_locks)", LOCKS)?;
    Ok(count.unwrap_or_default())
}

/// What the server is, and where its logs stand.
fn facts(session: &mut Session, receipt: Receipt) -> Result<Receipt> {
    let values: [_; 9] = session.row("ask for its positions (performance_schema.log_status)", POSITIONS)?;
    let known = NAMES.iter().zip(values).filter_map(|(name, value)| Some((name, value?)));
    Ok(known.fold(receipt, |receipt, (name, value)| receipt.text(name, value)))
}

/// Refuses what is no MySQL, and what a lock could not be proven of.
fn expect_mysql(session: &mut Session) -> Result<()> {
    let [version, watches] = session.row("ask for its version", "SELECT @@version, @@performance_schema")?;
    if version.is_none_or(|version| version.contains("MariaDB")) {
        return Err(Error::unsupported("the server is a MariaDB: its hook is `mariadb`"));
    }
    if watches.as_deref() != Some("1") {
        return Err(Error::unsupported(
            "the server runs without `performance_schema`, which tells whether the locks are held",
        ));
    }
    Ok(())
}

/// Fails while a statement runs that `FLUSH TABLES` would have to wait for: whatever comes to its tables then waits behind
/// that, and goes on waiting when the flush is given up, until the statement ends.
fn expect_no_long_statement(session: &mut Session) -> Result<()> {
    let rows = session.query("look for long statements (performance_schema.threads)", LONGEST)?;
    let Some([Some(connection), Some(seconds)]) = rows.first().map(Vec::as_slice) else { return Ok(()) };
    let bound = LONGEST_STATEMENT.get()?;
    if seconds.parse::<i64>().is_ok_and(|seconds| seconds <= bound) {
        return Ok(());
    }
    Err(Error::failed(format!(
        "a statement of connection {connection} has run for {seconds} s, and a freeze would let all others wait until it \
         ends: make the backup when it has ended, or set `longest-statement` higher than {bound}"
    )))
}

impl Hook for MySql {
    fn describe() -> Description {
        let freezes = "MySQL: commits wait, readers go on";
        Description::new("mysql", env!("CARGO_PKG_VERSION"), freezes, Expiry::SessionBound)
            .connects("the port of the server")
            .secret(&PASSWORD)
            .setting(&ADDRESS)
            .setting(&USER)
            .setting(&SSLMODE)
            .setting(&SERVER_NAME)
            .setting(&LONGEST_STATEMENT)
            .setting(&VERIFY_QUERY)
    }

    /// The backup lock too: it keeps only definitions from being changed, which the read lock would have to wait for.
    fn prepare(&mut self, request: &Request) -> Result<Receipt> {
        expect_one_instant(request)?;
        self.0.open(connect(request)?);
        self.0.during(|session| {
            expect_mysql(session)?;
            bound(session, request)?;
            expect_no_long_statement(session)?;
            session.query("keep definitions as they are (LOCK INSTANCE FOR BACKUP)", "LOCK INSTANCE FOR BACKUP")?;
            if held(session)? != PREPARED {
                return Err(Error::unsupported(
                    "the server does not tell its locks: switch on the instrument `wait/lock/metadata/sql/mdl`",
                ));
            }
            let receipt = Receipt::new(Consistency::Crash).session(session.name()?);
            facts(session, receipt)
        })
    }

    fn freeze(&mut self, request: &Request) -> Result<Receipt> {
        self.0.freeze(|session| {
            bound(session, request)?;
            expect_no_long_statement(session)?;
            session.query("block commits (FLUSH TABLES WITH READ LOCK)", "FLUSH TABLES WITH READ LOCK")?;
            // With `innodb_flush_log_at_trx_commit` other than 1 the last commits are still in memory alone.
            session.query("have the logs written (FLUSH ENGINE LOGS)", "FLUSH LOCAL ENGINE LOGS")?;
            let receipt = Receipt::new(Consistency::Application).session(session.name()?);
            facts(session, receipt)
        })
    }

    fn check(&mut self, request: &Request) -> Result<Receipt> {
        self.0.during(|session| {
            session.stream().renew(Deadline::of(request));
            if held(session)? != FROZEN {
                return Err(Error::not_held("commits were not blocked any more"));
            }
            Ok(Receipt::new(Consistency::Application).session(session.name()?))
        })
    }

    fn thaw(&mut self, request: &Request) -> Result<Receipt> {
        self.0.thaw(request, |session| {
            let receipt = Receipt::new(Consistency::Application).session(session.name()?);
            // Before the end: these are the positions of what was cut.
            let receipt = facts(session, receipt)?;
            session.query("let commits go on (UNLOCK TABLES)", "UNLOCK TABLES")?;
            session.query("let definitions be changed (UNLOCK INSTANCE)", "UNLOCK INSTANCE")?;
            Ok(receipt)
        })
    }

    fn verify(&mut self, request: &Request, _: Facts<'_>) -> Result<Receipt> {
        verify(connect(request)?, &VERIFY_QUERY.get()?)
    }
}

hooks_sdk::export!(MySql);
