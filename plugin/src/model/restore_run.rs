//! One run of `restore` or `undo`, put together from what it left in the repository.

use serde::Serialize;

use super::{
    restore_point::{RestorePoint, RestorePointId},
    restore_record::RestoreMark,
};

/// What an object whose deletion was begun and had not ended is counted as, besides its outcome.
pub const DELETING: &str = "deleting";

/// What an object that was written is counted as.
const WRITES: [&str; 6] = ["created", "patched", "replaced", "renamed", "deleted", DELETING];

/// How a restore ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum RunState {
    /// It came to its end.
    Finished,
    /// It was stopped by Ctrl-C.
    Interrupted,
    /// It left no word of its end: it was killed, or is still running.
    Unfinished,
    /// Another run went on with it.
    Resumed,
    /// It was taken back.
    Undone,
    /// It was taken back, but for some objects.
    PartlyUndone,
}

impl RunState {
    /// For people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Interrupted => "interrupted",
            Self::Unfinished => "unfinished",
            Self::Resumed => "resumed",
            Self::Undone => "undone",
            Self::PartlyUndone => "partly undone",
        }
    }
}

/// One run of `restore` or `undo`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoreRun {
    /// What was saved before its first write.
    pub undo_point: RestorePoint,
    /// Its mark.
    pub mark: RestoreMark,
    /// What was saved at its end.
    pub result: Option<RestorePoint>,
    /// How it ended.
    pub state: RunState,
}

impl RestoreRun {
    /// What names the whole of a restore and the runs that went on with it: the undo point of the first.
    pub fn root(&self) -> &RestorePointId {
        self.mark.continues.as_ref().unwrap_or(&self.undo_point.id)
    }

    /// How many objects became so: `created`, `refused`; none while there is no result.
    pub fn count(&self, outcome: &str) -> Option<u64> {
        let mark = self.result.as_ref()?.summary.restore.as_ref()?;
        Some(mark.counts.get(outcome).copied().unwrap_or_default())
    }

    /// Whether it came to its end and wrote nothing: all was refused.
    pub fn changed_nothing(&self) -> bool {
        let result = self.result.as_ref().and_then(|result| result.summary.restore.as_ref());
        result.is_some_and(|mark| WRITES.iter().all(|word| !mark.counts.contains_key(*word)))
    }

    /// Whether it takes another one back.
    pub fn is_undo(&self) -> bool {
        self.mark.undoes.is_some()
    }
}
