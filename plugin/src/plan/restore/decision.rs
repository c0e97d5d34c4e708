//! What becomes of one object, from its rule, its owners and what the cluster holds under its name.

use std::collections::BTreeSet;

use crate::{
    model::{object::ObjectKey, resource::GroupResource, restoration::Action},
    plan::conflict::{Decision, Live, Resolution, decide},
};

use super::{
    Candidate, Origin, OwnerLink,
    facts::{Facts, Kinds},
    finalizers::deletion_waits_for,
    rules::Rule,
};

/// Decides about the candidate number `index`. What lies in the namespaces `inhabited` was found.
pub(super) fn decision(
    index: usize,
    candidate: &Candidate,
    links: &[OwnerLink],
    facts: &Facts,
    kinds: &Kinds,
    inhabited: &BTreeSet<String>,
) -> Decision {
    match &candidate.rule {
        Rule::Leave(reason) if candidate.origin == Origin::Named => {
            return Decision::because(Action::Refuse, reason.clone());
        }
        Rule::Leave(reason) => return Decision::because(Action::Leave, reason.clone()),
        Rule::LeaveWithOwner { owner, reason } => {
            let link = candidate.owners.iter().position(|it| it == owner).and_then(|at| links.get(at));
            if link.is_some_and(|link| *link != OwnerLink::Gone) {
                return Decision::because(Action::Leave, reason.clone());
            }
        }
        Rule::Refuse(reason) => return Decision::because(Action::Refuse, reason.clone()),
        Rule::Restore => {}
    }
    if let Some(reason) = kinds.unserved(&candidate.key.resource) {
        return Decision::because(Action::Refuse, reason);
    }
    let live = facts.live.get(&index);
    let state = match live {
        None if facts.unreadable.contains(&index) => Live::Unreadable,
        None => Live::Absent,
        Some(live) => live.state(),
    };
    let is_only_needed = matches!(candidate.origin, Origin::Needed | Origin::Invented);
    if is_only_needed && matches!(state, Live::Different | Live::Unreadable) {
        // Only asked to be there. Whoever has rights in it need not have that of reading it.
        return Decision::plain(Action::Unchanged);
    }
    let target = candidate.target();
    let is_namespace = target.resource == GroupResource::new("namespaces", "");
    if matches!(state, Live::Unreadable) && is_namespace && inhabited.contains(&target.name) {
        // Whoever has a Role in a namespace need not have the right to read or make the namespace itself.
        return Decision::because(Action::Skip, "exists, and you may not look at it");
    }
    if let Some(renamed) = &candidate.renamed {
        return beside(&state, &renamed.from, candidate.target());
    }
    let decision = decide(&state, live.map_or(&Resolution::default(), |live| &live.resolution));
    let all_stay =
        live.and_then(|live| live.difference.as_ref()).is_some_and(|difference| difference.all_stay);
    if decision.action == Action::Patch && all_stay {
        return Decision::because(Action::Unchanged, "differs only in what a patch leaves as it is");
    }
    if let (Action::Rename, Some(reason)) = (decision.action, facts.not_renamed.get(&index)) {
        return Decision::because(Action::Refuse, reason.clone());
    }
    if decision.action == Action::Replace && candidate.key.resource.plural == "namespaces" {
        return Decision::because(
            Action::Refuse,
            "a namespace is not replaced: everything in it would go; patch it instead",
        );
    }
    let waits = live.and_then(|live| deletion_waits_for(live.finalizers.iter().map(String::as_str)));
    match waits {
        Some(waits) if decision.action == Action::Replace => decision.and(&waits),
        _ => decision,
    }
}

/// What becomes of an object that is made beside the original `from`.
fn beside(state: &Live, from: &ObjectKey, target: &ObjectKey) -> Decision {
    let exists = format!("`{}` exists and differs", from.name);
    match state {
        Live::Absent | Live::Unreadable => Decision::because(Action::Rename, exists),
        Live::Same => {
            Decision::because(Action::Unchanged, format!("{exists}, and this one beside it is the same"))
        }
        Live::Different => {
            let reason = format!("{exists}, and so does `{}`; choose another --rename-suffix", target.name);
            Decision::because(Action::Refuse, reason)
        }
        Live::Terminating(_) => Decision::because(
            Action::Rename,
            format!("{exists}; once the live `{}`, which is being deleted, is gone", target.name),
        ),
    }
}
