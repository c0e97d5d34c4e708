//! Processes of a cluster on their way up: recorded at once, watched while something is waited for, and shown by the
//! ends of their logs when it does not come.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Error, Result, anyhow, bail};

use crate::{
    process::{self, ProcessIdentity},
    state::{self, Record},
};

/// Seconds on an idle machine; a minute or more beside a compiler.
const PATIENCE: Duration = Duration::from_mins(3);
const LOG_TAIL: usize = 25;

/// A cluster of which something is being started.
pub(crate) struct Starting {
    pub(crate) record: Record,
    children: Vec<(&'static str, Child)>,
}

impl Starting {
    /// Nothing has been started yet.
    pub(crate) fn new(record: Record) -> Self {
        Self { record, children: Vec::new() }
    }

    /// Starts a process, whose log is `ROLE.log`.
    pub(crate) fn spawn(&mut self, role: &'static str, command: &mut Command) -> Result<()> {
        let spawned = process::spawn(command, &self.log(role))?;
        self.remember(role, spawned)
    }

    /// As [`Starting::spawn`], for a command that becomes `program`. Gives its process id.
    pub(crate) fn spawn_as(
        &mut self,
        role: &'static str,
        command: &mut Command,
        program: &Path,
    ) -> Result<i32> {
        let spawned = process::spawn_as(command, program, &self.log(role))?;
        let pid = spawned.1.pid;
        self.remember(role, spawned)?;
        Ok(pid)
    }

    fn remember(&mut self, role: &'static str, (child, identity): (Child, ProcessIdentity)) -> Result<()> {
        self.children.push((role, child));
        self.record.processes.push(identity);
        // At once, so that a start that is killed leaves nothing that cannot be found.
        self.record.save()
    }

    /// Waits until `done`, as long as all that was started here runs.
    pub(crate) fn wait_for(&mut self, what: &str, done: impl Fn() -> bool) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !done() {
            for (role, child) in &mut self.children {
                if let Some(status) = child.try_wait().with_context(|| format!("could not watch {role}"))? {
                    bail!("{role} ended ({status}) while waiting for {what}");
                }
            }
            if Instant::now() > deadline {
                bail!("gave up after {} s waiting for {what}", PATIENCE.as_secs());
            }
            thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    /// Stops the whole cluster; gives `error` with the ends of the logs.
    pub(crate) fn undo(self, error: &Error) -> Error {
        let tails = self.log_tails();
        match state::remove(&self.record) {
            Ok(()) => anyhow!("{error:#}\n\n{tails}"),
            Err(second) => anyhow!("{error:#}\n\n{tails}\n\nand it could not be removed: {second:#}"),
        }
    }

    fn log(&self, role: &str) -> PathBuf {
        self.record.folder.join(format!("{role}.log"))
    }

    fn log_tails(&self) -> String {
        let tails = self.children.iter().map(|(role, _)| {
            let log = fs::read(self.log(role)).unwrap_or_default();
            format!("last lines of {role}:\n{}", tail(&String::from_utf8_lossy(&log)))
        });
        tails.collect::<Vec<_>>().join("\n\n")
    }
}

fn tail(log: &str) -> String {
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(LOG_TAIL)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_end_of_a_long_log() {
        let log = (1..=100).map(|line| line.to_string()).collect::<Vec<_>>().join("\n");
        assert!(tail(&log).starts_with("76\n"));
        assert!(tail(&log).ends_with("\n100"));
        assert_eq!(tail("one"), "one");
    }
}
