//! Runs the real binary as a child and measures it from outside.

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};

use crate::workload::Workload;

/// The binary under measurement, and what every call of it gets.
#[derive(Clone, Debug)]
pub(crate) struct Plugin {
    /// `kubectl-backup`, built for release.
    pub(crate) binary: PathBuf,
    /// Names the cluster.
    pub(crate) kubeconfig: PathBuf,
    /// Holds the repository, its key and whatever else the plugin keeps for its user.
    pub(crate) home: PathBuf,
}

/// One finished run.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    /// From start to end of the process.
    pub(crate) time: Duration,
    /// Highest resident memory in bytes; None where the system does not tell.
    pub(crate) peak: Option<u64>,
    /// Processor time of all its threads; None where the system does not tell.
    pub(crate) cpu: Option<Duration>,
    /// What it wrote on stdout.
    pub(crate) stdout: String,
}

impl Plugin {
    /// Runs to the end; a failure is an error with what the plugin said.
    pub(crate) fn run(&self, arguments: &[&str]) -> anyhow::Result<Measured> {
        let started = Instant::now();
        let child = self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (stop, stopped) = mpsc::channel::<()>();
        let id = child.id();
        let watcher = std::thread::spawn(move || watch(id, &stopped));
        let output = child.wait_with_output()?;
        let time = started.elapsed();
        drop(stop);
        let (peak, cpu) = watcher.join().unwrap_or_default();
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("`kubectl backup {}` ended with {}:\n{said}", arguments.join(" "), output.status);
        }
        Ok(Measured { time, peak, cpu, stdout: String::from_utf8_lossy(&output.stdout).into_owned() })
    }

    /// Starts and leaves it to the caller, who will kill it.
    pub(crate) fn start(&self, arguments: &[&str]) -> anyhow::Result<Child> {
        self.command(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("could not start the plugin")
    }

    /// How long `kubectl get -A -o json` of all kinds of the workload takes; None where there is no kubectl.
    pub(crate) fn kubectl_get(&self) -> anyhow::Result<Option<Duration>> {
        let mut command = Command::new("kubectl");
        command
            .env("HOME", &self.home)
            .env("KUBECONFIG", &self.kubeconfig)
            .args(["get", &Workload::plurals(), "-A", "-o", "json"])
            .stdout(Stdio::null());
        let started = Instant::now();
        match command.status() {
            Ok(status) if status.success() => Ok(Some(started.elapsed())),
            Ok(status) => bail!("`kubectl get` ended with {status}"),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).context("could not start kubectl"),
        }
    }

    /// Ready to run.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        // Nothing of the caller's own configuration may take part.
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &self.home)
            .env("KUBECONFIG", &self.kubeconfig)
            .env("KUBECTL_BACKUP_REPO", self.home.join("repository"))
            .stdin(Stdio::null())
            .args(arguments);
        command
    }
}

/// Reads the kernel's figures of the process until `stopped` closes. The peak is a high-water mark that the kernel
/// keeps, so only growth in the last two milliseconds can escape.
fn watch(id: u32, stopped: &mpsc::Receiver<()>) -> (Option<u64>, Option<Duration>) {
    let mut seen = (None, None);
    while stopped.recv_timeout(Duration::from_millis(2)) == Err(mpsc::RecvTimeoutError::Timeout) {
        seen = (peak(id).or(seen.0), cpu(id).or(seen.1));
    }
    seen
}

fn peak(id: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}

fn cpu(id: u32) -> Option<Duration> {
    /// Linux shows every system the same unit here, whatever its timer runs at.
    const TICKS_A_SECOND: u64 = 100;
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The program's name may hold spaces; the fields are counted from its closing parenthesis.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(Duration::from_millis((user + system) * 1000 / TICKS_A_SECOND))
}
