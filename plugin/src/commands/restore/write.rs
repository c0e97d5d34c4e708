//! Writing one object as the plan says, and telling a passing trouble from a refusal.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde_json::Value;

use crate::{
    cluster::{Cluster, WriteError, WriteMode, Written},
    model::{
        object::ObjectKey,
        resource::ResourceType,
        restoration::{Action, FieldProblem, Outcome},
    },
    plan::{
        conflict::{ConflictPolicy, Live, decide},
        map_namespace::{NamespaceMap, keep_live_subjects},
        restore::{
            Origin, OwnerLink, PlannedObject, RestorePlan,
            content::Content,
            facts::{Kinds, LiveObject},
        },
        sanitize::{give_up_node_ports, owners::relink, sanitize},
    },
};

use super::{owners::Owners, waiting::Waiting};

/// Tries of a write that meets passing trouble: about ten seconds in all.
const TRIES: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// How long an object that is being deleted may keep its name from its successor.
const DELETION_LIMIT: Duration = Duration::from_secs(30);

/// The same for a namespace, whose content must go first.
const NAMESPACE_LIMIT: Duration = Duration::from_mins(5);

/// Stands for the uid of an owner that a dry run does not make.
const NO_UID: &str = "00000000-0000-0000-0000-000000000000";

/// What came of one object.
#[derive(Clone, Debug)]
pub(super) struct Finished {
    pub(super) outcome: Outcome,
    pub(super) reason: Option<String>,
    pub(super) fields: Vec<FieldProblem>,
    pub(super) notes: Vec<String>,
    /// What stood in the way may be gone once everything else is restored.
    pub(super) worth_another_try: bool,
}

impl Finished {
    pub(super) fn new(outcome: Outcome) -> Self {
        Self { outcome, reason: None, fields: Vec::new(), notes: Vec::new(), worth_another_try: false }
    }

    pub(super) fn because(outcome: Outcome, reason: impl Into<String>) -> Self {
        Self { reason: Some(reason.into()), ..Self::new(outcome) }
    }

    fn refused(error: &WriteError) -> Self {
        Self {
            fields: error.fields.clone(),
            worth_another_try: trouble(error) == Trouble::LastsAWhile,
            ..Self::because(Outcome::Refused, error.source.one_line())
        }
    }
}

/// Everything a write needs; shared by all that are under way.
pub(super) struct Writer {
    pub(super) cluster: Cluster,
    pub(super) kinds: Kinds,
    pub(super) plan: RestorePlan,
    pub(super) map: NamespaceMap,
    pub(super) policy: ConflictPolicy,
    pub(super) mode: WriteMode,
    /// What became of the owners in this run.
    pub(super) owners: Owners,
    pub(super) waiting: Waiting,
    /// What the server warned of, each once.
    pub(super) warnings: Mutex<BTreeSet<String>>,
}

impl Writer {
    /// Does what the plan says of the object at `index`, whose saved body is `body`.
    pub(super) async fn write(&self, index: usize, mut body: Value) -> Finished {
        let object = &self.plan.objects[index];
        let key = object.candidate.target();
        let Some(kind) = self.kinds.saved(&key.resource) else {
            return Finished::because(Outcome::Refused, "its kind is not known");
        };
        if self.mode == WriteMode::DryRun
            && let Some(reason) = self.uncheckable(key)
        {
            return Finished::because(Outcome::NotTried, reason);
        }
        if let Some(reason) = self.owners.lack(&self.plan, object) {
            // The owner may have another try too.
            let refused = Finished::because(Outcome::Refused, reason);
            return self.note_owner(index, Finished { worth_another_try: true, ..refused });
        }
        let notes = self.prepare(object, &mut body);
        let mut finished = match object.decision.action {
            Action::Patch => self.apply(kind, key, body).await,
            _ => self.create_or_copy(index, object, kind, body).await,
        };
        finished.notes.extend(notes);
        self.note_owner(index, finished)
    }

    /// Remembers, for its dependants, that an owner was not written.
    fn note_owner(&self, index: usize, finished: Finished) -> Finished {
        let failed = matches!(finished.outcome, Outcome::Refused | Outcome::Skipped);
        if failed && self.plan.objects[index].owns {
            self.owners.was_not_written(index, finished.outcome);
        }
        finished
    }

