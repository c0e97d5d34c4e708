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

use super::{
    backend,
    error::ArchiveError,
    store::{Store, StoreError},
};

const ATTEMPT: &str = "read the packs";
/// Bytes read at a time; a pack has some tens of MiB.
const PIECE: u64 = 4 << 20;

/// Those of `packs` whose content has changed. One that is gone by now is not among them.
pub(super) fn changed(packs: &[Id], store: &dyn Store) -> Result<BTreeSet<Id>, ArchiveError> {
    let next = AtomicUsize::new(0);
    let changed = Mutex::new(BTreeSet::new());
    let read_some = || {
        while let Some(pack) = packs.get(next.fetch_add(1, Ordering::Relaxed)) {
            if has_changed(store, pack)? {
                changed.lock().unwrap_or_else(PoisonError::into_inner).insert(*pack);
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
    Ok(changed.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn has_changed(store: &dyn Store, id: &Id) -> Result<bool, ArchiveError> {
    match digest(store, &backend::name(FileType::Pack, id)) {
        Ok(found) => Ok(found != id.to_hex().as_str()),
        Err(StoreError::Missing { .. }) => Ok(false),
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
