//! The records that a restore leaves in the repository: an undo point before its first write, what came of it after
//! the last.
//!
//! What must be in an undo point is decided in `plan::undo`; here it is read from the cluster and saved.

mod live;

use std::collections::{BTreeMap, HashSet};

use anyhow::Context;
use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;
use tokio::sync::mpsc;

use crate::{
    archive::{Capture, Repository},
    cluster::Cluster,
    commands::{interrupt::Stopped, session::blocking},
    model::{
        object::ObjectKey,
        restore_point::{Completeness, FORMAT, KindEntry, Manifest, RestorePoint, RestorePointId, Summary},
        restore_record::{
            Change, DoneChange, PlannedChange, RecordRole, RestoreMark, RestoreRecord, RestoreRequest,
        },
        restore_run::DELETING,
        selection::{Namespaces, Selection},
    },
    plan::restore::facts::Kinds,
};

/// Pieces on their way into the archive.
const IN_FLIGHT: usize = 2;

/// Namespaces named in a summary; more are only counted.
const MAX_NAMESPACES: usize = 100;

/// Longest reason that a journal keeps, in characters.
const LONGEST_REASON: usize = 1000;

/// What a run says of itself in its records.
#[derive(Clone, Debug)]
pub(in crate::commands) struct Run {
    /// What is restored: its id and name; for an undo the undo point.
    pub(in crate::commands) source: RestorePoint,
    /// For people: `namespace shop`.
    pub(in crate::commands) scope: String,
    /// What was asked for; none for an undo.
    pub(in crate::commands) request: Option<RestoreRequest>,
    /// The undo point of the first run, if this one goes on with it.
    pub(in crate::commands) continues: Option<RestorePointId>,
    /// The undo point that this run goes back to.
    pub(in crate::commands) undoes: Option<RestorePointId>,
}

/// The undo point of the run under way.
#[derive(Clone, Debug)]
pub(super) struct UndoPoint {
    pub(super) id: RestorePointId,
    run: Run,
    /// Of the manifest, for the result to repeat.
    manifest: Manifest,
}

/// How a run ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub(super) interrupted: bool,
    /// Objects that did not become what was asked for.
    pub(super) left: u64,
}

/// What it takes to save an undo point.
pub(super) struct Saving<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) kinds: &'a Kinds,
    pub(super) repository: &'a Repository,
    /// What the run means to do.
    pub(super) changes: Vec<PlannedChange>,
    /// Objects that an earlier undo point of the same restore holds.
    pub(super) held: &'a HashSet<ObjectKey>,
    pub(super) run: Run,
    pub(super) stopped: Stopped,
}

/// Saves what is about to be overwritten, as it is now, and what is meant to be done with it.
pub(super) async fn save_undo_point(saving: Saving<'_>) -> anyhow::Result<UndoPoint> {
    let Saving { cluster, kinds, repository, mut changes, held, run, stopped } = saving;
    let (version, uid) = tokio::try_join!(cluster.server_version(), cluster.identity())?;
    let created = Timestamp::now();
    let (captures, receiver) = mpsc::channel(IN_FLIGHT);
    let archive = repository.clone();
    let archiving = tokio::spawn(blocking(move || Ok(archive.save(created, receiver)?)));
    let mut gathering = live::Gathering { cluster, kinds, captures: captures.clone(), entries: Vec::new() };
    let gathered = tokio::select! {
        gathered = gathering.run(&mut changes, held) => gathered,
        () = stopped.wait() => Err(anyhow::anyhow!("interrupted")),
    };
    let entries = std::mem::take(&mut gathering.entries);
    drop(gathering);
    if let Err(error) = gathered {
        // Without the last word nothing is saved. When the archive gave up first, its error is the cause.
        drop(captures);
        let ended = archiving.await.context("an internal task ended early")?;
        return Err(if error.is::<live::Closed>() { ended.err().unwrap_or(error) } else { error });
    }
    let mark = RestoreMark {
        role: RecordRole::UndoPoint,
        restore_point: run.source.id.clone(),
        name: run.source.summary.name.clone(),
        of: None,
        continues: run.continues.clone(),
        undoes: run.undoes.clone(),
        interrupted: false,
        left: 0,
        // What is only held is as it was in the end.
        counts: counted(
            changes.iter().map(|it| it.change).filter(|it| *it != Change::Hold).map(Change::word),
        ),
    };
    let record = RestoreRecord { server_time: version.clock, request: run.request.clone() };
    let namespaces = changes.iter().filter_map(|change| change.target.namespace.clone());
    let manifest = Manifest {
        summary: Summary {
            name: format!("restore-{}", created.to_zoned(TimeZone::UTC).strftime("%Y%m%d-%H%M%S")),
            cluster_uid: uid,
            context: cluster.context().to_owned(),
            ..summary(mark, &run, &entries, namespaces.collect())
        },
        server_version: version.git_version,
        kinds: entries,
        record: Some(record),
        ..manifest(&run)
    };
    // A closed channel means that saving failed, which its own result says better.
    let _ = captures.send(Capture::Journal(lines(&changes)?.into())).await;
    let _ = captures.send(Capture::Finish(Box::new(manifest.clone()))).await;
    drop(captures);
    let point = archiving.await.context("an internal task ended early")??;
    Ok(UndoPoint { id: point.id, run, manifest })
}

