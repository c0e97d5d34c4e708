//! Processes that outlive the one that started them, and their safe end.
//!
//! A process id alone says nothing: the kernel gives it to the next process. So a process is remembered by id,
//! start time, executable and the boot it ran in, and is signalled only through a pidfd opened before those were
//! compared; between the comparison and the signal the id cannot change hands.

use std::{
    fs::{self, File},
    io,
    os::{fd::OwnedFd, unix::fs::MetadataExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

/// A command that becomes a program does so in milliseconds.
const BECOMING: Duration = Duration::from_mins(1);

/// What tells a process from all others that had or will have its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessIdentity {
    /// Process id.
    pub pid: i32,
    /// Ticks from boot to its start: field 22 of `/proc/PID/stat`, see proc(5).
    pub start_time: u64,
    /// The file it runs.
    pub executable: PathBuf,
    /// Which boot the start time counts from.
    pub boot: String,
}

impl ProcessIdentity {
    /// The identity of the process that has the id `pid` now; none when there is no such process or it has ended
    /// and only waits for its parent.
    pub fn of(pid: i32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        Some(Self {
            pid,
            start_time: start_time_of_living(&stat)?,
            executable: fs::read_link(format!("/proc/{pid}/exe")).ok()?,
            boot: boot()?,
        })
    }

    /// The identity of the process that asks.
    pub fn of_this_process() -> Result<Self> {
        let pid = i32::try_from(std::process::id()).context("the process id is out of range")?;
        Self::of(pid).context("could not read `/proc`: test clusters of our own need Linux")
    }

    /// Whether that very process still runs.
    pub fn is_alive(&self) -> bool {
        Self::of(self.pid).map_or_else(|| self.is_hidden(), |now| self.is_same_process(&now))
    }

    /// Whether all is as remembered but the executable, which only its owner may see: not ours to call dead.
    fn is_hidden(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        let executable = fs::read_link(format!("/proc/{}/exe", self.pid));
        executable.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
            && start_time_of_living(&stat) == Some(self.start_time)
            && boot().as_ref() == Some(&self.boot)
    }

    fn is_same_process(&self, now: &Self) -> bool {
        // A rebuilt or deleted file shows as `PATH (deleted)`; it is the same process all the same.
        let executable = now.executable.to_string_lossy();
        let executable = executable.strip_suffix(" (deleted)").unwrap_or(&executable);
        self.pid == now.pid
            && self.start_time == now.start_time
            && self.boot == now.boot
            && self.executable == Path::new(executable)
    }

    /// Ends the process at once, as `kill -9` does, without waiting. Does nothing to any other process.
    pub fn kill(&self) -> Result<()> {
        let Some(handle) = self.handle() else { return Ok(()) };
        self.signal(&handle, Signal::KILL)
    }

    /// Lets the process do nothing until [`ProcessIdentity::resume`].
    pub fn suspend(&self) -> Result<()> {
        let Some(handle) = self.handle() else { return Ok(()) };
        self.signal(&handle, Signal::STOP)
    }

    /// Ends what [`ProcessIdentity::suspend`] began.
    pub fn resume(&self) -> Result<()> {
        let Some(handle) = self.handle() else { return Ok(()) };
        self.signal(&handle, Signal::CONT)
    }

    /// Asks the process to end, and ends it after `patience`. Does nothing to any other process.
    pub fn stop(&self, patience: Duration) -> Result<()> {
        let Some(handle) = self.handle() else { return Ok(()) };
        for signal in [Signal::TERM, Signal::KILL] {
            self.signal(&handle, signal)?;
            let deadline = Instant::now() + patience;
            while self.is_alive() && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(20));
            }
        }
        Ok(())
    }

    /// Of whichever process has the id now, if any.
    fn handle(&self) -> Option<OwnedFd> {
        // Zero and below mean groups of processes, or all of them.
        let pid = Some(self.pid).filter(|pid| *pid > 0).and_then(Pid::from_raw)?;
        pidfd_open(pid, PidfdFlags::empty()).ok()
    }

    fn signal(&self, handle: &OwnedFd, signal: Signal) -> Result<()> {
        if !self.is_alive() {
            return Ok(());
        }
        match pidfd_send_signal(handle, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(io::Error::from(error)).with_context(|| {
                format!("could not stop process {} ({})", self.pid, self.executable.display())
            }),
        }
    }
}

