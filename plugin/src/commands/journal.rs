//! The restores that a repository knows of, and their journals.

use anyhow::Context;
use serde::de::DeserializeOwned;

use crate::{
    archive::Repository,
    model::{
        restore_point::RestorePointId,
        restore_record::{DoneChange, PlannedChange},
        restore_run::RestoreRun,
    },
    plan::restore_runs,
};

use super::failure::Failure;

/// All restores, newest first. Blocks.
pub(crate) fn runs(repository: &Repository) -> anyhow::Result<Vec<RestoreRun>> {
    Ok(restore_runs::runs(&repository.restore_records()?))
}

/// What a restore meant to do. Blocks.
pub(crate) fn planned(repository: &Repository, run: &RestoreRun) -> anyhow::Result<Vec<PlannedChange>> {
    read(repository, &run.undo_point.id)
}

/// What came of it; nothing if it left no word. Blocks.
pub(crate) fn done(repository: &Repository, run: &RestoreRun) -> anyhow::Result<Vec<DoneChange>> {
    run.result.as_ref().map_or(Ok(Vec::new()), |result| read(repository, &result.id))
}

/// Fails unless `run` may have been on the cluster of this identity.
pub(crate) fn expect_cluster(run: &RestoreRun, cluster_uid: &str) -> Result<(), Failure> {
    if restore_runs::is_of(run, cluster_uid) {
        return Ok(());
    }
    let (id, context) = (&run.undo_point.id, &run.undo_point.summary.context);
    Err(Failure::new(
        format!("restore {id} was made in another cluster, that of context `{context}`"),
        "choose that cluster with --context",
    ))
}

fn read<Line: DeserializeOwned>(repository: &Repository, id: &RestorePointId) -> anyhow::Result<Vec<Line>> {
    let mut lines = Vec::new();
    repository
        .each_journal_line(id, &mut |line| {
            lines.push(serde_json::from_slice(line)?);
            Ok(())
        })
        .with_context(|| format!("could not read the journal of restore {id}"))?;
    Ok(lines)
}
