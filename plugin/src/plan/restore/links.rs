//! Where the owners of objects are to be found.

use std::collections::HashMap;

use crate::{model::object::ObjectKey, plan::sanitize::owners::OwnerReference};

use super::{
    Candidate, OwnerLink,
    facts::{Facts, Kinds},
};

/// For each candidate its owners, each with where it is.
pub(super) fn owner_links(candidates: &[Candidate], facts: &Facts, kinds: &Kinds) -> Vec<Vec<OwnerLink>> {
    let owned = candidates.iter().any(|candidate| !candidate.owners.is_empty());
    let by_target: HashMap<&ObjectKey, usize> = if owned {
        candidates.iter().enumerate().map(|(index, candidate)| (candidate.referred_to_as(), index)).collect()
    } else {
        HashMap::new()
    };
    let link = |candidate: &Candidate, owner: &OwnerReference| {
        let Some(key) = kinds.owner_key(owner, candidate.target().namespace.as_deref()) else {
            return OwnerLink::Gone;
        };
        match by_target.get(&key) {
            Some(&index) => OwnerLink::Planned(index),
            None => facts.owner_uids.get(&key).cloned().map_or(OwnerLink::Gone, OwnerLink::Live),
        }
    };
    candidates.iter().map(|it| it.owners.iter().map(|owner| link(it, owner)).collect()).collect()
}

/// The index of an owner that is restored too.
pub(super) fn planned(link: &OwnerLink) -> Option<usize> {
    match link {
        OwnerLink::Planned(index) => Some(*index),
        OwnerLink::Live(_) | OwnerLink::Gone => None,
    }
}
