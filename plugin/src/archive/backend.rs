//! The restic format on a [`Store`]: what rustic reads and writes goes through here.
//!
//! Also the guard against half a backup: rustic saves a snapshot even when its source failed (it only logs
//! that), so a backend made for saving holds snapshots back until it is told to let one through.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use rustic_core::{BytesList, ErrorKind, FileType, Id, ReadBackend, RusticError, RusticResult, WriteBackend};
use sha2::{Digest, Sha256};

use super::store::{Store, StoreError};

/// Largest file of each kind that is read as a whole, in bytes; packs are read in parts.
const LARGEST_CONFIG: u64 = 1 << 20;
const LARGEST_KEY: u64 = 64 << 10;
const LARGEST_SNAPSHOT: u64 = 16 << 20;
/// rustic closes an index at 50,000 blobs, some 10 MB; restic at 8 MiB.
const LARGEST_INDEX: u64 = 256 << 20;
const LARGEST_PACK: u64 = 4 << 30;
/// Bytes of packs of folders, which are read again and again, and of index files: a remote store should send each
/// only once.
const CACHE: usize = 16 << 20;

/// rustic's way to a store.
#[derive(Debug)]
pub(super) struct Backend {
    store: Arc<dyn Store>,
    holding: AtomicBool,
    written: Mutex<Written>,
    ignored: Mutex<BTreeSet<String>>,
    tree_packs: Mutex<FileCache>,
    /// Index files read once that will be read once more: see [`Backend::read_full`].
    indexes: Mutex<FileCache>,
}

/// What went through, in the order it did.
#[derive(Clone, Debug, Default)]
pub(super) struct Written {
    /// Number of writes.
    pub(super) writes: u64,
    /// Number of the last pack among the writes.
    pub(super) last_pack: u64,
    /// Number of the last index among the writes.
    pub(super) last_index: u64,
    /// Snapshots let through.
    pub(super) snapshots: Vec<String>,
    /// The first write that failed.
    pub(super) failure: Option<StoreError>,
}

impl Backend {
    /// On `store`; with `holding`, snapshots are held back until [`Backend::release`].
    pub(super) fn new(store: Arc<dyn Store>, holding: bool) -> Arc<Self> {
        Arc::new(Self {
            store,
            holding: AtomicBool::new(holding),
            written: Mutex::default(),
            ignored: Mutex::default(),
            tree_packs: Mutex::default(),
            indexes: Mutex::default(),
        })
    }

    /// From now on snapshots are stored.
    pub(super) fn release(&self) {
        self.holding.store(false, Ordering::SeqCst);
    }

    /// What was written so far.
    pub(super) fn written(&self) -> Written {
        lock(&self.written).clone()
    }

    /// Whether a write failed; then there is no use in going on.
    pub(super) fn has_failed(&self) -> bool {
        lock(&self.written).failure.is_some()
    }

    /// Leaves a damaged or foreign file out of lists from now on.
    pub(super) fn ignore(&self, file_type: FileType, id: &Id) {
        lock(&self.ignored).insert(name(file_type, id));
    }

    /// Drops what is kept of index files.
    pub(super) fn forget_indexes(&self) {
        *lock(&self.indexes) = FileCache::default();
    }

    fn read_whole_pack(&self, name: &str, id: &Id) -> Result<Option<Bytes>, StoreError> {
        if let Some(pack) = lock(&self.tree_packs).files.get(id) {
            return Ok(Some(pack.clone()));
        }
        let size = self.store.size(name)?.unwrap_or_default();
        if size > CACHE as u64 / 2 {
            return Ok(None);
        }
        let pack = self.store.read(name, size)?;
        lock(&self.tree_packs).insert(*id, pack.clone());
        Ok(Some(pack))
    }

    fn read_part(
        &self,
        name: &str,
        id: &Id,
        tree: bool,
        offset: u32,
        length: u32,
    ) -> Result<Bytes, StoreError> {
        let (start, length) = (offset as usize, length as usize);
        // On a local disk a small read costs nothing; the cache is for folders alone.
        if tree
            && let Some(pack) = self.read_whole_pack(name, id)?
            && let Some(end) = start.checked_add(length).filter(|end| *end <= pack.len())
        {
            return Ok(pack.slice(start..end));
        }
        self.store.read_range(name, u64::from(offset), length)
    }
}

impl ReadBackend for Backend {
    fn location(&self) -> String {
        self.store.location()
    }

    fn list_with_size(&self, file_type: FileType) -> RusticResult<Vec<(Id, u32)>> {
        if file_type == FileType::Config {
            let size = self.store.size("config").map_err(wrap)?;
            return Ok(size.map(|size| (Id::default(), clamp(size))).into_iter().collect());
        }
        let files = self.store.list(file_type.dirname()).map_err(wrap)?;
        let ignored = lock(&self.ignored);
        Ok(files
            .into_iter()
            .filter_map(|(name, size)| Some((parse_id(&name)?, size)))
            .filter(|(id, _)| !ignored.contains(&name(file_type, id)))
            .map(|(id, size)| (id, clamp(size)))
            .collect())
    }

