//! The hook for Redis 6.2 and later, and Valkey.
//!
//! The freeze is `CLIENT PAUSE … WRITE`: writers wait, readers go on, and a timer in the server ends it when nobody does.
//! (`CLIENT PAUSE … ALL` would hold back its own end and every proof that it is held.) Then the files are brought to rest:
//! without an append-only file by a dump, which else would be the last one that happened to be made; with one by waiting
//! until it is written out and not being rewritten.

mod info;
mod resp;

use std::{
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use hooks_sdk::{
    Consistency, Cut, Deadline, Description, Error, ErrorKind, Expiry, Facts, Hook, Receipt, Request, Result,
    Secret, Setting, Stream,
};

use crate::{
    info::{Files, Info, Role},
    resp::{Client, Reply},
};

const ADDRESS: Setting<SocketAddr> =
    Setting::with_default("address", "127.0.0.1:6379", "where the server listens, in numbers");
const USER: Setting<String> =
    Setting::with_default("user", "default", "the user that logs in, where the server asks");
const DUMP_WHILE_FROZEN: Setting<bool> = Setting::with_default(
    "dump-while-frozen",
    "true",
    "without an append-only file: whether the dump is made while writers wait, so that it has all that was written \
     before; else it is made before the freeze",
);
const PASSWORD: Secret = Secret::new("password");

/// How much longer than the freeze the pause lasts: the runtime's thaw comes first.
const GRACE: Duration = Duration::from_secs(2);
/// Between two looks at work that goes on in the server.
const LOOK: Duration = Duration::from_millis(20);
/// With `appendfsync everysec`, and a server too old to be asked for it: what was written is on the disk after that.
const FSYNC: Duration = Duration::from_millis(1500);

#[derive(Default)]
struct Redis {
    /// Set by `prepare`, whatever came of it: without it this instance stands for one that broke.
    prepared: bool,
    client: Option<Client<Stream>>,
    /// Set before the server is asked for a pause, whatever comes of it.
    asked: bool,
    paused: Option<Paused>,
}

struct Paused {
    until: Instant,
    files: Files,
}

impl Redis {
    fn client(&mut self, request: &Request) -> Result<&mut Client<Stream>> {
        let client = self.client.as_mut().ok_or_else(|| Error::not_held("no connection is held"))?;
        client.stream().renew(Deadline::of(request));
        Ok(client)
    }
}

fn connect(request: &Request) -> Result<Client<Stream>> {
    let mut client = Client::new(Stream::connect(ADDRESS.get()?, Deadline::of(request))?);
    match client.ask(&["PING"])? {
        Reply::Error(error) if error.starts_with("NOAUTH") => {
            let (user, password) = (USER.get()?, PASSWORD.read()?);
            done(client.ask(&["AUTH", &user, password.expose()])?, "log in")?;
        }
        reply => done(reply, "greet the server")?,
    }
    done(client.ask(&["CLIENT", "SETNAME", "kubectl-backup"])?, "name the connection")?;
    Ok(client)
}

fn done(reply: Reply, attempt: &str) -> Result<()> {
    match reply {
        Reply::Error(error) => Err(refused(&error, attempt)),
        _ => Ok(()),
    }
}

fn refused(error: &str, attempt: &str) -> Error {
    let kind = match error.split(' ').next().unwrap_or_default() {
        "NOAUTH" | "WRONGPASS" => ErrorKind::Authentication,
        "NOPERM" => ErrorKind::Denied,
        "LOADING" | "BUSY" | "MASTERDOWN" => ErrorKind::Busy,
        _ if error.starts_with("ERR unknown") => ErrorKind::Unsupported,
        _ => ErrorKind::Failed,
    };
    let shown: String = error.chars().take(500).collect();
    Error::new(kind, format!("could not {attempt}: {shown}"))
}

fn info(client: &mut Client<Stream>) -> Result<Info> {
    let mut all = String::new();
    for section in ["server", "persistence", "replication"] {
        match client.ask(&["INFO", section])? {
            Reply::Text(text) => all.push_str(&text),
            reply => done(reply, "ask for INFO")?,
        }
    }
    Info::parse(&all)
}

/// Waits until this is so of the server.
fn wait(client: &mut Client<Stream>, is_so: impl Fn(&Info) -> bool) -> Result<Info> {
    loop {
        let info = info(client)?;
        if is_so(&info) {
            return Ok(info);
        }
        client.stream().deadline().left()?;
        thread::sleep(LOOK);
    }
}

/// Makes a dump that begins now.
fn dump(client: &mut Client<Stream>) -> Result<Info> {
    loop {
        // One under way began earlier.
        wait(client, Info::has_no_child)?;
        match client.ask(&["BGSAVE"])? {
            // The server began one of its own between the two.
            Reply::Error(error) if error.contains("already in progress") => {}
            reply => break done(reply, "make a dump (BGSAVE)")?,
        }
    }
    let info = wait(client, Info::has_no_child)?;
    if info.dump_failed {
        return Err(Error::failed("could not make a dump (BGSAVE): the server's log says why"));
    }
    Ok(info)
}

/// Waits until the append-only file is whole and on the disk.
fn settle(client: &mut Client<Stream>) -> Result<Info> {
    let left = client.stream().deadline().left()?.as_millis().to_string();
    match client.ask(&["WAITAOF", "1", "0", &left])? {
        Reply::Integers(written) if written.first() == Some(&1) => {}
        Reply::Integers(_) => {
            let message =
                "the append-only file is not on the disk in time (WAITAOF); is `appendfsync` set to `no`?";
            return Err(Error::new(ErrorKind::TimedOut, message));
        }
        // Older than 7.2; or without the right to, which comes to the same.
        _ => thread::sleep(FSYNC),
    }
    // Looked at twice: what grew until now is rewritten at the server's next turn.
    wait(client, Info::is_at_rest)?;
    thread::sleep(Duration::from_millis(150));
    wait(client, Info::is_at_rest)
}

impl Hook for Redis {
    fn describe() -> Description {
        let freezes = "Redis: writers wait, readers go on";
        Description::new("redis", env!("CARGO_PKG_VERSION"), freezes, Expiry::SelfExpiring)
            .connects("the port of the server")
            .setting(&ADDRESS)
            .setting(&USER)
            .setting(&DUMP_WHILE_FROZEN)
    }

    fn prepare(&mut self, request: &Request) -> Result<Receipt> {
        self.prepared = true;
        self.client = Some(connect(request)?);
        let client = self.client(request)?;
        let info = wait(client, |info| !info.loading)?;
        if info.version < (6, 2) {
            return Err(Error::unsupported("CLIENT PAUSE … WRITE needs Redis 6.2 or later"));
        }
        let torn = matches!(request.cut, Cut::Apart | Cut::LiveCopy);
        if torn && info.role == Role::Replica && info.append_only {
            return Err(Error::unsupported(
                "the append-only file of a replica is written by its master, whatever is paused here: cut it at one \
                 instant, or back up the master",
            ));
        }
        if !info.append_only && !DUMP_WHILE_FROZEN.get()? {
            dump(client)?;
        }
        Ok(info.facts(Receipt::new(Consistency::Crash).session(session(client)?)))
    }

    fn freeze(&mut self, request: &Request) -> Result<Receipt> {
        let while_frozen = DUMP_WHILE_FROZEN.get()?;
        self.asked = true;
        let client = self.client(request)?;
        let time = client.stream().deadline().left()? + GRACE;
        let until = Instant::now() + time;
        let milliseconds = time.as_millis().to_string();
        done(client.ask(&["CLIENT", "PAUSE", &milliseconds, "WRITE"])?, "pause the writers")?;
        let before = info(client)?;
        let info = match (before.append_only, while_frozen) {
            (true, _) => settle(client)?,
            (false, true) => dump(client)?,
            (false, false) => before,
        };
        let keys = match client.ask(&["DBSIZE"])? {
            Reply::Integer(keys) => keys,
            reply => return Err(refused(&format!("{reply:?}"), "count the keys")),
        };
        let receipt = Receipt::new(Consistency::Application).session(session(client)?);
        self.paused = Some(Paused { until, files: info.files.clone() });
        let receipt = info.facts(receipt).text("keys", keys.to_string());
        Ok(receipt.text("pause-ms", milliseconds))
    }

    /// The server does not tell whether it is paused. But nothing has been written, and the pause is not over.
    fn check(&mut self, request: &Request) -> Result<Receipt> {
        let client = self.client(request)?;
        let (files, session) = (info(client)?.files, session(client)?);
        let paused = self.paused.as_ref().ok_or_else(|| Error::not_held("nothing is paused"))?;
        if paused.until <= Instant::now() {
            return Err(Error::not_held("the pause is over"));
        }
        if files != paused.files {
            return Err(Error::not_held("the server was written to: somebody else ended the pause"));
        }
        Ok(Receipt::new(Consistency::Application).session(session))
    }

    fn thaw(&mut self, request: &Request) -> Result<Receipt> {
        // A pause is the server's, so any connection can end it: that of an instance that broke, too.
        let lift = self.asked || !self.prepared;
        let usable = self.client.as_ref().is_some_and(Client::is_in_step);
        if !usable && !lift {
            return Ok(Receipt::new(Consistency::Crash));
        }
        if !usable {
            self.client = Some(connect(request)?);
        }
        let paused = self.paused.take();
        let client = self.client(request)?;
        let seen = session(client).and_then(|session| Ok((session, info(client)?)));
        if lift {
            done(client.ask(&["CLIENT", "UNPAUSE"])?, "let the writers go on")?;
        }
        let (session, info) = seen?;
        let held = paused.is_some_and(|paused| info.files == paused.files);
        self.client = None;
        let consistency = if held { Consistency::Application } else { Consistency::Crash };
        let receipt = info.facts(Receipt::new(consistency).session(session));
        if info.append_only {
            return Ok(receipt);
        }
        Ok(receipt.needs_people(
            "start the server with `appendonly no`, as it was: with `yes` it would start empty",
        ))
    }

    fn verify(&mut self, request: &Request, facts: Facts<'_>) -> Result<Receipt> {
        let mut client = connect(request)?;
        wait(&mut client, |info| !info.loading)?;
        let Reply::Integer(keys) = client.ask(&["DBSIZE"])? else {
            return Err(Error::failed("could not count the keys"));
        };
        if keys == 0 && facts.text("keys").is_some_and(|keys| keys != "0") {
            return Err(Error::failed("the server is empty, and was not when it was frozen"));
        }
        Ok(Receipt::new(Consistency::Application).text("keys", keys.to_string()))
    }
}

fn session(client: &mut Client<Stream>) -> Result<String> {
    match client.ask(&["CLIENT", "ID"])? {
        Reply::Integer(id) => Ok(format!("client {id}")),
        Reply::Error(error) => Err(refused(&error, "ask for the connection's id")),
        _ => Err(Error::failed("the server does not tell the connection's id")),
    }
}

hooks_sdk::export!(Redis);