/// Starts `command` in a process group of its own, so that Ctrl-C at a terminal reaches only the one who asked.
pub fn spawn(command: &mut Command, log: &Path) -> Result<(Child, ProcessIdentity)> {
    use std::os::unix::process::CommandExt as _;
    let file = File::create(log).with_context(|| format!("could not make the log `{}`", log.display()))?;
    let both = file.try_clone().with_context(|| format!("could not share the log `{}`", log.display()))?;
    let child = command
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(file)
        .stderr(both)
        .spawn()
        .with_context(|| format!("could not start `{}`", command.get_program().to_string_lossy()))?;
    let pid = i32::try_from(child.id()).context("the process id is out of range")?;
    let identity = ProcessIdentity::of(pid).with_context(|| {
        format!("`{}` ended at once: see `{}`", command.get_program().to_string_lossy(), log.display())
    })?;
    Ok((child, identity))
}

/// As [`spawn`], for a command that becomes `program` by and by, without another process: what is remembered is the
/// program.
pub fn spawn_as(command: &mut Command, program: &Path, log: &Path) -> Result<(Child, ProcessIdentity)> {
    let (mut child, mut identity) = spawn(command, log)?;
    let deadline = Instant::now() + BECOMING;
    while !runs(identity.pid, program)? {
        if let Some(status) = child.try_wait().context("could not watch a program")? {
            bail!("`{}` was not reached ({status}): see `{}`", program.display(), log.display());
        }
        if Instant::now() > deadline {
            child.kill().context("could not end a program")?;
            bail!("`{}` was not reached in time: see `{}`", program.display(), log.display());
        }
        thread::sleep(Duration::from_millis(5));
        identity = ProcessIdentity::of(identity.pid).unwrap_or(identity);
    }
    Ok((child, ProcessIdentity::of(identity.pid).unwrap_or(identity)))
}

/// By the file itself: its name may be another one where mount points are the process's own.
fn runs(pid: i32, program: &Path) -> Result<bool> {
    let program = program.metadata().with_context(|| format!("there is no `{}`", program.display()))?;
    let running = fs::metadata(format!("/proc/{pid}/exe"));
    Ok(running.is_ok_and(|running| (running.dev(), running.ino()) == (program.dev(), program.ino())))
}

/// Field 22 of a `/proc/PID/stat` line, none for a zombie. The second field is the command's name in parentheses and
/// may hold anything, so fields count from the last parenthesis.
fn start_time_of_living(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

fn boot() -> Option<String> {
    Some(fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper() -> (Child, ProcessIdentity) {
        let log = tempfile::NamedTempFile::new().unwrap();
        spawn(Command::new("sleep").arg("600"), log.path()).unwrap()
    }

    #[test]
    fn stops_the_process_it_remembers() {
        let (mut child, identity) = sleeper();
        assert!(identity.is_alive());
        identity.stop(Duration::from_secs(10)).unwrap();
        assert!(!identity.is_alive());
        assert!(!child.wait().unwrap().success());
    }

    #[test]
    fn spares_a_stranger_that_got_the_same_id() {
        let (mut child, identity) = sleeper();
        let strangers = [
            ProcessIdentity { start_time: identity.start_time - 1, ..identity.clone() },
            ProcessIdentity { executable: "/opt/kube-apiserver".into(), ..identity.clone() },
            ProcessIdentity { boot: "another".into(), ..identity.clone() },
        ];
        for remembered in strangers {
            assert!(!remembered.is_alive(), "{remembered:?} was taken for the process that runs");
            remembered.stop(Duration::from_millis(50)).unwrap();
            assert!(identity.is_alive(), "{remembered:?} ended a stranger's process");
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn ids_that_mean_a_group_or_everybody_are_nobody() {
        for pid in [0, -1, i32::MIN] {
            let nobody =
                ProcessIdentity { pid, start_time: 0, executable: PathBuf::new(), boot: String::new() };
            assert!(!nobody.is_alive());
            nobody.stop(Duration::ZERO).unwrap();
        }
    }

    #[test]
    fn a_zombie_is_dead() {
        let (mut child, identity) = sleeper();
        child.kill().unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        while identity.is_alive() {
            assert!(Instant::now() < deadline, "still alive after SIGKILL");
            thread::sleep(Duration::from_millis(5));
        }
        child.wait().unwrap();
    }

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let stat = "7 (a) 1 (b) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4242 2 3";
        assert_eq!(start_time_of_living(stat), Some(4242));
        assert_eq!(start_time_of_living(&stat.replace(" S ", " Z ")), None);
    }
}
