//! The configuration file.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{ConfigError, folders::Folders};

/// More is no configuration file of ours, in bytes.
const LARGEST: u64 = 1 << 20;

/// Everything that can be configured; flags and environment variables win.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct ConfigFile {
    /// The repository's folder.
    pub(super) repository: Option<String>,
    /// File whose first line is the password.
    pub(super) password_file: Option<String>,
    /// Command that prints the password.
    pub(super) password_command: Option<String>,
    #[serde(skip)]
    path: PathBuf,
}

impl ConfigFile {
    /// Reads it; None if it is not there.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, ConfigError> {
        let failed = |source| ConfigError::ConfigFile { path: path.into(), source };
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let mut text = String::new();
        file.take(LARGEST).read_to_string(&mut text).map_err(failed)?;
        let only_comments =
            text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'));
        if only_comments {
            return Ok(Some(Self::default()));
        }
        let file: Self = serde_saphyr::from_str(&text).map_err(|source| ConfigError::InvalidConfigFile {
            path: path.into(),
            source: Box::new(source),
        })?;
        Ok(Some(Self { path: path.into(), ..file }))
    }

    /// A path in it: `~/` means the home folder, and a relative path starts at the file's own folder, since the
    /// folder in which the program happens to be run means nothing to a file.
    pub(super) fn path_of(&self, path: &Path, folders: Option<&Folders>) -> PathBuf {
        match (path.strip_prefix("~"), folders) {
            (Ok(below), Some(folders)) => folders.home().join(below),
            _ => self.path.parent().unwrap_or(Path::new("")).join(path),
        }
    }
}
