//! An OCI registry for tests: Debian's `docker-registry` over a folder, on a port of its own on the loopback.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

/// Far beyond what a start takes.
const PATIENCE: Duration = Duration::from_mins(1);
/// Who may push and pull where a password is asked for.
pub const USER: &str = "somebody";
/// Their password.
pub const PASSWORD: &str = "a password";
/// The same as the registry wants it: by bcrypt.
const HASHED: &str = "$2b$04$abcdefghijklmnopqrstuuQCzP7jzWZS/E3GL4oF3LWbHm3pfKHH.";

/// A registry. It ends with this value.
#[derive(Debug)]
pub struct Registry {
    child: Child,
    folder: TempDir,
    address: SocketAddr,
}

impl Registry {
    /// For everybody.
    pub fn start() -> Result<Self> {
        Self::start_with(Ipv4Addr::LOCALHOST, "")
    }

    /// For everybody, and on every address of this machine: pods come by that of their node.
    pub fn start_for_pods() -> Result<Self> {
        Self::start_with(Ipv4Addr::UNSPECIFIED, "")
    }

    /// For [`USER`] with [`PASSWORD`] alone.
    pub fn start_with_password() -> Result<Self> {
        Self::start_with(Ipv4Addr::LOCALHOST, "auth: { htpasswd: { realm: tests, path: FOLDER/users } }\n")
    }

    fn start_with(listen: Ipv4Addr, authentication: &str) -> Result<Self> {
        let folder = tempfile::tempdir().context("could not make a folder for the registry")?;
        let address = TcpListener::bind((listen, 0))?.local_addr()?;
        let place = folder.path().display().to_string();
        let configuration = format!(
            "version: 0.1\nlog: {{ level: warn }}\nstorage: {{ filesystem: {{ rootdirectory: FOLDER/data }} }}\n\
             http: {{ addr: '{address}' }}\n{authentication}"
        );
        fs::write(folder.path().join("users"), format!("{USER}:{HASHED}\n"))?;
        let file = folder.path().join("registry.yaml");
        fs::write(&file, configuration.replace("FOLDER", &place))?;
        let log = File::create(folder.path().join("log"))?;
        let child = Command::new("docker-registry")
            .arg("serve")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("could not start `docker-registry`: install the package `docker-registry`")?;
        let mut registry = Self { child, folder, address };
        registry.wait()?;
        Ok(registry)
    }

    /// Host and port, as references begin with.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The folder that what is pushed lies in.
    pub fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    /// Where files of its user can be kept.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn wait(&mut self) -> Result<()> {
        let started = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            let ended = self.child.try_wait()?;
            if ended.is_some() || started.elapsed() > PATIENCE {
                let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
                bail!("the registry does not listen on {}:\n{log}", self.address);
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
