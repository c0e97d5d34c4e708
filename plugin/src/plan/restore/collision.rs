//! Saved objects that would become one in the cluster, under a mapping of namespaces.

use std::collections::{HashMap, hash_map::Entry};

use crate::model::object::ObjectKey;

use super::{Candidate, rules::Rule};

/// Two saved objects that would become one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{first}` and `{second}` would both become `{target}`, and they differ")]
pub struct Collision {
    /// One.
    pub first: ObjectKey,
    /// The other.
    pub second: ObjectKey,
    /// What both would be.
    pub target: ObjectKey,
}

/// Pairs of different objects that would become one.
pub fn collisions(candidates: &[Candidate]) -> Vec<Collision> {
    let mut seen: HashMap<&ObjectKey, &Candidate> = HashMap::new();
    let mut found = Vec::new();
    for candidate in candidates.iter().filter(|candidate| candidate.rule == Rule::Restore) {
        if let Some(first) = seen.insert(candidate.target(), candidate)
            && first.content != candidate.content
            // Of two namespaces that become one, the first gives labels and annotations.
            && candidate.key.resource.plural != "namespaces"
        {
            found.push(Collision {
                first: first.key.clone(),
                second: candidate.key.clone(),
                target: candidate.target().clone(),
            });
        }
    }
    found
}

/// Objects that become what another one before them becomes too, with the name of that one.
pub(super) fn doubles(candidates: &[Candidate]) -> HashMap<usize, ObjectKey> {
    let mut seen: HashMap<&ObjectKey, usize> = HashMap::new();
    let mut doubles = HashMap::new();
    if candidates.iter().all(|candidate| candidate.mapped.is_none()) {
        return doubles;
    }
    for (index, candidate) in candidates.iter().enumerate() {
        match seen.entry(candidate.target()) {
            Entry::Occupied(first) => {
                doubles.insert(index, candidates[*first.get()].key.clone());
            }
            Entry::Vacant(free) => {
                free.insert(index);
            }
        }
    }
    doubles
}
