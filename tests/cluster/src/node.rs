//! A node that runs pods: containerd and a kubelet beside a control plane of ours, on this very machine.
//!
//! A node takes of the machine a bridge, a tree of control groups and a few processes, all under one name that no other
//! node has ([`NodeRecord`]). containerd and the kubelet have mount points of their own, so what they and pods mount is
//! gone when they are; whatever is still in the control groups is ended. Nothing of it needs a process that
//! remembers: a node whose processes were all killed is removed by the next start. No kernel setting is changed, no
//! packet filtered or forwarded; pods reach each other and their node only.

mod bridge;
mod cgroups;
mod configuration;
pub mod image;
pub mod images;
mod programs;

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::{
    TestCluster,
    credentials::Credentials,
    folders::{self, Lock},
    starting::Starting,
    state::Record,
    stdout_of,
};

use bridge::Bridge;
use cgroups::ControlGroups;
use configuration::NodeFolder;
use image::Image;
use programs::Programs;

pub use programs::{install_missing, postgres_folder};

/// The name of the node in its cluster.
const NAME: &str = "node";

/// Enters the control groups named in `ENTRANCES`, then becomes the program.
const ENTER: &str = r#"
for entrance in $ENTRANCES; do echo $$ > "$entrance"; done
unset ENTRANCES
exec "$@""#;

/// First shows files and folders in other places: pairs up to `--`. Mounts made later are shared between containerd,
/// kubelet and pods that want to, and with nobody else.
const ENTER_FIRST: &str = r#"
mount --make-rshared /
while [ "$1" != -- ]; do
    if [ -e "$2" ]; then mount --bind "$1" "$2"; fi
    shift 2
done
shift"#;

/// What a node has taken of the machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRecord {
    /// What tells it from other nodes on this machine.
    pub number: u8,
    /// containerd's client.
    pub ctr: PathBuf,
}

impl NodeRecord {
    /// Name of its bridge and of its control groups.
    pub fn name(&self) -> String {
        format!("kbt-{}", self.number)
    }

    /// The node's own address.
    pub fn address(&self) -> String {
        format!("10.99.{}.1", self.number)
    }

    fn subnet(&self) -> String {
        format!("10.99.{}.0/24", self.number)
    }
}

/// Why no node can be started here, if so.
pub fn unavailable() -> Option<String> {
    if !cfg!(target_os = "linux") {
        return Some("a node for tests needs Linux".to_owned());
    }
    if !rustix::process::geteuid().is_root() {
        return Some("a node for tests needs root: it makes containers and a bridge".to_owned());
    }
    // Root of a container may not be root of the machine: there all ids are what they seem, see user_namespaces(7).
    let ids = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    if !ids.split_whitespace().eq(["0", "0", "4294967295"]) {
        return Some("a node for tests needs root of the machine, not of a user namespace".to_owned());
    }
    if let Err(error) = stdout_of(Command::new("unshare").args(["--mount", "true"])) {
        return Some(format!("a node for tests needs mount points of its own: {error:#}"));
    }
    None
}

/// Adds a node to a running cluster. The caller holds the cluster's lock. When it fails, the whole cluster is removed.
pub(crate) fn start(record: Record) -> Result<Record> {
    if let Some(reason) = unavailable() {
        bail!(reason);
    }
    let programs = Programs::find_or_build()?;
    let name = record.name.clone();
    let mut starting = Starting::new(record);
    match run(&mut starting, &programs) {
        Ok(()) => Ok(starting.record),
        Err(error) => Err(starting.undo(&error.context(format!("the node of `{name}` did not start")))),
    }
}

fn run(starting: &mut Starting, programs: &Programs) -> Result<()> {
    let folder = starting.record.folder.clone();
    let credentials = Credentials::in_folder(&folder);
    let node = claim(&mut starting.record, programs)?;
    let groups = ControlGroups::of(&node.name())?;
    groups.make()?;
    let paths = NodeFolder(&folder);
    paths.write(&node, programs)?;

    starting.spawn("kube-scheduler", &mut scheduler(programs, &credentials))?;
    let program = programs.runtime.join("containerd");
    let containerd =
        starting.spawn_as("containerd", &mut containerd(&program, &paths, &groups, programs)?, &program)?;
    starting.wait_for("containerd to answer", || stdout_of(ctr(&node, &folder).arg("version")).is_ok())?;
    for image in images::all(programs)? {
        import(&node, &folder, image)?;
    }
    let program = programs.kubernetes.join("kubelet");
    let mut kubelet = kubelet(&program, &paths, &node, &groups, &credentials, containerd);
    starting.spawn_as("kubelet", &mut kubelet, &program)?;
    let cluster = TestCluster::of(&starting.record, &starting.record.kubectl);
    starting.wait_for("the node to be ready", || {
        let ready = r#"{.status.conditions[?(@.type=="Ready")].status}{.spec.taints}"#;
        let mut probe = cluster.kubectl();
        probe.args(["get", "node", NAME, "--output", &format!("jsonpath={ready}")]);
        probe.output().is_ok_and(|output| output.stdout == b"True")
    })
}

/// Takes a number that no other node has, and makes its bridge. The record says so first.
fn claim(record: &mut Record, programs: &Programs) -> Result<NodeRecord> {
    // No cluster has a name with a dot.
    let _lock = Lock::at(&folders::clusters()?.join("node.numbers.lock"))?;
    for number in bridge::NUMBERS {
        let node = NodeRecord { number, ctr: programs.runtime.join("ctr") };
        // Whoever it belongs to may be out of sight: in a container with the network of this machine.
        if bridge::look(&node)? != Bridge::Absent {
            continue;
        }
        record.node = Some(node.clone());
        record.save()?;
        if bridge::make(&node, &record.folder)? {
            return Ok(node);
        }
    }
    record.node = None;
    bail!("all {} numbers of nodes are taken on this machine", bridge::NUMBERS.len())
}

