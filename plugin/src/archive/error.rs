//! Why the archive did not do as asked. rustic's own reports end here: users read these texts instead, and find
//! rustic's in the log (`-v`).

use std::error::Error;

use rustic_core::RusticError;

use crate::model::restore_point::{FORMAT, RestorePointId};

use super::store::StoreError;

/// Why the archive did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// Nothing is there.
    #[error("there is no repository at `{location}`")]
    NoRepository {
        /// Where.
        location: String,
    },
    /// Something else is there.
    #[error("`{location}` is not a repository: it holds `{stranger}`")]
    NotARepository {
        /// Where.
        location: String,
        /// What it holds instead.
        stranger: String,
    },
    /// No key of the repository fits.
    #[error("the password does not open the repository at `{location}`")]
    WrongPassword {
        /// Where.
        location: String,
    },
    /// Part of the repository is lost or changed.
    #[error("the repository is damaged: {what}")]
    Damaged {
        /// What is missing or unreadable.
        what: String,
        /// How it showed.
        source: Option<Cause>,
    },
    /// What should be there is in no index file.
    #[error("the repository is damaged: {what}: no index file lists its content")]
    Unlisted {
        /// What cannot be found.
        what: String,
    },
    /// A file without which nothing can be read is lost or changed.
    #[error("the repository cannot be opened: {what}")]
    Unopenable {
        /// How that shows.
        what: &'static str,
        /// The file or folder.
        file: &'static str,
        /// How it showed.
        source: Option<Cause>,
    },
    /// The repository's own format is newer than this program.
    #[error("the repository at `{location}` has format version {version}; this program knows 1 and 2")]
    NewerRepository {
        /// Where.
        location: String,
        /// Its version.
        version: u32,
    },
    /// The restore point's format is newer than this program.
    #[error("restore point {id} has format {format}; this program reads up to {FORMAT}")]
    NewerFormat {
        /// Which.
        id: RestorePointId,
        /// Its format.
        format: u32,
    },
    /// No restore point has this id.
    #[error("there is no restore point {id}")]
    NoRestorePoint {
        /// Which.
        id: RestorePointId,
    },
    /// The store could not read or write.
    #[error("could not {attempt}")]
    Store {
        /// `save the restore point`, …
        attempt: &'static str,
        /// Why.
        source: StoreError,
    },
    /// Objects came in an order that the tree cannot hold.
    #[error("objects came out of order: `{later}` after `{earlier}`")]
    Unordered {
        /// The one that came first.
        earlier: String,
        /// The one that came too late.
        later: String,
    },
    /// A name cannot be part of a path in the archive.
    #[error("`{name}` cannot be saved: {reason}")]
    Unnameable {
        /// The name of an object, namespace or kind.
        name: String,
        /// Why.
        reason: &'static str,
    },
    /// An object is not what its identity says, or nothing a reader would accept.
    #[error("`{object}` cannot be saved: {reason}")]
    InvalidObject {
        /// Which.
        object: String,
        /// Why.
        reason: String,
    },
    /// The run ended before everything was handed over.
    #[error("the backup was cut off before its end; no restore point was saved")]
    CutOff,
    /// Less or more arrived than was sent.
    #[error("the archive holds {found} {what} where {expected} were sent; no restore point was saved")]
    Miscounted {
        /// `objects`, `files`, …
        what: String,
        /// As sent.
        expected: u64,
        /// As stored.
        found: u64,
    },
    /// Anything else rustic reports.
    #[error("could not {attempt}")]
    Library {
        /// `save the restore point`, …
        attempt: &'static str,
        /// That it did; what it said is in the log.
        source: Cause,
    },
    /// A panic, caught at the border. What it said is in the log.
    #[error("could not {attempt}: the archive stopped with an internal error")]
    Internal {
        /// `save the restore point`, …
        attempt: &'static str,
    },
}

/// Why, in one line and in our words.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Cause(pub(super) String);

/// What every failure to decipher, unpack or parse comes to for a user.
const NOT_AS_WRITTEN: &str = "it is not what was written";

/// What mends a lost index.
pub(super) const REPAIR_INDEX: &str = "when no backup runs, `restic repair index` (`rebuild-index` before restic 0.16) makes them again from the packs";

