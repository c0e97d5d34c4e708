//! Pods run, with sidecars; commands, logs and ports of their loopback are reached through the API server.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    process::Command,
};

use serde_json::{Value, json};
use test_cluster::{TestCluster, node::images::BUSYBOX, pods::Pods};

/// A pod whose native sidecar serves a page on the pod's loopback.
pub(super) fn pod_with_sidecar() -> Value {
    let serve = "mkdir /tmp/pages; echo from the sidecar > /tmp/pages/index.html; \
                 echo serving; exec httpd -f -p 127.0.0.1:9911 -h /tmp/pages";
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pair"},
        "spec": {
            "terminationGracePeriodSeconds": 1,
            "initContainers": [{
                "name": "sidecar", "image": BUSYBOX, "restartPolicy": "Always", "command": ["sh", "-c", serve],
                "startupProbe": {
                    "exec": {"command": ["wget", "-q", "-O", "-", "http://127.0.0.1:9911"]}, "periodSeconds": 1,
                },
            }],
            "containers": [{"name": "main", "image": BUSYBOX, "command": ["sleep", "3600"]}],
        },
    })
}

#[test]
#[ignore = "needs a node: cargo xtask test"]
fn a_port_of_a_sidecar_on_loopback_is_reached_through_the_api_server() {
    let cluster = TestCluster::of_tests_with_node().unwrap();
    let pods = Pods::of_new_namespace(&cluster).unwrap();
    pods.start(&pod_with_sidecar()).unwrap();

    let pod = pods.get("pair").unwrap();
    assert_eq!(pod["status"]["initContainerStatuses"][0]["started"], true);
    assert_eq!(pods.logs("pair", "sidecar").unwrap(), "serving\n");
    assert_eq!(pods.exec("pair", "main", &["sh", "-c", "echo $((6 * 7))"]).unwrap(), "42\n");
    // The containers share the loopback, and nobody outside of the pod reaches it.
    let fetch =
        |host: &str| pods.exec("pair", "main", &["wget", "-q", "-O", "-", &format!("http://{host}:9911")]);
    assert_eq!(fetch("127.0.0.1").unwrap(), "from the sidecar\n");
    assert!(fetch(pod["status"]["podIP"].as_str().unwrap()).is_err());

    let forward = pods.port_forward("pair", 9911).unwrap();
    for _ in 0..2 {
        let mut connection = TcpStream::connect(forward.address()).unwrap();
        connection.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        assert!(answer.ends_with("\r\n\r\nfrom the sidecar\n"), "{answer}");
    }
}

#[test]
#[ignore = "needs a node: cargo xtask test"]
fn a_failing_command_tells_why() {
    let cluster = TestCluster::of_tests_with_node().unwrap();
    let pods = Pods::of_new_namespace(&cluster).unwrap();
    pods.start(&pod_with_sidecar()).unwrap();
    let error = pods.exec("pair", "main", &["cat", "/nothing"]).unwrap_err().to_string();
    assert!(error.contains("'/nothing': No such file or directory"), "{error}");
    let error = pods.exec("pair", "other", &["true"]).unwrap_err().to_string();
    assert!(error.contains("other"), "{error}");
}

#[test]
#[ignore = "needs a node: cargo xtask test"]
fn the_kubelet_answers_nobody_without_a_certificate() {
    let cluster = TestCluster::of_tests_with_node().unwrap();
    let node = cluster.node().unwrap().0;
    let output = Command::new(cluster.kubectl_path())
        .args(["get", "--raw=/pods", "--insecure-skip-tls-verify", "--token=none"])
        .arg(format!("--server=https://{}:10250", node.address()))
        .env("KUBECONFIG", "/dev/null")
        .output()
        .unwrap();
    let refusal = String::from_utf8(output.stderr).unwrap();
    assert!(refusal.contains("Unauthorized") || refusal.contains("must be logged in"), "{refusal}");
}
