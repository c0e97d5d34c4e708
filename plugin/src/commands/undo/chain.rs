//! A restore and the runs that went on with it, read from their records.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

use crate::{
    archive::{ReadFilter, Repository},
    commands::{failure::Failure, journal},
    model::{
        object::ObjectKey,
        resource::{GroupResource, ResourceType},
        restore_point::RestorePointId,
        restore_record::{Change, PlannedChange},
        restore_run::{RestoreRun, RunState},
    },
    plan::{
        restore::{
            Candidate, Origin,
            content::Content,
            facts::Kinds,
            rules::{Rule, rule},
        },
        restore_runs::{by_id, going_back_and_forth, is_of, latest_to_undo},
        sanitize::owners::owners,
        undo::former::{Former, RunJournal, formers},
    },
};

/// What is taken back.
#[derive(Debug)]
pub(super) struct Chain {
    /// The last run of it.
    pub(super) last: RestoreRun,
    /// The undo points, first to last.
    points: Vec<RestorePointId>,
    /// What was done to each object.
    pub(super) formers: BTreeMap<ObjectKey, Former>,
    /// Objects that a later restore changed too, and which.
    pub(super) later: HashMap<ObjectKey, RestorePointId>,
    /// The kinds of the objects saved.
    saved_kinds: Vec<ResourceType>,
    /// The version that objects of a kind were written in.
    versions: BTreeMap<GroupResource, String>,
}

impl Chain {
    /// Finds what `word` means, on the cluster of this identity. Blocks.
    pub(super) fn find(repository: &Repository, word: &str, cluster_uid: &str) -> anyhow::Result<Self> {
        let runs = journal::runs(repository)?;
        let named = if word == "latest" { latest_to_undo(&runs, cluster_uid)? } else { by_id(word, &runs)? };
        check(named, &runs, cluster_uid)?;
        let root = named.root().clone();
        let mut chain: Vec<&RestoreRun> = runs.iter().filter(|run| *run.root() == root).collect();
        chain.reverse();
        let mut found = Self {
            last: named.clone(),
            points: chain.iter().map(|run| run.undo_point.id.clone()).collect(),
            formers: BTreeMap::new(),
            later: HashMap::new(),
            saved_kinds: Vec::new(),
            versions: BTreeMap::new(),
        };
        let mut journals = Vec::with_capacity(chain.len());
        for run in &chain {
            let manifest = repository.manifest(&run.undo_point.id)?;
            let planned = journal::planned(repository, run)?;
            found.note_versions(&planned);
            found.saved_kinds.extend(manifest.kinds.into_iter().map(|entry| entry.kind));
            let server_time = manifest.record.and_then(|record| record.server_time);
            let done = run.result.is_some().then(|| journal::done(repository, run)).transpose()?;
            let begun = server_time.unwrap_or(run.undo_point.created);
            journals.push(RunJournal { begun, planned, done });
        }
        found.formers = formers(&journals);
        let last = chain.last().map_or(named.undo_point.created, |run| run.undo_point.created);
        let is_later = |run: &&RestoreRun| {
            run.undo_point.created > last
                && is_of(run, cluster_uid)
                && run.mark.undoes.as_ref() != Some(&root)
        };
        for later in runs.iter().filter(is_later) {
            for planned in journal::planned(repository, later)? {
                if planned.change == Change::Hold {
                    continue;
                }
                let Some(former) = found.formers.get_mut(&planned.target) else { continue };
                if later.is_undo() || later.state == RunState::Undone {
                    // What it took back is as if it never was, but for the owners of the fields.
                    former.mixed = true;
                } else {
                    found.later.insert(planned.target, later.undo_point.id.clone());
                }
            }
        }
        found.note_made_again(repository, &runs)?;
        Ok(found)
    }

    /// What earlier tries to take it back made again is what the restore left, no other object.
    fn note_made_again(&mut self, repository: &Repository, runs: &[RestoreRun]) -> anyhow::Result<()> {
        for run in going_back_and_forth(self.last.root(), runs) {
            for planned in journal::planned(repository, run)? {
                if let Some(former) = self.formers.get_mut(&planned.target) {
                    former.note_plan(&planned, run.result.is_some());
                }
            }
            for done in journal::done(repository, run)? {
                if let Some(former) = self.formers.get_mut(&done.target) {
                    former.note_uid(&done);
                }
            }
        }
        Ok(())
    }

    fn note_versions(&mut self, planned: &[PlannedChange]) {
        for change in planned.iter().filter(|change| !change.version.is_empty()) {
            self.versions.insert(change.target.resource.clone(), change.version.clone());
        }
    }

    /// Where the bodies lie.
    pub(super) fn points(&self) -> Vec<RestorePointId> {
        self.points.clone()
    }

    /// The kinds in question, each in the version that the restore wrote, as far as it is served.
    pub(super) fn kinds(&self, served: &[ResourceType]) -> Kinds {
        let written = served.iter().filter_map(|kind| {
            let version = self.versions.get(&kind.resource)?;
            let at_hand = kind.served_versions.contains(version);
            at_hand.then(|| ResourceType { version: version.clone(), ..kind.clone() })
        });
        Kinds::new(self.saved_kinds.iter().cloned().chain(written), served)
    }

    /// The objects whose former state was saved, in the order of their keys. Blocks.
    pub(super) fn candidates(&self, repository: &Repository) -> anyhow::Result<Vec<Candidate>> {
        let mut found: BTreeMap<ObjectKey, Candidate> = BTreeMap::new();
        for point in &self.points {
            let mut unreadable = None;
            repository.each_object(point, &ReadFilter::default(), &mut |object| match object {
                Ok(object) => {
                    if let Some(former) = self.formers.get(&object.key) {
                        // What a controller makes again is its own affair.
                        let rule = match former.change {
                            Change::Relink => rule(&object.key.resource, &object.body, false),
                            _ => Rule::Restore,
                        };
                        let owners = owners(&object.body).into();
                        found.entry(object.key.clone()).or_insert_with(|| Candidate {
                            mapped: None,
                            renamed: None,
                            origin: Origin::Selected,
                            owners,
                            content: Some(Content::of(&object.key.resource, object.body)),
                            rule,
                            key: object.key,
                        });
                    }
                    ControlFlow::Continue(())
                }
                Err(lost) => {
                    unreadable = Some(lost.reason);
                    ControlFlow::Break(())
                }
            })?;
            if let Some(reason) = unreadable {
                return Err(Failure::new(
                    format!("nothing was changed: undo point {point} cannot be read as a whole: {reason}"),
                    format!("`kubectl backup restore {point}` brings back what can be read"),
                )
                .into());
            }
        }
        Ok(found.into_values().collect())
    }
}

fn check(named: &RestoreRun, runs: &[RestoreRun], cluster_uid: &str) -> anyhow::Result<()> {
    let id = &named.undo_point.id;
    journal::expect_cluster(named, cluster_uid)?;
    if named.state == RunState::Undone {
        let by = runs.iter().find(|run| run.mark.undoes.as_ref() == Some(named.root()));
        let by = by.map_or_else(|| "ID".to_owned(), |run| run.undo_point.id.to_string());
        return Err(Failure::new(
            format!("restore {id} was taken back already"),
            format!("`kubectl backup undo {by}` brings back what it had made"),
        )
        .into());
    }
    Ok(())
}
