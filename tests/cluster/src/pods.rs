//! What a test does with pods of one namespace: apply, wait, run commands in them, read logs, reach ports.
//!
//! Everything goes through the API server, by a stock kubectl.

use std::{
    hash::{BuildHasher as _, RandomState},
    io::{BufRead as _, BufReader, Write as _},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{TestCluster, stdout_of};

/// A server that starts for the first time, on a machine that compiles beside it.
const PATIENCE: Duration = Duration::from_mins(3);

/// The pods of one namespace.
#[derive(Debug)]
pub struct Pods {
    cluster: TestCluster,
    namespace: String,
    ours: bool,
}

impl Pods {
    /// Of a namespace that is there.
    pub fn of_namespace(cluster: &TestCluster, namespace: &str) -> Self {
        Self { cluster: cluster.clone(), namespace: namespace.to_owned(), ours: false }
    }

    /// Of a new namespace, which goes with this value.
    pub fn of_new_namespace(cluster: &TestCluster) -> Result<Self> {
        let number = RandomState::new().hash_one(std::process::id());
        let mut pods = Self::of_namespace(cluster, &format!("pods-{number:016x}"));
        pods.ours = true;
        stdout_of(cluster.kubectl().args(["create", "namespace", &pods.namespace]))?;
        // Without it no pod can be made.
        pods.kubectl_until_done(&["get", "serviceaccount/default"])?;
        Ok(pods)
    }

    /// The namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The cluster.
    pub fn cluster(&self) -> &TestCluster {
        &self.cluster
    }

    /// kubectl, in this namespace.
    pub fn kubectl(&self) -> Command {
        let mut command = self.cluster.kubectl();
        command.args(["--namespace", &self.namespace]);
        command
    }

    /// Applies an object or a List of them, on the server: an annotation with all of it would be too large.
    pub fn apply(&self, object: &Value) -> Result<()> {
        let mut child = self
            .kubectl()
            .args(["apply", "--server-side", "--force-conflicts", "--filename=-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("could not run kubectl")?;
        let mut input = child.stdin.take().context("kubectl has no stdin")?;
        input.write_all(object.to_string().as_bytes()).context("could not hand an object to kubectl")?;
        drop(input);
        let output = child.wait_with_output().context("could not run kubectl")?;
        if !output.status.success() {
            bail!("could not apply {object}: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    }

    /// Applies a pod and waits until it is ready.
    pub fn start(&self, pod: &Value) -> Result<()> {
        let name = pod["metadata"]["name"].as_str().context("the pod has no name")?;
        self.apply(pod)?;
        self.wait_ready(name)
    }

    /// Waits until a pod is ready. When it does not get there, the error tells how it is and what it logged.
    pub fn wait_ready(&self, pod: &str) -> Result<()> {
        self.wait_for(pod, "condition=Ready")
    }

    /// Waits for a condition of a pod, as `kubectl wait --for` takes it.
    pub fn wait_for(&self, pod: &str, condition: &str) -> Result<()> {
        let timeout = format!("--timeout={}s", PATIENCE.as_secs());
        let outcome = stdout_of(self.kubectl().args([
            "wait",
            &format!("pod/{pod}"),
            &format!("--for={condition}"),
            &timeout,
        ]));
        let Err(error) = outcome else { return Ok(()) };
        let tell = |arguments: &[&str]| {
            stdout_of(self.kubectl().args(arguments)).unwrap_or_else(|error| format!("{error:#}"))
        };
        let state = tell(&["describe", "pod", pod]);
        let logs = tell(&["logs", pod, "--all-containers", "--prefix", "--tail=30"]);
        Err(error
            .context(format!("pod `{pod}` did not reach {condition}\n{state}\nlogs:\n{logs}\nthe reason")))
    }

    /// The live pod.
    pub fn get(&self, pod: &str) -> Result<Value> {
        let json = stdout_of(self.kubectl().args(["get", "pod", pod, "--output=json"]))?;
        serde_json::from_str(&json).context("kubectl printed no JSON")
    }

    /// Runs a command in a container and gives its stdout; a failure tells its stderr.
    pub fn exec(&self, pod: &str, container: &str, command: &[&str]) -> Result<String> {
        stdout_of(self.kubectl().args(["exec", pod, "--container", container, "--"]).args(command))
    }

    /// What a container has logged.
    pub fn logs(&self, pod: &str, container: &str) -> Result<String> {
        stdout_of(self.kubectl().args(["logs", pod, "--container", container]))
    }

    /// Waits until a container has logged this text.
    pub fn wait_logged(&self, pod: &str, container: &str, text: &str) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let log = self.logs(pod, container);
            if log.as_ref().is_ok_and(|log| log.contains(text)) {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("`{container}` of `{pod}` does not log `{text}`: {}", log?);
            }
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// The runtime's id of a container that runs or ran last.
    pub fn container_id(&self, pod: &str, container: &str) -> Result<String> {
        let live = self.get(pod)?;
        let lists =
            ["initContainerStatuses", "containerStatuses"].map(|list| live["status"][list].as_array());
        let mut all = lists.into_iter().flatten().flatten();
        let status = all.find(|status| status["name"] == container);
        let id = status.and_then(|status| status["containerID"].as_str()?.strip_prefix("containerd://"));
        id.map(str::to_owned).with_context(|| format!("`{container}` of `{pod}` has not run"))
    }

    /// Ends the first process of a container as `kill -9` does. Its kubelet starts it again, if the pod says so.
    pub fn kill_container(&self, pod: &str, container: &str) -> Result<()> {
        self.cluster.signal_container(&self.container_id(pod, container)?, "SIGKILL")
    }

    /// Stops the first process of a container as a fault in it would: it is there, and does nothing more.
    pub fn suspend_container(&self, pod: &str, container: &str) -> Result<()> {
        self.cluster.signal_container(&self.container_id(pod, container)?, "SIGSTOP")
    }

    /// Deletes a pod and waits until it is gone.
    pub fn delete(&self, pod: &str) -> Result<()> {
        stdout_of(self.kubectl().args(["delete", "pod", pod, "--wait", "--ignore-not-found"]))?;
        Ok(())
    }

    /// Makes a port of the pod's loopback one of ours, for as long as the value lives.
    pub fn port_forward(&self, pod: &str, port: u16) -> Result<PortForward> {
        let mut child = self
            .kubectl()
            .args(["port-forward", "--address=127.0.0.1", &format!("pod/{pod}"), &format!(":{port}")])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .context("could not run kubectl")?;
        let output = child.stdout.take().context("kubectl has no stdout")?;
        let mut forward = PortForward { child, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        let mut output = BufReader::new(output);
        let mut line = String::new();
        output.read_line(&mut line).context("could not read what kubectl prints")?;
        forward.address =
            address_in(&line).with_context(|| format!("kubectl forwards no port {port} of `{pod}`"))?;
        // Each connection prints a line, which must go somewhere.
        thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        Ok(forward)
    }

    fn kubectl_until_done(&self, arguments: &[&str]) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match stdout_of(self.kubectl().args(arguments)) {
                Ok(_) => return Ok(()),
                Err(error) if Instant::now() > deadline => return Err(error),
                Err(_) => thread::sleep(Duration::from_millis(100)),
            }
        }
    }
}

impl Drop for Pods {
    fn drop(&mut self) {
        if self.ours {
            // Nothing to do about a failure: the name is random and the cluster is thrown away.
            let arguments = ["delete", "namespace", &self.namespace, "--wait=false", "--ignore-not-found"];
            drop(self.cluster.kubectl().args(arguments).output());
        }
    }
}

/// A forwarded port. Ends when it is dropped, and all its connections with it.
#[derive(Debug)]
pub struct PortForward {
    child: Child,
    address: SocketAddr,
}

impl PortForward {
    /// Where to connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for PortForward {
    fn drop(&mut self) {
        // It may have ended by itself, with its pod.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// `Forwarding from 127.0.0.1:40001 -> 5432`
fn address_in(line: &str) -> Option<SocketAddr> {
    line.strip_prefix("Forwarding from ")?.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_address_that_kubectl_took() {
        let line = "Forwarding from 127.0.0.1:40001 -> 5432\n";
        assert_eq!(address_in(line), Some(SocketAddr::from(([127, 0, 0, 1], 40001))));
        assert_eq!(address_in("error: pod not found\n"), None);
    }
}
