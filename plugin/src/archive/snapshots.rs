//! Restore points as restic snapshots: the summary lies in the snapshot file, so a list reads nothing else.

use std::collections::HashSet;

use jiff::{Timestamp, tz::TimeZone};
use rustic_core::{
    FileType, Id, TreeId,
    repofile::{SnapshotFile, SnapshotId, StringList},
};
use serde::Deserialize;

use crate::model::restore_point::{FORMAT, RestorePoint, RestorePointId, Summary};

use super::{
    Inner,
    backend::parse_id,
    error::{ArchiveError, Cause},
};

/// Marks our snapshots among those of other programs in the same repository.
const TAG: &str = "kubectl-backup";
/// Marks the records of restores. Not [`TAG`]: a version that does not know them would take them for restore points,
/// and passes over what has another tag.
const RECORD_TAG: &str = "kubectl-backup-restore";
/// Longest summary that is taken for one, in bytes.
const LONGEST_SUMMARY: usize = 1 << 20;

/// A restore point together with what leads to its content.
pub(super) struct Found {
    /// As lists show it.
    pub(super) point: RestorePoint,
    /// The snapshot.
    pub(super) snapshot: SnapshotFile,
}

/// What reading all snapshots came to.
#[derive(Default)]
pub(super) struct Survey {
    /// Ours, newest first.
    pub(super) found: Vec<Found>,
    /// Unreadable ones, with the reason.
    pub(super) unreadable: Vec<(RestorePointId, ArchiveError)>,
    /// Readable ones of other programs.
    pub(super) foreign: Vec<SnapshotFile>,
}

impl Survey {
    /// How many of ours are restore points, and not records of restores.
    pub(super) fn restore_points(&self) -> usize {
        self.found.iter().filter(|found| found.point.summary.restore.is_none()).count()
    }

    /// Where each of ours begins in the index.
    pub(super) fn roots(&self) -> HashSet<TreeId> {
        self.found.iter().map(|found| found.snapshot.tree).collect()
    }
}

/// Makes a snapshot a restore point.
pub(super) fn describe(
    snapshot: &mut SnapshotFile,
    created: Timestamp,
    summary: &Summary,
) -> Result<(), ArchiveError> {
    let invalid = |reason: String| ArchiveError::InvalidObject { object: "the summary".to_owned(), reason };
    let description = serde_json::to_string(summary).map_err(|error| invalid(error.to_string()))?;
    snapshot.time = created.to_zoned(TimeZone::UTC);
    snapshot.hostname.clone_from(&summary.context);
    snapshot.label.clone_from(&summary.name);
    snapshot.description = Some(description);
    let mut tags = StringList::default();
    tags.add(if summary.restore.is_some() { RECORD_TAG } else { TAG }.to_owned());
    snapshot.tags = tags;
    Ok(())
}

/// Reads every snapshot. One that cannot be read does not keep the others from being found.
pub(super) fn survey(inner: &Inner) -> Result<Survey, ArchiveError> {
    let attempt = "list the restore points";
    let (repository, _) = inner.connect(false)?;
    let files = inner
        .store
        .list(FileType::Snapshot.dirname())
        .map_err(|source| ArchiveError::Store { attempt, source })?;
    let mut survey = Survey::default();
    for id in files.iter().filter_map(|(name, _)| parse_id(name)) {
        let point = RestorePointId(id.to_hex().as_str().to_owned());
        match repository.get_file::<SnapshotFile>(&SnapshotId::from(id)) {
            Ok(snapshot) => match interpret(&id, snapshot) {
                Interpreted::Ours(found) => survey.found.push(*found),
                Interpreted::Foreign(snapshot) => survey.foreign.push(*snapshot),
                Interpreted::Unreadable(error) => survey.unreadable.push((point, error)),
            },
            Err(error) => {
                let what = format!("the snapshot file {point}");
                match ArchiveError::damaged(what, attempt, &error) {
                    // Deleted since the folder was listed.
                    _ if matches!(
                        inner.store.size(&super::backend::name(FileType::Snapshot, &id)),
                        Ok(None)
                    ) => {}
                    damage if damage.is_damage() => survey.unreadable.push((point, damage)),
                    other => return Err(other),
                }
            }
        }
    }
    survey.found.sort_by(|left, right| {
        (right.point.created, &right.point.id).cmp(&(left.point.created, &left.point.id))
    });
    Ok(survey)
}

