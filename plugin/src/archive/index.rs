//! The index: which pack holds what. It may promise more than the store holds, and must not be believed then.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, OnceLock},
};

use rustic_core::{
    FileType, Id, IndexedFullStatus, OpenStatus, Repository as RusticRepository,
    repofile::{IndexFile, IndexId, IndexPack, MasterKey},
};

use super::{
    Inner,
    backend::{self, Backend, parse_id},
    error::ArchiveError,
    store::Store,
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
            Err(error) if error.is_damage() => error,
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

/// Which index files cannot be believed.
#[derive(Default)]
pub(super) struct Survey {
    /// Those that cannot be read, with the reason.
    pub(super) unreadable: Vec<(IndexId, ArchiveError)>,
    /// Those that list packs which are lost.
    hollow: Vec<IndexId>,
    /// Packs that are not there.
    pub(super) missing: BTreeSet<Id>,
    /// Packs that are not as long as they were.
    pub(super) resized: BTreeSet<Id>,
    /// Packs whose parts overlap, leave gaps or are of two kinds, as an index has it.
    pub(super) muddled: BTreeSet<Id>,
    /// Packs that are there as an index has them, each once.
    pub(super) sound: Vec<Id>,
    /// Packs that no index lists.
    pub(super) spare: BTreeSet<Id>,
}

impl Survey {
    /// Compares the index with the packs in the store.
    pub(super) fn of(
        repository: &RusticRepository<OpenStatus>,
        store: &dyn Store,
    ) -> Result<Self, ArchiveError> {
        let (mut listed, mut muddled) = (Vec::new(), BTreeSet::new());
        let unreadable = each_index(repository, &mut |id, index| {
            muddled.extend(index.packs.iter().filter(|pack| is_muddled(pack)).map(|pack| *pack.id));
            let packs = index.packs.iter().map(|pack| (*pack.id, u64::from(pack.pack_size())));
            listed.push((*id, packs.collect::<Vec<_>>()));
        })?;
        // After the index: a pack that another run writes now is there before its index is.
        let packs = store
            .list(FileType::Pack.dirname())
            .map_err(|source| ArchiveError::Store { attempt: "list the packs", source })?;
        let mut sizes: HashMap<Id, (u64, Use)> = packs
            .into_iter()
            .filter_map(|(name, size)| Some((parse_id(&name)?, (size, Use::Spare))))
            .collect();
        let mut survey = Self { unreadable, muddled, ..Self::default() };
        for (id, packs) in listed {
            let mut is_hollow = false;
            for (pack, size) in packs {
                let lost = match sizes.get_mut(&pack) {
                    Some((found, used)) => {
                        let is_sound = *found == size;
                        *used = if is_sound { Use::Sound } else { Use::Listed };
                        if is_sound {
                            continue;
                        }
                        &mut survey.resized
                    }
                    None => &mut survey.missing,
                };
                lost.insert(pack);
                is_hollow = true;
            }
            if is_hollow {
                survey.hollow.push(id);
            }
        }
        for (id, (_, used)) in sizes {
            match used {
                Use::Sound => survey.sound.push(id),
                Use::Spare => drop(survey.spare.insert(id)),
                Use::Listed => {}
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

/// What the index files make of a pack in the store.
#[derive(Clone, Copy)]
enum Use {
    Sound,
    Listed,
    Spare,
}

fn is_muddled(pack: &IndexPack) -> bool {
    let mut blobs: Vec<_> = pack.blobs.iter().collect();
    blobs.sort_unstable_by_key(|blob| blob.location.offset);
    let kind = blobs.first().map(|blob| blob.tpe);
    let mut end = Some(0_u32);
    blobs.iter().any(|blob| {
        let in_place = end == Some(blob.location.offset) && kind == Some(blob.tpe);
        end = blob.location.offset.checked_add(blob.location.length);
        !in_place
    })
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
