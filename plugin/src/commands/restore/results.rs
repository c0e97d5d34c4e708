//! From plan and writes to what is shown.

use std::{collections::BTreeMap, sync::PoisonError};

use crate::{
    cli::output::RecordFormat,
    cluster::WriteMode,
    commands::failure::Failure,
    exit::ExitStatus,
    model::{
        object::kubectl_name,
        resource::ResourceType,
        restoration::{Action, DecidedBy, Outcome, RestoredObject},
        restore_point::RestorePointId,
        restore_record::DoneChange,
    },
    plan::{
        rename,
        restore::{Origin, PlannedObject, RestorePlan, facts::Kinds},
    },
    report::{
        document,
        explain::explain,
        printer::Printer,
        restore::{self as report, RestoreDocument, State},
    },
};

use super::write::{Finished, Writer};

/// Server warnings that are shown to a person.
const SHOWN_WARNINGS: usize = 20;

/// The plan as it is shown.
pub(super) fn planned(plan: &RestorePlan, kinds: &Kinds) -> Vec<RestoredObject<Action>> {
    plan.objects
        .iter()
        .filter(|object| is_shown(object))
        .map(|object| shown_object(object, kinds, object.decision.action, object.decision.reason.clone()))
        .chain(unreadable(plan, kinds, Action::Refuse))
        .collect()
}

/// What came of every object of the plan.
pub(super) fn outcomes(
    writer: &Writer,
    finished: &BTreeMap<usize, Finished>,
    interrupted: bool,
) -> Vec<RestoredObject<Outcome>> {
    let of = |(index, object): (usize, &PlannedObject)| {
        let reason = object.decision.reason.clone();
        let (outcome, reason) = match (finished.get(&index), object.decision.action) {
            // A dry run does not come to what a deletion waits for.
            (Some(done), Action::Replace | Action::Delete)
                if writer.mode == WriteMode::DryRun && done.reason.is_none() =>
            {
                (done.outcome, reason)
            }
            (Some(done), _) => (done.outcome, done.reason.clone()),
            (None, Action::Unchanged) => (Outcome::Unchanged, reason),
            (None, Action::Ask) => (Outcome::NotTried, Some("you would be asked".to_owned())),
            (None, Action::Skip) => (Outcome::Skipped, reason),
            (None, Action::Leave) => (Outcome::Left, reason),
            (None, Action::Refuse) => (Outcome::Refused, reason),
            (None, _) if interrupted => (Outcome::NotTried, Some("interrupted".to_owned())),
            // The plan knows it and the second pass did not meet it.
            (None, _) => (Outcome::Refused, Some("the restore point no longer holds it".to_owned())),
        };
        let mut shown = shown_object(object, &writer.kinds, outcome, reason);
        if let Some(done) = finished.get(&index) {
            shown.fields.clone_from(&done.fields);
            shown.notes.extend(done.notes.iter().cloned());
        }
        shown
    };
    let objects = writer.plan.objects.iter().enumerate().filter(|(_, object)| is_shown(object)).map(of);
    objects.chain(unreadable(&writer.plan, &writer.kinds, Outcome::Refused)).collect()
}

/// What was asked for and cannot be read, a line for each range of objects.
fn unreadable<S: Copy>(
    plan: &RestorePlan,
    kinds: &Kinds,
    state: S,
) -> impl Iterator<Item = RestoredObject<S>> {
    plan.unreadable.iter().map(move |(target, range)| {
        let resource = &range.resource;
        let word = kinds.saved(resource).map_or_else(|| resource.to_string(), ResourceType::kind_word);
        RestoredObject {
            from_namespace: range.namespace.clone().filter(|_| range.namespace != target.namespace),
            reason: Some(format!(
                "cannot be read: {}; see `kubectl backup check`, or try an older restore point",
                range.reason
            )),
            ..RestoredObject::new(format!("{word} {}", range.range()), target.clone(), state)
        }
    })
}

/// What came of every object that was to be written, for the record of the run.
pub(super) fn done(
    writer: &Writer,
    finished: &BTreeMap<usize, Finished>,
    interrupted: bool,
) -> Vec<DoneChange> {
    let made = writer.made.lock().unwrap_or_else(PoisonError::into_inner);
    let of = |(index, object): (usize, &PlannedObject)| {
        let deletion_begun = finished.get(&index).is_some_and(|done| done.deletion_begun);
        let (outcome, reason) = match finished.get(&index) {
            Some(done) => (done.outcome, done.reason.clone()),
            None if interrupted => (Outcome::NotTried, None),
            None => (Outcome::Refused, None),
        };
        let target = object.target().clone();
        let made = made.get(&target);
        DoneChange {
            outcome,
            uid: made.map(|made| made.uid.clone()),
            content: made.map(|made| made.content.to_string()),
            written: made.and_then(|made| made.written.clone()),
            deletion_begun,
            reason,
            target,
        }
    };
    let objects = writer.plan.objects.iter().enumerate();
    objects.filter(|(_, object)| object.decision.action.is_write()).map(of).collect()
}

