//! The restores that a repository knows of, from their records: which belong together, how each ended, which was
//! taken back, and which one a word on the command line means.

use std::collections::{BTreeSet, HashMap};

use crate::model::{
    restore_point::{RestorePoint, RestorePointId},
    restore_record::RecordRole,
    restore_run::{DELETING, RestoreRun, RunState},
};

/// The fewest characters of an id that name a restore.
const SHORTEST_ID: usize = 4;

/// Undoing can be undone, and so on; nobody goes further.
const DEEPEST: usize = 64;

/// Why a word means no restore.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunReferenceError {
    /// No restore left a record.
    #[error("the repository knows of no restore that could be {0}")]
    None(&'static str),
    /// Not the beginning of an id.
    #[error("no restore has the id `{0}`")]
    Unknown(String),
    /// Of several.
    #[error("`{word}` means more than one restore: {}", candidates.join(", "))]
    Ambiguous {
        /// What was asked for.
        word: String,
        /// Their ids.
        candidates: Vec<String>,
    },
}

/// The runs in `records`, newest first.
pub fn runs(records: &[RestorePoint]) -> Vec<RestoreRun> {
    let of_role = |role| {
        records.iter().filter_map(move |record| {
            let mark = record.summary.restore.as_ref().filter(|mark| mark.role == role)?;
            Some((record, mark))
        })
    };
    let results: HashMap<&RestorePointId, &RestorePoint> =
        of_role(RecordRole::Result).filter_map(|(record, mark)| Some((mark.of.as_ref()?, record))).collect();
    let mut runs: Vec<RestoreRun> = of_role(RecordRole::UndoPoint)
        .map(|(record, mark)| {
            let result = results.get(&record.id).copied();
            RestoreRun {
                undo_point: record.clone(),
                mark: mark.clone(),
                state: ended(result),
                result: result.cloned(),
            }
        })
        .collect();
    runs.sort_by(|a, b| {
        (b.undo_point.created, &b.undo_point.id).cmp(&(a.undo_point.created, &a.undo_point.id))
    });
    let states: Vec<RunState> = runs.iter().map(|run| state(run, &runs)).collect();
    for (run, state) in runs.iter_mut().zip(states) {
        run.state = state;
    }
    runs
}

fn ended(result: Option<&RestorePoint>) -> RunState {
    match result.and_then(|result| result.summary.restore.as_ref()) {
        None => RunState::Unfinished,
        Some(mark) if mark.interrupted => RunState::Interrupted,
        Some(_) => RunState::Finished,
    }
}

fn state(run: &RestoreRun, runs: &[RestoreRun]) -> RunState {
    if let Some(undo) = taken_back(run.root(), runs, DEEPEST) {
        return if leaves_something(undo) { RunState::PartlyUndone } else { RunState::Undone };
    }
    let later =
        |other: &&RestoreRun| other.root() == run.root() && other.undo_point.created > run.undo_point.created;
    if run.state != RunState::Finished && runs.iter().any(|other| later(&other)) {
        return RunState::Resumed;
    }
    run.state
}

/// The run that took back the restore of this root, unless it was taken back itself.
fn taken_back<'runs>(
    root: &RestorePointId,
    runs: &'runs [RestoreRun],
    depth: usize,
) -> Option<&'runs RestoreRun> {
    let depth = depth.checked_sub(1)?;
    runs.iter().find(|undo| {
        undo.mark.undoes.as_ref() == Some(root)
            && ended(undo.result.as_ref()) == RunState::Finished
            && taken_back(undo.root(), runs, depth).is_none()
    })
}

/// The runs that took the restore of this root back, also in part, those that took them back, and so on.
pub fn going_back_and_forth<'runs>(
    root: &RestorePointId,
    runs: &'runs [RestoreRun],
) -> Vec<&'runs RestoreRun> {
    let mut roots: BTreeSet<&RestorePointId> = BTreeSet::from([root]);
    let mut found = Vec::new();
    // Newest first: what is taken back comes after what takes it back.
    for run in runs.iter().rev() {
        if run.mark.undoes.as_ref().is_some_and(|undone| roots.contains(undone)) {
            roots.insert(run.root());
            found.push(run);
        }
    }
    found
}

fn leaves_something(undo: &RestoreRun) -> bool {
    let result = undo.result.as_ref().and_then(|result| result.summary.restore.as_ref());
    result.is_some_and(|mark| mark.left > 0)
}

/// The newest restore that can be taken back, no matter how it ended. An undo is only meant by its id.
pub fn latest_to_undo<'runs>(
    runs: &'runs [RestoreRun],
    cluster_uid: &str,
) -> Result<&'runs RestoreRun, RunReferenceError> {
    runs.iter()
        .filter(|run| is_of(run, cluster_uid))
        .find(|run| !run.is_undo() && run.state != RunState::Undone && !run.changed_nothing())
        .ok_or(RunReferenceError::None("taken back"))
}

/// The newest restore, if it did not come to its end, or came there before a deletion that it waited for.
pub fn latest_to_resume<'runs>(
    runs: &'runs [RestoreRun],
    cluster_uid: &str,
) -> Result<&'runs RestoreRun, RunReferenceError> {
    runs.iter()
        .find(|run| is_of(run, cluster_uid) && !run.is_undo())
        .filter(|run| match run.state {
            RunState::Interrupted | RunState::Unfinished => true,
            RunState::Finished => run.count(DELETING).is_some_and(|count| count > 0),
            RunState::Resumed | RunState::Undone | RunState::PartlyUndone => false,
        })
        .ok_or(RunReferenceError::None("resumed"))
}

/// Whether a run may have been on this cluster; empty means that its identity may not be read.
pub fn is_of(run: &RestoreRun, cluster_uid: &str) -> bool {
    let recorded = run.undo_point.summary.cluster_uid.as_str();
    recorded.is_empty() || cluster_uid.is_empty() || recorded == cluster_uid
}

/// The run whose undo point's id begins so.
pub fn by_id<'runs>(word: &str, runs: &'runs [RestoreRun]) -> Result<&'runs RestoreRun, RunReferenceError> {
    let id = word.to_ascii_lowercase();
    if id.len() < SHORTEST_ID || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(RunReferenceError::Unknown(word.to_owned()));
    }
    let found: Vec<_> = runs.iter().filter(|run| run.undo_point.id.0.starts_with(&id)).collect();
    match found.as_slice() {
        [] => Err(RunReferenceError::Unknown(word.to_owned())),
        [run] => Ok(run),
        several => Err(RunReferenceError::Ambiguous {
            word: word.to_owned(),
            candidates: several.iter().map(|run| run.undo_point.id.to_string()).collect(),
        }),
    }
}

#[cfg(test)]
mod tests;
