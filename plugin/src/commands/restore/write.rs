//! Writing one object as the plan says, again while the trouble is a passing one. How an object is made is in
//! [`super::creation`], how a live one is changed in [`super::patch`], how it is replaced in [`super::replace`].

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde_json::Value;

use crate::{
    cluster::{Cluster, Trouble, WriteError, WriteMode, Written},
    model::{
        object::ObjectKey,
        resource::{GroupResource, ResourceType},
        restoration::{Action, FieldProblem, Outcome},
        restore_record::WrittenFields,
    },
    plan::{
        conflict::{Resolution, rules::Rules},
        restore::{
            Origin, OwnerLink, PlannedObject, RestorePlan, content::Content, facts::Kinds,
            prepare::Preparation,
        },
        sanitize::{
            give_up_allocations,
            hold::{held_field, hold},
            owners::relink,
        },
        transform::TransformError,
        undo::{Undoing, written::written_fields},
    },
};

use super::{owners::Owners, patch::Patch, readiness::Conversions, waiting::Waiting};

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
    /// The live one is on its way out, and was not gone when the run stopped waiting.
    pub(super) deletion_begun: bool,
}

impl Finished {
    pub(super) fn new(outcome: Outcome) -> Self {
        Self {
            outcome,
            reason: None,
            fields: Vec::new(),
            notes: Vec::new(),
            worth_another_try: false,
            deletion_begun: false,
        }
    }

    pub(super) fn because(outcome: Outcome, reason: impl Into<String>) -> Self {
        Self { reason: Some(reason.into()), ..Self::new(outcome) }
    }

    pub(super) fn refused(error: &WriteError) -> Self {
        Self {
            fields: error.fields.clone(),
            worth_another_try: error.trouble() == Trouble::LastsAWhile,
            ..Self::because(Outcome::Refused, error.source.one_line())
        }
    }
}

/// Everything a write needs; shared by all that are under way.
pub(super) struct Writer {
    pub(super) cluster: Cluster,
    pub(super) kinds: Kinds,
    pub(super) plan: RestorePlan,
    pub(super) preparation: Arc<Preparation>,
    pub(super) rules: Arc<Rules>,
    pub(super) mode: WriteMode,
    /// Workloads are made held.
    pub(super) hold: bool,
    /// What became of the owners in this run.
    pub(super) owners: Owners,
    pub(super) waiting: Waiting,
    /// What the server warned of, each once.
    pub(super) warnings: Mutex<BTreeSet<String>>,
    pub(super) conversions: Conversions,
    /// What was written: the uid it has and what its content is now.
    pub(super) made: Mutex<HashMap<ObjectKey, Made>>,
    /// What a restore did that is taken back; none for a restore.
    pub(super) undoing: Option<Undoing>,
}

/// An object as a write left it.
#[derive(Clone, Debug)]
pub(super) struct Made {
    pub(super) uid: String,
    pub(super) content: Content,
    /// What changed of the one that was there.
    pub(super) written: Option<WrittenFields>,
}

/// One object on its way into the cluster.
pub(super) struct Job<'a> {
    pub(super) index: usize,
    pub(super) object: &'a PlannedObject,
    pub(super) kind: &'a ResourceType,
    pub(super) key: &'a ObjectKey,
    pub(super) body: Value,
}

impl Job<'_> {
    /// What it is to have been made.
    pub(super) fn made(&self) -> Outcome {
        if self.object.candidate.renamed.is_some() { Outcome::Renamed } else { Outcome::Created }
    }
}

/// What earlier tries of a job have led to.
#[derive(Default)]
pub(super) struct Course {
    /// After a broken connection the object may have been made all the same.
    pub(super) may_be_ours: bool,
    /// The live object that was deleted to be replaced.
    pub(super) deleted: Option<Value>,
}

