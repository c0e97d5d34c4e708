//! What it takes to go back from a restore: what its undo point must hold, and what becomes of each object when it is
//! taken back.

use std::collections::BTreeSet;

use crate::model::{
    object::ObjectKey,
    restoration::Action,
    restore_record::{Change, PlannedChange},
};

use super::restore::{PlannedObject, RestorePlan};

/// Everything that a plan is about to change, for the journal of its undo point.
pub fn planned_changes(plan: &RestorePlan) -> Vec<PlannedChange> {
    let mut changes: Vec<_> = plan.objects.iter().filter_map(planned_change).collect();
    let written: BTreeSet<ObjectKey> = changes.iter().map(|change| change.target.clone()).collect();
    let replaced = plan.objects.iter().filter(|object| object.decision.action == Action::Replace);
    let dependants: BTreeSet<&ObjectKey> = replaced
        .flat_map(|object| object.dependants.iter().map(|dependant| &dependant.key))
        .filter(|key| !written.contains(*key))
        .collect();
    changes.extend(dependants.into_iter().map(|key| PlannedChange {
        target: key.clone(),
        change: Change::Relink,
        exact: false,
        content: None,
    }));
    changes
}

fn planned_change(object: &PlannedObject) -> Option<PlannedChange> {
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