    /// Creates; a copy of a Service in another namespace leaves the node ports to its original.
    async fn create_or_copy(
        &self,
        index: usize,
        object: &PlannedObject,
        kind: &ResourceType,
        mut body: Value,
    ) -> Finished {
        let finished = self.create(index, object, kind, &body).await;
        let taken: Vec<_> = finished
            .fields
            .iter()
            .filter(|it| it.message.contains("already allocated"))
            .map(|it| it.field.as_str())
            .collect();
        if object.candidate.mapped.is_none() || kind.resource.plural != "services" || taken.is_empty() {
            return finished;
        }
        let Some(note) = give_up_node_ports(&mut body, &taken) else { return finished };
        let mut finished = self.create(index, object, kind, &body).await;
        finished.notes.push(note);
        finished
    }

    /// Why the server cannot check a write that waits for another one.
    fn uncheckable(&self, key: &ObjectKey) -> Option<String> {
        if self.kinds.is_defined(&key.resource) && !self.kinds.is_served(&key.resource) {
            return Some("not checked: its definition is not there yet".to_owned());
        }
        let namespace = key.namespace.as_deref()?;
        self.plan
            .made_namespaces
            .contains(namespace)
            .then(|| format!("not checked: namespace `{namespace}` is not there yet"))
    }

    /// Maps, cleans and links; returns what a user should know.
    fn prepare(&self, object: &PlannedObject, body: &mut Value) -> Vec<String> {
        let resource = &object.candidate.key.resource;
        self.map.apply(resource, body);
        let mut notes = sanitize(resource, body, &self.plan.sanitize);
        notes.extend(relink(body, |owner| {
            let (_, link) = object.owners.iter().find(|(saved, _)| saved == owner)?;
            match link {
                OwnerLink::Live(uid) => Some(uid.clone()),
                OwnerLink::Planned(index) => {
                    let uid = self.owners.uid(&self.plan, *index);
                    uid.or_else(|| (self.mode == WriteMode::DryRun).then(|| NO_UID.to_owned()))
                }
                OwnerLink::Gone => None,
            }
        }));
        notes
    }

    async fn create(
        &self,
        index: usize,
        object: &PlannedObject,
        kind: &ResourceType,
        body: &Value,
    ) -> Finished {
        let key = object.candidate.target();
        if object.waits_for_deletion
            && let Err(finished) = self.wait_for_deletion(kind, key).await
        {
            return finished;
        }
        // After a broken connection the object may have been made all the same.
        let mut may_be_ours = false;
        for attempt in 1.. {
            let error = match self.cluster.create_object(kind, key, body, self.mode).await {
                Ok(written) => {
                    self.remember(index, object, written);
                    return Finished::new(Outcome::Created);
                }
                Err(error) if error.reason() == "AlreadyExists" => {
                    match self.meet(index, object, kind, body, may_be_ours).await {
                        Some(finished) => return finished,
                        None if attempt < TRIES => continue,
                        None => return Finished::refused(&error),
                    }
                }
                Err(error) => error,
            };
            if trouble(&error) == Trouble::None || attempt >= TRIES {
                return Finished::refused(&error);
            }
            may_be_ours |= error.source.code().is_none();
            if trouble(&error) == Trouble::LastsAWhile && attempt >= 2 {
                return Finished::refused(&error);
            }
            if !self.waiting.pause(pause(attempt)).await {
                return Finished::refused(&error);
            }
        }
        Finished::new(Outcome::NotTried)
    }

