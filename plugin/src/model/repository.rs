//! Which repository, and what opens it; resolved by `config`, used by `archive`.

use std::{fmt, path::PathBuf};

/// Where a repository lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A folder of a mounted file system.
    Folder(PathBuf),
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => write!(formatter, "{}", path.display()),
        }
    }
}

/// A repository's password. Never shown, not even by `{:?}`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a password.
    pub fn new(password: impl Into<String>) -> Self {
        Self(password.into())
    }

    /// The password itself; for the key derivation and nothing else.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// All that is needed to open a repository.
#[derive(Clone, Debug)]
pub struct Access {
    /// Where it lies.
    pub location: Location,
    /// Its password.
    pub secret: Secret,
    /// Folder for derived keys, so that the next opening needs no key derivation (0.4 s and 128 MiB).
    ///
    /// Set only for the generated key file, which lies on the same disk with the same protection: a
    /// password that the user keeps elsewhere must not leave a key behind.
    pub key_cache: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown_by_debug() {
        let access = Access {
            location: Location::Folder("/backups".into()),
            secret: Secret::new("hunter2"),
            key_cache: None,
        };
        assert!(!format!("{access:?}").contains("hunter2"));
    }
}
