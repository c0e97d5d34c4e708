//! Where things lie: binaries in the user's cache, clusters in the user's state folder, a lock for each.

use std::{
    env,
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// `$XDG_CACHE_HOME/kubectl-backup`: can be deleted at any time and is built again.
pub fn cache() -> Result<PathBuf> {
    base("XDG_CACHE_HOME", ".cache")
}

/// `$XDG_STATE_HOME/kubectl-backup/clusters`: one folder for each cluster.
pub fn clusters() -> Result<PathBuf> {
    Ok(base("XDG_STATE_HOME", ".local/state")?.join("clusters"))
}

fn base(variable: &str, below_home: &str) -> Result<PathBuf> {
    let named = env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = match named {
        Some(folder) => folder,
        None => env::home_dir().context("there is no home directory: set HOME")?.join(below_home),
    };
    Ok(folder.join("kubectl-backup"))
}

/// Held while a cluster is started or stopped, or while binaries are built; ends with the process at the latest.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Waits until nobody else starts or stops the cluster `name`.
    pub fn take(name: &str) -> Result<Self> {
        Self::at(&clusters()?.join(format!("{name}.lock")))
    }

    /// The lock of the cluster `name`, unless someone starts or stops it right now.
    pub fn try_take(name: &str) -> Result<Option<Self>> {
        let path = clusters()?.join(format!("{name}.lock"));
        let file = Self::open(&path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("could not lock `{}`", path.display()))
            }
        }
    }

    /// Waits for the lock file `path`, which is made when missing and never removed.
    pub fn at(path: &Path) -> Result<Self> {
        let file = Self::open(path)?;
        file.lock().with_context(|| format!("could not lock `{}`", path.display()))?;
        Ok(Self { _file: file })
    }

    fn open(path: &Path) -> Result<File> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).with_context(|| format!("could not make `{}`", parent.display()))?;
        }
        File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .with_context(|| format!("could not open the lock file `{}`", path.display()))
    }
}
