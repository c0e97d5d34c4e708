//! Whether each pack is still what was written: its name is the SHA-256 of its content.
//!
//! rustic can read packs too (`CheckOptions::read_data`), but it gives the threads that walked the trees 100 ms to
//! end before it takes the index back from them, and panics when one is slower: on a busy machine a sound repository
//! would look damaged.

use std::{
    collections::BTreeSet,
    num::NonZero,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use rustic_core::{FileType, Id};
use sha2::{Digest, Sha256};

use crate::model::check::Finding;

use super::{
    super::{
        backend,
        error::ArchiveError,
        store::{Store, StoreError},
    },
    damage,
};

const ATTEMPT: &str = "check the repository";
/// Bytes read at a time; a pack has some tens of MiB.
const PIECE: u64 = 4 << 20;

/// One finding for each of `packs` whose content has changed. One that is gone by now is not among them.
pub(super) fn findings(packs: &[Id], store: &dyn Store) -> Result<Vec<Finding>, ArchiveError> {
    let next = AtomicUsize::new(0);
    let changed = Mutex::new(BTreeSet::new());
    let read_some = || {
        while let Some(pack) = packs.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Some(error) = change(store, pack)? {
                changed.lock().unwrap_or_else(PoisonError::into_inner).insert(error);
            }
        }
        Ok(())
    };
    let lanes = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        let lanes: Vec<_> = (0..lanes).map(|_| scope.spawn(read_some)).collect();
        lanes
            .into_iter()
            .try_for_each(|lane| lane.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })?;
    let changed = changed.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(changed.into_iter().map(damage).collect())
}

/// What is wrong with a pack, in a sentence.
fn change(store: &dyn Store, id: &Id) -> Result<Option<String>, ArchiveError> {
    let path = backend::name(FileType::Pack, id);
    match digest(store, &path) {
        Ok(found) if found == id.to_hex().as_str() => Ok(None),
        Ok(_) => Ok(Some(StoreError::Checksum { path }.to_string())),
        Err(StoreError::Missing { .. }) => Ok(None),
        Err(source) => Err(ArchiveError::Store { attempt: ATTEMPT, source }),
    }
}

fn digest(store: &dyn Store, path: &str) -> Result<String, StoreError> {
    let size = store.size(path)?.ok_or_else(|| StoreError::Missing { path: path.to_owned() })?;
    let mut digest = Sha256::new();
    let mut offset = 0;
    while offset < size {
        let length = PIECE.min(size - offset);
        digest.update(store.read_range(path, offset, usize::try_from(length).unwrap_or(usize::MAX))?);
        offset += length;
    }
    Ok(format!("{:x}", digest.finalize()))
}
