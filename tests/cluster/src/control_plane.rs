//! Starting one control plane: ports, command lines, order, and what to show when it does not come up.

use std::{
    fs, io,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::{
    Lifetime, TestCluster,
    assets::Assets,
    credentials::{self, Credentials},
    folders,
    process::{self, ProcessIdentity},
    state::{self, Record},
};

/// Seconds on an idle machine; a minute or more beside a compiler.
const PATIENCE: Duration = Duration::from_mins(3);
const LOG_TAIL: usize = 25;

/// Starts a cluster of this name and waits until it serves. The caller holds the name's lock, and no record exists.
pub fn start(name: &str, lifetime: Lifetime, assets: &Assets) -> Result<Record> {
    if !cfg!(target_os = "linux") {
        bail!(
            "a test cluster of our own needs Linux: name the context of a cluster for tests in `{}`",
            crate::external::CONTEXT_VARIABLE
        );
    }
    let folder = folders::clusters()?.join(name);
    // What a start that was killed before its first process has left.
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("could not remove `{}`", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("could not make `{}`", folder.display()))?;

    let ports = Ports::find()?;
    let record = Record {
        name: name.to_owned(),
        server: format!("https://127.0.0.1:{}", ports.api_server),
        kubectl: assets.kubectl().to_owned(),
        folder,
        processes: Vec::new(),
        owner: match lifetime {
            Lifetime::UntilStopped => None,
            Lifetime::OfThisProcess => Some(ProcessIdentity::of_this_process()?),
        },
    };
    let mut starting = Starting { record, children: Vec::new() };
    match starting.run(assets, &ports) {
        Ok(()) => Ok(starting.record),
        Err(error) => {
            let tails = starting.log_tails();
            state::remove(&starting.record)?;
            Err(error.context(format!("test cluster `{name}` did not start\n\n{tails}\n\nthe reason")))
        }
    }
}

/// A control plane on its way up.
struct Starting {
    record: Record,
    children: Vec<(&'static str, Child)>,
}

impl Starting {
    fn run(&mut self, assets: &Assets, ports: &Ports) -> Result<()> {
        let credentials = credentials::make(&self.record.folder, &self.record.server)?;
        let folder = self.record.folder.clone();
        self.spawn("etcd", &mut etcd(&assets.etcd, &folder, ports))?;
        self.spawn("kube-apiserver", &mut api_server(&assets.api_server, &folder, &credentials, ports))?;
        let cluster = TestCluster::of(&self.record, assets.kubectl());
        self.wait_for("the API server to be ready", || cluster.is_ready())?;
        if let Some(program) = &assets.controller_manager {
            self.spawn("kube-controller-manager", &mut controller_manager(program, &credentials, ports))?;
            self.wait_for("the controllers to work", || {
                let mut probe = cluster.kubectl();
                probe.args([
                    "get",
                    "serviceaccount/default",
                    "configmap/kube-root-ca.crt",
                    "--namespace=default",
                ]);
                probe.output().is_ok_and(|output| output.status.success())
            })?;
        }
        Ok(())
    }

    fn spawn(&mut self, role: &'static str, command: &mut Command) -> Result<()> {
        let (child, identity) = process::spawn(command, &self.log(role))?;
        self.children.push((role, child));
        self.record.processes.push(identity);
        // At once, so that a start that is killed leaves nothing that cannot be found.
        self.record.save()
    }

    fn wait_for(&mut self, what: &str, done: impl Fn() -> bool) -> Result<()> {
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

fn etcd(program: &Path, folder: &Path, ports: &Ports) -> Command {
    let client = format!("http://127.0.0.1:{}", ports.etcd);
    let peer = format!("http://127.0.0.1:{}", ports.etcd_peer);
    let mut command = Command::new(program);
    command
        // Nothing here outlives the machine, so nothing waits for its disk.
        .arg("--unsafe-no-fsync")
        .arg(format!("--data-dir={}", folder.join("etcd").display()))
        .args([format!("--listen-client-urls={client}"), format!("--advertise-client-urls={client}")])
        .args([format!("--listen-peer-urls={peer}"), format!("--initial-advertise-peer-urls={peer}")])
        .arg(format!("--initial-cluster=default={peer}"))
        // Room for 50,000 objects and their revisions.
        .arg("--quota-backend-bytes=8589934592")
        .arg("--log-level=warn");
    command
}

fn api_server(program: &Path, folder: &Path, credentials: &Credentials, ports: &Ports) -> Command {
    let issuer = "https://kubernetes.default.svc";
    let mut command = Command::new(program);
    command
        .arg(format!("--etcd-servers=http://127.0.0.1:{}", ports.etcd))
        .arg(format!("--secure-port={}", ports.api_server))
        .args(["--bind-address=127.0.0.1", "--advertise-address=127.0.0.1"])
        // With the loopback address advertised, the endpoint of service `kubernetes` could not be written.
        .arg("--endpoint-reconciler-type=none")
        .arg(format!("--cert-dir={}", folder.join("certificates").display()))
        .arg(format!("--tls-cert-file={}", credentials.certificate.display()))
        .arg(format!("--tls-private-key-file={}", credentials.certificate_key.display()))
        .arg(format!("--token-auth-file={}", credentials.tokens.display()))
        .arg(format!("--service-account-issuer={issuer}"))
        .arg(format!("--service-account-key-file={}", credentials.service_account_public_key.display()))
        .arg(format!("--service-account-signing-key-file={}", credentials.service_account_key.display()))
        .args(["--service-cluster-ip-range=10.96.0.0/16", "--authorization-mode=Node,RBAC"])
        .arg("--allow-privileged=true")
        // A benchmark measures the client, not the server's fairness between a handful of users.
        .args(["--max-requests-inflight=1600", "--max-mutating-requests-inflight=800"]);
    command
}

fn controller_manager(program: &Path, credentials: &Credentials, ports: &Ports) -> Command {
    let mut command = Command::new(program);
    let kubeconfig = credentials.controller_manager.display();
    command
        .args([format!("--kubeconfig={kubeconfig}"), format!("--authentication-kubeconfig={kubeconfig}")])
        .arg(format!("--authorization-kubeconfig={kubeconfig}"))
        .args(["--bind-address=127.0.0.1".to_owned(), format!("--secure-port={}", ports.controller_manager)])
        .arg(format!("--root-ca-file={}", credentials.authority.display()))
        .arg(format!("--service-account-private-key-file={}", credentials.service_account_key.display()))
        .arg(format!("--cluster-signing-cert-file={}", credentials.authority.display()))
        .arg(format!("--cluster-signing-key-file={}", credentials.authority_key.display()))
        .args(["--use-service-account-credentials=true", "--leader-elect=false"])
        // Its default of 20 requests a second would make emptying a large namespace take many minutes.
        .args(["--kube-api-qps=2000", "--kube-api-burst=4000", "--concurrent-namespace-syncs=20"]);
    command
}

/// Ports nobody listens on.
struct Ports {
    etcd: u16,
    etcd_peer: u16,
    api_server: u16,
    controller_manager: u16,
}

impl Ports {
    fn find() -> Result<Self> {
        // Held until all are found, so that they differ.
        let mut held = Vec::new();
        let mut next = || -> Result<u16> {
            let listener = free_port().context("could not find a free port on 127.0.0.1")?;
            let port = listener.local_addr().context("a listener has no address")?.port();
            held.push(listener);
            Ok(port)
        };
        Ok(Self { etcd: next()?, etcd_peer: next()?, api_server: next()?, controller_manager: next()? })
    }
}

/// Below the range from which the kernel takes ports for outgoing connections (32768 and up, ip(7)): one of those
/// could be taken again before the server listens on it.
fn free_port() -> io::Result<TcpListener> {
    use std::hash::{BuildHasher as _, RandomState};
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for attempt in 0..200_u32 {
        let offset = u16::try_from(RandomState::new().hash_one(attempt) % 12_000).unwrap_or_default();
        match TcpListener::bind(("127.0.0.1", 20_000 + offset)) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_differ() {
        let ports = Ports::find().unwrap();
        let mut all = vec![ports.etcd, ports.etcd_peer, ports.api_server, ports.controller_manager];
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 4);
    }

    #[test]
    fn shows_the_end_of_a_long_log() {
        let log = (1..=100).map(|line| line.to_string()).collect::<Vec<_>>().join("\n");
        assert!(tail(&log).starts_with("76\n"));
        assert!(tail(&log).ends_with("\n100"));
        assert_eq!(tail("one"), "one");
    }
}
