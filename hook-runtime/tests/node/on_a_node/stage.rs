//! An application with the runtime beside it, and a client that comes through the API server.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use test_cluster::{
    TestCluster,
    hooks::{self, CONTAINER, HookRuntime, LINE_SERVER, PORT, SECRETS},
    node::images::{BUSYBOX, USER},
    pods::{Pods, PortForward},
};

use crate::guest;

/// Far beyond what is waited for, so that a busy machine fails nothing.
const PATIENCE: Duration = Duration::from_mins(1);
pub(super) const POD: &str = "lines";
/// The application with the runtime beside it.
pub(super) struct Stage {
    pub(super) pods: Pods,
}

impl Stage {
    /// On the shared cluster.
    pub(super) fn set() -> Self {
        Self::set_on(&TestCluster::of_tests_with_node().unwrap())
    }

    pub(super) fn set_on(cluster: &TestCluster) -> Self {
        let image = hooks::load(cluster, Path::new(env!("CARGO_BIN_EXE_hook-runtime"))).unwrap();
        let pods = Pods::of_new_namespace(cluster).unwrap();
        let runtime = HookRuntime {
            name: "hooks",
            hooks: json!({"guest": {
                "component": "guest.wasm",
                "connect": ["127.0.0.1:7000"],
                "settings": {"address": "127.0.0.1:7000"},
                "secrets": {"password": format!("{SECRETS}/password")},
            }}),
            components: &[guest::component()],
            secrets: &[("password", "secret")],
        };
        let mut pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": POD},
            "spec": {
                "terminationGracePeriodSeconds": 2,
                "securityContext": {"runAsUser": USER, "runAsGroup": USER, "fsGroup": USER},
                "containers": [{
                    "name": "application", "image": BUSYBOX, "command": ["sh", "-c", LINE_SERVER],
                    "readinessProbe": {"tcpSocket": {"port": 7000}, "periodSeconds": 1},
                }],
            },
        });
        runtime.add_to(&mut pod, &image);
        pods.apply(&runtime.objects().unwrap()).unwrap();
        pods.start(&pod).unwrap();
        hooks::wait_listening(&pods, POD).unwrap();
        Self { pods }
    }

    /// As its administrator sees it.
    pub(super) fn is_frozen(&self) -> bool {
        let look = "if [ -e /tmp/frozen ]; then echo frozen; fi";
        self.pods.exec(POD, "application", &["sh", "-c", look]).unwrap() == "frozen\n"
    }

    pub(super) fn wait_until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so(self) {
            assert!(Instant::now() < deadline, "waited in vain until {what}: {}", self.log());
            thread::sleep(Duration::from_millis(100));
        }
    }

    fn log(&self) -> String {
        self.pods.logs(POD, CONTAINER).unwrap()
    }

    pub(super) fn client(&self) -> Client {
        let forward = self.pods.port_forward(POD, PORT).unwrap();
        let stream = BufReader::new(TcpStream::connect(forward.address()).unwrap());
        Client { stream, _forward: forward }
    }

    /// A client that has frozen the application.
    pub(super) fn freeze(&self) -> Client {
        self.freeze_unless_silent(Duration::from_mins(1))
    }

    /// As [`Stage::freeze`]; the lease ends when nothing comes for that long.
    pub(super) fn freeze_unless_silent(&self, silence: Duration) -> Client {
        assert!(!self.is_frozen());
        let mut client = self.client();
        let uid = &self.pods.get(POD).unwrap()["metadata"]["uid"];
        let terms = json!({
            "restorePoint": "rp",
            "pod": {"namespace": self.pods.namespace(), "name": POD, "uid": uid},
            "cut": "atomic",
            "limits": {"prepareMs": 30_000, "freezeMs": 60_000, "silenceMs": silence.as_millis()},
        });
        for (step, body) in [("prepare", terms.to_string()), ("freeze", String::new())] {
            let answer = client.step(step, &body);
            assert_eq!(answer["result"], "done", "{step}: {answer}");
        }
        assert!(self.is_frozen(), "{}", self.log());
        client
    }

    /// How the last lease ended, once it has.
    pub(super) fn last(&self) -> Value {
        let mut client = self.client();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let status = client.ask("GET", "/v1/hooks/guest", "");
            if status["state"] == "free" && !status["last"].is_null() {
                return status["last"].clone();
            }
            assert!(Instant::now() < deadline, "the lease does not end: {status}");
            thread::sleep(Duration::from_millis(100));
        }
    }
}

/// One connection to the runtime, through a port-forward of its own.
pub(super) struct Client {
    stream: BufReader<TcpStream>,
    _forward: PortForward,
}

impl Client {
    pub(super) fn step(&mut self, step: &str, body: &str) -> Value {
        self.ask("POST", &format!("/v1/hooks/guest/{step}"), body)
    }

    fn ask(&mut self, method: &str, path: &str, body: &str) -> Value {
        let length = body.len();
        let request =
            format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n{body}");
        self.stream.get_mut().write_all(request.as_bytes()).unwrap();
        let mut length = 0;
        loop {
            let mut line = String::new();
            assert_ne!(self.stream.read_line(&mut line).unwrap(), 0, "the runtime has closed the connection");
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).unwrap();
        serde_json::from_slice(&body).unwrap()
    }
}
