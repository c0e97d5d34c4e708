//! Which objects of a restore point a restore asks for.
//!
//! The restore point is read in archive order, namespaced kinds first: by the time cluster-scoped objects come by,
//! what the selected objects refer to is known.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::model::{
    object::ObjectKey,
    resource::{GroupResource, Scope},
    selection::ClusterScoped,
    unreadable::Unreadable,
};
use crate::plan::select::{KindFilter, LabelSelector};

use super::Origin;

/// The selection of a restore, its words resolved.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Namespaces of the restore point; none means all of them.
    pub namespaces: Option<BTreeSet<String>>,
    /// Kinds.
    pub kinds: KindFilter,
    /// Labels.
    pub labels: Option<LabelSelector>,
    /// `TYPE/NAME`; empty means no restriction.
    pub named: BTreeSet<(GroupResource, String)>,
    /// Objects that go along because the named ones need them.
    pub needed_by_named: BTreeSet<ObjectKey>,
    /// Which cluster-scoped objects go along.
    pub cluster_scoped: ClusterScoped,
}

impl Wanted {
    /// Whether it covers the restore point as a whole, so that its cluster-scoped objects are asked for as such.
    pub fn is_whole(&self) -> bool {
        self.namespaces.is_none() && self.named.is_empty()
    }

    /// How a namespaced object comes into the selection, if it does.
    pub fn namespaced(&self, key: &ObjectKey, body: &Value) -> Option<Origin> {
        let namespace = key.namespace.as_deref()?;
        if self.namespaces.as_ref().is_some_and(|wanted| !wanted.contains(namespace)) {
            return None;
        }
        self.by_content(key, body)
    }

    /// How a cluster-scoped object comes into the selection, if it does.
    ///
    /// `needed` are the namespaces of the selected objects, `referenced` is what these refer to.
    pub fn cluster_scoped(
        &self,
        key: &ObjectKey,
        body: &Value,
        needed: &BTreeSet<String>,
        referenced: impl Fn(&ObjectKey) -> bool,
    ) -> Option<Origin> {
        if key.resource == GroupResource::new("namespaces", "") {
            return self.namespace(key, body, needed);
        }
        if !self.named.is_empty() && self.is_named(key) {
            return Some(Origin::Named);
        }
        match self.cluster_scoped {
            ClusterScoped::None => None,
            ClusterScoped::Referenced if self.is_whole() => self.by_content(key, body),
            ClusterScoped::Referenced => {
                (self.kinds.admits(&key.resource) && referenced(key)).then_some(Origin::Selected)
            }
            ClusterScoped::All if self.named.is_empty() => self.by_content(key, body),
            ClusterScoped::All => self.kinds.admits(&key.resource).then_some(Origin::Selected),
        }
    }

    /// Whether something that is asked for can be among objects that cannot be read. They lie in the namespaces asked
    /// for; of their labels nothing is known.
    ///
    /// `needed` are the namespaces of the selected objects, `referenced` tells whether these refer to one of them.
    pub fn touches(
        &self,
        range: &Unreadable,
        scope: Scope,
        needed: &BTreeSet<String>,
        referenced: impl Fn() -> bool,
    ) -> bool {
        let named = self
            .named
            .iter()
            .any(|(resource, name)| *resource == range.resource && range.may_hold_name(name));
        let admitted = self.kinds.admits(&range.resource);
        if named || (scope == Scope::Namespaced && self.named.is_empty()) {
            return admitted;
        }
        if scope == Scope::Namespaced {
            return false;
        }
        let names_of_namespaces = [Some(needed), self.namespaces.as_ref()].into_iter().flatten().flatten();
        if range.resource == GroupResource::new("namespaces", "") && !self.is_whole() {
            return names_of_namespaces.into_iter().any(|name| range.may_hold_name(name));
        }
        match self.cluster_scoped {
            ClusterScoped::None => false,
            ClusterScoped::Referenced if !self.is_whole() => admitted && referenced(),
            ClusterScoped::Referenced | ClusterScoped::All => admitted,
        }
    }

    /// A namespace is part of a selection that covers it, and needed by every other.
    fn namespace(&self, key: &ObjectKey, body: &Value, needed: &BTreeSet<String>) -> Option<Origin> {
        let covered = match &self.namespaces {
            Some(names) => names.contains(&key.name),
            None => true,
        };
        if !self.named.is_empty() && self.is_named(key) {
            return Some(Origin::Named);
        }
        if covered
            && self.cluster_scoped != ClusterScoped::None
            && let Some(origin) = self.by_content(key, body)
        {
            return Some(origin);
        }
        needed.contains(&key.name).then_some(Origin::Needed)
    }

    fn by_content(&self, key: &ObjectKey, body: &Value) -> Option<Origin> {
        let origin = match (self.named.is_empty(), self.is_named(key)) {
            (true, _) => Origin::Selected,
            (false, true) => Origin::Named,
            // Labels are asked of what is named, not of what it needs.
            (false, false) => {
                let needed = self.needed_by_named.contains(key) && self.kinds.admits(&key.resource);
                return needed.then_some(Origin::Selected);
            }
        };
        let labelled = self.labels.as_ref().is_none_or(|selector| selector.matches(body));
        (self.kinds.admits(&key.resource) && labelled).then_some(origin)
    }

    /// Whether it was named by `TYPE/NAME`.
    pub fn is_named(&self, key: &ObjectKey) -> bool {
        // The set is as small as a command line.
        self.named.iter().any(|(resource, name)| *resource == key.resource && *name == key.name)
    }
}
