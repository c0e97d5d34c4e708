//! Restore points in a restic-format repository. The only module that names rustic.
//!
//! Synchronous and blocking: call it from `tokio::task::spawn_blocking`. A panic inside rustic is caught here and
//! comes back as an error. What a restore point looks like inside is in `docs/design/0001-archive-layout.md`.

mod backend;
mod check;
mod error;
mod generated_key;
mod index;
mod journal;
mod layout;
mod open;
mod packs;
mod read;
mod save;
mod shard;
mod snapshots;
mod source;
mod store;
mod turn;

pub use error::ArchiveError;
pub use read::ReadFilter;
pub use source::Capture;
pub use store::StoreError;
pub use turn::{Turn, take_turn};

use std::{
    collections::{BTreeMap, HashSet},
    fmt,
    ops::ControlFlow,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
};

use jiff::Timestamp;
use rustic_core::{
    Credentials, FileType, IndexedIdsStatus, OpenStatus, Repository as RusticRepository, RepositoryBackends,
    RepositoryOptions, WriteBackend,
    repofile::{IndexId, MasterKey},
};
use tokio::sync::mpsc::Receiver;

use crate::model::{
    check::{CheckDepth, CheckReport, Finding},
    object::{ObjectKey, SavedObject},
    repository::{Access, Location},
    resource::GroupResource,
    restore_point::{Manifest, RestorePoint, RestorePointId},
    unreadable::Unreadable,
};

use backend::Backend;
use error::REPAIR_INDEX;
use index::{Index, damaged_indexes, index_error};
use store::Store;

/// Where to say what the user should know and what keeps nothing from going on.
pub type Warn = Arc<dyn Fn(&str) + Send + Sync>;

/// Whether the repository was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opened {
    /// It was.
    Existing,
    /// It was made just now.
    Created,
}

/// An open repository. Cheap to clone; clones share the index once it is read.
#[derive(Clone)]
pub struct Repository {
    inner: Arc<Inner>,
    /// At which other version than the first the objects of a kind are read.
    versions: read::OtherVersions,
}

/// Fails unless a repository is at `location`; asks for no password.
pub fn expect_repository(location: &Location) -> Result<(), ArchiveError> {
    open::expect_repository(location)
}

/// Tries whether a repository at `location` could be written to, and tells the bytes that are free where that is
/// known. Makes nothing: before there is a repository, the folder that would hold it is judged.
pub fn room(location: &Location) -> Result<Option<u64>, ArchiveError> {
    open::room(location)
}

/// Opens the repository that is there.
pub fn open(access: &Access, warn: Warn) -> Result<Repository, ArchiveError> {
    guarded("open the repository", || {
        let inner = open::open(access, warn)?;
        Ok(Repository::over(inner))
    })
}

/// Opens the repository that is there, or makes one in a new or empty place.
pub fn open_or_create(access: &Access, warn: Warn) -> Result<(Repository, Opened), ArchiveError> {
    guarded("open the repository", || {
        let (inner, opened) = open::open_or_create(access, warn)?;
        Ok((Repository::over(inner), opened))
    })
}

impl Repository {
    fn over(inner: Inner) -> Self {
        Self { inner: Arc::new(inner), versions: read::OtherVersions::default() }
    }

    /// The same repository, read so that objects of these kinds come at these other versions, which the restore point
    /// must hold: there is nothing of them else.
    #[must_use]
    pub fn reading_at(&self, versions: BTreeMap<GroupResource, String>) -> Self {
        Self { versions: Arc::new(versions), ..self.clone() }
    }

    fn reader(&self, id: &RestorePointId) -> Result<read::Reader, ArchiveError> {
        read::Reader::open(&self.inner, id, &self.versions)
    }

    /// Saves what comes through `captures`, begun at `created`. On any error nothing is saved.
    pub fn save(
        &self,
        created: Timestamp,
        captures: Receiver<Capture>,
    ) -> Result<RestorePoint, ArchiveError> {
        guarded("save the restore point", || save::save(&self.inner, created, captures))
    }

    /// All restore points, newest first. Reads only snapshot files; says which of them cannot be read.
    pub fn restore_points(&self) -> Result<Vec<RestorePoint>, ArchiveError> {
        guarded("list the restore points", || {
            let mut points = self.survey()?;
            points.retain(|point| point.summary.restore.is_none());
            Ok(points)
        })
    }

