//! The order of a restore: waves by kind, and owners before their dependants.
//!
//! The next wave begins when the one before is done. `docs/restore.md` has the table for users.

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
    /// Service accounts, roles and bindings.
    Access,
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
    /// Objects of custom kinds, once their operators are back.
    CustomResources,
    /// What can refuse a write: webhooks, admission policy bindings, aggregated APIs. Brought back earlier, they
    /// would refuse the restore itself.
    Gates,
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
        ("", "serviceaccounts") | ("rbac.authorization.k8s.io", _) => Wave::Access,
        ("", "secrets" | "configmaps" | "limitranges" | "resourcequotas") => Wave::Configuration,
        ("", "persistentvolumeclaims") | ("resource.k8s.io", _) => Wave::Claims,
        ("", "services" | "endpoints")
        | ("discovery.k8s.io", _)
        | ("networking.k8s.io", "networkpolicies") => Wave::Network,
        ("", "pods" | "replicationcontrollers") | ("apps" | "batch" | "extensions", _) => Wave::Workloads,
        ("admissionregistration.k8s.io" | "apiregistration.k8s.io", _) => Wave::Gates,
        _ if is_custom(resource) => Wave::CustomResources,
        _ => Wave::Policies,
    }
}

/// Where an object stands: first the wave, then its depth below its owners within that wave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Its own wave, or a later one of its owners.
    pub wave: Wave,
    /// 0 for objects without owners in the same wave.
    pub depth: u16,
}

/// The position of each object, from the wave of its kind and the indices of its owners.
///
/// An owner always precedes its dependants, also when its kind's wave is later than theirs. Owners that go in
/// a circle cannot be served; the circle is cut at the object through which it was entered.
pub fn positions(waves: &[Wave], owners: &[Vec<usize>]) -> Vec<Position> {
    let mut order = Order { waves, owners, found: vec![State::Unseen; waves.len()] };
    (0..waves.len()).map(|index| order.position(index)).collect()
}

#[derive(Clone, Copy)]
enum State {
    Unseen,
    Entered,
    Known(Position),
}

struct Order<'a> {
    waves: &'a [Wave],
    owners: &'a [Vec<usize>],
    found: Vec<State>,
}

impl Order<'_> {
    /// Depth first, with a stack of its own: a hostile chain of owners must not overflow the thread's.
    fn position(&mut self, start: usize) -> Position {
        let mut stack = vec![start];
        while let Some(&index) = stack.last() {
            if let State::Unseen = self.found[index] {
                self.found[index] = State::Entered;
                let unseen = self.owners[index].iter().copied();
                stack.extend(unseen.filter(|&owner| matches!(self.found[owner], State::Unseen)));
                continue;
            }
            if let State::Entered = self.found[index] {
                self.found[index] = State::Known(self.below_owners(index));
            }
            stack.pop();
        }
        match self.found[start] {
            State::Known(position) => position,
            State::Unseen | State::Entered => Position { wave: self.waves[start], depth: 0 },
        }
    }

    fn below_owners(&self, index: usize) -> Position {
        let mut position = Position { wave: self.waves[index], depth: 0 };
        for &owner in &self.owners[index] {
            let State::Known(above) = self.found[owner] else { continue };
            position = position.max(Position { wave: above.wave, depth: above.depth.saturating_add(1) });
        }
        position
    }
}

#[cfg(test)]
mod tests;
