//! Where a repository's files lie: a flat set of names, each written once as a whole.
//!
//! The trait is what an object store can do as well as a folder; `backend` puts the restic format on top.

pub(super) mod local;

use std::{fmt::Debug, io, sync::Arc};

use bytes::Bytes;

/// A store of named, immutable files. Names are relative, with `/` between folders.
pub(super) trait Store: Debug + Send + Sync {
    /// For messages.
    fn location(&self) -> String;

    /// Every file below the folder `folder`, by its last name component, with its size in bytes.
    ///
    /// An error on any part is an error of all: a list that misses files would look like their deletion.
    fn list(&self, folder: &str) -> Result<Vec<(String, u64)>, StoreError>;

    /// Size in bytes, or None if there is no such file.
    fn size(&self, name: &str) -> Result<Option<u64>, StoreError>;

    /// The whole file; refused beyond `limit` bytes.
    fn read(&self, name: &str, limit: u64) -> Result<Bytes, StoreError>;

    /// Exactly `length` bytes from `offset`.
    fn read_range(&self, name: &str, offset: u64, length: usize) -> Result<Bytes, StoreError>;

    /// Writes a new file, all or nothing, durable on return. A file of that name is never replaced.
    fn write(&self, name: &str, parts: &[Bytes]) -> Result<(), StoreError>;

    /// Removes a file.
    fn remove(&self, name: &str) -> Result<(), StoreError>;

    /// Makes the place itself.
    fn create(&self) -> Result<(), StoreError>;

    /// Whether the place exists at all.
    fn exists(&self) -> Result<bool, StoreError>;

    /// Something at the top that does not belong to a repository.
    fn stranger(&self) -> Result<Option<String>, StoreError>;

    /// Keeps other processes from creating a repository here until the guard is dropped.
    fn lock_creation(&self) -> Result<Box<dyn Send>, StoreError>;

    /// Tries whether files can be written, leaving nothing behind, and tells the bytes that are free where that is
    /// known. A place that does not exist yet is judged by the one that it would be made in.
    fn room(&self) -> Result<Option<u64>, StoreError>;

    /// Removes what interrupted writes left behind, if that can be told from writes under way.
    fn tidy(&self) -> Result<(), StoreError>;
}

/// Why a store did not do as asked. Clonable, since it travels through rustic's own error type.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// No such file.
    #[error("`{path}` does not exist")]
    Missing {
        /// What.
        path: String,
    },
    /// A file of that name is there already.
    #[error("`{path}` exists already")]
    Exists {
        /// What.
        path: String,
    },
    /// The disk or quota is full.
    #[error("no space is left to write `{path}`")]
    NoSpace {
        /// What.
        path: String,
        /// Why.
        source: Arc<io::Error>,
    },
    /// The user may not.
    #[error("no permission for `{path}`")]
    Denied {
        /// What.
        path: String,
        /// Why.
        source: Arc<io::Error>,
    },
    /// The file system is mounted read-only.
    #[error("`{path}` is on a read-only file system")]
    ReadOnly {
        /// What.
        path: String,
        /// Why.
        source: Arc<io::Error>,
    },
    /// Larger than anything of its kind can be.
    #[error("`{path}` has {size} bytes, more than the {limit} that are sensible for it")]
    TooLarge {
        /// What.
        path: String,
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// It ends before what is to be read of it.
    #[error("`{path}` is too short")]
    TooShort {
        /// What.
        path: String,
    },
    /// The content is not what its name says.
    #[error("the content of `{path}` does not match the checksum that is its name")]
    Checksum {
        /// What.
        path: String,
    },
    /// Anything else.
    #[error("could not {attempt} `{path}`")]
    Other {
        /// read, write, list, …
        attempt: &'static str,
        /// What.
        path: String,
        /// Why.
        source: Arc<io::Error>,
    },
}

impl StoreError {
    /// From an operating system error.
    pub(super) fn from_io(attempt: &'static str, path: impl Into<String>, error: io::Error) -> Self {
        let path = path.into();
        let kind = error.kind();
        let source = Arc::new(error);
        match kind {
            io::ErrorKind::NotFound => Self::Missing { path },
            io::ErrorKind::AlreadyExists => Self::Exists { path },
            io::ErrorKind::UnexpectedEof => Self::TooShort { path },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoSpace { path, source },
            io::ErrorKind::PermissionDenied => Self::Denied { path, source },
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { path, source },
            _ => Self::Other { attempt, path, source },
        }
    }

    /// Whether the file itself is at fault rather than the way to it.
    pub(super) fn is_damage(&self) -> bool {
        matches!(
            self,
            Self::Missing { .. } | Self::TooShort { .. } | Self::TooLarge { .. } | Self::Checksum { .. }
        )
    }

    /// The next thing to do.
    pub(super) fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoSpace { .. } => {
                "free some space, or choose another repository with --repo; what was written so far is not a \
                 restore point and does no harm"
                    .to_owned()
            }
            Self::Denied { path, .. } => {
                format!("check the owner and mode of `{path}`, or choose another repository with --repo")
            }
            Self::ReadOnly { .. } => {
                "mount the file system for writing, or choose another repository with --repo".to_owned()
            }
            Self::Missing { .. } | Self::TooShort { .. } | Self::TooLarge { .. } | Self::Checksum { .. } => {
                "see what else is affected: kubectl backup check --read-data".to_owned()
            }
            Self::Other { path, .. } => {
                format!("look at `{path}` and its disk, or choose another repository with --repo")
            }
            Self::Exists { .. } => return None,
        })
    }
}
