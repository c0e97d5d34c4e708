//! A MySQL server for tests. No release of Debian has one, so that of its unstable branch is unpacked into the cache and run
//! from there, with the libraries and the loader that belong to it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::folders::{self, Lock};

const FETCH: &str = include_str!("mysql.sh");

/// Where its programs lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MySql(PathBuf);

impl MySql {
    /// The one in the cache, which is fetched first when missing.
    ///
    /// # Errors
    /// This machine is not one of Debian's, or its archive cannot be reached.
    pub fn find_or_fetch() -> Result<Self> {
        let cache = folders::cache()?.join("mysql");
        let folder = cache.join(&format!("{:x}", Sha256::digest(FETCH))[..16]);
        let _lock = Lock::at(&cache.join("fetch.lock"))?;
        if !folder.is_dir() {
            let part = tempfile::tempdir_in(&cache).context("could not make a folder in the cache")?;
            fetch(part.path())?;
            fs::rename(part.keep(), &folder).context("could not keep what was fetched")?;
        }
        Ok(Self(folder.join("root")))
    }

    /// The folder to mount into a pod.
    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// The server: its arguments up to those that say where its data lies.
    pub fn server(&self) -> Vec<String> {
        Self::server_in(&self.0)
    }

    /// The same where the folder is mounted at another place.
    pub fn server_in(folder: &Path) -> Vec<String> {
        let shown = |path: &str| folder.join(path).display().to_string();
        let (machine, loader) = match std::env::consts::ARCH {
            "x86_64" => ("x86_64", "ld-linux-x86-64.so.2"),
            other => (other, "ld-linux-aarch64.so.1"),
        };
        let libraries = shown(&format!("usr/lib/{machine}-linux-gnu"));
        vec![
            format!("{libraries}/{loader}"),
            "--library-path".to_owned(),
            format!("{libraries}:{}", shown("usr/lib/mysql/private")),
            shown("usr/sbin/mysqld"),
            "--no-defaults".to_owned(),
            format!("--lc-messages-dir={}", shown("usr/share/mysql")),
            format!("--character-sets-dir={}", shown("usr/share/mysql/charsets")),
            format!("--plugin-dir={}", shown("usr/lib/mysql/plugin")),
            // What it would also open: a folder of its own in /var, and a second port.
            "--secure-file-priv=NULL".to_owned(),
            "--mysqlx=OFF".to_owned(),
        ]
    }
}

fn fetch(folder: &Path) -> Result<()> {
    let output = Command::new("sh")
        .args(["-c", FETCH])
        .current_dir(folder)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .output()
        .context("could not run sh")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!(
            "could not fetch MySQL from Debian's unstable branch, as the tests of its hook need it: {said}"
        );
    }
    Ok(())
}
