//! What a restore and the runs that went on with it did to each object, put together from their journals.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use serde_json::Value;

use crate::model::{
    object::ObjectKey,
    restoration::Outcome,
    restore_record::{Change, DoneChange, PlannedChange, WrittenFields},
};

use super::{
    decide::{Force, MIXED, Observed},
    reversal::{Reversal, Trust, reversal},
};

/// One run, as its records tell it.
#[derive(Clone, Debug)]
pub struct RunJournal {
    /// The API server's clock before the first write, or ours if it did not tell.
    pub begun: Timestamp,
    /// What was meant.
    pub planned: Vec<PlannedChange>,
    /// What came of it; none if the run left no word of its end.
    pub done: Option<Vec<DoneChange>>,
}

/// What was done to one object.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own that the journals tell")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Former {
    /// What the first run meant to do with it.
    pub change: Change,
    /// A run may have removed fields of it.
    pub exact: bool,
    /// The server's clock before the first write.
    pub begun: Timestamp,
    /// The uids that it got from the runs that made it and told.
    pub uids: BTreeSet<String>,
    /// A run may have made it and did not tell.
    pub untold: bool,
    /// Digests of the content that the runs left, or meant to leave.
    pub contents: BTreeSet<String>,
    /// A run told what the server answered to its write.
    pub answered: bool,
    /// What the runs changed of the object that was there; none if not all of them told, or not field by field.
    pub written: Option<WrittenFields>,
    /// A later restore and its undo changed it too: the owners of its fields tell nothing any more.
    pub mixed: bool,
}

impl Former {
    /// Notes what a run was to do, and whether it told what came of it.
    pub fn note_plan(&mut self, planned: &PlannedChange, told: bool) {
        self.untold |= !told && matches!(planned.change, Change::Create | Change::Replace);
    }

    /// Notes the uid of what a run made.
    pub fn note_uid(&mut self, done: &DoneChange) {
        if matches!(done.outcome, Outcome::Created | Outcome::Replaced | Outcome::Renamed) {
            self.uids.extend(done.uid.clone());
        }
    }

    fn note_written(&mut self, done: &DoneChange) {
        let half_done = self.change == Change::Replace && !done.outcome.is_write();
        let told = match done.outcome {
            Outcome::Patched | Outcome::Replaced => done.written.clone(),
            _ => (!half_done).then(WrittenFields::new),
        };
        match (&mut self.written, told) {
            (Some(written), Some(told)) => written.extend(told),
            (written, _) => *written = None,
        }
    }

    /// From `live` back to `body`, the former state, cleaned; what others changed since stays, unless forced. Or why all of it
    /// stays.
    pub fn reversal(
        &self,
        body: &Value,
        live: &Value,
        observed: &Observed,
        key: &ObjectKey,
        force: Force,
    ) -> Result<Reversal, &'static str> {
        let trust = match &self.written {
            _ if self.change == Change::Relink => Trust::Owners,
            _ if force == Force::Yes || observed.untouched => Trust::All,
            Some(written) => Trust::Written(written),
            None if self.mixed => return Err(MIXED),
            None => Trust::Owned { removals: self.exact || self.change != Change::Patch },
        };
        Ok(reversal(&key.resource, body, live, trust))
    }
}