impl UndoPoint {
    /// Saves what came of every object: the last thing a run does.
    pub(super) async fn save_result(
        &self,
        repository: &Repository,
        mut done: Vec<DoneChange>,
        end: End,
    ) -> anyhow::Result<RestorePoint> {
        for change in &mut done {
            if let Some(reason) = &mut change.reason
                && let Some((end, _)) = reason.char_indices().nth(LONGEST_REASON)
            {
                reason.truncate(end);
            }
        }
        let mark = RestoreMark {
            role: RecordRole::Result,
            of: Some(self.id.clone()),
            interrupted: end.interrupted,
            left: end.left,
            counts: counted(done.iter().flat_map(counted_as)),
            ..self.manifest.summary.restore.clone().context("an undo point bears no mark")?
        };
        let manifest = Manifest {
            summary: Summary {
                name: format!("{}-result", self.manifest.summary.name),
                cluster_uid: self.manifest.summary.cluster_uid.clone(),
                context: self.manifest.summary.context.clone(),
                ..summary(mark, &self.run, &[], Vec::new())
            },
            server_version: self.manifest.server_version.clone(),
            ..manifest(&self.run)
        };
        let (captures, receiver) = mpsc::channel(IN_FLIGHT);
        let repository = repository.clone();
        let archiving = tokio::spawn(blocking(move || Ok(repository.save(Timestamp::now(), receiver)?)));
        let _ = captures.send(Capture::Journal(lines(&done)?.into())).await;
        let _ = captures.send(Capture::Finish(Box::new(manifest))).await;
        drop(captures);
        archiving.await.context("an internal task ended early")?
    }
}

fn summary(mark: RestoreMark, run: &Run, entries: &[KindEntry], mut namespaces: Vec<String>) -> Summary {
    namespaces.sort_unstable();
    namespaces.dedup();
    Summary {
        format: FORMAT,
        name: String::new(),
        completeness: Completeness::Complete,
        objects: entries.iter().map(|entry| entry.objects).sum(),
        bytes: entries.iter().map(|entry| entry.bytes).sum(),
        namespace_count: namespaces.len() as u64,
        namespaces: namespaces.into_iter().take(MAX_NAMESPACES).collect(),
        cluster_uid: String::new(),
        context: String::new(),
        scope: run.scope.clone(),
        is_narrowed: false,
        consistency: None,
        restore: Some(mark),
    }
}

/// All but what the caller fills in.
fn manifest(run: &Run) -> Manifest {
    let selection = run
        .request
        .as_ref()
        .map_or_else(|| Selection::of(Namespaces::All), |request| request.selection.clone());
    let nothing = RestoreMark {
        role: RecordRole::Result,
        restore_point: run.source.id.clone(),
        name: String::new(),
        of: None,
        continues: None,
        undoes: None,
        interrupted: false,
        left: 0,
        counts: BTreeMap::new(),
    };
    Manifest {
        summary: summary(nothing, run, &[], Vec::new()),
        written_by: env!("CARGO_PKG_VERSION").to_owned(),
        server_version: String::new(),
        selection,
        kinds: Vec::new(),
        missing: Vec::new(),
        left_out: Vec::new(),
        warnings: Vec::new(),
        freeze: None,
        record: None,
    }
}

/// The words that a change is counted under.
fn counted_as(change: &DoneChange) -> impl Iterator<Item = &'static str> {
    let deleting = change.deletion_begun.then_some(DELETING);
    std::iter::once(crate::report::restore::State::word(change.outcome)).chain(deleting)
}

fn counted(words: impl Iterator<Item = &'static str>) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for word in words {
        *counts.entry(word.to_owned()).or_default() += 1;
    }
    counts
}

/// One JSON document a line.
fn lines<Line: Serialize>(entries: &[Line]) -> anyhow::Result<Vec<u8>> {
    let mut text = Vec::new();
    for entry in entries {
        serde_json::to_writer(&mut text, entry).context("could not write the journal")?;
        text.push(b'\n');
    }
    Ok(text)
}