impl Writer {
    /// Does what the plan says of the object at `index`, whose saved body is `body`.
    pub(super) async fn write(&self, index: usize, mut body: Value) -> Finished {
        let object = &self.plan.objects[index];
        let key = object.target();
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
        let mut notes = match self.prepare(index, &mut body) {
            Ok(notes) => notes,
            Err(error) => {
                return self.note_owner(index, Finished::because(Outcome::Refused, error.to_string()));
            }
        };
        // A live object that is patched has its finalizers already, and one that is put back had them.
        if object.decision.action != Action::Patch && self.undoing.is_none() {
            notes.extend(self.preparation.note_of_finalizers(&body));
        }
        if self.mode == WriteMode::Real {
            match self.wait_for_backends(key, &body).await {
                Ok(more) => notes.extend(more),
                Err(interrupted) => return interrupted,
            }
        }
        if self.hold {
            notes.extend(hold_back(object, &mut body));
        }
        let mut job = Job { index, object, kind, key, body };
        let mut finished = self.insist(&job).await;
        if let Some(note) = give_up_taken(&mut job, &finished, self.undoing.is_some()) {
            finished = self.insist(&job).await;
            finished.notes.push(note);
        }
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

    /// Tries until it is done, refused, or not worth another try.
    async fn insist(&self, job: &Job<'_>) -> Finished {
        let mut course = Course::default();
        for attempt in 1.. {
            let tried = match job.object.decision.action {
                Action::Patch | Action::Replace if let Some(undoing) = &self.undoing => {
                    self.revert(job, undoing, &mut course).await
                }
                Action::Patch => self.change(job, &job.object.resolution).await,
                Action::Replace => self.replace(job, &mut course).await,
                _ => self.create(job, &mut course).await,
            };
            let error = match tried {
                Ok(finished) => return finished,
                Err(error) => error,
            };
            let tries = match error.trouble() {
                Trouble::None => 1,
                Trouble::LastsAWhile => 2,
                Trouble::Passing | Trouble::Outdated => TRIES,
            };
            course.may_be_ours |= error.source.code().is_none();
            if attempt >= tries || !self.waiting.pause(pause(attempt)).await {
                return self.give_up(job, course, &error).await;
            }
        }
        Finished::new(Outcome::NotTried)
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

    /// Maps, cleans, transforms and links; returns what a user should know.
    fn prepare(&self, index: usize, body: &mut Value) -> Result<Vec<String>, TransformError> {
        let object = &self.plan.objects[index];
        let resource = &object.candidate.key.resource;
        let mut notes = match self.plan.edited.get(&index) {
            // It was edited as it is to be written.
            Some(edited) => {
                body.clone_from(edited);
                Vec::new()
            }
            None => self.preparation.write(resource, body, &self.plan.sanitize)?,
        };
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
        self.preparation.rename_owners(body);
        Ok(notes)
    }

    /// Pauses before another try; false if it was the last one, or the restore was interrupted.
    pub(super) async fn try_again(&self, attempt: u32) -> bool {
        attempt < TRIES && self.waiting.pause(pause(attempt)).await
    }

    /// Patches the live object; makes it if it is gone by now.
    pub(super) async fn change(
        &self,
        job: &Job<'_>,
        resolution: &Resolution,
    ) -> Result<Finished, WriteError> {
        let Some(live) = self.cluster.read(job.kind, job.key).await? else { return self.make(job).await };
        let patch = Patch { kind: job.kind, key: job.key, body: &job.body, resolution };
        self.patch(&patch, live).await
    }

    pub(super) async fn wait_for_deletion(
        &self,
        kind: &ResourceType,
        key: &ObjectKey,
    ) -> Result<(), Finished> {
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

    pub(super) fn remember(&self, index: usize, object: &PlannedObject, written: Written) {
        if object.owns && object.candidate.origin != Origin::Invented {
            self.owners.is_there(index, written.uid);
        }
        self.warn(written.warnings);
    }

    /// Notes an object as it is after a write, for the record of the run, and the one that was there before.
    pub(super) fn note_made(&self, key: &ObjectKey, body: &Value, before: Option<&Value>) {
        if self.mode == WriteMode::DryRun {
            return;
        }
        let made = Made {
            uid: body["metadata"]["uid"].as_str().unwrap_or_default().to_owned(),
            content: Content::of(&key.resource, body.clone()),
            written: before.and_then(|before| written_fields(&key.resource, before, body)),
        };
        self.made.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), made);
    }

    /// The uid of an object that was made; empty if it was not.
    pub(super) fn made_uid(&self, key: &ObjectKey) -> String {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.get(key).map(|made| made.uid.clone()).unwrap_or_default()
    }

    pub(super) fn warn(&self, warnings: Vec<String>) {
        if !warnings.is_empty() {
            self.warnings.lock().unwrap_or_else(PoisonError::into_inner).extend(warnings);
        }
    }
}

/// Has a workload come back held; returns a note if its kind cannot be.
fn hold_back(object: &PlannedObject, body: &mut Value) -> Option<String> {
    let resource = &object.target().resource;
    let Some(field) = held_field(resource) else {
        let is_daemon_set = *resource == GroupResource::new("daemonsets", "apps");
        return is_daemon_set
            .then(|| "not held: a DaemonSet has no replicas and cannot be suspended".to_owned());
    };
    // The mark of the live object says what it had. A patch that leaves that leaves the mark too.
    let mut differing = object.difference.iter().flat_map(|difference| &difference.fields);
    let stays = differing.any(|differing| differing.field == field && differing.stays);
    hold(resource, body, object.decision.action == Action::Patch && stays);
    None
}

/// What a Service cannot have is left to the cluster to choose: any address outside this cluster's range or in use, and
/// a node port that the original of a copy holds, or that another has taken since. Returns a note if something was given up.
fn give_up_taken(job: &mut Job<'_>, finished: &Finished, is_undo: bool) -> Option<String> {
    if job.kind.resource.plural != "services" || finished.outcome != Outcome::Refused {
        return None;
    }
    let is_copy = job.object.candidate.mapped.is_some();
    let cannot_be_had = |it: &&FieldProblem| {
        let taken = it.message.contains("already allocated") || it.message.contains("not in the valid range");
        taken && (is_copy || is_undo || it.field.starts_with("spec.clusterIP"))
    };
    let taken: Vec<_> = finished.fields.iter().filter(cannot_be_had).map(|it| it.field.as_str()).collect();
    if taken.is_empty() { None } else { give_up_allocations(&mut job.body, &taken) }
}

fn pause(attempt: u32) -> Duration {
    (FIRST_PAUSE * 2_u32.saturating_pow(attempt)).min(LONGEST_PAUSE)
}