/// How many objects that the user named by `TYPE/NAME` were or would be skipped.
pub(super) fn named_and_skipped(plan: &RestorePlan, finished: &BTreeMap<usize, Finished>) -> usize {
    let skipped = |(index, object): &(usize, &PlannedObject)| {
        object.candidate.origin == Origin::Named
            && match finished.get(index) {
                Some(done) => done.outcome == Outcome::Skipped,
                None => object.decision.action == Action::Skip,
            }
            && object.resolution.decided_by == DecidedBy::Default
    };
    plan.objects.iter().enumerate().filter(skipped).count()
}

/// A namespace that is there already was not asked for.
fn is_shown(object: &PlannedObject) -> bool {
    let asked_for = !matches!(object.candidate.origin, Origin::Needed | Origin::Invented);
    asked_for || object.decision.action != Action::Unchanged
}

fn shown_object<S>(
    object: &PlannedObject,
    kinds: &Kinds,
    state: S,
    reason: Option<String>,
) -> RestoredObject<S> {
    let target = object.target().clone();
    let name = kinds.saved(&target.resource).map_or_else(
        || format!("{}/{}", target.resource, target.name),
        |kind| kubectl_name(kind, &target.name),
    );
    let mut notes = match object.decision.action {
        Action::Rename => rename::notes(&target.resource),
        _ => Vec::new(),
    };
    if !matches!(object.decision.action, Action::Leave | Action::Refuse | Action::Delete) {
        notes.extend(kinds.moves().note(&target.resource));
    }
    let saved = &object.candidate.key.namespace;
    RestoredObject {
        from_namespace: saved.clone().filter(|_| *saved != target.namespace),
        reason,
        decided_by: object.difference.as_ref().map(|_| object.resolution.decided_by.clone()),
        passed_over: object.passed_over.clone(),
        differences: object.difference.as_ref().map(|it| it.fields.clone()).unwrap_or_default(),
        more_differences: object.difference.as_ref().map_or(0, |it| it.more),
        notes,
        fields: object.left.clone(),
        ..RestoredObject::new(name, target, state)
    }
}

/// Of what is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::commands) enum Voice {
    /// A restore.
    Restore,
    /// Taking one back.
    Undo,
}

impl Voice {
    /// What is under way.
    pub(super) fn doing(self, mode: WriteMode) -> &'static str {
        match (self, mode) {
            (_, WriteMode::DryRun) => "checking objects",
            (Self::Restore, _) => "restoring objects",
            (Self::Undo, _) => "taking the restore back",
        }
    }

    fn plan(self) -> &'static str {
        match self {
            Self::Restore => "RestorePlan",
            Self::Undo => "UndoPlan",
        }
    }

    fn result(self) -> &'static str {
        match self {
            Self::Restore => "RestoreResult",
            Self::Undo => "UndoResult",
        }
    }

    fn done(self) -> &'static str {
        match self {
            Self::Restore => "restored from",
            Self::Undo => "went back to before the restore with undo point",
        }
    }

    /// What to say, and the next thing to do.
    fn interrupted(self) -> (&'static str, &'static str) {
        match self {
            Self::Restore => (
                "the restore was interrupted before its end",
                "`kubectl backup restore --resume` goes on; what is done already is left as it is",
            ),
            Self::Undo => (
                "the undo was interrupted before its end",
                "run it again; what is taken back already is left as it is",
            ),
        }
    }
}

/// Where and how results are shown.
pub(super) struct Shown<'a> {
    pub(super) printer: &'a Printer,
    pub(super) format: RecordFormat,
    pub(super) point: &'a RestorePointId,
    /// Objects that the user named and that were skipped though the user did not say so.
    pub(super) passed_over: usize,
    pub(super) voice: Voice,
    /// What takes this run back.
    pub(super) undo_point: Option<&'a RestorePointId>,
}

