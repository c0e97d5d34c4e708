//! The order of a restore: waves by kind, what an object needs before the object, and the user's own order on top.
//!
//! The next step begins when the one before is done. `docs/restore.md` has the table for users.

pub mod wish;

use serde::Serialize;

use crate::model::resource::GroupResource;

/// A wave, first to last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Wave {
    /// Custom resource definitions; the next wave waits until the server serves them.
    Definitions,
    /// Namespaces; waits for one of the same name that is still being deleted.
    Namespaces,
    /// What others name: storage, priority, ingress and runtime classes, and the volumes themselves.
    Classes,
    /// Service accounts and roles.
    Access,
    /// Bindings, which the server checks against their roles.
    Bindings,
    /// Config maps, secrets, quotas and limits.
    Configuration,
    /// Claims.
    Claims,
    /// Services, endpoints and network policies, so that no pod starts unreachable or unguarded.
    Network,
    /// What runs.
    Workloads,
    /// What acts on workloads, and every built-in kind not named elsewhere.
    Policies,
    /// Aggregated APIs, which serve custom kinds too; the next wave waits until they are available.
    Apis,
    /// Objects of custom kinds, once their operators are back.
    CustomResources,
    /// Admission policies and their bindings. Brought back earlier, they would refuse the restore itself.
    Gates,
    /// Webhook configurations, for the same reason; each waits until its backend is ready.
    Webhooks,
}

/// Whether objects of this kind need a custom resource definition or an aggregated API.
pub fn is_custom(resource: &GroupResource) -> bool {
    !resource.is_built_in()
}

/// The wave of a kind.
pub fn wave(resource: &GroupResource) -> Wave {
    match (resource.group.as_str(), resource.plural.as_str()) {
        ("apiextensions.k8s.io", _) => Wave::Definitions,
        ("", "namespaces") => Wave::Namespaces,
        ("", "persistentvolumes")
        | ("storage.k8s.io" | "scheduling.k8s.io" | "node.k8s.io", _)
        | ("networking.k8s.io", "ingressclasses")
        | ("resource.k8s.io", "deviceclasses")
        | ("snapshot.storage.k8s.io", "volumesnapshotclasses")
        | ("gateway.networking.k8s.io", "gatewayclasses") => Wave::Classes,
        ("rbac.authorization.k8s.io", "rolebindings" | "clusterrolebindings") => Wave::Bindings,
        ("", "serviceaccounts") | ("rbac.authorization.k8s.io", _) => Wave::Access,
        ("", "secrets" | "configmaps" | "limitranges" | "resourcequotas") => Wave::Configuration,
        ("", "persistentvolumeclaims") | ("resource.k8s.io", _) => Wave::Claims,
        ("", "services" | "endpoints")
        | ("discovery.k8s.io", _)
        | ("networking.k8s.io", "networkpolicies") => Wave::Network,
        ("", "pods" | "replicationcontrollers") | ("apps" | "batch" | "extensions", _) => Wave::Workloads,
        ("apiregistration.k8s.io", _) => Wave::Apis,
        (
            "admissionregistration.k8s.io",
            "validatingwebhookconfigurations" | "mutatingwebhookconfigurations",
        ) => Wave::Webhooks,
        ("admissionregistration.k8s.io", _) => Wave::Gates,
        _ if is_custom(resource) => Wave::CustomResources,
        _ => Wave::Policies,
    }
}

/// Where an object stands: first the wave, then its depth below what it needs within that wave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Its own wave, or a later one of what it needs.
    pub wave: Wave,
    /// 0 for objects that need nothing of the same wave.
    pub depth: u16,
}

impl Position {
    /// The first of a wave.
    pub fn first_of(wave: Wave) -> Self {
        Self { wave, depth: 0 }
    }

    fn after(self) -> Self {
        Self { depth: self.depth.saturating_add(1), ..self }
    }
}

/// The order of objects, and where the user's own order had to give way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrangement {
    /// The position of each.
    pub positions: Vec<Position>,
    /// Objects that come later than the user wished, because of what they need.
    pub moved: Vec<usize>,
}

/// Arranges objects, given the wave of the kind of each, the indices of what each needs, and its rank in the user's
/// own order, if that speaks of it.
///
/// What an object needs always precedes it, also when its kind's wave is later than the object's. So a rank that
/// contradicts a need gives way. Needs that go in a circle cannot be served; the circle is cut at the object through
/// which it was entered.
pub fn arrange(waves: &[Wave], needs: &[Vec<usize>], ranks: &[Option<usize>]) -> Arrangement {
    let own_position = |index: usize| Position::first_of(waves[index]);
    let Some(last) = ranks.iter().flatten().max() else {
        return Arrangement { positions: climb(needs, own_position, Position::after), moved: Vec::new() };
    };
    // An object is as late as the latest of all that it needs, however far away.
    let effective = climb(needs, |index| ranks[index], |rank| rank);
    let ranked = |index: &usize| ranks[*index].is_some();
    let count = waves.len();
    // Between two ranks stands a barrier, which needs all of the one and is needed by all of the other. Without it
    // every object of a rank would need every object of the rank before.
    let barrier = |rank: usize| count + rank;
    let mut edges = needs.to_vec();
    edges.extend((0..*last).map(|rank| rank.checked_sub(1).map(barrier).into_iter().collect()));
    for index in (0..count).filter(ranked) {
        let Some(rank) = effective[index] else { continue };
        if let Some(before) = rank.checked_sub(1) {
            edges[index].push(barrier(before));
        }
        if rank < *last {
            edges[barrier(rank)].push(index);
        }
    }
    let with_barriers = |index: usize| Position::first_of(*waves.get(index).unwrap_or(&Wave::Definitions));
    let mut positions = climb(&edges, with_barriers, Position::after);
    positions.truncate(count);
    let moved = (0..count).filter(ranked).filter(|&index| effective[index] != ranks[index]).collect();
    Arrangement { positions, moved }
}

#[derive(Clone, Copy)]
enum State<T> {
    Unseen,
    Entered,
    Known(T),
}

/// What each object comes to: the greatest of its own value and of those of all it needs, each moved `after`.
fn climb<T: Copy + Ord>(needs: &[Vec<usize>], own: impl Fn(usize) -> T, after: impl Fn(T) -> T) -> Vec<T> {
    let mut found: Vec<State<T>> = needs.iter().map(|_| State::Unseen).collect();
    // Depth first, with a stack of its own: a hostile chain of owners must not overflow the thread's.
    let mut stack: Vec<usize> = (0..needs.len()).rev().collect();
    while let Some(&index) = stack.last() {
        match found[index] {
            State::Unseen => {
                found[index] = State::Entered;
                let unseen = needs[index].iter().copied();
                stack.extend(unseen.filter(|&need| matches!(found[need], State::Unseen)));
            }
            State::Entered => {
                let known = needs[index].iter().filter_map(|&need| match found[need] {
                    State::Known(value) => Some(after(value)),
                    State::Unseen | State::Entered => None,
                });
                found[index] = State::Known(known.fold(own(index), Ord::max));
                stack.pop();
            }
            State::Known(_) => {
                stack.pop();
            }
        }
    }
    let value = |(index, state)| match state {
        State::Known(value) => value,
        State::Unseen | State::Entered => own(index),
    };
    found.into_iter().enumerate().map(value).collect()
}

#[cfg(test)]
mod tests;
