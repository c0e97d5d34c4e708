//! Throw-away Kubernetes clusters for tests: etcd, kube-apiserver and kube-controller-manager, and a node when pods shall
//! run ([`node`]).
//!
//! Binaries are built from the Go module beside this crate and cached outside the checkout ([`assets`]). Each
//! cluster has a name, its own ports, data, certificates and tokens ([`state`], [`credentials`]); it outlives the
//! process that started it and is found again by name. What is stopped is only ever a process that this crate
//! started ([`process`]). A user's own cluster is used when `KUBECTL_BACKUP_TEST_CONTEXT` names its context, and
//! never otherwise ([`external`]).

pub mod assets;
pub mod control_plane;
pub mod credentials;
pub mod databases;
pub mod external;
pub mod folders;
pub mod go_module;
pub mod hooks;
pub mod kill_scenario;
pub mod mysql;
pub mod node;
pub mod pods;
pub mod process;
pub mod registry;
mod starting;
pub mod state;
pub mod webhook;
pub mod write_proxy;

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use assets::Assets;
use folders::Lock;
use process::ProcessIdentity;
use state::{Health, Record};

/// Names the cluster that tests share, when it was started for them.
pub const NAME_VARIABLE: &str = "KUBECTL_BACKUP_TEST_CLUSTER";

/// The cluster with a node is named after the one that tests share, with this.
pub const NODE_SUFFIX: &str = "-node";

/// How long a cluster is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// Until someone stops it.
    UntilStopped,
    /// As long as the process that starts it. When that one is killed before it stops the cluster, the next start
    /// of any cluster sweeps it away.
    OfThisProcess,
    /// As long as that process, likewise.
    OfProcess(ProcessIdentity),
}

/// Whether a cluster does anything by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Controllers {
    /// As users know it: service accounts, garbage collection, namespaces that empty themselves.
    Run,
    /// Objects stay as they were written, and no other process takes the processor: for measurements.
    None,
}

/// A running cluster and the credentials of its administrator.
#[derive(Clone, Debug)]
pub struct TestCluster {
    name: String,
    kubeconfig: PathBuf,
    kubectl: PathBuf,
}

impl TestCluster {
    /// The cluster of this name: the running one, else a new one.
    ///
    /// When the environment names a context for this purpose, that cluster is returned and nothing is started.
    pub fn start(name: &str, lifetime: Lifetime) -> Result<Self> {
        Self::start_with(name, lifetime, Controllers::Run)
    }

    /// As [`TestCluster::start`], with or without controllers when it has to be started.
    pub fn start_with(name: &str, lifetime: Lifetime, controllers: Controllers) -> Result<Self> {
        check_name(name)?;
        if let Some(external) = external::named(name)? {
            return Ok(external);
        }
        let mut assets = Assets::find_or_build()?;
        if controllers == Controllers::None {
            assets.controller_manager = None;
        }
        let (record, _lock) = Self::running(name, lifetime, &assets)?;
        Ok(Self::of(&record, assets.kubectl()))
    }

    /// The cluster of this name with a node that runs pods: the running one, which gets a node when it has none, else a
    /// new one. Never one that the environment names.
    pub fn start_with_node(name: &str, lifetime: Lifetime) -> Result<Self> {
        check_name(name)?;
        if let Some(reason) = node::unavailable() {
            bail!(reason);
        }
        let assets = Assets::built()?;
        let (mut record, _lock) = Self::running(name, lifetime, &assets)?;
        if record.node.is_none() {
            record.complete = false;
            record = node::start(record)?.completed()?;
        }
        Ok(Self::of(&record, assets.kubectl()))
    }

    /// The cluster that all tests share, and with a `suffix` another one beside it: those of `cargo xtask test`, which
    /// end with it, else clusters that stay up from run to run.
    pub fn of_tests(suffix: &str) -> Result<Self> {
        let (name, lifetime) = name_for_tests(suffix)?;
        Self::start(&name, lifetime)
    }

    /// As [`TestCluster::of_tests`], the one with a node.
    pub fn of_tests_with_node() -> Result<Self> {
        let (name, lifetime) = name_for_tests(NODE_SUFFIX)?;
        Self::start_with_node(&name, lifetime)
    }

    /// The running cluster, else a new one, and its lock.
    fn running(name: &str, lifetime: Lifetime, assets: &Assets) -> Result<(Record, Lock)> {
        Self::sweep()?;
        let lock = Lock::take(name)?;
        if let Some(record) = Record::load(name)? {
            if record.health() == Health::Running && Self::of(&record, assets.kubectl()).is_ready() {
                return Ok((record, lock));
            }
            state::remove(&record)?;
        }
        Ok((control_plane::start(name, lifetime, assets)?.completed()?, lock))
    }

    /// The running cluster of this name, if there is one. Builds and starts nothing.
    pub fn find(name: &str) -> Result<Option<Self>> {
        check_name(name)?;
        let Some(record) = Record::load(name)? else { return Ok(None) };
        if record.health() != Health::Running {
            return Ok(None);
        }
        Ok(Some(Self::of(&record, &record.kubectl)))
    }

    /// Stops the cluster of this name and removes all it kept. False when there was none.
    pub fn stop(name: &str) -> Result<bool> {
        check_name(name)?;
        let _lock = Lock::take(name)?;
        let forgotten = external::forget(name)?;
        let Some(record) = Record::load(name)? else { return Ok(forgotten) };
        state::remove(&record)?;
        Ok(true)
    }