/// Every object that the runs of a restore, first to last, changed or may have changed.
pub fn formers(runs: &[RunJournal]) -> BTreeMap<ObjectKey, Former> {
    let mut formers: BTreeMap<ObjectKey, Former> = BTreeMap::new();
    let mut touched: BTreeSet<ObjectKey> = BTreeSet::new();
    for run in runs {
        for planned in &run.planned {
            let former = formers.entry(planned.target.clone()).or_insert_with(|| Former {
                change: planned.change,
                exact: false,
                begun: run.begun,
                uids: BTreeSet::new(),
                untold: false,
                contents: BTreeSet::new(),
                answered: false,
                written: Some(WrittenFields::new()),
                mixed: false,
            });
            former.note_plan(planned, run.done.is_some());
            if run.done.is_none() {
                former.written = None;
            }
            if former.change == Change::Hold {
                former.change = planned.change;
            }
            former.exact |= planned.exact;
            former.contents.extend(planned.content.clone());
            // A half-done replacement leaves a trace whatever came of it, and so does a dependant of one; and what was
            // held may have stayed so.
            if run.done.is_none() || matches!(planned.change, Change::Replace | Change::Relink | Change::Hold)
            {
                touched.insert(planned.target.clone());
            }
        }
        for done in run.done.iter().flatten() {
            let Some(former) = formers.get_mut(&done.target) else { continue };
            former.note_uid(done);
            former.contents.extend(done.content.clone());
            former.answered |= done.content.is_some();
            former.note_written(done);
            if done.outcome.is_write() || done.deletion_begun {
                touched.insert(done.target.clone());
            }
        }
    }
    formers.retain(|target, _| touched.contains(target));
    formers
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::model::resource::GroupResource;

    fn key() -> ObjectKey {
        ObjectKey::new(GroupResource::new("configmaps", ""), Some("shop"), "app")
    }

    fn run(second: i64, change: Change, done: Option<Outcome>) -> RunJournal {
        let planned = PlannedChange {
            target: key(),
            change,
            version: String::new(),
            exact: false,
            content: Some(format!("planned-{second}")),
        };
        let done = done.map(|outcome| {
            vec![DoneChange {
                target: key(),
                outcome,
                uid: outcome.is_write().then(|| format!("uid-{second}")),
                content: outcome.is_write().then(|| format!("done-{second}")),
                written: None,
                deletion_begun: false,
                reason: None,
            }]
        });
        RunJournal { begun: Timestamp::from_second(second).unwrap(), planned: vec![planned], done }
    }

    #[rstest]
    #[case::done(vec![run(1, Change::Create, Some(Outcome::Created))], Some(Change::Create))]
    #[case::refused(vec![run(1, Change::Create, Some(Outcome::Refused))], None)]
    #[case::not_tried(vec![run(1, Change::Patch, Some(Outcome::NotTried))], None)]
    #[case::killed(vec![run(1, Change::Create, None)], Some(Change::Create))]
    #[case::a_replacement_that_was_refused(
        vec![run(1, Change::Replace, Some(Outcome::Refused))], Some(Change::Replace))]
    #[case::killed_and_resumed(
        vec![run(1, Change::Replace, None), run(2, Change::Create, Some(Outcome::Created))], Some(Change::Replace))]
    #[case::interrupted_and_resumed(
        vec![run(1, Change::Patch, Some(Outcome::NotTried)), run(2, Change::Patch, Some(Outcome::Patched))],
        Some(Change::Patch))]
    #[case::held(vec![run(1, Change::Hold, Some(Outcome::Unchanged))], Some(Change::Hold))]
    #[case::held_and_then_patched(
        vec![run(1, Change::Hold, None), run(2, Change::Patch, Some(Outcome::Patched))], Some(Change::Patch))]
    fn an_object_is_taken_back_if_a_run_may_have_changed_it(
        #[case] runs: Vec<RunJournal>,
        #[case] wanted: Option<Change>,
    ) {
        let formers = formers(&runs);
        assert_eq!(formers.get(&key()).map(|former| former.change), wanted);
    }

    #[test]
    fn a_deletion_that_waits_for_a_finalizer_is_taken_back() {
        let mut refused = run(1, Change::Delete, Some(Outcome::Refused));
        assert!(formers(std::slice::from_ref(&refused)).is_empty());
        refused.done.as_mut().unwrap()[0].deletion_begun = true;
        assert_eq!(formers(&[refused])[&key()].change, Change::Delete);
    }

    #[test]
    fn the_first_run_says_what_was_before_and_all_say_what_was_written() {
        let formers =
            formers(&[run(1, Change::Create, None), run(2, Change::Create, Some(Outcome::Created))]);
        let former = &formers[&key()];
        assert_eq!(former.begun, Timestamp::from_second(1).unwrap());
        assert_eq!(former.uids, BTreeSet::from(["uid-2".to_owned()]));
        assert_eq!(former.contents, BTreeSet::from(["planned-1", "planned-2", "done-2"].map(str::to_owned)));
    }
}
