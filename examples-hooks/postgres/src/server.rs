//! What is asked of the server, in the words of its version.

use std::{
    io::{Read, Write},
    time::Duration,
};

use hooks_sdk::{Error, ErrorKind, Receipt, Result, log};

use crate::{
    session::Session,
    wal::{Lsn, Range},
};

/// First version whose functions are called `pg_backup_start` and `pg_backup_stop`, and whose roles include
/// `pg_checkpoint`.
const NEW_NAMES: u32 = 150_000;
/// First version that ends idle sessions, and that looks for a lost client while it works.
const IDLE_TIMEOUT: u32 = 140_000;
/// First version that is supported at all.
const OLDEST: u32 = 130_000;
/// How much longer than the freeze an idle session may live: the runtime's thaw comes first.
const GRACE: Duration = Duration::from_secs(5);

/// What does not change while a session lives, but by a promotion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server {
    version: u32,
    pub(crate) standby: bool,
    system: String,
    segment: u64,
    tablespaces: Vec<String>,
    full_page_writes: String,
}

/// A backup that was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Started {
    pub(crate) lsn: Lsn,
}

/// A backup that was stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stopped {
    pub(crate) wal: Range,
    pub(crate) label: String,
    pub(crate) map: String,
}

/// The session's identity: the backend's pid, asked of the server, because a pooler between could change backends.
pub(crate) fn backend<S: Read + Write>(session: &mut Session<S>) -> Result<String> {
    let [pid] = session.row("ask for the backend", "SELECT pg_backend_pid()::text")?;
    pid.map(|pid| format!("backend {pid}")).ok_or_else(|| strange("the backend's pid"))
}

/// Whether the server recovers, as a standby does.
pub(crate) fn recovers<S: Read + Write>(session: &mut Session<S>) -> Result<bool> {
    let [standby] = session.row("ask for its role", "SELECT pg_is_in_recovery()::text")?;
    Ok(standby.as_deref() == Some("true"))
}

/// The identity that a cluster has from `initdb` on, copies included.
pub(crate) fn system<S: Read + Write>(session: &mut Session<S>) -> Result<String> {
    let [system] = session
        .row("ask for the system identifier", "SELECT system_identifier::text FROM pg_control_system()")?;
    system.ok_or_else(|| strange("the system identifier"))
}

/// Asks what the server is.
pub(crate) fn look<S: Read + Write>(session: &mut Session<S>) -> Result<Server> {
    let [version, segment, full_page_writes] = session.row(
        "ask for its settings",
        "SELECT current_setting('server_version_num'), \
         (SELECT setting FROM pg_settings WHERE name = 'wal_segment_size'), \
         current_setting('full_page_writes')",
    )?;
    let number = |text: Option<String>| text.and_then(|text| text.parse().ok());
    let version = number(version).and_then(|version| u32::try_from(version).ok());
    let version = version.ok_or_else(|| strange("the version"))?;
    if version < OLDEST {
        let message =
            format!("PostgreSQL {} is older than 13, the first that is supported", version / 10_000);
        return Err(Error::unsupported(message));
    }
    let tablespaces = session.query(
        "ask for the tablespaces",
        "SELECT pg_tablespace_location(oid) FROM pg_tablespace WHERE pg_tablespace_location(oid) <> '' ORDER BY 1",
    )?;
    Ok(Server {
        version,
        standby: recovers(session)?,
        system: system(session)?,
        segment: number(segment).ok_or_else(|| strange("the size of a segment"))?,
        tablespaces: tablespaces.into_iter().flatten().flatten().collect(),
        full_page_writes: full_page_writes.unwrap_or_default(),
    })
}

impl Server {
    /// Bounds a statement of this session, and how long the session lives when nobody asks: the timer that ends the
    /// freeze even when the runtime hangs. A runtime that is killed closes the session, which ends it too.
    pub(crate) fn bound<S: Read + Write>(&self, session: &mut Session<S>, time: Duration) -> Result<()> {
        let (statement, idle) = (time.as_millis().max(1), (time + GRACE).as_millis());
        let of_version = if self.version >= IDLE_TIMEOUT {
            format!("; SET idle_session_timeout = {idle}; SET client_connection_check_interval = '1s'")
        } else {
            String::new()
        };
        let settings =
            format!("SET statement_timeout = {statement}; SET lock_timeout = {statement}{of_version}");
        session.query("set its timeouts", &settings).map(drop)
    }

    /// Writes out what is dirty, so that the freeze finds little to do. Who may not still gets a backup: its start makes
    /// a checkpoint of its own.
    pub(crate) fn checkpoint<S: Read + Write>(session: &mut Session<S>) -> Result<()> {
        match session.query("make a checkpoint", "CHECKPOINT") {
            Err(error) if error.kind == ErrorKind::Denied => {
                log::info(format!("{}; the freeze takes longer by it", error.message));
                Ok(())
            }
            outcome => outcome.map(drop),
        }
    }

