//! What `INFO` says.

use hooks_sdk::{Error, Receipt, Result};

/// What a freeze depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Info {
    pub(crate) version: (u32, u32),
    pub(crate) loading: bool,
    pub(crate) append_only: bool,
    pub(crate) role: Role,
    pub(crate) dump_failed: bool,
    pub(crate) files: Files,
    work: Work,
    facts: Vec<(&'static str, String)>,
}

/// Whose writes a server takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Its clients'.
    Master,
    /// Its master's, whatever is paused here.
    Replica,
}

/// What goes on in its folder while no writer writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    None,
    /// The append-only file is not yet all on the disk.
    WritesOut,
    /// A process dumps or rewrites, or is about to.
    Child,
}

/// What tells that something was written: each of them grows or changes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Files {
    /// Size of the append-only file, and of its base.
    AppendOnly(String, String),
    /// Changes since the last dump, and when that was.
    Dump(String, String),
}

impl Info {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let find = |name: &str| {
            text.lines()
                .find_map(|line| line.trim_end().strip_prefix(name)?.strip_prefix(':'))
                .unwrap_or_default()
        };
        let is = |name: &str| !matches!(find(name), "" | "0");
        let mut parts = find("redis_version").split('.').map(str::parse);
        let (Some(Ok(major)), Some(Ok(minor))) = (parts.next(), parts.next()) else {
            return Err(Error::failed("the server does not tell its version"));
        };
        let append_only = is("aof_enabled");
        let two = |one: &str, other: &str| (find(one).to_owned(), find(other).to_owned());
        let files = if append_only {
            let (size, base) = two("aof_current_size", "aof_base_size");
            Files::AppendOnly(size, base)
        } else {
            let (changes, saved) = two("rdb_changes_since_last_save", "rdb_last_save_time");
            Files::Dump(changes, saved)
        };
        let child =
            is("rdb_bgsave_in_progress") || is("aof_rewrite_in_progress") || is("aof_rewrite_scheduled");
        let facts = [
            ("server-version", "redis_version"),
            ("role", "role"),
            ("replication-id", "master_replid"),
            ("replication-offset", "master_repl_offset"),
            ("last-save", "rdb_last_save_time"),
        ];
        let mut facts: Vec<_> = facts.map(|(fact, name)| (fact, find(name).to_owned())).into();
        facts.push(("append-only", if append_only { "yes" } else { "no" }.to_owned()));
        Ok(Self {
            version: (major, minor),
            loading: is("loading") || is("async_loading"),
            append_only,
            role: if find("role") == "slave" { Role::Replica } else { Role::Master },
            dump_failed: find("rdb_last_bgsave_status") == "err",
            files,
            work: if child {
                Work::Child
            } else if is("aof_buffer_length") || is("aof_pending_bio_fsync") {
                Work::WritesOut
            } else {
                Work::None
            },
            facts,
        })
    }

    /// No process of it writes files.
    pub(crate) fn has_no_child(&self) -> bool {
        self.work != Work::Child
    }

    /// Nothing writes files any more, while no writer does.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.work == Work::None
    }

    /// For the receipt.
    pub(crate) fn facts(&self, receipt: Receipt) -> Receipt {
        self.facts.iter().fold(receipt, |receipt, (name, value)| receipt.text(name, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_changes_the_files() {
        let info = |changes: u32| {
            Info::parse(&format!(
                "redis_version:7.0.15\r\nloading:0\r\naof_enabled:0\r\nrdb_changes_since_last_save:{changes}\r\n\
                 rdb_last_save_time:5\r\nrole:master\r\n"
            ))
            .unwrap()
        };
        assert_eq!((info(0).version, info(0).loading, info(0).append_only), ((7, 0), false, false));
        assert_eq!(info(3).files, info(3).files);
        assert_ne!(info(3).files, info(4).files);
    }

    #[test]
    fn a_rewrite_is_no_rest() {
        let info =
            Info::parse("redis_version:7.2.0\r\naof_enabled:1\r\naof_rewrite_scheduled:1\r\n").unwrap();
        assert!(!info.is_at_rest());
    }

    #[test]
    fn what_is_no_info_is_told() {
        assert!(Info::parse("redis_version:x").is_err());
    }
}
