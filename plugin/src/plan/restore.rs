//! The plan of a restore: a decision with its reason for every object that was asked for.
//!
//! Two passes keep memory flat. The first streams the restore point and keeps of each object only a [`Candidate`];
//! with what the cluster holds ([`Facts`]) these become a [`RestorePlan`]. The second streams the bodies again, in
//! the order of the plan, and writes them.

mod arrange;
pub mod backends;
pub mod collision;
pub mod compare;
pub mod content;
mod decision;
pub mod facts;
pub mod fields;
pub mod finalizers;
mod links;
pub mod merge;
pub mod prepare;
pub mod prune;
pub mod replace;
pub mod rules;
pub mod wanted;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use serde_json::Value;

use crate::model::{
    object::ObjectKey,
    resource::GroupResource,
    restoration::{Action, FieldProblem, PassedOver},
    unreadable::Unreadable,
};

use super::{
    conflict::{Decision, Resolution},
    order::{self, Position, wish::Wishes},
    rename::Renamed,
    sanitize::{SanitizeContext, hold::held_field, owners::OwnerReference},
};
use collision::doubles;
use compare::Difference;
use content::Content;
use decision::decision;
use facts::{Facts, Kinds};
use finalizers::deletion_waits_for;
use links::{owner_links, planned};
use prune::Extra;
use replace::Dependant;
use rules::Rule;

/// How an object came into the selection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// By `TYPE/NAME`: rules that leave objects out for convenience do not apply.
    Named,
    /// By the selection.
    Selected,
    /// A namespace that others need: restored only if it is missing.
    Needed,
    /// A namespace that others need and that the restore point does not hold.
    Invented,
    /// A live object that the restore point does not hold and that is to be deleted.
    Extra,
}

/// What the first pass keeps of a saved object.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The object as saved.
    pub key: ObjectKey,
    /// What it will be called, if a namespace is mapped.
    pub mapped: Option<Box<ObjectKey>>,
    /// How it came here.
    pub origin: Origin,
    /// Its owners as saved.
    pub owners: Box<[OwnerReference]>,
    /// A digest of what will be written: for the undo point, and under a mapping, where another object may become the
    /// same one.
    pub content: Option<Content>,
    /// What it was before it got another name, if it did.
    pub renamed: Option<Box<Renamed>>,
    /// What the rules say of it, whatever the cluster holds.
    pub rule: Rule,
}

impl Candidate {
    /// What it will be called in the cluster.
    pub fn target(&self) -> &ObjectKey {
        self.mapped.as_deref().unwrap_or(&self.key)
    }

    /// What it would be called if nothing were renamed; others name it so.
    fn referred_to_as(&self) -> &ObjectKey {
        self.renamed.as_ref().map_or_else(|| self.target(), |renamed| &renamed.from)
    }
}

/// Where an owner of a restored object is to be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnerLink {
    /// Restored too; the index of its plan entry.
    Planned(usize),
    /// In the cluster, with this uid.
    Live(String),
    /// Nowhere.
    Gone,
}

/// One object of the plan.
#[derive(Clone, Debug)]
pub struct PlannedObject {
    /// The object as saved, and what it is to become.
    pub candidate: Candidate,
    /// When.
    pub position: Position,
    /// What will be done, and why.
    pub decision: Decision,
    /// The owners, each with where it is.
    pub owners: Box<[(OwnerReference, OwnerLink)]>,
    /// Its uid, if it is in the cluster.
    pub uid: Option<String>,
    /// Whether it must wait for an object of its name to be gone.
    pub waits_for_deletion: bool,
    /// Whether others name it as their owner, so that its new uid must be remembered.
    pub owns: bool,
    /// How the live object differs, if it does.
    pub difference: Option<Difference>,
    /// What is done about that, and who says so.
    pub resolution: Arc<Resolution>,
    /// Rules that do not speak of it, if they are to be explained.
    pub passed_over: Vec<PassedOver>,
    /// Live objects that would go with the live object if it is replaced.
    pub dependants: Vec<Dependant>,
    /// Fields that are known to stay as they are though another value was asked for.
    pub left: Vec<FieldProblem>,
}

impl PlannedObject {
    /// What it is to be in the cluster.
    pub fn target(&self) -> &ObjectKey {
        self.candidate.target()
    }

    /// Whether `--hold` holds the live one before the first write.
    pub fn is_held_live(&self) -> bool {
        let is_in_hand = matches!(
            self.decision.action,
            Action::Unchanged | Action::Skip | Action::Patch | Action::Replace
        );
        is_in_hand && self.uid.is_some() && !self.waits_for_deletion
    }
}

/// That an object is deleted, and what its deletion waits for.
pub fn deletion(finalizers: &[String], why: &str) -> Decision {
    let decision = Decision::because(Action::Delete, why);
    match deletion_waits_for(finalizers.iter().map(String::as_str)) {
        Some(waits) => decision.and(&waits),
        None => decision,
    }
}