    /// Fails when this role may not start and stop backups, before anything is frozen.
    pub(crate) fn may_back_up<S: Read + Write>(&self, session: &mut Session<S>) -> Result<()> {
        let functions = if self.version >= NEW_NAMES {
            ["pg_backup_start(text,boolean)", "pg_backup_stop(boolean)"]
        } else {
            ["pg_start_backup(text,boolean,boolean)", "pg_stop_backup(boolean,boolean)"]
        };
        for function in functions {
            let statement = format!("SELECT has_function_privilege('{function}', 'EXECUTE')::text");
            let [may] = session.row("ask for its privileges", &statement)?;
            if may.as_deref() != Some("true") {
                let message =
                    format!("the role may not run {function}: GRANT EXECUTE ON FUNCTION {function} TO it");
                return Err(Error::new(ErrorKind::Denied, message));
            }
        }
        Ok(())
    }

    /// Starts a backup in this session.
    pub(crate) fn start<S: Read + Write>(&self, session: &mut Session<S>, label: &str) -> Result<Started> {
        // Quoted by doubling: with standard_conforming_strings, which a server may have turned off, nothing else counts.
        let label = label.replace('\'', "''").replace('\\', "/");
        let call = if self.version >= NEW_NAMES {
            format!("pg_backup_start('{label}', true)")
        } else {
            // The last one: not exclusive, so nothing is left behind when the session ends.
            format!("pg_start_backup('{label}', true, false)")
        };
        let [lsn] = session.row("start the backup", &format!("SELECT {call}::text"))?;
        let lsn = lsn.as_deref().and_then(Lsn::parse).ok_or_else(|| strange("the start of the backup"))?;
        Ok(Started { lsn })
    }

    /// Stops it, in the same session.
    pub(crate) fn stop<S: Read + Write>(
        &self,
        session: &mut Session<S>,
        started: Started,
    ) -> Result<Stopped> {
        // Does not wait for the archive: the freeze would last as long as the archive is behind.
        let call =
            if self.version >= NEW_NAMES { "pg_backup_stop(false)" } else { "pg_stop_backup(false, false)" };
        let [lsn, label, map] = session
            .row("stop the backup", &format!("SELECT lsn::text, labelfile, spcmapfile FROM {call}"))?;
        let stop = lsn.as_deref().and_then(Lsn::parse).ok_or_else(|| strange("the end of the backup"))?;
        let label = label.ok_or_else(|| strange("the backup label"))?;
        let timeline = label.lines().find_map(|line| line.strip_prefix("START TIMELINE: "));
        let timeline = timeline.and_then(|timeline| timeline.trim().parse().ok());
        let timeline = timeline.ok_or_else(|| strange("the timeline in the backup label"))?;
        // On a standby nothing may have been written between.
        let stop = stop.max(Lsn(started.lsn.0 + 1));
        Ok(Stopped {
            wal: Range::new(timeline, started.lsn, stop, self.segment)?,
            label,
            map: map.unwrap_or_default(),
        })
    }

    /// `pg_control`, as it is after the stop. A copy of a standby needs it from then: the end of its backup is in it.
    pub(crate) fn control<S: Read + Write>(session: &mut Session<S>) -> Result<Vec<u8>> {
        let [hex] = session
            .row("read pg_control", "SELECT encode(pg_read_binary_file('global/pg_control'), 'hex')")?;
        hex.as_deref().and_then(bytes).ok_or_else(|| strange("pg_control"))
    }

    /// What is known of it, for the receipt.
    pub(crate) fn facts(&self, receipt: Receipt) -> Receipt {
        let role = if self.standby { "standby" } else { "primary" };
        let receipt = receipt
            .text("server-version", self.version.to_string())
            .text("system-identifier", &self.system)
            .text("role", role)
            .text("wal-segment-bytes", self.segment.to_string())
            .text("full-page-writes", &self.full_page_writes);
        if self.tablespaces.is_empty() {
            return receipt;
        }
        receipt.text("tablespaces", self.tablespaces.join("\n"))
    }
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    };
    hex.as_bytes().chunks(2).map(pair).collect()
}

fn strange(what: &str) -> Error {
    Error::failed(format!("the server does not tell {what}, or tells it in a way that is not known"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_from_hex() {
        assert_eq!(bytes("00ff0a"), Some(vec![0, 255, 10]));
        assert_eq!((bytes("0"), bytes("zz")), (None, None));
    }
}
