//! The key entry of a repository whose password is a generated key.
//!
//! restic derives a key from the password by scrypt, at a cost that each key file names. rustic always takes 128 MiB
//! and 0.4 s, to slow down guessing of passwords that people think up. 256 random bits cannot be guessed at any
//! speed, so for them the cost is set to next to nothing, and `list` is as quick as it should be. The format allows
//! it, but rustic has no way to ask for it; the entry is therefore put together here, with the cipher that rustic
//! itself uses.

use aes256ctr_poly1305aes::{Aes256CtrPoly1305Aes, Key, Nonce, aead::Aead};
use bytes::Bytes;
use rustic_core::repofile::{KeyFile, MasterKey};
use sha2::{Digest, Sha256};

use crate::model::repository::Secret;

use super::{backend::hexadecimal, error::ArchiveError, store::Store};

const ATTEMPT: &str = "create the repository";

/// scrypt's N and r: 1 MiB, some milliseconds.
const ROUNDS: u32 = 1 << 10;
const BLOCK: u32 = 8;

/// Writes the entry that opens `master` with `secret`.
pub(super) fn add(store: &dyn Store, secret: &Secret, master: &MasterKey) -> Result<(), ArchiveError> {
    let mut entry = KeyFile {
        hostname: None,
        username: None,
        created: Some(jiff::Zoned::now()),
        kdf: "scrypt".to_owned(),
        n: ROUNDS,
        r: BLOCK,
        p: 1,
        data: Vec::new(),
        salt: random::<64>()?.to_vec(),
    };
    let derived = entry
        .kdf_key(&secret.reveal())
        .map_err(|error| ArchiveError::from_rustic(ATTEMPT, &error))?
        .to_keys();
    entry.data = encrypt(&derived, &serde_json::to_vec(master).map_err(|error| failed(&error))?)?;
    let content = serde_json::to_vec(&entry).map_err(|error| failed(&error))?;
    let name = format!("keys/{}", hexadecimal(&Sha256::digest(&content)));
    store
        .write(&name, &[Bytes::from(content)])
        .map_err(|source| ArchiveError::Store { attempt: ATTEMPT, source })
}

/// Nonce, ciphertext and tag, as restic's design document has them.
fn encrypt((encryption, k, r): &(Vec<u8>, Vec<u8>, Vec<u8>), text: &[u8]) -> Result<Vec<u8>, ArchiveError> {
    let key = [encryption.as_slice(), k, r].concat();
    let nonce = random::<16>()?;
    let sealed = Aes256CtrPoly1305Aes::new(Key::from_slice(&key))
        .encrypt(Nonce::from_slice(&nonce), text)
        .map_err(|error| failed(&error))?;
    Ok([nonce.as_slice(), &sealed].concat())
}

fn random<const LENGTH: usize>() -> Result<[u8; LENGTH], ArchiveError> {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes).map_err(|error| failed(&error))?;
    Ok(bytes)
}

fn failed(error: &dyn std::fmt::Display) -> ArchiveError {
    ArchiveError::unexpected(ATTEMPT, &error.to_string())
}
