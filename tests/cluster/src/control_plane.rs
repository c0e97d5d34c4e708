//! Starting one control plane: ports, command lines and their order.

use std::{fs, io, net::TcpListener, path::Path, process::Command};

use anyhow::{Context, Result, bail};

use crate::{
    Lifetime, TestCluster,
    assets::Assets,
    credentials::{self, Credentials},
    folders,
    process::ProcessIdentity,
    starting::Starting,
    state::Record,
};

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
        folders::remove(&folder)?;
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
            Lifetime::OfProcess(owner) => Some(owner),
        },
        node: None,
        complete: false,
    };
    let mut starting = Starting::new(record);
    match run(&mut starting, assets, &ports) {
        Ok(()) => Ok(starting.record),
        Err(error) => Err(starting.undo(&error.context(format!("test cluster `{name}` did not start")))),
    }
}

fn run(starting: &mut Starting, assets: &Assets, ports: &Ports) -> Result<()> {
    let folder = starting.record.folder.clone();
    let credentials = credentials::make(&folder, &starting.record.server)?;
    starting.spawn("etcd", &mut etcd(&assets.etcd, &folder, ports))?;
    starting.spawn("kube-apiserver", &mut api_server(&assets.api_server, &folder, &credentials, ports))?;
    let cluster = TestCluster::of(&starting.record, assets.kubectl());
    starting.wait_for("the API server to be ready", || cluster.is_ready())?;
    if let Some(program) = &assets.controller_manager {
        starting.spawn("kube-controller-manager", &mut controller_manager(program, &credentials, ports))?;
        starting.wait_for("the controllers to work", || {
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
        // Should the cluster get a node: its name is none that could be looked up.
        .arg("--kubelet-preferred-address-types=InternalIP")
        .arg(format!("--kubelet-client-certificate={}", credentials.kubelet_client.display()))
        .arg(format!("--kubelet-client-key={}", credentials.kubelet_client_key.display()))
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
pub(crate) fn free_port() -> io::Result<TcpListener> {
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
}