    fn read_full(&self, file_type: FileType, id: &Id) -> RusticResult<Bytes> {
        if file_type == FileType::Index
            && let Some(content) = lock(&self.indexes).take(id)
        {
            return Ok(content);
        }
        let name = name(file_type, id);
        let limit = match file_type {
            FileType::Config => LARGEST_CONFIG,
            FileType::Key => LARGEST_KEY,
            FileType::Snapshot => LARGEST_SNAPSHOT,
            FileType::Index => LARGEST_INDEX,
            FileType::Pack => LARGEST_PACK,
        };
        let content = self.store.read(&name, limit).map_err(wrap)?;
        // Authenticated content under a wrong name would pass rustic, which does not compare them.
        if file_type != FileType::Config && hexadecimal(&Sha256::digest(&content)) != id.to_hex().as_str() {
            return Err(wrap(StoreError::Checksum { path: format!("{}/{name}", self.store.location()) }));
        }
        // Before a run saves, the index is compared with the packs, and then rustic loads it.
        if file_type == FileType::Index && self.holding.load(Ordering::SeqCst) {
            lock(&self.indexes).insert(*id, content.clone());
        }
        Ok(content)
    }

    fn read_partial(
        &self,
        file_type: FileType,
        id: &Id,
        cacheable: bool,
        offset: u32,
        length: u32,
    ) -> RusticResult<Bytes> {
        // rustic calls packs of folders cacheable, and only those.
        self.read_part(&name(file_type, id), id, cacheable, offset, length).map_err(wrap)
    }

    fn warmup_path(&self, file_type: FileType, id: &Id) -> String {
        name(file_type, id)
    }
}

impl WriteBackend for Backend {
    fn create(&self) -> RusticResult<()> {
        self.store.create().map_err(wrap)
    }

    fn write_bytes(&self, file_type: FileType, id: &Id, _: bool, content: BytesList) -> RusticResult<()> {
        if file_type == FileType::Snapshot && self.holding.load(Ordering::SeqCst) {
            return Ok(());
        }
        let outcome = self.store.write(&name(file_type, id), content.slice());
        let mut written = lock(&self.written);
        match outcome {
            Ok(()) => {
                written.writes += 1;
                match file_type {
                    FileType::Pack => written.last_pack = written.writes,
                    FileType::Index => written.last_index = written.writes,
                    FileType::Snapshot => written.snapshots.push(id.to_hex().as_str().to_owned()),
                    FileType::Config | FileType::Key => {}
                }
                Ok(())
            }
            Err(error) => {
                written.failure.get_or_insert_with(|| error.clone());
                Err(wrap(error))
            }
        }
    }

    fn remove(&self, file_type: FileType, id: &Id, _: bool) -> RusticResult<()> {
        self.store.remove(&name(file_type, id)).map_err(wrap)
    }
}

/// Whole files, the oldest dropped first.
#[derive(Debug, Default)]
struct FileCache {
    files: HashMap<Id, Bytes>,
    order: VecDeque<Id>,
    size: usize,
}

impl FileCache {
    fn take(&mut self, id: &Id) -> Option<Bytes> {
        let file = self.files.remove(id)?;
        self.size -= file.len();
        self.order.retain(|other| other != id);
        Some(file)
    }

    fn insert(&mut self, id: Id, file: Bytes) {
        if self.files.contains_key(&id) {
            return;
        }
        self.size += file.len();
        self.files.insert(id, file);
        self.order.push_back(id);
        while self.size > CACHE {
            let Some(oldest) = self.order.pop_front() else { break };
            self.size -= self.files.remove(&oldest).map_or(0, |file| file.len());
        }
    }
}

/// The name of a file in the restic layout.
pub(super) fn name(file_type: FileType, id: &Id) -> String {
    let hex = id.to_hex();
    let hex = hex.as_str();
    match file_type {
        FileType::Config => "config".to_owned(),
        FileType::Pack => format!("data/{}/{hex}", &hex[..2]),
        FileType::Snapshot | FileType::Index | FileType::Key => format!("{}/{hex}", file_type.dirname()),
    }
}

/// A file's id, if its name is one: 64 lower-case hexadecimal digits.
pub(super) fn parse_id(name: &str) -> Option<Id> {
    let canonical = name.len() == 64 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    canonical.then(|| name.parse().ok()).flatten()
}

/// `1f2e…`.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        for digit in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(u32::from(digit), 16));
        }
        text
    })
}

fn wrap(error: StoreError) -> Box<RusticError> {
    RusticError::with_source(ErrorKind::Backend, "the store failed", error)
}

/// rustic counts sizes in 32 bits; a larger file is no file of a repository and fails its check.
fn clamp(size: u64) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // The data is consistent after each statement, so a panic elsewhere does not spoil it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