impl ArchiveError {
    /// The next thing to do.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoRepository { .. } => "check --repo; the first `kubectl backup create` makes it".to_owned(),
            Self::NotARepository { .. } => "choose an empty or new folder with --repo".to_owned(),
            Self::WrongPassword { .. } => {
                "name the right password with --password-file or --password-command; a repository made without \
                 either has its key in the key file that the first backup named"
                    .to_owned()
            }
            Self::Damaged { .. } => {
                "restore the rest by namespace or kind (-n …, --exclude …), or use another restore point; \
                 `kubectl backup check --read-data` names the damaged objects"
                    .to_owned()
            }
            Self::Unlisted { .. } => {
                format!("index files are lost; {REPAIR_INDEX}; `kubectl backup check` names the restore points that need it")
            }
            // Not `check`: it cannot open the repository either.
            Self::Unopenable { file, .. } => {
                format!("put `{file}` back from a copy of the repository: without it nothing can be read")
            }
            Self::NewerRepository { .. } | Self::NewerFormat { .. } => {
                "upgrade this program: kubectl krew upgrade backup".to_owned()
            }
            Self::NoRestorePoint { .. } => "see what there is: kubectl backup list".to_owned(),
            Self::Store { source, .. } => return source.hint(),
            Self::Unnameable { .. } | Self::InvalidObject { .. } => {
                "leave it out with --exclude, and report it: the API server should not have taken it".to_owned()
            }
            Self::CutOff | Self::Miscounted { .. } => "run it again".to_owned(),
            Self::Unordered { .. } | Self::Library { .. } | Self::Internal { .. } => {
                "run it again with -vv and report what it says; nothing was saved or changed".to_owned()
            }
        })
    }

    /// From rustic, while trying to `attempt`.
    pub(super) fn from_rustic(attempt: &'static str, error: &RusticError) -> Self {
        match store_error(error) {
            Some(source) if source.is_damage() => Self::Damaged { what: source.to_string(), source: None },
            Some(source) => Self::Store { attempt, source },
            None => Self::unexpected(attempt, &log_text(error)),
        }
    }

    /// Something failed that never should; `text` is what a library said of it, for the log.
    pub(crate) fn unexpected(attempt: &'static str, text: &str) -> Self {
        tracing::info!(text, attempt, "unexpected failure in the archive");
        Self::Library { attempt, source: Cause("a step failed that never should".to_owned()) }
    }

    /// From rustic, when it can only mean that `what` is damaged unless the store failed.
    pub(super) fn damaged(what: impl Into<String>, attempt: &'static str, error: &RusticError) -> Self {
        match store_error(error) {
            Some(source) if !source.is_damage() => Self::Store { attempt, source },
            Some(source) => Self::Damaged { what: what.into(), source: Some(Cause(source.to_string())) },
            None => {
                tracing::info!(text = log_text(error), "damage");
                Self::damaged_because(what, NOT_AS_WRITTEN)
            }
        }
    }

    /// `what` is damaged, which shows in the way that `reason` says.
    pub(super) fn damaged_because(what: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Damaged { what: what.into(), source: Some(Cause(reason.into())) }
    }

    /// `config` is there, but not as it was, unless the store failed.
    pub(super) fn damaged_config(attempt: &'static str, error: &RusticError) -> Self {
        match Self::damaged("", attempt, error) {
            Self::Damaged { source, .. } => {
                Self::Unopenable { what: "its file `config` cannot be read", file: "config", source }
            }
            other => other,
        }
    }

    /// Damage that needs no further cause.
    pub(super) fn damage(what: impl Into<String>) -> Self {
        Self::Damaged { what: what.into(), source: None }
    }

    /// Whether the repository rather than the way to it is at fault.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::Unlisted { .. } | Self::Unopenable { .. })
    }

    /// Why something is damaged, for whoever says by himself what it is.
    pub fn reason(&self) -> String {
        match self {
            Self::Damaged { source: Some(cause), .. } | Self::Unopenable { source: Some(cause), .. } => {
                cause.to_string()
            }
            Self::Damaged { what, source: None } => what.clone(),
            Self::Unlisted { .. } => "no index file lists its content".to_owned(),
            other => other.to_string(),
        }
    }
}

/// The store's own error inside one of rustic's.
pub(super) fn store_error(error: &RusticError) -> Option<StoreError> {
    chain(error).find_map(|cause| cause.downcast_ref::<StoreError>().cloned())
}

/// rustic's message and causes in one line, without its request for bug reports: for the log alone.
pub(super) fn log_text(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    for cause in chain(error) {
        let message = match as_rustic(cause) {
            Some(rustic) => {
                let shown = rustic.display_log();
                let end = shown.find(" (kind: related to").unwrap_or(shown.len());
                shown[..end].trim_start_matches("Error: ").to_owned()
            }
            None => cause.to_string(),
        };
        let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
        if !text.contains(&message) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(message.trim_end_matches('.'));
        }
    }
    text
}

fn as_rustic<'error>(error: &'error (dyn Error + 'static)) -> Option<&'error RusticError> {
    error
        .downcast_ref::<RusticError>()
        .or_else(|| error.downcast_ref::<Box<RusticError>>().map(|boxed| &**boxed))
}

fn chain<'error>(
    error: &'error (dyn Error + 'static),
) -> impl Iterator<Item = &'error (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| below(*error))
}

/// The cause of an error; a boxed rustic error is the same as the error in the box.
fn below<'error>(error: &'error (dyn Error + 'static)) -> Option<&'error (dyn Error + 'static)> {
    match error.downcast_ref::<Box<RusticError>>() {
        Some(boxed) => boxed.source(),
        None => error.source(),
    }
}
