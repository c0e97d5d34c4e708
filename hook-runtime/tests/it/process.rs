//! The program as a process, and a client that speaks to it as any would.

use std::{
    fmt::Write as _,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Far beyond what is waited for, so that a busy machine fails nothing.
const PATIENCE: Duration = Duration::from_mins(1);

/// The build that is tried: cargo's for these tests, or the one that is named, as the one that users get.
pub(crate) fn program() -> PathBuf {
    let named = std::env::var_os("KUBECTL_BACKUP_RUNTIME").map(PathBuf::from);
    named.unwrap_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_hook-runtime")))
}

/// A runtime with one hook.
pub(crate) struct Runtime {
    hook: String,
    child: Child,
    log: Arc<(Mutex<Log>, Condvar)>,
    folder: TempDir,
}

#[derive(Default)]
struct Log {
    lines: Vec<String>,
    ended: bool,
}

impl Runtime {
    /// Starts it with this hook, whose files are in this folder, with more in its configuration than the hook, and with
    /// more options; it may refuse to.
    pub(crate) fn launch(folder: TempDir, name: &str, hook: &Value, more: &Value, options: &[&str]) -> Self {
        let mut configuration = json!({
            "listen": "127.0.0.1:0",
            "folder": folder.path(),
            "state": folder.path(),
            "hooks": { name: hook },
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            configuration[name] = value.clone();
        }
        // JSON is YAML.
        std::fs::write(folder.path().join("hooks.yaml"), configuration.to_string())
            .expect("a file can be written");
        let (child, log) = spawn(&program(), folder.path(), options);
        Self { hook: name.to_owned(), child, log, folder }
    }

    /// Again with the same configuration, as a container that is restarted.
    pub(crate) fn restart(&mut self) {
        self.restart_as(&program());
    }

    /// Ends it at once.
    pub(crate) fn stop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Of the process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Again, by another build of the program.
    pub(crate) fn restart_as(&mut self, program: &Path) {
        (self.child, self.log) = spawn(program, self.folder.path(), &[]);
    }

    pub(crate) fn connect(&self) -> Client {
        let client = Client::at(self.address("listening on "));
        Client { hook: self.hook.clone(), ..client }
    }

    /// The address that ends the first line with this text.
    pub(crate) fn address(&self, text: &str) -> SocketAddr {
        let line = self.wait_for_line(text);
        line.rsplit(' ').next().and_then(|word| word.parse().ok()).expect("an address")
    }

    /// The first line with this text, when it comes.
    pub(crate) fn wait_for_line(&self, text: &str) -> String {
        let found = |log: &Log| log.lines.iter().find(|line| line.contains(text)).cloned();
        let log = self.log.0.lock().expect("no holder panicked");
        let (log, _) = self
            .log
            .1
            .wait_timeout_while(log, PATIENCE, |log| found(log).is_none() && !log.ended)
            .expect("no holder panicked");
        found(&log).unwrap_or_else(|| panic!("no line with `{text}`:\n{}", log.lines.join("\n")))
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.log.0.lock().expect("no holder panicked").lines.clone()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.id()).expect("ids are small");
        kill_process(Pid::from_raw(id).expect("it has an id"), signal).expect("it can be signalled");
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("it can be waited for")
    }

    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// How the last lease ended, once it has.
    pub(crate) fn last(&self) -> Value {
        let mut client = self.connect();
        loop {
            let (_, status) = client.get(&format!("/v1/hooks/{}", self.hook));
            if status["state"] == "free" && !status["last"].is_null() {
                return status["last"].clone();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// The process, and what it logs.
fn spawn(program: &Path, folder: &Path, options: &[&str]) -> (Child, Arc<(Mutex<Log>, Condvar)>) {
    let mut child = Command::new(program)
        .arg("--config")
        .arg(folder.join("hooks.yaml"))
        .args(options)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let log: Arc<(Mutex<Log>, Condvar)> = Arc::default();
    let stderr = BufReader::new(child.stderr.take().expect("it is piped"));
    let shared = Arc::clone(&log);
    std::thread::spawn(move || {
        for line in stderr.lines().map_while(Result::ok) {
            shared.0.lock().expect("no holder panicked").lines.push(line);
            shared.1.notify_all();
        }
        shared.0.lock().expect("no holder panicked").ended = true;
        shared.1.notify_all();
    });
    (child, log)
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.stop();
    }
}

/// One connection.
pub(crate) struct Client {
    hook: String,
    stream: BufReader<TcpStream>,
}

impl Client {
    pub(crate) fn at(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the runtime listens");
        Self { hook: String::new(), stream: BufReader::new(stream) }
    }

    pub(crate) fn get(&mut self, path: &str) -> (u16, Value) {
        self.send("GET", path, "");
        self.receive()
    }

    /// A step of the hook.
    pub(crate) fn step(&mut self, step: &str) -> (u16, Value) {
        self.begin(step);
        self.receive()
    }

    /// Asks for a step and does not wait for the answer.
    pub(crate) fn begin(&mut self, step: &str) {
        self.send("POST", &format!("/v1/hooks/{}/{step}", self.hook), "");
    }

    pub(crate) fn heartbeat(&mut self) -> (u16, Value) {
        self.send("POST", "/v1/heartbeat", "");
        self.receive()
    }

    pub(crate) fn prepare(&mut self, limits: &Value) -> (u16, Value) {
        self.prepare_for("atomic", limits)
    }

    /// For volumes that are cut like this.
    pub(crate) fn prepare_for(&mut self, cut: &str, limits: &Value) -> (u16, Value) {
        let mut terms = about(cut);
        terms["limits"] = limits.clone();
        self.post(&format!("/v1/hooks/{}/prepare", self.hook), &terms.to_string())
    }

    /// `recover` or `verify`, with the facts of a receipt.
    pub(crate) fn after_restore(&mut self, step: &str, cut: &str, facts: &Value) -> (u16, Value) {
        let mut restored = about(cut);
        restored["facts"] = facts.clone();
        self.post(&format!("/v1/hooks/{}/{step}", self.hook), &restored.to_string())
    }

    pub(crate) fn post(&mut self, path: &str, body: &str) -> (u16, Value) {
        self.send("POST", path, body);
        self.receive()
    }

    fn send(&mut self, method: &str, path: &str, body: &str) {
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n");
        write!(request, "content-length: {}\r\n\r\n{body}", body.len()).expect("a string takes all");
        self.stream.get_mut().write_all(request.as_bytes()).expect("the runtime reads");
    }

    pub(crate) fn receive(&mut self) -> (u16, Value) {
        let (status, body) = self.receive_text();
        (status, serde_json::from_str(&body).expect("JSON"))
    }

    pub(crate) fn get_text(&mut self, path: &str) -> (u16, String) {
        self.send("GET", path, "");
        self.receive_text()
    }

    fn receive_text(&mut self) -> (u16, String) {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("the runtime answers");
        let status = line.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a status");
        let mut length = 0;
        while line.trim_end() != "" {
            line.clear();
            self.stream.read_line(&mut line).expect("the runtime answers");
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().expect("a length");
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).expect("the runtime answers");
        (status, String::from_utf8(body).expect("text"))
    }
}

/// What requests are about.
fn about(cut: &str) -> Value {
    json!({
        "restorePoint": "rp",
        "pod": { "namespace": "shop", "name": "db-0", "uid": "2d0c" },
        "cut": cut,
    })
}