/// Decisions for all objects, sorted by saved key.
#[derive(Clone, Debug, Default)]
pub struct RestorePlan {
    /// The objects.
    pub objects: Vec<PlannedObject>,
    /// What cleaning needs to know.
    pub sanitize: SanitizeContext,
    /// Namespaces that the restore makes, by their name in the cluster.
    pub made_namespaces: BTreeSet<String>,
    /// What was asked for and cannot be read, each with what its first object would become.
    pub unreadable: Vec<(ObjectKey, Unreadable)>,
    /// What a person made of saved objects, by index: written as it is.
    pub edited: HashMap<usize, Value>,
    /// Live objects that a killed run has left held.
    pub held: BTreeSet<usize>,
}

impl RestorePlan {
    /// Decides. `candidates` in any order; `facts` speak of them by their index.
    pub fn new(candidates: Vec<Candidate>, facts: &Facts, kinds: &Kinds) -> Self {
        let doubles = doubles(&candidates);
        let links = owner_links(&candidates, facts, kinds);
        let owning: BTreeSet<usize> = links.iter().flatten().filter_map(planned).collect();
        let inhabited = inhabited(&candidates, facts);
        let mut objects = Vec::with_capacity(candidates.len());
        for (index, (candidate, links)) in candidates.into_iter().zip(links).enumerate() {
            let decision = match doubles.get(&index) {
                Some(first) => Decision::because(Action::Leave, format!("`{first}` becomes the same object")),
                None => decision(index, &candidate, &links, facts, kinds, &inhabited),
            };
            let live = facts.live.get(&index);
            // Of a renamed object the conflict is what it says about the original.
            let conflict = candidate.renamed.as_ref().map(|renamed| &renamed.conflict).or(live);
            objects.push(PlannedObject {
                position: Position::first_of(order::wave(&candidate.key.resource)),
                decision,
                owners: candidate.owners.iter().cloned().zip(links).collect(),
                uid: live.and_then(|live| live.uid.clone()),
                waits_for_deletion: live.is_some_and(|live| live.deleting.is_some()),
                owns: owning.contains(&index),
                difference: conflict.and_then(|live| live.difference.clone()),
                resolution: conflict.map(|live| Arc::clone(&live.resolution)).unwrap_or_default(),
                passed_over: conflict.map(|live| live.passed_over.clone()).unwrap_or_default(),
                dependants: Vec::new(),
                left: Vec::new(),
                candidate,
            });
        }
        let sanitize =
            SanitizeContext { kept_volumes: kept_volumes(&objects, facts), ..SanitizeContext::default() };
        let made_namespaces = made_namespaces(&objects, facts);
        let held = facts.live.iter().filter(|(_, live)| live.held).map(|(index, _)| *index).collect();
        let mut plan = Self { objects, sanitize, made_namespaces, held, ..Self::default() };
        plan.arrange(&Wishes::default());
        plan
    }

    /// The same, and of what was asked for `unreadable` refused.
    #[must_use]
    pub fn without(self, unreadable: Vec<(ObjectKey, Unreadable)>) -> Self {
        Self { unreadable, ..self }
    }

    /// The candidates again, to decide anew.
    pub fn into_candidates(self) -> Vec<Candidate> {
        self.objects.into_iter().map(|object| object.candidate).collect()
    }

    /// Adds live objects that are to be deleted.
    pub fn delete(&mut self, extras: Vec<Extra>) {
        self.objects.extend(extras.into_iter().map(|extra| PlannedObject {
            position: Position::first_of(order::wave(&extra.target.resource)),
            decision: deletion(&extra.finalizers, "is not in the restore point"),
            owners: [].into(),
            uid: Some(extra.uid),
            waits_for_deletion: false,
            owns: false,
            difference: None,
            resolution: Arc::default(),
            passed_over: Vec::new(),
            dependants: Vec::new(),
            left: Vec::new(),
            candidate: Candidate {
                mapped: (extra.target != extra.saved_key).then(|| Box::new(extra.target)),
                key: extra.saved_key,
                origin: Origin::Extra,
                owners: [].into(),
                content: None,
                renamed: None,
                rule: Rule::Restore,
            },
        }));
    }

    /// Says what depends on objects that are replaced, and lets stay what others would go with: objects that are not to
    /// be deleted themselves and that no controller makes again.
    pub fn mind_dependants(&mut self) {
        let deleted: BTreeSet<ObjectKey> = self
            .objects
            .iter()
            .filter(|object| object.decision.action == Action::Delete)
            .map(|object| object.target().clone())
            .collect();
        for object in &mut self.objects {
            let mut lost = object
                .dependants
                .iter()
                .filter(|dependant| !dependant.made_by_controller && !deleted.contains(&dependant.key))
                .map(|dependant| format!("{}/{}", dependant.key.resource, dependant.key.name));
            let Some(first) = lost.next() else { continue };
            let others = match lost.count() {
                0 => first,
                more => format!("{first} and {more} more"),
            };
            object.decision = match object.decision.action {
                Action::Delete => Decision::because(
                    Action::Refuse,
                    format!("not deleted: it owns {others}, which would go with it; delete it by hand"),
                ),
                Action::Replace => object
                    .decision
                    .clone()
                    .and(&format!("it owns {others}, which stay and are linked to the new one")),
                _ => continue,
            };
        }
    }

