//! Comparing the index with the packs: which of its files cannot be believed.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use rustic_core::{
    FileType, Id, OpenStatus, Repository as RusticRepository, TreeId,
    repofile::{IndexId, IndexPack},
};

use super::{
    super::{
        backend::{self, Backend, parse_id},
        error::ArchiveError,
        packs,
        store::Store,
    },
    each_index,
};

/// Which index files cannot be believed.
#[derive(Default)]
pub(in crate::archive) struct Survey {
    /// Those that cannot be read, with the reason.
    pub(in crate::archive) unreadable: Vec<(IndexId, ArchiveError)>,
    /// What each of the others lists.
    listed: Vec<(IndexId, Vec<Id>)>,
    /// Packs that are not there.
    pub(in crate::archive) missing: BTreeSet<Id>,
    /// Packs that are not as long as they were.
    pub(in crate::archive) resized: BTreeSet<Id>,
    /// Packs that are as long as they were and hold something else, among those that were looked into.
    pub(in crate::archive) changed: BTreeSet<Id>,
    /// Packs whose parts overlap, leave gaps or are of two kinds, as an index has it.
    pub(in crate::archive) muddled: BTreeSet<Id>,
    /// Packs that are there as an index has them, with their sizes in bytes.
    pub(in crate::archive) sound: BTreeMap<Id, u64>,
    /// Roots that no index file lists: nothing can be read of restore points that have them.
    pub(in crate::archive) unlisted: HashSet<TreeId>,
    /// Packs that no index lists.
    pub(in crate::archive) spare: BTreeSet<Id>,
}

/// Bytes of packs that a run which saves reads to see whether they are what they were: nothing where what backups share
/// is this small, and little against what a larger one takes. Every pack has its turn in some run.
const SAMPLE: u64 = 128 << 20;

impl Survey {
    /// Compares the index with the packs in the store, and with the roots of restore points.
    pub(in crate::archive) fn of(
        repository: &RusticRepository<OpenStatus>,
        store: &dyn Store,
        roots: HashSet<TreeId>,
    ) -> Result<Self, ArchiveError> {
        let (mut listed, mut muddled, mut unlisted) = (Vec::new(), BTreeSet::new(), roots);
        let unreadable = each_index(repository, &mut |id, index| {
            if !unlisted.is_empty() {
                for blob in index.packs.iter().flat_map(|pack| &pack.blobs) {
                    unlisted.remove(&TreeId::from(blob.id));
                }
            }
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
        let mut survey = Self { unreadable, muddled, unlisted, ..Self::default() };
        for (id, packs) in listed {
            for (pack, size) in &packs {
                match sizes.get_mut(pack) {
                    Some((found, used)) if found == size => *used = Use::Sound,
                    Some((_, used)) => {
                        *used = Use::Listed;
                        survey.resized.insert(*pack);
                    }
                    None => drop(survey.missing.insert(*pack)),
                }
            }
            survey.listed.push((id, packs.into_iter().map(|(pack, _)| pack).collect()));
        }
        for (id, (size, used)) in sizes {
            match used {
                Use::Sound => drop(survey.sound.insert(id, size)),
                Use::Spare => drop(survey.spare.insert(id)),
                Use::Listed => {}
            }
        }
        Ok(survey)
    }

    /// Reads those of `packs` that seem sound, and finds out which have changed.
    pub(in crate::archive) fn look_into(
        &mut self,
        packs: impl IntoIterator<Item = Id>,
        store: &dyn Store,
    ) -> Result<(), ArchiveError> {
        let packs: Vec<Id> = packs.into_iter().filter(|pack| self.sound.contains_key(pack)).collect();
        self.changed.extend(packs::changed(&packs, store)?);
        self.sound.retain(|pack, _| !self.changed.contains(pack));
        Ok(())
    }

    /// Reads at most [`SAMPLE`] bytes of packs that seem sound, and finds out which have changed.
    pub(in crate::archive) fn look_into_some(&mut self, store: &dyn Store) -> Result<(), ArchiveError> {
        // Names are hashes, so that neighbours have nothing else in common.
        let first = Id::random();
        let mut bytes = 0;
        let from_there_on =
            self.sound.range(first..).chain(self.sound.range(..first)).take_while(|(_, size)| {
                bytes += **size;
                bytes <= SAMPLE
            });
        let packs: Vec<Id> = from_there_on.map(|(pack, _)| *pack).collect();
        self.look_into(packs, store)
    }

    /// Whether every index file can be believed.
    pub(in crate::archive) fn is_sound(&self) -> bool {
        self.unreadable.is_empty() && self.hollow().next().is_none()
    }

    /// Whether there is any index file.
    pub(in crate::archive) fn has_files(&self) -> bool {
        !self.listed.is_empty() || !self.unreadable.is_empty()
    }

    /// Index files that list packs which are lost or changed.
    fn hollow(&self) -> impl Iterator<Item = &IndexId> {
        let is_lost =
            |pack| [&self.missing, &self.resized, &self.changed].iter().any(|lost| lost.contains(pack));
        self.listed.iter().filter(move |(_, packs)| packs.iter().any(is_lost)).map(|(id, _)| id)
    }

    /// Hides the files from what is read through `backend` from now on.
    pub(in crate::archive) fn leave_out(&self, backend: &Backend) {
        for id in self.unreadable.iter().map(|(id, _)| id).chain(self.hollow()) {
            backend.ignore(FileType::Index, id);
        }
    }

    /// What is lost, in a line for the user of a run that saves.
    pub(in crate::archive) fn loss(&self) -> Option<String> {
        let lost =
            [("missing", &self.missing), ("cut short or grown", &self.resized), ("changed", &self.changed)];
        let count: usize = lost.iter().map(|(_, packs)| packs.len()).sum();
        let first = lost.iter().find_map(|(_, packs)| packs.first())?;
        let told: Vec<String> = lost
            .iter()
            .filter(|(_, packs)| !packs.is_empty())
            .map(|(how, packs)| format!("{how}: {}", packs.len()))
            .collect();
        Some(format!(
            "the repository is damaged: packs {} (`{}`{}); this backup does not rely on them, but older restore points \
             may be damaged: kubectl backup check{}",
            told.join(", "),
            backend::name(FileType::Pack, first),
            if count > 1 { ", …" } else { "" },
            if self.changed.is_empty() { "" } else { " --read-data" },
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