    /// The records of restores, undo points and results, newest first. Reads only snapshot files too.
    pub fn restore_records(&self) -> Result<Vec<RestorePoint>, ArchiveError> {
        guarded("list the restores", || {
            let mut records = self.survey()?;
            records.retain(|record| record.summary.restore.is_some());
            Ok(records)
        })
    }

    /// Whether nothing at all is stored.
    pub fn is_empty(&self) -> Result<bool, ArchiveError> {
        let packs = self.inner.store.list(FileType::Pack.dirname());
        Ok(packs.map_err(|source| ArchiveError::Store { attempt: "list the packs", source })?.is_empty())
    }

    fn survey(&self) -> Result<Vec<RestorePoint>, ArchiveError> {
        let survey = snapshots::survey(&self.inner)?;
        for (id, error) in &survey.unreadable {
            (self.inner.warn)(&format!("restore point {id} is left out: {error}"));
        }
        Ok(survey.found.into_iter().map(|found| found.point).collect())
    }

    /// The manifest of a restore point.
    pub fn manifest(&self, id: &RestorePointId) -> Result<Manifest, ArchiveError> {
        guarded("read the manifest", || self.reader(id)?.manifest())
    }

    /// Calls `visit` with every line of the journal in the record of a restore; a record without one has no lines.
    pub fn each_journal_line(
        &self,
        id: &RestorePointId,
        visit: &mut dyn FnMut(&[u8]) -> Result<(), serde_json::Error>,
    ) -> Result<(), ArchiveError> {
        guarded("read the journal", || self.reader(id)?.journal(visit))
    }

    /// One object, or None if the restore point does not hold it.
    pub fn object(&self, id: &RestorePointId, key: &ObjectKey) -> Result<Option<SavedObject>, ArchiveError> {
        guarded("read the object", || self.reader(id)?.object(key))
    }

    /// Calls `visit` with every object that `filter` admits, in archive order, until it breaks.
    ///
    /// Where objects cannot be read it is told so, in their place of the order, and goes on behind them.
    pub fn each_object(
        &self,
        id: &RestorePointId,
        filter: &ReadFilter,
        visit: &mut dyn FnMut(Result<SavedObject, Unreadable>) -> ControlFlow<()>,
    ) -> Result<(), ArchiveError> {
        guarded("read the restore point", || self.reader(id)?.each_object(filter, visit))
    }

    /// Deletes restore points. The space of what only they used is not freed.
    pub fn delete(&self, ids: &[RestorePointId]) -> Result<(), ArchiveError> {
        guarded("delete the restore points", || snapshots::delete(&self.inner, ids))
    }

    /// How many restore points there are, and what shows of damage without reading any of them.
    pub fn glance(&self) -> Result<(usize, Vec<Finding>), ArchiveError> {
        guarded("look at the repository", || check::glance(&self.inner))
    }

    /// Checks that the repository is whole. Damage is in the report; an error means that checking failed.
    pub fn check(&self, depth: CheckDepth) -> Result<CheckReport, ArchiveError> {
        guarded("check the repository", || check::check(&self.inner, depth))
    }
}

impl fmt::Debug for Repository {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Repository")
            .field("location", &self.inner.store.location())
            .finish_non_exhaustive()
    }
}

/// What an open repository consists of.
struct Inner {
    store: Arc<dyn Store>,
    key: MasterKey,
    warn: Warn,
    index: Mutex<Option<Arc<Index>>>,
}

impl Inner {
    fn new(store: Arc<dyn Store>, key: MasterKey, warn: Warn) -> Self {
        Self { store, key, warn, index: Mutex::new(None) }
    }

    /// rustic over a backend, nothing read yet.
    fn rustic(backend: &Arc<Backend>) -> Result<RusticRepository<()>, ArchiveError> {
        let backend: Arc<dyn WriteBackend> = Arc::<Backend>::clone(backend);
        // Without this rustic keeps a cache in the user's home, and with it object data outside the repository.
        let options = RepositoryOptions::default().no_cache(true);
        RusticRepository::new(&options, &RepositoryBackends::new(backend, None))
            .map_err(|error| ArchiveError::from_rustic("open the repository", &error))
    }

    /// A fresh connection; `holding` holds snapshots back.
    fn connect(&self, holding: bool) -> Result<(RusticRepository<OpenStatus>, Arc<Backend>), ArchiveError> {
        let backend = Backend::new(Arc::clone(&self.store), holding);
        let repository = self.connect_through(&backend)?;
        Ok((repository, backend))
    }

