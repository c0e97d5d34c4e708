//! `cargo xtask demo`: what the product does, as a person would type it. The chapters lie below: what is backed up and
//! restored, and how a database is frozen meanwhile.

mod database;
mod objects;

use std::{
    env, fs,
    io::{IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use test_cluster::{TestCluster, external::CONTEXT_VARIABLE, node};

use crate::{
    hooks,
    shell::{self, cargo, say, target_folder, with_cluster, with_node},
};

/// Time to read a step's heading, at a terminal.
const PAUSE: Duration = Duration::from_millis(700);

/// Arguments of `demo`.
#[derive(Debug, clap::Args)]
pub(crate) struct DemoArgs {
    /// Do not pause between steps
    #[arg(long)]
    fast: bool,
}

/// Exit codes that a step may end with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    Success,
    /// As in diff(1).
    Difference,
}

pub(crate) fn run(args: &DemoArgs) -> Result<()> {
    if env::var_os(CONTEXT_VARIABLE).is_some() {
        bail!(
            "the demonstration destroys what it shows, so it takes no cluster of yours: unset `{CONTEXT_VARIABLE}`"
        );
    }
    // With the features of the whole workspace, so that `cargo xtask test` finds everything built.
    shell::run(&mut cargo(["build", "--workspace", "--bin", "kubectl-backup", "--bin", "hook-runtime"]))?;
    let no_node = node::unavailable();
    if no_node.is_none() {
        node::install_missing()?;
        hooks::build()?;
    }
    let folder = tempfile::tempdir().context("could not make a folder for the demonstration")?;
    let pauses = !args.fast && std::io::stdout().is_terminal();
    with_cluster("demo", |cluster| objects::play(&Demo::new(cluster, folder.path(), pauses)?))?;
    match no_node {
        None => with_node("demo", |cluster| database::play(&Demo::new(cluster, folder.path(), pauses)?))?,
        Some(reason) => say(&format!("\nSKIPPED: a database with its hook: {reason}"))?,
    }
    say("\n# That was all: the clusters and the backups are removed")
}

/// A stage: a cluster, and a home directory that is nobody's.
struct Demo<'a> {
    cluster: &'a TestCluster,
    home: &'a Path,
    search: std::ffi::OsString,
    pauses: bool,
}

impl<'a> Demo<'a> {
    fn new(cluster: &'a TestCluster, home: &'a Path, pauses: bool) -> Result<Self> {
        let binaries: PathBuf = target_folder().join("debug");
        let tools = cluster.kubectl_path().parent().map(Path::to_owned);
        let search = env::var_os("PATH").unwrap_or_default();
        let search = env::join_paths([binaries].into_iter().chain(tools).chain(env::split_paths(&search)))
            .context("a folder's name cannot be part of PATH")?;
        Ok(Self { cluster, home, search, pauses })
    }

    /// Puts a file where the steps find it.
    fn give(&self, file: &Path) -> Result<()> {
        let failed = || format!("could not copy `{}`", file.display());
        fs::copy(file, self.home.join(file.file_name().with_context(failed)?)).with_context(failed)?;
        Ok(())
    }

    fn chapter(&self, title: &str) -> Result<()> {
        say(&format!("\n# {title}"))?;
        self.pause();
        Ok(())
    }

    fn step(&self, line: &str) -> Result<()> {
        self.step_expecting(line, Expect::Success)
    }

    /// Shows and runs a line as a shell would.
    fn step_expecting(&self, line: &str, expected: Expect) -> Result<()> {
        shell::check_interrupted()?;
        say(&format!("\n$ {line}"))?;
        std::io::stdout().flush().context("could not write to stdout")?;
        self.pause();
        let mut command = Command::new("sh");
        command
            .args(["-c", line])
            .current_dir(self.home)
            .env("PATH", &self.search)
            .env("HOME", self.home)
            .env("KUBECONFIG", self.cluster.kubeconfig())
            .env("KUBERC", "off")
            .stdin(Stdio::null());
        // The user's own settings must neither shape the demonstration nor be changed by it.
        for (name, _) in env::vars_os() {
            let name_text = name.to_string_lossy();
            if name_text.starts_with("XDG_") || name_text.starts_with("KUBECTL_BACKUP_") {
                command.env_remove(&name);
            }
        }
        let status = shell::wait(&mut command)?;
        let wanted = match expected {
            Expect::Success => 0,
            Expect::Difference => 1,
        };
        if status.code() != Some(wanted) {
            bail!("`{line}` should have ended with {wanted}, and ended with {status}");
        }
        Ok(())
    }

    fn pause(&self) {
        if self.pauses {
            thread::sleep(PAUSE);
        }
    }
}
