//! What containerd, the kubelet and the network plugin of one node are told, and the folders they are given.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::credentials::Credentials;

use super::{NodeRecord, programs::Programs};

/// Image of the container that holds a pod's namespaces.
pub(super) const PAUSE: &str = "localhost/pause:1";

/// Kernel settings that a kubelet makes, with the values it wants. They are files of the node's own, shown to it in
/// the place of the machine's: what a test starts changes no machine.
const KERNEL_SETTINGS: [(&str, &str); 6] = [
    ("vm/overcommit_memory", "1"),
    ("vm/panic_on_oom", "0"),
    ("kernel/panic", "10"),
    ("kernel/panic_on_oops", "1"),
    ("kernel/keys/root_maxkeys", "1000000"),
    ("kernel/keys/root_maxbytes", "25000000"),
];

/// Folders that programs have by name, each with the one of the node that is shown there. They are made when missing
/// and stay, empty.
const FIXED_FOLDERS: [(&str, &str); 3] =
    [("/run/containerd", "shims"), ("/var/lib/cni", "cni-results"), ("/var/log/containers", "log-links")];

/// Paths in the folder of a cluster with a node.
#[derive(Debug)]
pub(super) struct NodeFolder<'a>(pub(super) &'a Path);

impl NodeFolder<'_> {
    /// Where containerd listens.
    pub(super) fn socket(&self) -> PathBuf {
        self.0.join("containerd.sock")
    }

    /// containerd's configuration.
    pub(super) fn containerd(&self) -> PathBuf {
        self.0.join("containerd.toml")
    }

    /// The kubelet's configuration.
    pub(super) fn kubelet(&self) -> PathBuf {
        self.0.join("kubelet.json")
    }

    /// The kubelet's data: volumes of pods, its certificate.
    pub(super) fn kubelet_data(&self) -> PathBuf {
        self.0.join("kubelet")
    }

    fn network(&self) -> PathBuf {
        self.0.join("cni")
    }

    /// What is shown in another place to the node's processes: source and target.
    pub(super) fn shown(&self) -> Vec<(PathBuf, PathBuf)> {
        let folders = FIXED_FOLDERS.iter().map(|(target, name)| (self.0.join(name), target.into()));
        let settings =
            KERNEL_SETTINGS.iter().map(|(name, _)| (self.setting(name), Path::new("/proc/sys").join(name)));
        folders.chain(settings).collect()
    }

    fn setting(&self, name: &str) -> PathBuf {
        self.0.join("kernel").join(name.replace('/', "."))
    }

    /// Makes the folders and writes all configuration.
    pub(super) fn write(&self, node: &NodeRecord, programs: &Programs) -> Result<()> {
        let folder = |path: &Path| {
            fs::create_dir_all(path).with_context(|| format!("could not make `{}`", path.display()))
        };
        let file = |path: &Path, content: &str| {
            fs::write(path, content).with_context(|| format!("could not write `{}`", path.display()))
        };
        for (target, name) in FIXED_FOLDERS {
            folder(&self.0.join(name))?;
            folder(Path::new(target))?;
        }
        folder(&self.0.join("kernel"))?;
        for (name, value) in KERNEL_SETTINGS {
            file(&self.setting(name), &format!("{value}\n"))?;
        }
        folder(&self.network())?;
        file(&self.network().join("10-node.conflist"), &self.network_plugins(node).to_string())?;
        file(&self.containerd(), &self.containerd_configuration(programs)?)?;
        file(&self.kubelet(), &self.kubelet_configuration(node).to_string())
    }

    /// Pods reach each other and the node, and nothing beyond: no address is translated, no packet forwarded.
    fn network_plugins(&self, node: &NodeRecord) -> Value {
        let range = json!({"subnet": node.subnet(), "gateway": node.address()});
        json!({
            "cniVersion": "1.0.0",
            "name": node.name(),
            "plugins": [{
                "type": "bridge",
                "bridge": node.name(),
                "isGateway": false,
                "ipMasq": false,
                "hairpinMode": true,
                "ipam": {
                    "type": "host-local",
                    "dataDir": self.0.join("addresses"),
                    "ranges": [[range]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            }],
        })
    }

    fn containerd_configuration(&self, programs: &Programs) -> Result<String> {
        // A JSON string is a TOML string.
        let quoted = |path: &Path| serde_json::to_string(path).context("a path is not UTF-8");
        Ok(format!(
            r#"version = 3
root = {root}
state = {state}
disabled_plugins = [
  "io.containerd.differ.v1.erofs",
  "io.containerd.nri.v1.nri",
  "io.containerd.snapshotter.v1.blockfile",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.erofs",
  "io.containerd.snapshotter.v1.zfs",
]

[grpc]
address = {socket}

[plugins."io.containerd.internal.v1.opt"]
path = {opt}

[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "{PAUSE}"

[plugins."io.containerd.cri.v1.runtime"]
# Without CAP_SYS_RESOURCE, which a virtual machine's root may not have, no score can be lowered.
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true

[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = [{plugins}]
conf_dir = {network}
use_internal_loopback = true
"#,
            root = quoted(&self.0.join("containerd"))?,
            state = quoted(&self.0.join("containerd-state"))?,
            socket = quoted(&self.socket())?,
            opt = quoted(&self.0.join("containerd-opt"))?,
            plugins = quoted(&programs.runtime)?,
            network = quoted(&self.network())?,
        ))
    }

    fn kubelet_configuration(&self, node: &NodeRecord) -> Value {
        json!({
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": node.address(),
            "healthzPort": 0,
            "readOnlyPort": 0,
            // Pods reach this address: only the API server, who shows a certificate, is heard.
            "authentication": {
                "anonymous": {"enabled": false},
                "webhook": {"enabled": false},
                "x509": {"clientCAFile": Credentials::in_folder(self.0).authority},
            },
            "authorization": {"mode": "AlwaysAllow"},
            "containerRuntimeEndpoint": format!("unix://{}", self.socket().display()),
            "podLogsDir": self.0.join("pod-logs"),
            "resolvConf": "",
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": format!("/{}", node.name()),
            "failCgroupV1": false,
            "failSwapOn": false,
            "enforceNodeAllocatable": [],
            "localStorageCapacityIsolation": false,
            "makeIPTablesUtilChains": false,
            // The machine's disk may be as full as it likes, and images cannot be fetched again.
            "evictionHard": {
                "memory.available": "0%", "nodefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.available": "0%",
            },
            "imageGCHighThresholdPercent": 100,
            "maxPods": 200,
            "eventRecordQPS": 0,
        })
    }
}
