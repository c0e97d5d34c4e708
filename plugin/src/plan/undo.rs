//! What it takes to go back from a restore: what its undo point must hold, and what becomes of each object when it is
//! taken back.

pub mod decide;
pub mod former;
pub mod reversal;
pub mod written;

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{
    object::ObjectKey,
    restoration::Action,
    restore_record::{Change, PlannedChange},
};

use super::restore::{PlannedObject, RestorePlan, facts::Kinds};

/// What taking a restore back must know while it is carried out.
#[derive(Clone, Debug)]
pub struct Undoing {
    /// What the restore did to each object.
    pub formers: BTreeMap<ObjectKey, former::Former>,
    /// `--force`.
    pub force: decide::Force,
}

/// Everything that a plan is about to change, for the journal of its undo point. With `hold` also the workloads that are only
/// held for its time: a run that is killed leaves them so.
pub fn planned_changes(plan: &RestorePlan, kinds: &Kinds, hold: bool) -> Vec<PlannedChange> {
    let mut changes: Vec<_> =
        plan.objects.iter().filter_map(|object| planned_change(object, kinds)).collect();
    let written: BTreeSet<ObjectKey> = changes.iter().map(|change| change.target.clone()).collect();
    let replaced = plan.objects.iter().filter(|object| object.decision.action == Action::Replace);
    let dependants: BTreeSet<&ObjectKey> = replaced
        .flat_map(|object| object.dependants.iter().map(|dependant| &dependant.key))
        .filter(|key| !written.contains(*key))
        .collect();
    changes.extend(dependants.into_iter().map(|key| beside(key, Change::Relink, kinds)));
    if hold {
        let written: BTreeSet<ObjectKey> = changes.iter().map(|change| change.target.clone()).collect();
        let held = plan.holdable().map(|index| &plan.objects[index]).filter(|it| it.is_held_live());
        let held = held.map(PlannedObject::target).filter(|key| !written.contains(*key));
        changes.extend(held.map(|key| beside(key, Change::Hold, kinds)));
    }
    changes
}

/// A change of an object that is not written for itself.
fn beside(key: &ObjectKey, change: Change, kinds: &Kinds) -> PlannedChange {
    PlannedChange { target: key.clone(), change, version: version(kinds, key), exact: false, content: None }
}

fn planned_change(object: &PlannedObject, kinds: &Kinds) -> Option<PlannedChange> {
    let change = match object.decision.action {
        Action::Create | Action::Rename => Change::Create,
        Action::Patch => Change::Patch,
        Action::Replace => Change::Replace,
        Action::Delete => Change::Delete,
        Action::Unchanged
        | Action::Skip
        | Action::Ask
        | Action::Conflict
        | Action::Leave
        | Action::Refuse => return None,
    };
    Some(PlannedChange {
        target: object.target().clone(),
        version: version(kinds, object.target()),
        change,
        exact: change == Change::Patch && object.resolution.exact,
        // A patched object has more than what is written to it.
        content: object
            .candidate
            .content
            // Nor was the content of a renamed object looked at under its new name.
            .filter(|_| {
                matches!(change, Change::Create | Change::Replace) && object.candidate.renamed.is_none()
            })
            .map(|content| content.to_string()),
    })
}

fn version(kinds: &Kinds, target: &ObjectKey) -> String {
    kinds.saved(&target.resource).map(|kind| kind.version.clone()).unwrap_or_default()
}
