//! A proxy before the API server that kills a program at its Nth write: before the server hears of it, or after it
//! did it and before the program learns so.
//!
//! Behind it `kubectl proxy` speaks TLS with the credentials of the cluster, so that here plain HTTP/1.1 suffices.
//! Dry runs are no writes.

use std::{
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use anyhow::{Context, ensure};

/// When the program dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The server never hears of the write.
    Before,
    /// The server has done it, and its answer is lost.
    After,
}

/// What all connections share.
#[derive(Debug)]
struct Shared {
    upstream: u16,
    writes: AtomicUsize,
    /// The write at which to kill, counted from 1, and when.
    deadly: Option<(usize, Moment)>,
    victim: Mutex<Option<Child>>,
    /// The victim is dead: nothing is passed on any more.
    over: AtomicBool,
}

/// The proxy; it ends with this value.
#[derive(Debug)]
pub struct WriteProxy {
    shared: Arc<Shared>,
    port: u16,
    kubectl: Child,
}

impl WriteProxy {
    /// Before the cluster of `kubeconfig`, reached by the kubectl at `kubectl`. Kills at the write that `deadly` names.
    pub fn start(kubectl: &Path, kubeconfig: &Path, deadly: Option<(usize, Moment)>) -> anyhow::Result<Self> {
        let mut kubectl = Command::new(kubectl)
            .args(["proxy", "--port=0", "--disable-filter=true"])
            .env("KUBECONFIG", kubeconfig)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("could not start kubectl proxy")?;
        let stdout = kubectl.stdout.take().context("kubectl proxy has no output")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let port = line.trim().rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        let upstream = port.with_context(|| format!("kubectl proxy said `{line}`"))?;
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared {
            upstream,
            writes: AtomicUsize::new(0),
            deadly,
            victim: Mutex::new(None),
            over: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&serving);
                // A connection that breaks is what this is for.
                thread::spawn(move || drop(shared.serve(connection)));
            }
        });
        Ok(Self { shared, port, kubectl })
    }

    /// Writes a kubeconfig that leads to the proxy, with a context of the namespace given.
    pub fn kubeconfig(&self, folder: &Path, namespace: &str) -> anyhow::Result<PathBuf> {
        let path = folder.join(format!("proxy-{}.kubeconfig", self.port));
        let text = format!(
            "{{apiVersion: v1, kind: Config, current-context: proxy,\n\
             contexts: [{{name: proxy, context: {{cluster: proxy, user: proxy, namespace: {namespace}}}}}],\n\
             clusters: [{{name: proxy, cluster: {{server: 'http://127.0.0.1:{}'}}}}],\n\
             users: [{{name: proxy, user: {{}}}}]}}\n",
            self.port
        );
        fs::write(&path, text)?;
        Ok(path)
    }

    /// Starts the program, and waits until it was killed or has ended; whether it was killed.
    pub fn run(&self, program: &mut Command) -> anyhow::Result<bool> {
        let child = program.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
        *self.shared.victim() = Some(child);
        loop {
            let ended = self.shared.victim().as_mut().map(Child::try_wait).transpose()?.flatten();
            if let Some(status) = ended {
                ensure!(
                    self.shared.over.load(Ordering::SeqCst) == status.code().is_none(),
                    "the program ended with {status}"
                );
                return Ok(status.code().is_none());
            }
            thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    /// How many writes came by.
    pub fn writes(&self) -> usize {
        self.shared.writes.load(Ordering::SeqCst)
    }
}

impl Drop for WriteProxy {
    fn drop(&mut self) {
        // Ours alone; nothing to do about one that is gone already.
        drop(self.kubectl.kill());
        drop(self.kubectl.wait());
    }
}

impl Shared {
    fn victim(&self) -> std::sync::MutexGuard<'_, Option<Child>> {
        self.victim.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kill(&self) {
        self.over.store(true, Ordering::SeqCst);
        if let Some(victim) = self.victim().as_mut() {
            // SIGKILL: the process cannot notice, let alone clean up.
            drop(victim.kill());
        }
    }

    /// One connection: requests one after the other, answers pumped back by a thread of their own.
    fn serve(self: &Arc<Self>, mut client: TcpStream) -> io::Result<()> {
        client.set_nodelay(true)?;
        let mut server = TcpStream::connect(("127.0.0.1", self.upstream))?;
        server.set_nodelay(true)?;
        let kill_at_answer = Arc::new(AtomicBool::new(false));
        let (answers, back) = (server.try_clone()?, client.try_clone()?);
        let (shared, at_answer) = (Arc::clone(self), Arc::clone(&kill_at_answer));
        thread::spawn(move || drop(shared.pump(answers, back, &at_answer)));
        while let Some(head) = read_head(&mut client)? {
            if is_write(&head) {
                let number = self.writes.fetch_add(1, Ordering::SeqCst) + 1;
                match self.deadly {
                    Some((deadly, Moment::Before)) if deadly == number => self.kill(),
                    Some((deadly, Moment::After)) if deadly == number => {
                        kill_at_answer.store(true, Ordering::SeqCst);
                    }
                    _ => {}
                }
            }
            if self.over.load(Ordering::SeqCst) {
                break;
            }
            server.write_all(head.as_bytes())?;
            io::copy(&mut (&mut client).take(content_length(&head)), &mut server)?;
        }
        server.shutdown(Shutdown::Both)
    }

    fn pump(&self, mut answers: TcpStream, mut back: TcpStream, at_answer: &AtomicBool) -> io::Result<()> {
        let mut piece = vec![0; 64 << 10];
        loop {
            let length = answers.read(&mut piece)?;
            if length > 0 && at_answer.load(Ordering::SeqCst) {
                self.kill();
            }
            if length == 0 || self.over.load(Ordering::SeqCst) {
                return back.shutdown(Shutdown::Both);
            }
            back.write_all(&piece[..length])?;
        }
    }
}

/// The head of a request with the empty line behind it; none at the end of the connection.
fn read_head(client: &mut TcpStream) -> io::Result<Option<String>> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if client.read(&mut byte)? == 0 {
            return Ok(None);
        }
        head.push(byte[0]);
    }
    String::from_utf8(head).map(Some).map_err(io::Error::other)
}

fn is_write(head: &str) -> bool {
    let line = head.lines().next().unwrap_or_default();
    // The dry run of a deletion is in its body; the plugin does none in a real run.
    !line.starts_with("GET ") && !line.contains("dryRun=All")
}

fn content_length(head: &str) -> u64 {
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    };
    head.lines().find_map(header).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_are_told_from_looks() {
        assert!(!is_write("GET /api/v1/pods HTTP/1.1\r\n\r\n"));
        assert!(!is_write("PATCH /api/v1/x?fieldManager=a&dryRun=All HTTP/1.1\r\n\r\n"));
        assert!(is_write("DELETE /api/v1/x HTTP/1.1\r\n\r\n"));
        assert_eq!(content_length("POST / HTTP/1.1\r\nContent-Length: 12\r\n\r\n"), 12);
    }
}
