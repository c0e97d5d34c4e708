//! Which cores run what: an API server that shares its cores with its client gives way to it, one of a real cluster
//! does not.

use std::process::Command;

use anyhow::{Context, ensure};
use test_cluster::TestCluster;

/// Where the control plane runs when it runs apart.
const SERVER: &str = "0";
/// Where this program and what it starts run then.
const CLIENT: &str = "1";

/// Gives the control plane of `cluster` a core of its own and this program, with what it starts, another.
pub(crate) fn set_apart(cluster: &TestCluster) -> anyhow::Result<()> {
    for program in ["etcd", "kube-apiserver"] {
        pin(cluster.process(program)?.pid, SERVER)?;
    }
    pin(std::process::id().cast_signed(), CLIENT)
}

/// All threads of the process `id`; those it starts later inherit it.
fn pin(id: i32, core: &str) -> anyhow::Result<()> {
    let mut command = Command::new("taskset");
    command.args(["--all-tasks", "--cpu-list", "--pid", core, &id.to_string()]);
    let output = command.output().context("could not start taskset, which is part of util-linux")?;
    ensure!(
        output.status.success(),
        "taskset could not give process {id} the core {core}: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}