/// One restore point by its id.
pub(super) fn find(inner: &Inner, id: &RestorePointId) -> Result<Found, ArchiveError> {
    let attempt = "read the restore point";
    let parsed = parse_id(&id.0).ok_or_else(|| ArchiveError::NoRestorePoint { id: id.clone() })?;
    let name = super::backend::name(FileType::Snapshot, &parsed);
    let size = inner.store.size(&name).map_err(|source| ArchiveError::Store { attempt, source })?;
    if size.is_none() {
        return Err(ArchiveError::NoRestorePoint { id: id.clone() });
    }
    let (repository, _) = inner.connect(false)?;
    let snapshot = repository
        .get_file::<SnapshotFile>(&SnapshotId::from(parsed))
        .map_err(|error| ArchiveError::damaged(format!("the snapshot file {id}"), attempt, &error))?;
    match interpret(&parsed, snapshot) {
        Interpreted::Ours(found) if found.point.summary.format > FORMAT => {
            Err(ArchiveError::NewerFormat { id: id.clone(), format: found.point.summary.format })
        }
        Interpreted::Ours(found) => Ok(*found),
        Interpreted::Foreign(_) => Err(ArchiveError::NoRestorePoint { id: id.clone() }),
        Interpreted::Unreadable(error) => Err(error),
    }
}

/// Removes snapshots; what only they used stays in the repository until it is pruned.
pub(super) fn delete(inner: &Inner, ids: &[RestorePointId]) -> Result<(), ArchiveError> {
    let snapshots = ids
        .iter()
        .map(|id| Ok(SnapshotId::from(find_deletable(inner, id)?)))
        .collect::<Result<Vec<_>, ArchiveError>>()?;
    let (repository, _) = inner.connect(false)?;
    repository
        .delete_snapshots(&snapshots)
        .map_err(|error| ArchiveError::from_rustic("delete the restore points", &error))
}

/// A newer format may be deleted, somebody else's snapshot may not.
fn find_deletable(inner: &Inner, id: &RestorePointId) -> Result<Id, ArchiveError> {
    match find(inner, id) {
        Ok(_) | Err(ArchiveError::NewerFormat { .. }) => {
            parse_id(&id.0).ok_or_else(|| ArchiveError::NoRestorePoint { id: id.clone() })
        }
        Err(error) => Err(error),
    }
}

enum Interpreted {
    Ours(Box<Found>),
    Foreign(Box<SnapshotFile>),
    Unreadable(ArchiveError),
}

#[derive(Deserialize)]
struct FormatOnly {
    format: u32,
}

fn interpret(id: &Id, snapshot: SnapshotFile) -> Interpreted {
    let is_record = snapshot.tags.contains(RECORD_TAG);
    let ours = is_record || snapshot.tags.contains(TAG);
    let Some(description) = snapshot.description.as_deref().filter(|_| ours) else {
        return Interpreted::Foreign(Box::new(snapshot));
    };
    let id = RestorePointId(id.to_hex().as_str().to_owned());
    let damaged = |reason: String| {
        Interpreted::Unreadable(ArchiveError::Damaged {
            what: format!("the summary of restore point {id}"),
            source: Some(Cause(reason)),
        })
    };
    if description.len() > LONGEST_SUMMARY {
        return damaged(format!("it has {} bytes", description.len()));
    }
    let summary = match serde_json::from_str::<Summary>(description) {
        Ok(summary) => summary,
        Err(error) => {
            return match serde_json::from_str::<FormatOnly>(description) {
                Ok(FormatOnly { format }) if format > FORMAT => {
                    Interpreted::Unreadable(ArchiveError::NewerFormat { id, format })
                }
                _ => damaged(error.to_string()),
            };
        }
    };
    if summary.restore.is_some() != is_record {
        return damaged("its tag and its summary differ on whether it is the record of a restore".to_owned());
    }
    let created = snapshot.time.timestamp();
    Interpreted::Ours(Box::new(Found { point: RestorePoint { id, created, summary }, snapshot }))
}
