//! Where things lie: binaries in the user's cache, clusters in the user's state folder, a lock for each.

use std::{
    env,
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

/// `$XDG_CACHE_HOME/kubectl-backup`: can be deleted at any time and is built again.
pub fn cache() -> Result<PathBuf> {
    base("XDG_CACHE_HOME", ".cache")
}

/// `$XDG_STATE_HOME/kubectl-backup/clusters`: one folder for each cluster.
pub fn clusters() -> Result<PathBuf> {
    Ok(base("XDG_STATE_HOME", ".local/state")?.join("clusters"))
}

/// Removes a folder with all that is in it, unless something is mounted below it: that would be emptied too.
pub fn remove(folder: &Path) -> Result<()> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    // Mount points are known by their real names.
    let real = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    if let Some(mount) = mount_below(&mounts, &real) {
        bail!("`{}` is still mounted: unmount it and try again", mount.display());
    }
    fs::remove_dir_all(folder).with_context(|| format!("could not remove `{}`", folder.display()))
}

/// The first mount point in `folder`. Field 5 of `proc_pid_mountinfo(5)`, with blanks as `\040`.
fn mount_below(mounts: &str, folder: &Path) -> Option<PathBuf> {
    mounts
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(|point| PathBuf::from(point.replace("\\040", " ")))
        .find(|point| point.starts_with(folder))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_is_mounted_in_a_folder() {
        let mounts = "25 1 254:0 / / rw - ext4 /dev/vda rw\n\
                      90 25 254:0 /usr /state/test\\040one/pods/usr ro - ext4 /dev/vda rw\n";
        let found = |folder: &str| mount_below(mounts, Path::new(folder));
        assert_eq!(found("/state/test one"), Some("/state/test one/pods/usr".into()));
        assert_eq!(found("/state/test"), None);
    }
}