/// Ends what is left of the node of the cluster in `folder`, whose recorded processes were stopped, and gives back what
/// it has taken. Does nothing when its number is another's by now.
pub(crate) fn remove(node: &NodeRecord, folder: &Path) -> Result<()> {
    if matches!(bridge::look(node)?, Bridge::Of(owner) if owner != folder) {
        return Ok(());
    }
    ControlGroups::of(&node.name())?.remove()?;
    // Last, because it says whose all this is.
    bridge::remove(node, folder)
}

/// Makes an image known to the node.
pub(crate) fn import(node: &NodeRecord, folder: &Path, image: Image) -> Result<()> {
    let name = image.name().to_owned();
    let file = tempfile::NamedTempFile::new_in(folder).context("could not make a file for an image")?;
    fs::write(file.path(), image.archive()?)
        .with_context(|| format!("could not write the image `{name}`"))?;
    stdout_of(ctr(node, folder).args(["images", "import"]).arg(file.path()))
        .with_context(|| format!("could not import the image `{name}`"))?;
    Ok(())
}

/// Whether the node knows an image.
pub(crate) fn has_image(node: &NodeRecord, folder: &Path, name: &str) -> Result<bool> {
    let known = stdout_of(ctr(node, folder).args(["images", "list", "--quiet"]))?;
    Ok(known.lines().any(|line| line == name))
}

/// Sends a signal, as `SIGKILL`, to the first process of a container.
pub(crate) fn signal_container(node: &NodeRecord, folder: &Path, id: &str, signal: &str) -> Result<()> {
    stdout_of(ctr(node, folder).args(["tasks", "kill", "--signal", signal, id]))?;
    Ok(())
}

/// Runs a command in a container.
pub(crate) fn exec(node: &NodeRecord, folder: &Path, id: &str, command: &[&str]) -> Result<String> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("--exec-id=test-{}-{number}", std::process::id());
    // Where the shim sees it too.
    let pipes = folder.join("exec-pipes");
    fs::create_dir_all(&pipes).with_context(|| format!("could not make `{}`", pipes.display()))?;
    let mut exec = ctr(node, folder);
    exec.args(["tasks", "exec", &name]).arg("--fifo-dir").arg(&pipes).arg(id).args(command);
    stdout_of(&mut exec)
}

fn ctr(node: &NodeRecord, folder: &Path) -> Command {
    let mut command = Command::new(&node.ctr);
    command.arg("--address").arg(NodeFolder(folder).socket()).args(["--namespace", "k8s.io"]);
    command
}

fn scheduler(programs: &Programs, credentials: &Credentials) -> Command {
    let kubeconfig = credentials.scheduler.display();
    let mut command = Command::new(programs.kubernetes.join("kube-scheduler"));
    command
        .args([format!("--kubeconfig={kubeconfig}"), format!("--authentication-kubeconfig={kubeconfig}")])
        .arg(format!("--authorization-kubeconfig={kubeconfig}"))
        // It serves nothing that anybody asks for.
        .args(["--leader-elect=false", "--secure-port=0"]);
    command
}

fn containerd(
    program: &Path,
    paths: &NodeFolder<'_>,
    groups: &ControlGroups,
    programs: &Programs,
) -> Result<Command> {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-euc"]).arg(format!("{ENTER_FIRST}{ENTER}"));
    command.arg("containerd");
    for (source, target) in paths.shown() {
        command.arg(source).arg(target);
    }
    command.arg("--").arg(program).arg("--config").arg(paths.containerd());
    // Where it looks for its shim, and that one for runc.
    let search = std::env::var_os("PATH").unwrap_or_default();
    let search = [programs.runtime.clone()]
        .into_iter()
        .chain(std::env::split_paths(&search))
        .chain(["/usr/sbin".into(), "/sbin".into()]);
    command.env("PATH", std::env::join_paths(search).context("a folder cannot be part of PATH")?);
    Ok(entering(command, groups))
}

fn kubelet(
    program: &Path,
    paths: &NodeFolder<'_>,
    node: &NodeRecord,
    groups: &ControlGroups,
    credentials: &Credentials,
    containerd: i32,
) -> Command {
    let data = paths.kubelet_data();
    let mut command = Command::new("nsenter");
    command
        // Its root too, which is another one than that of the mount points where all this runs in a chroot.
        .args([format!("--target={containerd}"), "--mount".to_owned(), "--root".to_owned()])
        .args(["sh", "-euc", ENTER, "kubelet"])
        .arg(program)
        .arg(format!("--config={}", paths.kubelet().display()))
        .arg(format!("--kubeconfig={}", credentials.kubelet.display()))
        .arg(format!("--root-dir={}", data.display()))
        .arg(format!("--cert-dir={}", data.join("pki").display()))
        .arg(format!("--hostname-override={NAME}"))
        .arg(format!("--node-ip={}", node.address()));
    entering(command, groups)
}

fn entering(mut command: Command, groups: &ControlGroups) -> Command {
    let entrances = groups.entrances().map(PathBuf::into_os_string).collect::<Vec<_>>();
    command.env("ENTRANCES", entrances.join(OsStr::new(" ")));
    command
}
