//! The folders of the user: XDG's on Linux and macOS, where tools of this kind are looked for, and the known
//! folders on Windows.

use std::path::{Path, PathBuf};

use etcetera::{BaseStrategy, choose_base_strategy};

const OWN: &str = "kubectl-backup";

/// The folders of the user.
#[derive(Clone, Debug)]
pub(super) struct Folders {
    home: PathBuf,
    config: PathBuf,
    data: PathBuf,
}

impl Folders {
    /// None if the user has no home, as in many containers.
    pub(super) fn of_user() -> Option<Self> {
        let base = choose_base_strategy().ok()?;
        Some(Self {
            home: base.home_dir().to_owned(),
            config: base.config_dir().join(OWN),
            data: base.data_dir().join(OWN),
        })
    }

    #[cfg(test)]
    pub(super) fn below(home: &Path) -> Self {
        Self { home: home.into(), config: home.join("config"), data: home.join("data") }
    }

    /// The home folder.
    pub(super) fn home(&self) -> &Path {
        &self.home
    }

    /// The configuration file.
    pub(super) fn config_file(&self) -> PathBuf {
        self.config.join("config.yaml")
    }

    /// The generated key file.
    pub(super) fn key_file(&self) -> PathBuf {
        self.config.join("repository.key")
    }

    /// The default repository.
    pub(super) fn repository(&self) -> PathBuf {
        self.data.join("repository")
    }
}
