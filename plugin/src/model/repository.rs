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
pub struct Secret {
    text: String,
    is_random: bool,
}

impl Secret {
    /// A password that a person may have thought up.
    pub fn new(password: impl Into<String>) -> Self {
        Self { text: password.into(), is_random: false }
    }

    /// 256 random bits in hexadecimal, which nobody can guess; any other text is taken for a password.
    pub fn generated(key: impl Into<String>) -> Self {
        let text = key.into();
        let is_random =
            text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        Self { text, is_random }
    }

    /// Whether it needs no protection against guessing.
    pub fn is_random(&self) -> bool {
        self.is_random
    }

    /// The password itself; for the key derivation and nothing else.
    pub fn reveal(&self) -> &str {
        &self.text
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown_by_debug() {
        let access = Access { location: Location::Folder("/backups".into()), secret: Secret::new("hunter2") };
        assert!(!format!("{access:?}").contains("hunter2"));
    }
}
