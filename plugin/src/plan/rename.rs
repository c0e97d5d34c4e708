//! `rename`: an object that exists and differs is made beside the original, under its name and a suffix, and what this
//! restore writes refers to the new one. Which references there are is in [`references`].
//!
//! What is not written keeps its references: it means the original.

pub mod references;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use crate::model::{
    object::ObjectKey,
    resource::{GroupResource, ResourceType},
    restoration::Action,
};

use super::restore::{
    Candidate, PlannedObject, RestorePlan,
    facts::{Facts, Kinds, LiveObject},
};
use references::{Referent, visit, visit_owners};

/// Longest name that the API server takes.
const LONGEST_NAME: usize = 253;

/// Kinds whose names become labels or host names, with what that leaves them.
const SHORTER: [(&str, &str, usize); 4] =
    [("", "services", 63), ("batch", "jobs", 63), ("batch", "cronjobs", 52), ("apps", "statefulsets", 52)];

/// The objects that get another name in a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Renames {
    suffix: String,
    objects: BTreeSet<Referent>,
}

/// What a renamed candidate was before.
#[derive(Clone, Debug)]
pub struct Renamed {
    /// What it would be called without the conflict.
    pub from: ObjectKey,
    /// The live object of that name.
    pub conflict: LiveObject,
}

impl Renames {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// Renames `body`, namespaces mapped, if it is one of them, and what it refers to. Owners keep their names, by which
    /// they are linked; [`Renames::apply_to_owners`] comes after that.
    pub fn apply(&self, body: &mut Value) {
        if self.is_empty() {
            return;
        }
        visit(body, &mut |referent, name| {
            if self.objects.contains(&referent.named(name)) {
                name.push_str(&self.suffix);
            }
        });
        if let Some(own) = Referent::of(body)
            && self.objects.contains(&own)
        {
            body["metadata"]["name"] = Value::from(format!("{}{}", own.name, self.suffix));
        }
    }

    /// Renames the owners that `body` names.
    pub fn apply_to_owners(&self, body: &mut Value) {
        if self.is_empty() {
            return;
        }
        visit_owners(body, &mut |referents, name| {
            if referents.iter().any(|referent| self.objects.contains(&referent.named(name))) {
                name.push_str(&self.suffix);
            }
        });
    }
}

/// What `saved` would be if the objects of the second value were renamed, as far as `live` refers to objects so renamed;
/// none if it refers to none.
pub fn aligned(saved: &Value, live: &Value, suffix: &str) -> Option<(Value, BTreeSet<Referent>)> {
    let mut renamed = Vec::new();
    visit(&mut live.clone(), &mut |referent, name| renamed.push(vec![referent.named(name)]));
    visit_owners(&mut live.clone(), &mut |referents, name| {
        renamed.push(referents.iter().map(|referent| referent.named(name)).collect());
    });
    let mut saved = saved.clone();
    let mut needed = BTreeSet::new();
    let mut live = renamed.into_iter();
    let mut align = |referents: &[Referent], name: &mut String| {
        let Some(found) = live.next() else { return };
        let longer = format!("{name}{suffix}");
        if let Some(place) = referents.iter().position(|it| found.contains(&it.named(&longer))) {
            needed.insert(referents[place].named(name));
            *name = longer;
        }
    };
    visit(&mut saved, &mut |referent, name| align(std::slice::from_ref(referent), name));
    visit_owners(&mut saved, &mut align);
    (!needed.is_empty()).then_some((saved, needed))
}

/// Which of the objects that `plan` wants renamed are, by their index with the new key, and why the others cannot be.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// For bodies.
    pub renames: Renames,
    targets: HashMap<usize, ObjectKey>,
    refused: HashMap<usize, String>,
    /// Those that equal the live object once what they refer to is renamed.
    same: Vec<usize>,
}

impl Choice {
    /// Chooses.
    pub fn of(plan: &RestorePlan, facts: &Facts, kinds: &Kinds, suffix: &str) -> Self {
        let mut choice =
            Self { renames: Renames { suffix: suffix.to_owned(), ..Renames::default() }, ..Self::default() };
        let taken: BTreeSet<&ObjectKey> = plan.objects.iter().map(PlannedObject::target).collect();
        let mut wanted: BTreeMap<usize, Referent> = BTreeMap::new();
        for (index, object) in plan.objects.iter().enumerate() {
            if object.decision.action != Action::Rename {
                continue;
            }
            let target = object.target();
            let new = ObjectKey { name: format!("{}{suffix}", target.name), ..target.clone() };
            let refused = refusal(&new).or_else(|| {
                let is_taken = taken.contains(&new);
                is_taken.then(|| format!("`{}` is the name of another object of this restore", new.name))
            });
            match (refused, kinds.saved(&target.resource)) {
                (Some(reason), _) => drop(choice.refused.insert(index, reason)),
                (None, Some(kind)) => {
                    wanted.insert(index, referent(kind, target));
                    choice.targets.insert(index, new);
                }
                (None, None) => {}
            }
        }
        choice.settle(wanted, facts);
        choice
    }

