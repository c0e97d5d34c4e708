//! What must be done to a copy before a server starts on it.
//!
//! A copy cut at one instant starts by itself, and a backup label would keep it from starting: the log that it names has
//! not been written when it was cut. A copy that was not cut at one instant must have the label, or it starts damaged; so
//! it gets the label together with a way to the log, or nothing at all.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::Path,
};

use hooks_sdk::{Attempt as _, Error, ErrorKind, Facts, Result};

use crate::wal::{Lsn, Range};

const LABEL: &str = "backup_label";
const MAP: &str = "tablespace_map";
const CONTROL: &str = "global/pg_control";
const STANDBY: &str = "standby.signal";
const RECOVERY: &str = "recovery.signal";
const AUTO_CONF: &str = "postgresql.auto.conf";
const PID: &str = "postmaster.pid";
/// First of our lines in `postgresql.auto.conf`, by which they are known the next time.
const MARK: &str = "# kubectl backup: recovery of a copy that was not cut at one instant";
/// Bytes of `pg_control`, in every version.
const CONTROL_BYTES: usize = 8192;
/// Bytes of a `postgresql.auto.conf` that is read.
const LARGEST_CONF: u64 = 1024 * 1024;

/// Does it, and says what. Done again, it comes to the same end.
pub(crate) fn recover(
    data: &Path,
    torn: bool,
    facts: Facts<'_>,
    restore_command: &str,
) -> Result<Vec<String>> {
    same_version(data, facts)?;
    let mut done = Vec::new();
    if torn {
        place(data, facts, restore_command, &mut done)?;
    }
    // A copy is a server of its own.
    remove(data, STANDBY, &mut done)?;
    remove(data, PID, &mut done)?;
    Ok(done)
}

fn same_version(data: &Path, facts: Facts<'_>) -> Result<()> {
    let expected: u32 = number(facts, "server-version")?;
    let file = data.join("PG_VERSION");
    let found = fs::read_to_string(&file).attempt(|| format!("read `{}`; is that PGDATA", file.display()))?;
    if found.trim() == (expected / 10_000).to_string() {
        return Ok(());
    }
    let message =
        format!("`{}` is of version {}, and the restore point of {expected}", data.display(), found.trim());
    Err(Error::configuration(message))
}

fn place(data: &Path, facts: Facts<'_>, restore_command: &str, done: &mut Vec<String>) -> Result<()> {
    let label = facts.expect_bytes("backup-label")?;
    let control = facts.bytes("pg-control");
    if control.is_some_and(|control| control.len() != CONTROL_BYTES) {
        return Err(Error::failed("the fact `pg-control` is no pg_control"));
    }
    let missing = wal(facts)?.missing(&data.join("pg_wal"));
    if !missing.is_empty() && restore_command.is_empty() {
        let message = format!(
            "the copy lacks the log that it needs to be whole, and nothing was changed; put these segments into pg_wal, \
             or set `restore-command`: {}",
            missing.join(" ")
        );
        return Err(Error::new(ErrorKind::Failed, message));
    }
    if let Some(control) = control {
        write(data, CONTROL, control, done)?;
    }
    if let Some(map) = facts.bytes("tablespace-map") {
        write(data, MAP, map, done)?;
    }
    // With the label a server starts only when it has the log, so what leads to the log comes after it.
    write(data, LABEL, label, done)?;
    if !missing.is_empty() {
        write(data, AUTO_CONF, &with_restore_command(data, restore_command)?, done)?;
        write(data, RECOVERY, b"", done)?;
    }
    Ok(())
}

fn wal(facts: Facts<'_>) -> Result<Range> {
    let lsn = |name: &str| {
        Lsn::parse(facts.expect_text(name)?)
            .ok_or_else(|| Error::failed(format!("the fact `{name}` is no position")))
    };
    Range::new(
        number(facts, "timeline")?,
        lsn("start-lsn")?,
        lsn("stop-lsn")?,
        number(facts, "wal-segment-bytes")?,
    )
}

fn number<T: std::str::FromStr>(facts: Facts<'_>, name: &str) -> Result<T> {
    facts.expect_text(name)?.parse().map_err(|_| Error::failed(format!("the fact `{name}` is no number")))
}