    fn connect_through(&self, backend: &Arc<Backend>) -> Result<RusticRepository<OpenStatus>, ArchiveError> {
        Self::connect_with(&self.key, backend)
    }

    fn connect_with(
        key: &MasterKey,
        backend: &Arc<Backend>,
    ) -> Result<RusticRepository<OpenStatus>, ArchiveError> {
        Self::rustic(backend)?
            .open(&Credentials::Masterkey(key.clone()))
            .map_err(|error| ArchiveError::damaged_config("open the repository", &error))
    }

    /// The index for reading, read once.
    fn index(&self) -> Result<Arc<Index>, ArchiveError> {
        let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = &*index {
            return Ok(Arc::clone(index));
        }
        let (repository, backend) = self.connect(false)?;
        let loaded = match repository.to_indexed() {
            Ok(loaded) => loaded,
            Err(error) => self
                .without_damaged_index(&backend, &error)?
                .to_indexed()
                .map_err(|error| index_error(&error))?,
        };
        let loaded = Index::new(loaded, Arc::clone(&self.store), self.key.clone());
        Ok(Arc::clone(index.insert(Arc::new(loaded))))
    }

    /// The index for writing: only what is stored already, in little memory.
    ///
    /// An index file that lists a pack which is lost or changed is left out: a restore point that counts on what it
    /// lists could not be read.
    fn index_ids_for_saving(
        &self,
    ) -> Result<(RusticRepository<IndexedIdsStatus>, Arc<Backend>), ArchiveError> {
        let (repository, backend) = self.connect(true)?;
        let mut survey = index::Survey::of(&repository, &*self.store, HashSet::new())?;
        if let Err(error) = survey.look_into_some(&*self.store) {
            (self.warn)(&format!("could not see whether what is stored already is whole: {error}"));
        }
        for (id, damage) in &survey.unreadable {
            self.warn_of_index(id, damage);
        }
        if !survey.spare.is_empty() || !survey.has_files() {
            self.warn_of_lost_index(&repository)?;
        }
        if let Some(loss) = survey.loss() {
            (self.warn)(&loss);
        }
        survey.leave_out(&backend);
        let loaded = repository.to_indexed_ids().map_err(|error| index_error(&error))?;
        backend.forget_indexes();
        Ok((loaded, backend))
    }

    /// A connection on which index files that cannot be read are left out.
    ///
    /// One bad file would otherwise keep everything from being read, and whoever may add files to the store can
    /// add one. What a lost index listed shows as damage of the restore points that need it, and only of those.
    fn without_damaged_index(
        &self,
        backend: &Arc<Backend>,
        error: &rustic_core::RusticError,
    ) -> Result<RusticRepository<OpenStatus>, ArchiveError> {
        tracing::debug!(error = error::log_text(error), "could not read the index as a whole");
        let repository = self.connect_through(backend)?;
        for (id, damage) in damaged_indexes(&repository)? {
            self.warn_of_index(&id, &damage);
            backend.ignore(FileType::Index, &id);
        }
        self.connect_through(backend)
    }

    fn warn_of_index(&self, id: &IndexId, damage: &ArchiveError) {
        (self.warn)(&format!("the index file `index/{}` is left out: {damage}", id.to_hex().as_str()));
    }

    /// Files that are gone leave no trace but the restore points that needed them.
    fn warn_of_lost_index(&self, repository: &RusticRepository<OpenStatus>) -> Result<(), ArchiveError> {
        let roots = snapshots::survey(self)?.roots();
        let all = roots.len();
        let unlisted = index::Survey::of(repository, &*self.store, roots)?.unlisted.len();
        if unlisted > 0 {
            (self.warn)(&format!(
                "index files of the repository are lost, and {unlisted} of {all} restore points cannot be read; this \
                 backup does not rely on them; {REPAIR_INDEX}",
            ));
        }
        Ok(())
    }

    /// After a write the index on disk is newer than ours.
    fn forget_index(&self) {
        *self.index.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Turns a panic into an error: rustic unwraps in places that damaged input can reach.
fn guarded<T>(
    attempt: &'static str,
    work: impl FnOnce() -> Result<T, ArchiveError>,
) -> Result<T, ArchiveError> {
    // Nothing that the closure shares is left half changed: the index is set in one assignment.
    // What the panic says is in the log already.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(ArchiveError::Internal { attempt }))
}

#[cfg(test)]
mod tests;
