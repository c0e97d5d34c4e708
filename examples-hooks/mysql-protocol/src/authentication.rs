//! Ways to log in: what is sent instead of the password, so that whoever hears it learns nothing.

use hooks_sdk::SecretText;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

/// Bytes of the server's part of each hash.
pub(crate) const SCRAMBLE: usize = 20;

/// A way to log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// MariaDB's, and that of MySQL up to 8.4 for users who have it.
    Native,
    /// MySQL's since 8.0. A server that has not seen the password since it started asks for it, over TLS.
    CachingSha2,
}

impl Way {
    pub(crate) const ALL: [Self; 2] = [Self::Native, Self::CachingSha2];

    /// By its name in the protocol.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.name() == name)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Native => "mysql_native_password",
            Self::CachingSha2 => "caching_sha2_password",
        }
    }

    /// What proves the password; nothing where there is none.
    pub(crate) fn proof(self, password: &SecretText, scramble: &[u8]) -> Vec<u8> {
        let password = password.expose().as_bytes();
        match self {
            _ if password.is_empty() => Vec::new(),
            // SHA1(password) xor SHA1(scramble, SHA1(SHA1(password)))
            Self::Native => {
                let once = Sha1::digest(password);
                let twice = Sha1::digest(once);
                xor(&once, &Sha1::new().chain_update(scramble).chain_update(twice).finalize())
            }
            // SHA256(password) xor SHA256(SHA256(SHA256(password)), scramble)
            Self::CachingSha2 => {
                let once = Sha256::digest(password);
                let twice = Sha256::digest(once);
                xor(&once, &Sha256::new().chain_update(twice).chain_update(scramble).finalize())
            }
        }
    }
}

fn xor(one: &[u8], other: &[u8]) -> Vec<u8> {
    one.iter().zip(other).map(|(one, other)| one ^ other).collect()
}