/// The server's own settings, and after them ours: the last one counts.
fn with_restore_command(data: &Path, command: &str) -> Result<Vec<u8>> {
    let file = data.join(AUTO_CONF);
    let attempt = || format!("read `{}`", file.display());
    let known = match fs::metadata(&file) {
        Ok(metadata) if metadata.len() > LARGEST_CONF => {
            return Err(Error::failed(format!("`{}` is larger than 1 MiB", file.display())));
        }
        Ok(_) => fs::read_to_string(&file).attempt(attempt)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).attempt(attempt),
    };
    let own = known.split(MARK).next().unwrap_or_default().trim_end();
    let quoted = command.replace('\\', "\\\\").replace('\'', "''").replace(['\n', '\r'], " ");
    Ok(format!(
        "{own}\n{MARK}\nrestore_command = '{quoted}'\nrecovery_target = 'immediate'\nrecovery_target_action = 'promote'\n"
    )
    .into_bytes())
}

/// As a whole or not at all, and on the disk.
fn write(data: &Path, name: &str, bytes: &[u8], done: &mut Vec<String>) -> Result<()> {
    let path = data.join(name);
    let beside = data.join(format!("{name}.kubectl-backup"));
    let put = || {
        let mut file = File::create(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, &path)
    };
    put().attempt(|| format!("write `{}`", path.display()))?;
    done.push(format!("wrote {name}"));
    Ok(())
}

fn remove(data: &Path, name: &str, done: &mut Vec<String>) -> Result<()> {
    let path = data.join(name);
    match fs::remove_file(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        outcome => {
            outcome.attempt(|| format!("remove `{}`", path.display()))?;
            done.push(format!("removed {name}"));
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use hooks_sdk::{Consistency, Fact, Receipt};
    use tempfile::TempDir;

    use super::*;

    fn copy() -> TempDir {
        let data = tempfile::tempdir().unwrap();
        fs::write(data.path().join("PG_VERSION"), "15\n").unwrap();
        for folder in ["global", "pg_wal"] {
            fs::create_dir(data.path().join(folder)).unwrap();
        }
        data
    }

    fn facts() -> Vec<Fact> {
        Receipt::new(Consistency::Application)
            .text("server-version", "150018")
            .text("timeline", "1")
            .text("start-lsn", "0/2000028")
            .text("stop-lsn", "0/2000100")
            .text("wal-segment-bytes", "16777216")
            .bytes("backup-label", b"START WAL LOCATION: 0/2000028\n".as_slice())
            .facts
    }

    fn exists(data: &TempDir, name: &str) -> bool {
        data.path().join(name).exists()
    }

    #[test]
    fn what_was_cut_at_one_instant_gets_no_label() {
        let data = copy();
        fs::write(data.path().join(PID), "1\n").unwrap();
        let done = recover(data.path(), false, Facts(&facts()), "").unwrap();
        assert_eq!(done, ["removed postmaster.pid"]);
        assert!(!exists(&data, LABEL) && !exists(&data, RECOVERY));
    }

    #[test]
    fn what_was_torn_gets_no_label_without_the_log() {
        let data = copy();
        fs::write(data.path().join(STANDBY), "").unwrap();
        let error = recover(data.path(), true, Facts(&facts()), "").unwrap_err();
        assert!(error.message.contains("000000010000000000000002"), "{error:?}");
        assert!(!exists(&data, LABEL) && exists(&data, STANDBY), "nothing was changed");
    }

    #[test]
    fn an_archive_is_named_once_however_often_it_is_done() {
        let data = copy();
        fs::write(data.path().join(AUTO_CONF), "work_mem = '8MB'\n").unwrap();
        for _ in 0..2 {
            recover(data.path(), true, Facts(&facts()), "cp '/archive/%f' %p").unwrap();
        }
        let conf = fs::read_to_string(data.path().join(AUTO_CONF)).unwrap();
        assert!(conf.starts_with("work_mem = '8MB'\n"), "{conf}");
        assert_eq!(conf.matches("restore_command = 'cp ''/archive/%f'' %p'").count(), 1, "{conf}");
        assert!(exists(&data, RECOVERY) && exists(&data, LABEL));
    }

    #[test]
    fn a_folder_of_another_version_is_left_alone() {
        let data = copy();
        fs::write(data.path().join("PG_VERSION"), "16\n").unwrap();
        let error = recover(data.path(), false, Facts(&facts()), "").unwrap_err();
        assert_eq!(error.kind, ErrorKind::Configuration, "{error:?}");
    }

    #[test]
    fn a_receipt_without_its_label_is_no_receipt() {
        let data = copy();
        let facts: Vec<Fact> = facts().into_iter().filter(|fact| fact.name != "backup-label").collect();
        assert!(recover(data.path(), true, Facts(&facts), "true").is_err());
        assert!(!exists(&data, RECOVERY));
    }
}