    /// An object that differs only in what it refers to needs no other name: an earlier run of the same restore wrote
    /// it.
    fn settle(&mut self, mut wanted: BTreeMap<usize, Referent>, facts: &Facts) {
        let conditional = |index: &usize| facts.live.get(index).and_then(|live| live.same_if.as_ref());
        let all: BTreeSet<Referent> = wanted.values().cloned().collect();
        let is_same = |index: &usize, renamed: &BTreeSet<Referent>| {
            conditional(index).is_some_and(|needed| needed.is_subset(renamed))
        };
        let renamed: BTreeSet<Referent> =
            wanted.iter().filter(|(index, _)| !is_same(index, &all)).map(|(_, it)| it.clone()).collect();
        self.same = facts.live.keys().copied().filter(|index| is_same(index, &renamed)).collect();
        wanted.retain(|index, _| !is_same(index, &renamed));
        self.targets.retain(|index, _| wanted.contains_key(index));
        self.renames.objects = wanted.into_values().collect();
    }

    /// Gives the candidates their names, and the facts what they mean now.
    pub fn apply(&self, candidates: &mut [Candidate], facts: &mut Facts) {
        for (&index, new) in &self.targets {
            let candidate = &mut candidates[index];
            let conflict = facts.live.remove(&index).unwrap_or_default();
            forget_claim(candidate.target(), facts);
            candidate.renamed = Some(Box::new(Renamed { from: candidate.target().clone(), conflict }));
            candidate.mapped = Some(Box::new(new.clone()));
        }
        for index in &self.same {
            if let Some(live) = facts.live.get_mut(index) {
                live.difference = None;
            }
        }
        facts.not_renamed.extend(self.refused.clone());
    }
}

/// A live volume that names the claim `original` does not wait for the one that is made beside it.
fn forget_claim(original: &ObjectKey, facts: &mut Facts) {
    if original.resource != GroupResource::new("persistentvolumeclaims", "") {
        return;
    }
    let claim = (original.namespace.clone().unwrap_or_default(), original.name.clone());
    for live in facts.live.values_mut().filter(|live| live.claim.as_ref() == Some(&claim)) {
        live.claim_is_planned = false;
    }
}

fn referent(kind: &ResourceType, target: &ObjectKey) -> Referent {
    Referent {
        group: kind.resource.group.clone(),
        kind: kind.kind.clone(),
        namespace: target.namespace.clone(),
        name: target.name.clone(),
    }
}

/// Why there can be no object `new` beside the original.
fn refusal(new: &ObjectKey) -> Option<String> {
    let GroupResource { plural, group } = &new.resource;
    let reason = match (group.as_str(), plural.as_str()) {
        ("", "namespaces") => "a namespace is not renamed; --map-namespace restores it beside the original",
        ("", "persistentvolumes") => "two volumes would share one disk",
        ("apiextensions.k8s.io", "customresourcedefinitions") => {
            "the name of a definition is that of its kind; two would define the same"
        }
        ("apiregistration.k8s.io", "apiservices") => "the name of an APIService is that of what it serves",
        (group, plural) => {
            let longest = SHORTER
                .iter()
                .find(|(of_group, of_plural, _)| (*of_group, *of_plural) == (group, plural))
                .map_or(LONGEST_NAME, |(.., longest)| *longest);
            return (new.name.len() > longest).then(|| {
                format!(
                    "`{}` would have {} characters, of which {longest} are allowed",
                    new.name,
                    new.name.len()
                )
            });
        }
    };
    Some(reason.to_owned())
}

/// What a user should know about a renamed object of this kind.
pub fn notes(resource: &GroupResource) -> Vec<String> {
    let mut notes = Vec::new();
    let plural = resource.plural.as_str();
    let runs_pods = matches!(
        (resource.group.as_str(), plural),
        ("apps", "deployments" | "statefulsets" | "daemonsets" | "replicasets")
            | ("", "pods" | "replicationcontrollers")
    );
    if runs_pods {
        notes.push(
            "its pods carry the labels of the original's: the same Services and policies select both"
                .to_owned(),
        );
    }
    if (resource.group.as_str(), plural) == ("apps", "statefulsets") {
        notes.push("its claims are named after it: its pods begin with empty volumes".to_owned());
    }
    notes
}

/// Why `suffix` cannot end a name.
pub fn wrong_suffix(suffix: &str) -> Option<&'static str> {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    if suffix.is_empty() {
        Some("it is empty, and the new object would be the original")
    } else if !suffix.bytes().all(is_allowed) {
        Some("a name has lower case letters, digits, `-` and `.` only")
    } else if !suffix.ends_with(|last: char| last.is_ascii_alphanumeric()) {
        Some("a name ends with a letter or a digit")
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
