//! What the files of a repository show by themselves, before any restore point is read.
//!
//! Not by rustic's own check: the levels and kinds of its findings have names that it does not export, so that only
//! their texts could be told apart, and these speak of rustic's commands and in the forms of its debugger.

use std::collections::{BTreeSet, HashSet};

use rustic_core::{FileType, Id, TreeId};

use crate::model::{
    check::{CheckDepth, Finding, Severity},
    restore_point::RestorePointId,
};

use super::super::{
    Inner, backend,
    error::{ArchiveError, REPAIR_INDEX},
    index,
    snapshots::Survey,
    store::StoreError,
};

/// What comparing the files came to.
pub(super) struct Files {
    /// In the order of their weight: what explains the others comes first.
    pub(super) findings: Vec<Finding>,
    /// Roots of restore points that no index file lists: there is nothing to be read of these.
    pub(super) unlisted: HashSet<TreeId>,
}

impl Files {
    /// Compares snapshots, index files and packs with each other; with [`CheckDepth::Data`], also each pack with its name.
    pub(super) fn compare(
        inner: &Inner,
        snapshots: &Survey,
        depth: CheckDepth,
    ) -> Result<Self, ArchiveError> {
        let (repository, _) = inner.connect(false)?;
        let mut survey = index::Survey::of(&repository, &*inner.store, snapshots.roots())?;
        if depth == CheckDepth::Data {
            let packs: Vec<Id> = survey.sound.keys().copied().collect();
            survey.look_into(packs, &*inner.store)?;
        }
        let mut findings: Vec<Finding> = lost_index(snapshots, &survey.unlisted).into_iter().collect();
        findings.extend(snapshots.unreadable.iter().map(unreadable));
        findings.extend(damaged_index(&survey));
        findings.extend(damaged_packs(&survey));
        findings.extend(spare(&survey));
        findings.extend(foreign(snapshots));
        Ok(Self { findings, unlisted: survey.unlisted })
    }
}

fn lost_index(snapshots: &Survey, unlisted: &HashSet<TreeId>) -> Option<Finding> {
    let hit = snapshots.found.iter().filter(|found| unlisted.contains(&found.snapshot.tree));
    let restore_points: Vec<RestorePointId> = hit.map(|found| found.point.id.clone()).collect();
    (!restore_points.is_empty()).then(|| Finding {
        restore_points,
        ..damage(format!(
            "index files are lost, and nothing can be read of what only they listed; {REPAIR_INDEX}"
        ))
    })
}

/// A restore point that cannot be told what it is.
pub(super) fn unreadable((id, error): &(RestorePointId, ArchiveError)) -> Finding {
    Finding {
        // A newer version's restore point is beyond us, not damaged.
        severity: if error.is_damage() { Severity::Damage } else { Severity::Note },
        message: if error.is_damage() {
            format!("the restore point cannot be read: {}", error.reason())
        } else {
            error.to_string()
        },
        restore_points: vec![id.clone()],
        affected: Vec::new(),
    }
}

fn damaged_index(survey: &index::Survey) -> impl Iterator<Item = Finding> {
    survey.unreadable.iter().map(|(id, error)| {
        let file = backend::name(FileType::Index, id);
        damage(format!("the index file `{file}` cannot be read: {}", error.reason()))
    })
}

fn damaged_packs(survey: &index::Survey) -> impl Iterator<Item = Finding> {
    let told = |packs: &BTreeSet<Id>, told: fn(String) -> String| {
        let findings = packs.iter().map(|id| damage(told(backend::name(FileType::Pack, id))));
        findings.collect::<Vec<_>>()
    };
    [
        told(&survey.missing, |pack| format!("`{pack}` is missing")),
        told(&survey.resized, |pack| format!("`{pack}` has not the size it was written with")),
        told(&survey.muddled, |pack| format!("the index contradicts itself about `{pack}`")),
        told(&survey.changed, |path| StoreError::Checksum { path }.to_string()),
    ]
    .into_iter()
    .flatten()
}

fn spare(survey: &index::Survey) -> impl Iterator<Item = Finding> {
    let why = if survey.unlisted.is_empty() {
        "a backup that was interrupted has left it, or one is being written now"
    } else {
        "it may hold what the lost index files listed"
    };
    survey
        .spare
        .iter()
        .map(move |id| note(format!("no index file lists `{}`: {why}", backend::name(FileType::Pack, id))))
}

fn foreign(survey: &Survey) -> Option<Finding> {
    let count = survey.foreign.len();
    (count > 0).then(|| {
        note(format!(
            "snapshots of other programs: {count}; whether they are complete is for those to check (`restic check`)"
        ))
    })
}

fn note(message: String) -> Finding {
    Finding { severity: Severity::Note, ..damage(message) }
}

fn damage(message: String) -> Finding {
    Finding { severity: Severity::Damage, message, restore_points: Vec::new(), affected: Vec::new() }
}