impl Shown<'_> {
    /// A plan that was not checked by the server.
    pub(super) fn plan(
        &self,
        objects: &[RestoredObject<Action>],
        dry_run: Option<&'static str>,
    ) -> anyhow::Result<()> {
        self.data(self.voice.plan(), objects, dry_run, false, Vec::new(), Action::is_write)
    }

    /// A plan with what decided on each object.
    pub(super) fn explanation(&self, objects: &[RestoredObject<Action>]) -> anyhow::Result<()> {
        match self.format {
            RecordFormat::Table => Ok(self.printer.data(&explain(objects))?),
            _ => self.plan(objects, Some("client")),
        }
    }

    /// A plan that the server has checked.
    pub(super) fn checked(
        &self,
        objects: &[RestoredObject<Outcome>],
        writer: &Writer,
        interrupted: bool,
    ) -> anyhow::Result<ExitStatus> {
        self.data(
            self.voice.plan(),
            objects,
            Some("server"),
            interrupted,
            warnings(writer),
            Outcome::is_write,
        )?;
        self.talk(writer);
        if interrupted {
            return Err(Failure::new(
                "the check was interrupted before its end; nothing was changed",
                "run it again",
            )
            .into());
        }
        let summary = report::summary(objects);
        self.printer.note(&format!("checked by the server, nothing was changed; it would be: {summary}"));
        self.hint_at_policy();
        // What cannot be checked yet is not refused.
        let refused = objects
            .iter()
            .any(|object| (object.state != Outcome::NotTried && is_undone(object)) || self.is_left(object));
        Ok(super::status(refused || self.passed_over > 0))
    }

    /// How many objects did not become what was asked for.
    pub(super) fn left(&self, objects: &[RestoredObject<Outcome>]) -> u64 {
        objects.iter().filter(|object| is_undone(object) || self.is_left(object)).count() as u64
    }

    /// Whether an object was to be taken back and was not.
    fn is_left(&self, object: &RestoredObject<Outcome>) -> bool {
        self.voice == Voice::Undo && object.state == Outcome::Skipped
    }

    /// How to get what was named and skipped.
    pub(super) fn hint_at_policy(&self) {
        if self.passed_over > 0 {
            self.printer.warning(&format!(
                "named and yet skipped, since the cluster has another version: {}; --on-conflict patch sets what was \
                 saved, --on-conflict skip accepts it",
                report::objects(self.passed_over)
            ));
        }
    }

    /// What was done.
    pub(super) fn result(
        &self,
        objects: &[RestoredObject<Outcome>],
        writer: &Writer,
        interrupted: bool,
    ) -> anyhow::Result<ExitStatus> {
        self.data(self.voice.result(), objects, None, interrupted, warnings(writer), Outcome::is_write)?;
        self.talk(writer);
        for note in report::notes(objects) {
            self.printer.note(&note);
        }
        self.printer.note(&format!("{} {}: {}", self.voice.done(), self.point, report::summary(objects)));
        if let Some(id) = self.undo_point.filter(|_| objects.iter().any(|object| object.state.is_write())) {
            self.printer.note(&format!("Take it back: kubectl backup undo {id}"));
        }
        if interrupted {
            let (message, hint) = self.voice.interrupted();
            return Err(Failure::new(message, hint).into());
        }
        self.hint_at_policy();
        Ok(super::status(self.passed_over > 0 || self.left(objects) > 0))
    }

    fn talk(&self, writer: &Writer) {
        for warning in warnings(writer).iter().take(SHOWN_WARNINGS) {
            self.printer.warning(&format!("the server says: {warning}"));
        }
    }

    fn data<S: State>(
        &self,
        kind: &'static str,
        objects: &[RestoredObject<S>],
        dry_run: Option<&'static str>,
        interrupted: bool,
        warnings: Vec<String>,
        is_write: impl Fn(S) -> bool,
    ) -> anyhow::Result<()> {
        let counts = report::counts(objects);
        let counts =
            counts.into_iter().map(|(state, count)| (state.word().replace(' ', "-"), count)).collect();
        let document = RestoreDocument {
            kind,
            restore_point: &self.point.0,
            undo_point: self.undo_point.map(|id| id.0.as_str()),
            dry_run,
            interrupted,
            counts,
            warnings,
            objects,
        };
        match self.format {
            RecordFormat::Table => {
                self.printer.data(&report::overview(objects, self.printer.longest_name()))?;
            }
            RecordFormat::Wide => self.printer.data(&report::table(objects, true))?,
            RecordFormat::Name => self.printer.data(&report::names(objects, is_write))?,
            RecordFormat::Json => self.printer.data(&document::to_json(&document)?)?,
            RecordFormat::Yaml => self.printer.data(&document::to_yaml(&document)?)?,
        }
        Ok(())
    }
}

/// Whether a plan leaves something that was to be done.
pub(super) fn leaves_something(voice: Voice, plan: &RestorePlan) -> bool {
    let counts = plan.counts();
    counts.contains_key(&Action::Refuse)
        || (voice == Voice::Undo && counts.contains_key(&Action::Skip))
        || plan.objects.iter().any(|object| !object.left.is_empty())
}

/// Whether something that was asked for was not done.
fn is_undone(object: &RestoredObject<Outcome>) -> bool {
    matches!(object.state, Outcome::Refused | Outcome::NotTried) || !object.fields.is_empty()
}

fn warnings(writer: &Writer) -> Vec<String> {
    writer.warnings.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
}
