//! The index: which pack holds what. It may promise more than the store holds, and must not be believed then.

mod survey;

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, OnceLock},
};

use rustic_core::{
    BlobId, Id, IndexedFullStatus, OpenStatus, Repository as RusticRepository,
    repofile::{IndexFile, IndexId, MasterKey},
};

use super::{Inner, backend::Backend, error::ArchiveError, store::Store};
pub(super) use survey::Survey;

/// The index for reading.
///
/// Where two packs hold the same, rustic looks in either. So when one is lost or changed there is a second try, without
/// the index files that list such packs. Only the second, since such a file may list sound packs too.
pub(super) struct Index {
    all: RusticRepository<IndexedFullStatus>,
    store: Arc<dyn Store>,
    key: MasterKey,
    sound: OnceLock<Option<RusticRepository<IndexedFullStatus>>>,
}

impl Index {
    /// Around what rustic read.
    pub(super) fn new(
        all: RusticRepository<IndexedFullStatus>,
        store: Arc<dyn Store>,
        key: MasterKey,
    ) -> Self {
        Self { all, store, key, sound: OnceLock::new() }
    }

    /// Makes an attempt, and after damage another in what is stored twice.
    pub(super) fn read<T>(
        &self,
        attempt: impl Fn(&RusticRepository<IndexedFullStatus>) -> Result<T, ArchiveError>,
    ) -> Result<T, ArchiveError> {
        let error = match attempt(&self.all) {
            Err(error) if error.is_damage() => error,
            other => return other,
        };
        // The first error tells more: it names what is lost.
        self.sound().and_then(|sound| attempt(sound).ok()).ok_or(error)
    }

    /// Without the index files that list lost or changed packs; None if there are none such.
    fn sound(&self) -> Option<&RusticRepository<IndexedFullStatus>> {
        let load = || {
            self.load_sound().unwrap_or_else(|error| {
                tracing::debug!(%error, "could not look for a second copy");
                None
            })
        };
        self.sound.get_or_init(load).as_ref()
    }

    fn load_sound(&self) -> Result<Option<RusticRepository<IndexedFullStatus>>, ArchiveError> {
        let backend = Backend::new(Arc::clone(&self.store), false);
        let repository = Inner::connect_with(&self.key, &backend)?;
        let mut survey = Survey::of(&repository, &*self.store, HashSet::new())?;
        // Only these: without a second copy of what it holds, there is no use in finding that a pack has changed.
        survey.look_into(packs_with_copies(&repository)?, &*self.store)?;
        if survey.is_sound() {
            return Ok(None);
        }
        survey.leave_out(&backend);
        repository.to_indexed().map(Some).map_err(|error| index_error(&error))
    }
}

/// Packs of which another pack holds a part as well.
fn packs_with_copies(repository: &RusticRepository<OpenStatus>) -> Result<HashSet<Id>, ArchiveError> {
    let mut holders: HashMap<BlobId, HashSet<Id>> = HashMap::new();
    each_index(repository, &mut |_, index| {
        for pack in &index.packs {
            for blob in &pack.blobs {
                holders.entry(blob.id).or_default().insert(*pack.id);
            }
        }
    })?;
    Ok(holders.into_values().filter(|packs| packs.len() > 1).flatten().collect())
}

/// Index files that cannot be read, with the reason.
pub(super) fn damaged_indexes(
    repository: &RusticRepository<OpenStatus>,
) -> Result<Vec<(IndexId, ArchiveError)>, ArchiveError> {
    each_index(repository, &mut |_, _| {})
}

/// Reads every index file; returns those that cannot be read.
fn each_index(
    repository: &RusticRepository<OpenStatus>,
    visit: &mut dyn FnMut(&IndexId, IndexFile),
) -> Result<Vec<(IndexId, ArchiveError)>, ArchiveError> {
    let ids: Vec<IndexId> = repository.list().map_err(|error| index_error(&error))?.collect();
    let mut damaged = Vec::new();
    for id in ids {
        match repository.get_file::<IndexFile>(&id) {
            Ok(index) => visit(&id, index),
            Err(error) => match index_error(&error) {
                damage if damage.is_damage() => damaged.push((id, damage)),
                other => return Err(other),
            },
        }
    }
    Ok(damaged)
}

pub(super) fn index_error(error: &rustic_core::RusticError) -> ArchiveError {
    ArchiveError::damaged("its index cannot be read", "read the index", error)
}
