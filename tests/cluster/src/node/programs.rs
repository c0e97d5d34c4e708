//! Programs that a node is made of: built from Go modules into the cache, or from the system's packages.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::{
    assets::{build_kubernetes, search_path},
    go_module::GoModule,
};

const KUBERNETES: [&str; 3] =
    ["k8s.io/kubernetes/cmd/kube-scheduler", "k8s.io/kubernetes/cmd/kubelet", "./pause"];
const RUNTIME: [&str; 5] = [
    "github.com/containerd/containerd/v2/cmd/containerd",
    "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2",
    "github.com/containerd/containerd/v2/cmd/ctr",
    "github.com/containernetworking/plugins/plugins/ipam/host-local",
    "github.com/containernetworking/plugins/plugins/main/bridge",
];

/// Programs of the system: name, and Debian's package; of MariaDB the parts that start nothing.
const PACKAGED: [(&str, &str); 11] = [
    ("update-ca-certificates", "ca-certificates"),
    ("docker-registry", "docker-registry"),
    ("ip", "iproute2"),
    ("unshare", "util-linux"),
    ("runc", "runc"),
    ("busybox", "busybox-static"),
    ("postgres", "postgresql"),
    ("mariadbd", "mariadb-server-core"),
    ("mariadb", "mariadb-client-core"),
    ("redis-server", "redis-server"),
    ("redis-cli", "redis-tools"),
];

/// Installs packages where nothing that they start outlives the installation: with processes of its own, which end with
/// it, and without a service manager that it could ask.
const INSTALL: &str = r#"
if [ -d /run/systemd ]; then mount -t tmpfs tmpfs /run/systemd; fi
apt-get update --quiet=2
exec apt-get install --yes --quiet=2 --no-install-recommends "$@""#;

/// Folders with what was built.
#[derive(Debug)]
pub(super) struct Programs {
    /// kube-scheduler, kubelet, pause.
    pub(super) kubernetes: PathBuf,
    /// containerd, its shim and `ctr`, plugins for networks.
    pub(super) runtime: PathBuf,
}

impl Programs {
    /// Those in the cache, which are built first when missing.
    pub(super) fn find_or_build() -> Result<Self> {
        let missing = missing_packages();
        if !missing.is_empty() {
            bail!(
                "a node needs programs that are not here: install the packages {} (Debian's names)",
                missing.join(", ")
            );
        }
        let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("runtime");
        Ok(Self {
            kubernetes: build_kubernetes(&KUBERNETES, "node")?,
            runtime: GoModule { folder: &module, packages: &RUNTIME, linker_flags: "-s -w" }
                .built("runtime")?,
        })
    }
}

/// Installs what the system lacks for a node, where root can do that with `apt-get`; else says what to install.
pub fn install_missing() -> Result<()> {
    let missing = missing_packages();
    if missing.is_empty() {
        return Ok(());
    }
    if !rustix::process::geteuid().is_root() || search_path("apt-get").is_none() {
        bail!("a test node needs the packages {} (Debian's names): install them", missing.join(", "));
    }
    writeln!(io::stderr(), "installing {}", missing.join(", "))?;
    let status = Command::new("unshare")
        .args(["--mount", "--pid", "--fork", "--mount-proc", "sh", "-ec", INSTALL, "install"])
        .args(&missing)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .status()
        .context("could not run unshare")?;
    let missing = missing_packages();
    if !status.success() || !missing.is_empty() {
        bail!("could not install {} ({status}): install them by hand", missing.join(", "));
    }
    Ok(())
}

/// Path of a program of the system.
pub(super) fn packaged(name: &str) -> Option<PathBuf> {
    let administrators = Path::new("/usr/sbin").join(name);
    search_path(name).or_else(|| administrators.is_file().then_some(administrators)).or_else(|| {
        // Where Debian has the servers of each version of PostgreSQL.
        let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
        let of_version = |entry: io::Result<fs::DirEntry>| Some(entry.ok()?.path().join("bin").join(name));
        versions.filter_map(of_version).filter(|path| path.is_file()).max()
    })
}

/// Where the server and the clients of PostgreSQL are; `/usr/bin` when there are none.
pub fn postgres_folder() -> PathBuf {
    let server = packaged("postgres").and_then(|server| fs::canonicalize(server).ok());
    server.as_deref().and_then(Path::parent).unwrap_or(Path::new("/usr/bin")).to_owned()
}

fn missing_packages() -> Vec<&'static str> {
    let mut missing: Vec<_> =
        PACKAGED.iter().filter(|(name, _)| packaged(name).is_none()).map(|(_, package)| *package).collect();
    missing.dedup();
    missing
}