    /// Removes what is left of clusters that nobody can want any more: none of their processes runs, or the process
    /// that they were started for is gone. Those that are being started or stopped are left alone. Gives their names.
    pub fn sweep() -> Result<Vec<String>> {
        let mut removed = Vec::new();
        for record in state::all()? {
            let Some(_lock) = Lock::try_take(&record.name)? else { continue };
            // Read again under the lock: it may have been replaced since.
            let Some(record) = Record::load(&record.name)? else { continue };
            if record.health() == Health::Stale || record.is_orphan() {
                state::remove(&record)?;
                removed.push(record.name);
            }
        }
        Ok(removed)
    }

    /// What is known of each cluster that was started and not stopped, in order of name.
    pub fn all() -> Result<Vec<(Record, Health)>> {
        Ok(state::all()?.into_iter().map(|record| (record.clone(), record.health())).collect())
    }

    /// The name it was started with.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Kubeconfig of a cluster administrator, with one context.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Path of a stock kubectl.
    pub fn kubectl_path(&self) -> &Path {
        &self.kubectl
    }

    /// Stock kubectl as the administrator of this cluster, with nothing of the user's own configuration.
    pub fn kubectl(&self) -> Command {
        let mut command = Command::new(&self.kubectl);
        command
            .env("KUBECONFIG", &self.kubeconfig)
            .env("KUBERC", "off")
            .env("HOME", self.kubeconfig.parent().unwrap_or(Path::new("/nonexistent")));
        command
    }

    /// Makes an image known to the cluster's node.
    pub fn load_image(&self, image: node::image::Image) -> Result<()> {
        let (node, folder) = self.node()?;
        node::import(&node, &folder, image)
    }

    /// Whether the cluster's node knows an image, by its name with the tag.
    pub fn has_image(&self, name: &str) -> Result<bool> {
        let (node, folder) = self.node()?;
        node::has_image(&node, &folder, name)
    }

    /// Sends a signal to the first process of a container of the cluster's node.
    pub(crate) fn signal_container(&self, id: &str, signal: &str) -> Result<()> {
        let (node, folder) = self.node()?;
        node::signal_container(&node, &folder, id, signal)
    }

    /// Runs a command in a container of the cluster's node, without its API server, and gives its stdout.
    pub fn exec_in_container(&self, id: &str, command: &[&str]) -> Result<String> {
        let (node, folder) = self.node()?;
        node::exec(&node, &folder, id, command)
    }

    /// The running process of a program of this cluster: `kube-apiserver`.
    pub fn process(&self, program: &str) -> Result<ProcessIdentity> {
        let record =
            Record::load(&self.name)?.with_context(|| format!("cluster `{}` is not up", self.name))?;
        let mut running = record.processes.into_iter().filter(ProcessIdentity::is_alive);
        running
            .find(|process| process.executable.ends_with(program))
            .with_context(|| format!("no `{program}` runs in cluster `{}`", self.name))
    }

    /// What its node has taken of the machine, and the cluster's folder.
    pub fn node(&self) -> Result<(node::NodeRecord, PathBuf)> {
        let record =
            Record::load(&self.name)?.with_context(|| format!("cluster `{}` is not up", self.name))?;
        let node = record.node.with_context(|| format!("cluster `{}` has no node", self.name))?;
        Ok((node, record.folder))
    }

    /// Whether the API server says that it is ready.
    pub fn is_ready(&self) -> bool {
        let probe = self.kubectl().args(["get", "--raw=/readyz", "--request-timeout=5s"]).output();
        probe.is_ok_and(|output| output.status.success())
    }

    fn of(record: &Record, kubectl: &Path) -> Self {
        Self { name: record.name.clone(), kubeconfig: record.kubeconfig(), kubectl: kubectl.to_owned() }
    }
}

fn name_for_tests(suffix: &str) -> Result<(String, Lifetime)> {
    let Some(name) = env::var(NAME_VARIABLE).ok().filter(|name| !name.is_empty()) else {
        return Ok((format!("e2e{suffix}"), Lifetime::UntilStopped));
    };
    let owner = Record::load(&name)?.and_then(|record| record.owner);
    Ok((format!("{name}{suffix}"), owner.map_or(Lifetime::UntilStopped, Lifetime::OfProcess)))
}

/// Names become folder names and parts of lock file names.
fn check_name(name: &str) -> Result<()> {
    let fits = !name.is_empty()
        && name.len() <= 40
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !name.starts_with('-');
    if !fits {
        bail!("`{name}` is no name for a test cluster: use up to 40 of a-z, 0-9 and `-`");
    }
    Ok(())
}

/// Runs `command` and gives its stdout; its stderr goes into the error.
pub(crate) fn stdout_of(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("could not run {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    String::from_utf8(output.stdout)
        .with_context(|| format!("{command:?} printed something that is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::check_name;

    #[test]
    fn refuses_names_that_leave_their_folder() {
        for name in ["", "..", "a/b", "-x", "Upper", "a.lock", &"x".repeat(41)] {
            assert!(check_name(name).is_err(), "`{name}` was taken");
        }
        assert!(check_name("e2e-2").is_ok());
    }
}
