//! The derived key of a repository, kept so that only the first opening pays for the derivation.
//!
//! restic derives its key from the password by scrypt: 0.4 s and 128 MiB, which is the point for a password that
//! a person thought up and pointless for the 256 random bits of a generated key file beside which this lies.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use rustic_core::repofile::MasterKey;
use sha2::{Digest, Sha256};

use crate::model::repository::Access;

use super::backend::hexadecimal;

/// The place of one repository's derived key.
#[derive(Debug)]
pub(super) struct KeyCache {
    path: PathBuf,
}

impl KeyCache {
    /// For `access`, if it allows keeping a key.
    pub(super) fn of(access: &Access) -> Option<Self> {
        let folder = access.key_cache.as_ref()?;
        // Another password or place is another entry; neither can be read back from its name.
        let mut hash = Sha256::new();
        hash.update(access.location.to_string().as_bytes());
        hash.update([0]);
        hash.update(access.secret.reveal().as_bytes());
        Some(Self { path: folder.join(hexadecimal(&hash.finalize())) })
    }

    /// The key, if it is there and has the shape of one.
    pub(super) fn load(&self) -> Option<MasterKey> {
        let key: MasterKey = serde_json::from_slice(&fs::read(&self.path).ok()?).ok()?;
        // rustic panics on any other length.
        let well_formed = key.encrypt.len() == 32 && key.mac.k.len() == 16 && key.mac.r.len() == 16;
        well_formed.then_some(key)
    }

    /// Keeps the key. Failing costs time at the next opening and nothing else.
    pub(super) fn store(&self, key: &MasterKey) {
        if let Err(error) = self.try_store(key) {
            tracing::debug!(%error, path = %self.path.display(), "could not keep the derived key");
        }
    }

    fn try_store(&self, key: &MasterKey) -> std::io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.recursive(true).create(folder)?;
        // Readable by the user alone, and whole or not there.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(&serde_json::to_vec(key)?)?;
        file.persist(&self.path)?;
        Ok(())
    }
}