    /// The indices of objects of kinds that can be held, as far as the plan leaves or makes them.
    pub fn holdable(&self) -> impl Iterator<Item = usize> {
        let is_holdable = |action| !matches!(action, Action::Leave | Action::Refuse | Action::Delete);
        let objects = self.objects.iter().enumerate();
        objects
            .filter(move |(_, object)| {
                is_holdable(object.decision.action) && held_field(&object.target().resource).is_some()
            })
            .map(|(index, _)| index)
    }

    /// The indices of objects that will be deleted, by step; the last step is to be done first.
    pub fn deletions(&self) -> BTreeMap<Position, Vec<usize>> {
        self.indices(|action| action == Action::Delete)
    }

    /// Refuses what is not in the cluster: a single field needs an object to be set on.
    pub fn require_live(&mut self) {
        for object in &mut self.objects {
            if object.decision.action == Action::Create {
                object.decision = Decision::because(
                    Action::Refuse,
                    "is not in the cluster, and a single field is no object; restore it without --field",
                );
            }
        }
    }

    /// How many objects each action has.
    pub fn counts(&self) -> BTreeMap<Action, usize> {
        let mut counts = BTreeMap::new();
        for object in &self.objects {
            *counts.entry(object.decision.action).or_default() += 1;
        }
        if !self.unreadable.is_empty() {
            *counts.entry(Action::Refuse).or_default() += self.unreadable.len();
        }
        counts
    }

    /// The indices of objects that will be written, by step; a step may begin when the one before is done.
    pub fn steps(&self) -> BTreeMap<Position, Vec<usize>> {
        self.indices(|action| action.is_write() && action != Action::Delete)
    }

    fn indices(&self, admits: impl Fn(Action) -> bool) -> BTreeMap<Position, Vec<usize>> {
        let mut steps: BTreeMap<Position, Vec<usize>> = BTreeMap::new();
        for (index, object) in self.objects.iter().enumerate() {
            if admits(object.decision.action) {
                steps.entry(object.position).or_default().push(index);
            }
        }
        steps
    }

    /// The index of a saved object.
    pub fn find(&self, key: &ObjectKey) -> Option<usize> {
        // Behind the saved ones are those that the restore point does not hold.
        let saved = self.objects.partition_point(|object| object.candidate.origin != Origin::Extra);
        self.objects[..saved].binary_search_by(|object| object.candidate.key.cmp(key)).ok()
    }

    /// The namespaces that saved objects come from, each with what it becomes.
    pub fn namespaces(&self) -> BTreeSet<(&str, &str)> {
        fn pair(object: &PlannedObject) -> Option<(&str, &str)> {
            let saved = object.candidate.key.namespace.as_deref()?;
            Some((saved, object.candidate.target().namespace.as_deref()?))
        }
        self.objects.iter().filter_map(pair).collect()
    }
}

/// Namespaces that may not be read and in which something was found, so that they are there.
fn inhabited(candidates: &[Candidate], facts: &Facts) -> BTreeSet<String> {
    let namespaces = GroupResource::new("namespaces", "");
    let unread = facts.unreadable.iter().map(|index| candidates[*index].target());
    let names: BTreeSet<&str> =
        unread.filter(|target| target.resource == namespaces).map(|target| target.name.as_str()).collect();
    let found = facts.live.keys().filter_map(|index| candidates[*index].target().namespace.as_deref());
    found.filter(|namespace| names.contains(namespace)).map(str::to_owned).collect()
}

/// Not those that may not be read: nobody knows whether they are there.
fn made_namespaces(objects: &[PlannedObject], facts: &Facts) -> BTreeSet<String> {
    let namespaces = GroupResource::new("namespaces", "");
    let is_made = |index: usize, object: &PlannedObject| {
        object.decision.action == Action::Create
            && object.candidate.key.resource == namespaces
            && !facts.unreadable.contains(&index)
    };
    objects
        .iter()
        .enumerate()
        .filter(|&(index, object)| is_made(index, object))
        .map(|(_, object)| object.candidate.target().name.clone())
        .collect()
}

/// A volume is there for its claim if this restore makes it, or if the live one names that very claim.
fn kept_volumes(objects: &[PlannedObject], facts: &Facts) -> BTreeSet<String> {
    let volumes = GroupResource::new("persistentvolumes", "");
    let kept = |(index, object): (usize, &PlannedObject)| {
        let created = object.decision.action == Action::Create && !object.waits_for_deletion;
        let waits = facts.live.get(&index).is_some_and(|live| live.claim_is_planned);
        (created || waits).then(|| object.candidate.key.name.clone())
    };
    objects
        .iter()
        .enumerate()
        .filter(|(_, object)| object.candidate.key.resource == volumes)
        .filter_map(kept)
        .collect()
}

#[cfg(test)]
mod tests;
