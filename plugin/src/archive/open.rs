//! Opening a repository, and creating one: what is at a location, and which key fits.

use std::sync::Arc;

use rustic_core::{
    ConfigOptions, Credentials, FileType, Id, KeyOptions, OpenStatus, Repository as RusticRepository,
    repofile::{Chunker, MasterKey},
};
use serde::Deserialize;

use crate::model::repository::{Access, Location};

use super::{
    Inner, Opened, Warn,
    backend::{Backend, parse_id},
    error::{ArchiveError, store_error},
    generated_key,
    store::{Store, StoreError, local::LocalStore},
};

const ATTEMPT: &str = "open the repository";
const CREATE: &str = "create the repository";

/// Size of a pack. Up to three are in memory at once, one filled, one waiting and one written. restic's default is
/// 16 MiB and its least 4; rustic's grows with the repository, and memory with it.
/// As text, since rustic does not re-export the type of sizes that it takes.
const PACK_SIZE: &str = "8MiB";
/// Size of a chunk: the average of restic's chunker.
const CHUNK_SIZE: &str = "1MiB";
/// zstd's level: for 60 % of the processor time of the default level 3, shards of generated objects came out 2 %
/// smaller, those of an API server's own objects 3 % larger.
const COMPRESSION: i32 = 1;

/// Most memory that a key file may ask for, in bytes (restic and rustic use 64 and 128 MiB), and most passes.
const MOST_KEY_MEMORY: u64 = 512 << 20;
const MOST_KEY_PASSES: u32 = 16;
/// Each key costs a derivation while looking for the one that fits.
const MOST_KEYS: usize = 64;

/// What lies at a location.
enum Place {
    Nothing,
    /// A creation that was interrupted before it was complete; holds nothing of value.
    Unfinished,
    Repository,
}

/// Fails unless a repository is there.
pub(super) fn expect_repository(location: &Location) -> Result<(), ArchiveError> {
    let store = store_at(location);
    match survey(&*store)? {
        Place::Repository => Ok(()),
        Place::Nothing | Place::Unfinished => Err(ArchiveError::NoRepository { location: store.location() }),
    }
}

/// Whether files can be written at a location, and how many bytes are free.
pub(super) fn room(location: &Location) -> Result<Option<u64>, ArchiveError> {
    let attempt = "look for room for the repository";
    store_at(location).room().map_err(|source| ArchiveError::Store { attempt, source })
}

/// Opens what is there.
pub(super) fn open(access: &Access, warn: Warn) -> Result<Inner, ArchiveError> {
    expect_repository(&access.location)?;
    unlock(store_at(&access.location), access, warn)
}

/// Opens what is there, or makes it.
pub(super) fn open_or_create(access: &Access, warn: Warn) -> Result<(Inner, Opened), ArchiveError> {
    let store = store_at(&access.location);
    if matches!(survey(&*store)?, Place::Repository) {
        return Ok((unlock(store, access, warn)?, Opened::Existing));
    }
    let failed = |source| ArchiveError::Store { attempt: CREATE, source };
    store.create().map_err(failed)?;
    let lock = store.lock_creation().map_err(failed)?;
    // Someone else may have made it while we waited.
    match survey(&*store)? {
        Place::Repository => Ok((unlock(store, access, warn)?, Opened::Existing)),
        Place::Nothing | Place::Unfinished => {
            // A key without a configuration would fit the same password and open nothing.
            remove_keys(&*store).map_err(failed)?;
            let inner = create(store, access, warn)?;
            drop(lock);
            Ok((inner, Opened::Created))
        }
    }
}

fn store_at(location: &Location) -> Arc<dyn Store> {
    match location {
        Location::Folder(path) => Arc::new(LocalStore::new(path.clone())),
    }
}

fn survey(store: &dyn Store) -> Result<Place, ArchiveError> {
    let failed = |source| ArchiveError::Store { attempt: ATTEMPT, source };
    if !store.exists().map_err(failed)? {
        return Ok(Place::Nothing);
    }
    if store.size("config").map_err(failed)?.is_some() {
        return Ok(Place::Repository);
    }
    if let Some(stranger) = store.stranger().map_err(failed)? {
        return Err(ArchiveError::NotARepository { location: store.location(), stranger });
    }
    for folder in ["snapshots", "index", "data"] {
        if !store.list(folder).map_err(failed)?.is_empty() {
            let what = "its file `config` is missing";
            return Err(ArchiveError::Unopenable { what, file: "config", source: None });
        }
    }
    Ok(if store.list("keys").map_err(failed)?.is_empty() { Place::Nothing } else { Place::Unfinished })
}

