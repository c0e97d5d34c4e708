//! The index: which pack holds what. It may promise more than the store holds, and must not be believed then.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, OnceLock},
};

use rustic_core::{
    FileType, Id, IndexedFullStatus, OpenStatus, Repository as RusticRepository,
    repofile::{IndexFile, IndexId, MasterKey},
};

use super::{
    Inner,
    backend::{self, Backend, parse_id},
    error::ArchiveError,
    store::{Store, StoreError},
};

/// The index for reading.
///
/// Where two packs hold the same, rustic looks in either. So when one is lost there is a second try, without the
/// index files that list lost packs. Only the second, since such a file may list packs that are there too.
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
            Err(error) if error.is_damage() || is_too_short(&error) => error,
            other => return other,
        };
        // The first error tells more: it names what is lost.
        self.sound().and_then(|sound| attempt(sound).ok()).ok_or(error)
    }

    /// Without the index files that list lost packs; None if there are none such.
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
        let survey = Survey::of(&repository, &*self.store)?;
        if survey.hollow.is_empty() {
            return Ok(None);
        }
        survey.leave_out(&backend);
        repository.to_indexed().map(Some).map_err(|error| index_error(&error))
    }
}

/// A pack that ends before what is read of it.
fn is_too_short(error: &ArchiveError) -> bool {
    matches!(error, ArchiveError::Store { source: StoreError::Other { source, .. }, .. }
        if source.kind() == std::io::ErrorKind::UnexpectedEof)
}

/// Which index files cannot be believed.
pub(super) struct Survey {
    /// Those that cannot be read, with the reason.
    pub(super) unreadable: Vec<(IndexId, ArchiveError)>,
    /// Those that list packs which are lost.
    hollow: Vec<IndexId>,
    /// Packs that are not there.
    missing: BTreeSet<Id>,
    /// Packs that are not as long as they were.
    resized: BTreeSet<Id>,
}

impl Survey {
    /// Compares the index with the packs in the store.
    pub(super) fn of(
        repository: &RusticRepository<OpenStatus>,
        store: &dyn Store,
    ) -> Result<Self, ArchiveError> {
        let mut listed = Vec::new();
        let unreadable = each_index(repository, &mut |id, index| {
            let packs = index.packs.iter().map(|pack| (*pack.id, u64::from(pack.pack_size())));
            listed.push((*id, packs.collect::<Vec<_>>()));
        })?;
        // After the index: a pack that another run writes now is there before its index is.
        let packs = store
            .list(FileType::Pack.dirname())
            .map_err(|source| ArchiveError::Store { attempt: "list the packs", source })?;
        let sizes: HashMap<Id, u64> =
            packs.into_iter().filter_map(|(name, size)| Some((parse_id(&name)?, size))).collect();
        let mut survey =
            Self { unreadable, hollow: Vec::new(), missing: BTreeSet::new(), resized: BTreeSet::new() };
        for (id, packs) in listed {
            let mut is_hollow = false;
            for (pack, size) in packs {
                let lost = match sizes.get(&pack) {
                    Some(found) if *found == size => continue,
                    Some(_) => &mut survey.resized,
                    None => &mut survey.missing,
                };
                lost.insert(pack);
                is_hollow = true;
            }
            if is_hollow {
                survey.hollow.push(id);
            }
        }
        Ok(survey)
    }

    /// Hides the files from what is read through `backend` from now on.
    pub(super) fn leave_out(&self, backend: &Backend) {
        for id in self.unreadable.iter().map(|(id, _)| id).chain(&self.hollow) {
            backend.ignore(FileType::Index, id);
        }
    }

    /// What is lost, in a line for the user of a run that saves.
    pub(super) fn loss(&self) -> Option<String> {
        let first = self.missing.first().or(self.resized.first())?;
        let lost = match (self.missing.len(), self.resized.len()) {
            (missing, 0) => format!("packs missing: {missing}"),
            (0, resized) => format!("packs cut short or grown: {resized}"),
            (missing, resized) => format!("packs missing: {missing}, cut short or grown: {resized}"),
        };
        Some(format!(
            "the repository is damaged: {lost} (`{}`{}); this backup does not rely on them, but older restore points \
             may be damaged: kubectl backup check",
            backend::name(FileType::Pack, first),
            if self.missing.len() + self.resized.len() > 1 { ", …" } else { "" },
        ))
    }
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