    /// An object of the same name is there although none was when the plan was made.
    async fn meet(
        &self,
        index: usize,
        object: &PlannedObject,
        kind: &ResourceType,
        body: &Value,
        may_be_ours: bool,
    ) -> Option<Finished> {
        let key = object.candidate.target();
        let live = match self.cluster.read(kind, key).await {
            Ok(None) => return None,
            Ok(Some(live)) => LiveObject::of(&kind.resource, live),
            Err(error) => {
                let reason = format!("exists, and may not be compared: {}", error.one_line());
                return Some(Finished::because(Outcome::Skipped, reason));
            }
        };
        if let (true, None, Some(uid)) = (object.owns, &live.deleting, &live.uid) {
            self.owners.is_there(index, uid.clone());
        }
        let state = live.state(&Content::of(&kind.resource, body.clone()));
        if let Live::Terminating(_) = state {
            return self.wait_for_deletion(kind, key).await.err();
        }
        if state == Live::Same {
            return Some(Finished::new(if may_be_ours { Outcome::Created } else { Outcome::Unchanged }));
        }
        // A new namespace is given its default service account by the cluster; there is nothing of anyone's in it.
        let made_with_namespace = key.resource.plural == "serviceaccounts"
            && key.name == "default"
            && key
                .namespace
                .as_deref()
                .is_some_and(|namespace| self.plan.made_namespaces.contains(namespace));
        if made_with_namespace {
            let applied = self.apply(kind, key, body.clone()).await;
            let created = applied.outcome == Outcome::Patched;
            return Some(if created { Finished::new(Outcome::Created) } else { applied });
        }
        let decision = decide(&state, self.policy);
        let reason = "appeared after the plan was made, and differs";
        Some(match decision.action {
            Action::Patch => self.apply(kind, key, body.clone()).await,
            Action::Skip => Finished::because(Outcome::Skipped, reason),
            _ => Finished::because(Outcome::Refused, reason),
        })
    }

    async fn apply(&self, kind: &ResourceType, key: &ObjectKey, mut body: Value) -> Finished {
        if !self.map.is_empty()
            && kind.resource.plural == "clusterrolebindings"
            && let Ok(Some(live)) = self.cluster.read(kind, key).await
        {
            keep_live_subjects(&mut body, &live);
        }
        for attempt in 1.. {
            let error = match self.cluster.apply_object(kind, key, &body, self.mode).await {
                Ok(written) => {
                    self.warn(written.warnings);
                    return Finished::new(Outcome::Patched);
                }
                Err(error) => error,
            };
            if trouble(&error) == Trouble::None || attempt >= TRIES {
                return Finished::refused(&error);
            }
            if !self.waiting.pause(pause(attempt)).await {
                return Finished::refused(&error);
            }
        }
        Finished::new(Outcome::NotTried)
    }

    async fn wait_for_deletion(&self, kind: &ResourceType, key: &ObjectKey) -> Result<(), Finished> {
        if self.mode == WriteMode::DryRun {
            return Err(Finished::because(
                Outcome::NotTried,
                "not checked: the live one is still being deleted",
            ));
        }
        let limit = if key.resource.plural == "namespaces" { NAMESPACE_LIMIT } else { DELETION_LIMIT };
        let place =
            key.namespace.as_ref().map(|namespace| format!(" in namespace {namespace}")).unwrap_or_default();
        let what = format!("{} {}{place} to be deleted", kind.kind_word(), key.name);
        match self.waiting.until(&what, self.cluster.wait_until_gone(kind, key, limit)).await {
            None => Err(Finished::because(Outcome::NotTried, "interrupted")),
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => Err(Finished::because(
                Outcome::Refused,
                format!("the live one is still being deleted: {error}"),
            )),
        }
    }

    fn remember(&self, index: usize, object: &PlannedObject, written: Written) {
        if object.owns && object.candidate.origin != Origin::Invented {
            self.owners.is_there(index, written.uid);
        }
        self.warn(written.warnings);
    }

    fn warn(&self, warnings: Vec<String>) {
        if !warnings.is_empty() {
            self.warnings.lock().unwrap_or_else(PoisonError::into_inner).extend(warnings);
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    /// The server means it.
    None,
    /// Over in a moment: a lost connection, a cache that lags behind.
    Passing,
    /// Perhaps over once the rest is restored: a webhook whose backend is not there yet.
    LastsAWhile,
}

fn trouble(error: &WriteError) -> Trouble {
    let message = error.source.to_string();
    match error.source.code() {
        Some(500) if message.contains("webhook") => Trouble::LastsAWhile,
        Some(404) if message.contains("could not find the requested resource") => Trouble::Passing,
        Some(409) if error.reason() == "Conflict" => Trouble::Passing,
        // Made by controllers a moment after the namespace.
        Some(403)
            if (message.contains("serviceaccount") && message.contains("not found"))
                || message.contains("status unknown for quota") =>
        {
            Trouble::Passing
        }
        _ if error.source.is_passing() => Trouble::Passing,
        _ => Trouble::None,
    }
}

fn pause(attempt: u32) -> Duration {
    (FIRST_PAUSE * 2_u32.saturating_pow(attempt)).min(LONGEST_PAUSE)
}
