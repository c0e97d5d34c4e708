//! Saving a restore point: all or nothing.
//!
//! rustic writes packs and index; its own snapshot is held back. Only when everything that was sent is counted
//! in what was stored is a snapshot written, and with it the restore point exists.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use jiff::Timestamp;
use rustic_core::{
    BackupOptions, IndexedIdsStatus, ParentOptions, Repository as RusticRepository,
    repofile::{SnapshotFile, SnapshotSummary},
};
use tokio::sync::mpsc::Receiver;

use crate::model::{
    resource::GroupResource,
    restore_point::{Manifest, RestorePoint, RestorePointId},
};

use super::{
    Inner,
    backend::{Backend, Written},
    error::{ArchiveError, log_text, store_error},
    layout::{NAMESPACED, NON_NAMESPACED, OTHER_VERSIONS},
    snapshots,
    source::{Capture, CaptureSource, Outcome},
};

const ATTEMPT: &str = "save the restore point";

/// Saves what comes through `captures`.
pub(super) fn save(
    inner: &Inner,
    created: Timestamp,
    captures: Receiver<Capture>,
) -> Result<RestorePoint, ArchiveError> {
    if let Err(error) = inner.store.tidy() {
        tracing::debug!(%error, "could not remove what an interrupted run left behind");
    }
    let (repository, backend) = inner.index_ids_for_saving()?;
    let source = CaptureSource::new(captures, Arc::clone(&backend));
    // Without a parent: all objects are in memory anyway, and what is stored already is found by its content.
    let options = BackupOptions::default().no_scan(true).parent_opts(ParentOptions::default().force(true));
    let paths = [NAMESPACED, NON_NAMESPACED, OTHER_VERSIONS].map(PathBuf::from);
    let archived = repository.archive(&options, &source, SnapshotFile::default(), &paths);
    let outcome = source.outcome();
    let written = backend.written();
    if let Some(source) = written.failure {
        return Err(ArchiveError::Store { attempt: ATTEMPT, source });
    }
    // Looked at before rustic's own result: the source's problem is the cause when both report one.
    if let Some(problem) = outcome.problem {
        return Err(problem);
    }
    let snapshot = archived.map_err(|error| ArchiveError::from_rustic(ATTEMPT, &error))?;
    let manifest = verify(outcome, &written, snapshot.summary.as_ref())?;
    commit(inner, &repository, &backend, created, &manifest, snapshot)
}

/// Compares what was sent with what was stored.
fn verify(
    outcome: Outcome,
    written: &Written,
    summary: Option<&SnapshotSummary>,
) -> Result<Manifest, ArchiveError> {
    let manifest = outcome.manifest.ok_or(ArchiveError::CutOff)?;
    let (files, bytes) =
        summary.map_or((0, 0), |summary| (summary.total_files_processed, summary.total_bytes_processed));
    equal("files", outcome.files, files)?;
    equal("bytes", outcome.bytes, bytes)?;
    let stated: BTreeMap<&GroupResource, u64> =
        manifest.kinds.iter().map(|entry| (&entry.kind.resource, entry.objects)).collect();
    for (resource, found) in &outcome.objects {
        equal(&resource.to_string(), stated.get(resource).copied().unwrap_or_default(), *found)?;
    }
    for (resource, expected) in stated {
        equal(&resource.to_string(), expected, outcome.objects.get(resource).copied().unwrap_or_default())?;
    }
    equal("objects", manifest.summary.objects, outcome.objects.values().sum())?;
    let mut others = outcome.other_versions;
    for entry in &manifest.kinds {
        for other in &entry.other_versions {
            let key = (entry.kind.resource.clone(), other.version.clone());
            let found = others.remove(&key).unwrap_or_default();
            equal(&format!("{} at version {}", key.0, key.1), other.objects, found)?;
        }
    }
    // What the manifest does not name would never be read.
    equal("objects at other versions", 0, others.values().sum())?;
    // A snapshot must never be durable before what it refers to.
    if written.last_pack > written.last_index {
        return Err(ArchiveError::Miscounted { what: "index files".to_owned(), expected: 1, found: 0 });
    }
    Ok(manifest)
}

fn equal(what: &str, expected: u64, found: u64) -> Result<(), ArchiveError> {
    if expected == found {
        return Ok(());
    }
    Err(ArchiveError::Miscounted { what: what.to_owned(), expected, found })
}

/// Writes the snapshot file: the moment from which the restore point exists.
fn commit(
    inner: &Inner,
    repository: &RusticRepository<IndexedIdsStatus>,
    backend: &Backend,
    created: Timestamp,
    manifest: &Manifest,
    mut snapshot: SnapshotFile,
) -> Result<RestorePoint, ArchiveError> {
    snapshots::describe(&mut snapshot, created, &manifest.summary)?;
    backend.release();
    repository.save_snapshots(vec![snapshot]).map_err(|error| match store_error(&error) {
        Some(source) => ArchiveError::Store { attempt: ATTEMPT, source },
        None => ArchiveError::unexpected(ATTEMPT, &log_text(&*error)),
    })?;
    inner.forget_index();
    let id = backend.written().snapshots.pop().ok_or(ArchiveError::Miscounted {
        what: "snapshots".to_owned(),
        expected: 1,
        found: 0,
    })?;
    Ok(RestorePoint { id: RestorePointId(id), created, summary: manifest.summary.clone() })
}