fn remove_keys(store: &dyn Store) -> Result<(), StoreError> {
    for (name, _) in store.list("keys")? {
        store.remove(&format!("keys/{name}"))?;
    }
    Ok(())
}

fn create(store: Arc<dyn Store>, access: &Access, warn: Warn) -> Result<Inner, ArchiveError> {
    let backend = Backend::new(Arc::clone(&store), false);
    let mut options = ConfigOptions::default()
        // Objects are written whole; a rolling hash over each small file costs more than all the rest.
        .set_chunker(Chunker::FixedSize)
        .set_datapack_growfactor(0)
        .set_treepack_growfactor(0);
    options.set_compression = Some(COMPRESSION);
    options.set_chunk_size = CHUNK_SIZE.parse().ok();
    options.set_datapack_size = PACK_SIZE.parse().ok();
    let (credentials, key_options) = if access.secret.is_random() {
        let master = MasterKey::new();
        // Before the configuration: whoever finds that finds a key too.
        generated_key::add(&*store, &access.secret, &master)?;
        (Credentials::Masterkey(master), KeyOptions::default())
    } else {
        (Credentials::password(access.secret.reveal()), KeyOptions::default().with_created(true))
    };
    let repository = Inner::rustic(&backend)?
        .init(&credentials, &key_options, &options)
        .map_err(|error| ArchiveError::from_rustic(CREATE, &error))?;
    Ok(Inner::new(store, repository.key(), warn))
}

fn unlock(store: Arc<dyn Store>, access: &Access, warn: Warn) -> Result<Inner, ArchiveError> {
    let backend = Backend::new(Arc::clone(&store), false);
    screen_keys(&*store, &backend, &warn)?;
    let credentials = Credentials::password(access.secret.reveal());
    let repository = match Inner::rustic(&backend)?.open(&credentials) {
        Ok(repository) => repository,
        Err(error) if error.is_incorrect_password() => {
            return Err(ArchiveError::WrongPassword { location: store.location() });
        }
        Err(error) => return Err(ArchiveError::damaged_config(ATTEMPT, &error)),
    };
    check_version(&*store, &repository)?;
    Ok(Inner::new(store, repository.key(), warn))
}

fn check_version(store: &dyn Store, repository: &RusticRepository<OpenStatus>) -> Result<(), ArchiveError> {
    let version = repository.config().version;
    if (1..=2).contains(&version) {
        return Ok(());
    }
    Err(ArchiveError::NewerRepository { location: store.location(), version })
}

/// The part of a key file that decides what it costs to try it.
#[derive(Deserialize)]
struct KeyCost {
    kdf: String,
    #[serde(rename = "N")]
    n: u32,
    r: u32,
    p: u32,
}

impl KeyCost {
    fn is_sane(&self) -> bool {
        let memory = 128 * u64::from(self.n) * u64::from(self.r);
        self.kdf == "scrypt"
            && self.n.is_power_of_two()
            && self.n > 1
            && (1..=MOST_KEY_PASSES).contains(&self.p)
            && (1..=MOST_KEY_MEMORY).contains(&memory)
    }
}

/// Hides key files that are damaged or made to exhaust memory; anyone who may write to the store can add one.
fn screen_keys(store: &dyn Store, backend: &Backend, warn: &Warn) -> Result<(), ArchiveError> {
    let failed = |source| ArchiveError::Store { attempt: ATTEMPT, source };
    let mut usable = 0;
    for id in store.list("keys").map_err(failed)?.iter().filter_map(|(name, _)| parse_id(name)) {
        match read_key_cost(backend, &id) {
            Ok(true) if usable < MOST_KEYS => usable += 1,
            Ok(_) => {
                warn(&format!(
                    "the key file `keys/{}` is damaged or foreign and was left out",
                    id.to_hex().as_str()
                ));
                backend.ignore(FileType::Key, &id);
            }
            Err(error) => return Err(error),
        }
    }
    if usable == 0 {
        let what = "it has no usable key file";
        return Err(ArchiveError::Unopenable { what, file: "keys", source: None });
    }
    Ok(())
}

fn read_key_cost(backend: &Backend, id: &Id) -> Result<bool, ArchiveError> {
    use rustic_core::ReadBackend;
    match backend.read_full(FileType::Key, id) {
        Ok(content) => Ok(serde_json::from_slice::<KeyCost>(&content).is_ok_and(|cost| cost.is_sane())),
        Err(error) => match store_error(&error) {
            Some(source) if !source.is_damage() => Err(ArchiveError::Store { attempt: ATTEMPT, source }),
            _ => Ok(false),
        },
    }
}
