//! The first pass over a restore point: which objects are asked for, and what the plan must know of each.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
    sync::Arc,
};

use anyhow::Context;
use serde_json::json;

use crate::{
    archive::{ReadFilter, Repository},
    model::{
        facts::ObjectFacts,
        object::{ObjectKey, SavedObject},
        resource::{GroupResource, Scope},
        restore_point::RestorePointId,
        unreadable::Unreadable,
    },
    plan::{
        referenced::References,
        restore::{
            Candidate, Origin,
            content::Content,
            fields::Fields,
            finalizers::Finalizers,
            prepare::Preparation,
            rules::{Rule, rule},
            wanted::Wanted,
        },
        sanitize::owners::owners,
    },
};

/// Reads the restore point once and keeps what is asked for.
pub(super) struct Collector {
    wanted: Wanted,
    preparation: Arc<Preparation>,
    /// Whether an undo point will want to know what was written.
    digest: bool,
    candidates: Vec<Candidate>,
    references: References,
    fields: Fields,
    missing_fields: Vec<String>,
    finalizers: Finalizers,
    /// Namespaces of the objects kept.
    needed: BTreeSet<String>,
    failure: Option<anyhow::Error>,
}

/// What the first pass came to.
pub(super) struct Collected {
    pub(super) candidates: Vec<Candidate>,
    /// What of the selection cannot be read, each with what its first object would become.
    pub(super) unreadable: Vec<(ObjectKey, Unreadable)>,
    /// Fields that were asked for and that the saved objects do not have.
    pub(super) missing_fields: Vec<String>,
    /// Finalizers of what is asked for.
    pub(super) finalizers: Finalizers,
}

impl Collector {
    pub(super) fn new(wanted: Wanted, preparation: Arc<Preparation>, fields: Fields, digest: bool) -> Self {
        Self {
            wanted,
            preparation,
            digest,
            fields,
            missing_fields: Vec::new(),
            finalizers: Finalizers::default(),
            candidates: Vec::new(),
            references: References::default(),
            needed: BTreeSet::new(),
            failure: None,
        }
    }

    /// Reads: what is asked for, and what cannot be read of it. Blocks.
    pub(super) fn collect(
        mut self,
        repository: &Repository,
        id: &RestorePointId,
    ) -> anyhow::Result<Collected> {
        let mut lost = Vec::new();
        for scope in [Scope::Namespaced, Scope::Cluster] {
            let filter = self.filter(scope);
            repository.each_object(id, &filter, &mut |object| {
                let object = match object {
                    Ok(object) => object,
                    Err(range) => {
                        if self.touches(&range, scope) {
                            Unreadable::add(&mut lost, range);
                        }
                        return ControlFlow::Continue(());
                    }
                };
                match self.visit(object) {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(error) => {
                        self.failure = Some(error);
                        ControlFlow::Break(())
                    }
                }
            })?;
            if let Some(error) = self.failure.take() {
                return Err(error);
            }
        }
        self.invent_namespaces();
        self.candidates.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        let unreadable = lost.into_iter().map(|range| {
            let name = range.first.as_deref().unwrap_or_default();
            let key = ObjectKey::new(range.resource.clone(), range.namespace.as_deref(), name);
            (self.preparation.map.target_key(&key), range)
        });
        Ok(Collected {
            unreadable: unreadable.collect(),
            candidates: self.candidates,
            missing_fields: self.missing_fields,
            finalizers: self.finalizers,
        })
    }

    /// Whether something that is asked for can be among what cannot be read.
    fn touches(&self, range: &Unreadable, scope: Scope) -> bool {
        let referenced = || {
            self.references.wanted(&range.resource).any(|name| range.may_hold_name(name))
                || (range.resource.plural == "clusterrolebindings" && self.references.has_service_accounts())
        };
        self.wanted.touches(range, scope, &self.needed, referenced)
    }

    /// What can be ruled out by folders. A kind named with an object rules out the others, but for cluster-scoped
    /// ones that may be referred to.
    fn filter(&self, scope: Scope) -> ReadFilter {
        let named = self.wanted.named.iter().map(|(resource, _)| resource);
        let needed = self.wanted.needed_by_named.iter().map(|key| &key.resource);
        let resources = (scope == Scope::Namespaced && !self.wanted.named.is_empty())
            .then(|| named.chain(needed).cloned().collect());
        ReadFilter { resources, namespaces: self.wanted.namespaces.clone(), scope: Some(scope), names: None }
    }

    fn visit(&mut self, object: SavedObject) -> anyhow::Result<()> {
        let SavedObject { key, body } = object;
        let follow = !self.wanted.is_whole();
        let json = if follow { body.to_string() } else { String::new() };
        let origin = if key.namespace.is_some() {
            self.wanted.namespaced(&key, &body)
        } else {
            let bound = follow
                && key.resource.plural == "clusterrolebindings"
                && self.references.are_bound_by(json.as_bytes()).unwrap_or(false);
            let references = &self.references;
            self.wanted.cluster_scoped(&key, &body, &self.needed, |key| {
                bound || references.wanted(&key.resource).any(|name| name == key.name)
            })
        };
        let Some(origin) = origin else { return Ok(()) };
        if origin == Origin::Named
            && let Some(path) = self.fields.missing_in(&body)
        {
            self.missing_fields.push(format!("`{path}` of {}/{}", key.resource, key.name));
        }
        if follow {
            let facts = ObjectFacts::read(&json);
            facts
                .and_then(|facts| self.references.observe(&key.resource, &facts, json.as_bytes()))
                .with_context(|| format!("`{key}` has a shape that its kind cannot have"))?;
        }
        self.keep(key, origin, body);
        Ok(())
    }

    fn keep(&mut self, key: ObjectKey, origin: Origin, mut body: serde_json::Value) {
        let mut rule = rule(&key.resource, &body, origin == Origin::Named);
        if let (Some(namespace), Rule::Restore | Rule::LeaveWithOwner { .. }) = (&key.namespace, &rule)
            && !self.needed.contains(namespace)
        {
            self.needed.insert(namespace.clone());
        }
        let owners = owners(&body).into();
        if rule == Rule::Restore
            && let Some(reason) = self.preparation.cannot_move(&key.resource, &body)
        {
            rule = Rule::Refuse(reason);
        }
        if !matches!(rule, Rule::Leave(_))
            && let Err(error) = self.preparation.plan(&key.resource, &mut body)
            && rule == Rule::Restore
        {
            rule = Rule::Refuse(error.to_string());
        }
        if matches!(rule, Rule::Restore | Rule::LeaveWithOwner { .. }) {
            self.finalizers.observe(&key.resource, &body);
        }
        let map = &self.preparation.map;
        let target = map.target_key(&key);
        self.candidates.push(Candidate {
            mapped: (target != key).then(|| Box::new(target)),
            origin,
            owners,
            // Only a mapping can make two objects one.
            renamed: None,
            content: (self.digest || !map.is_empty()).then(|| Content::of(&key.resource, body)),
            rule,
            key,
        });
    }

    /// Namespaces that objects need and that the restore point does not hold.
    fn invent_namespaces(&mut self) {
        let resource = GroupResource::new("namespaces", "");
        let present: BTreeSet<_> = self
            .candidates
            .iter()
            .filter(|candidate| candidate.key.resource == resource)
            .map(|candidate| candidate.key.name.clone())
            .collect();
        let missing: Vec<_> = self.needed.difference(&present).cloned().collect();
        for name in missing {
            let key = ObjectKey::new(resource.clone(), None, &name);
            self.keep(key, Origin::Invented, invented_namespace(&name));
        }
    }
}

/// A namespace of which only the name is known.
pub(super) fn invented_namespace(name: &str) -> serde_json::Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
}

/// `TYPE/NAME` words that matched nothing, and those that matched in several namespaces, with these.
pub(super) fn unclear_names(
    wanted: &BTreeSet<(GroupResource, String)>,
    Collected { candidates, unreadable, .. }: &Collected,
) -> (Vec<String>, BTreeMap<String, Vec<String>>) {
    let mut missing = Vec::new();
    let mut several = BTreeMap::new();
    for (resource, name) in wanted {
        let namespaces: Vec<_> = candidates
            .iter()
            .filter(|it| it.origin == Origin::Named && it.key.resource == *resource && it.key.name == *name)
            .map(|it| it.key.namespace.clone().unwrap_or_default())
            .collect();
        match namespaces.len() {
            0 if unreadable
                .iter()
                .any(|(_, range)| range.resource == *resource && range.may_hold_name(name)) => {}
            0 => missing.push(format!("{resource}/{name}")),
            1 => {}
            _ => {
                several.insert(format!("{resource}/{name}"), namespaces);
            }
        }
    }
    (missing, several)
}
