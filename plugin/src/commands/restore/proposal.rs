//! A plan on its way: shown, agreed to, and carried out: the undo point first, then the writes, then what came of them.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, Mutex},
};

use crate::{
    archive::Repository,
    cli::{output::RecordFormat, restore::DryRun},
    cluster::{Cluster, WriteMode},
    commands::{
        failure::{Failure, Told},
        interrupt::Interrupt,
        session::{Session, blocking},
    },
    exit::ExitStatus,
    model::{
        object::ObjectKey,
        restoration::{Action, DecidedBy},
        restore_point::RestorePointId,
        restore_record::DoneChange,
    },
    plan::{
        conflict::rules::Rules,
        restore::{RestorePlan, facts::Kinds, prepare::Preparation},
        undo::{Undoing, planned_changes},
    },
    report::{printer::LONGEST_NAME, progress::Progress, question, restore as report},
};

use super::{
    execute::{Execution, writes},
    owners::Owners,
    readiness::Conversions,
    record::{End, Run, Saving, UndoPoint, save_undo_point},
    results::{Shown, Voice, done, leaves_something, named_and_skipped, outcomes, planned},
    resume::Orphan,
    waiting::Waiting,
    write::Writer,
};

/// A plan and what it takes to carry it out.
pub(in crate::commands) struct Proposal {
    pub(in crate::commands) cluster: Cluster,
    pub(in crate::commands) kinds: Kinds,
    pub(in crate::commands) plan: RestorePlan,
    pub(in crate::commands) repository: Repository,
    /// Where the bodies lie; no object is in two of them.
    pub(in crate::commands) points: Vec<RestorePointId>,
    pub(in crate::commands) preparation: Arc<Preparation>,
    pub(in crate::commands) rules: Arc<Rules>,
    pub(in crate::commands) parallel: usize,
    pub(in crate::commands) output: RecordFormat,
    pub(in crate::commands) voice: Voice,
    /// An object that was named and is skipped is not done as asked.
    pub(in crate::commands) policy_is_default: bool,
    /// What the records say; none to leave no record.
    pub(in crate::commands) run: Option<Run>,
    /// Objects that an earlier undo point of the same restore holds.
    pub(in crate::commands) held: HashSet<ObjectKey>,
    /// Objects whose owner a run before this one replaced.
    pub(in crate::commands) orphans: Vec<Orphan>,
    /// `--hold`.
    pub(in crate::commands) hold: bool,
    /// What a restore did that is taken back; none for a restore.
    pub(in crate::commands) undoing: Option<Undoing>,
}

/// How far to go, and whether to ask first.
#[derive(Clone, Copy, Debug)]
pub(in crate::commands) struct Asking {
    /// `--dry-run`.
    pub(in crate::commands) dry_run: Option<DryRun>,
    /// `--explain`.
    pub(in crate::commands) explain: bool,
    /// `--yes`.
    pub(in crate::commands) agreed: bool,
}

impl Proposal {
    /// Shows it, and carries it out if the user agrees.
    pub(in crate::commands) async fn put(
        self,
        asking: Asking,
        session: &Session,
    ) -> anyhow::Result<ExitStatus> {
        let passed_over =
            if self.policy_is_default { named_and_skipped(&self.plan, &BTreeMap::new()) } else { 0 };
        let source = self.source();
        let shown = Shown {
            printer: &session.printer,
            format: self.output,
            point: &source,
            passed_over,
            voice: self.voice,
            undo_point: None,
        };
        let counts = self.plan.counts();
        let only_planned = asking.explain || asking.dry_run == Some(DryRun::Client);
        let planned = || planned(&self.plan, &self.kinds);
        if asking.explain {
            shown.explanation(&planned())?;
        } else if only_planned || counts.contains_key(&Action::Conflict) {
            shown.plan(&planned(), only_planned.then_some("client"))?;
        }
        if let Some(conflicts) = counts.get(&Action::Conflict) {
            return Err(forbidden(&self.plan, *conflicts).into());
        }
        if only_planned {
            let summary = report::summary(&planned());
            session.printer.note(&format!("plan: {summary}; nothing was changed"));
            shown.hint_at_policy();
            return Ok(super::status(passed_over > 0 || leaves_something(self.voice, &self.plan)));
        }
        if asking.dry_run.is_none() && !asking.agreed && !self.confirm(session).await? {
            session.printer.note("nothing was changed");
            return Ok(ExitStatus::Failed);
        }
        let mode = if asking.dry_run.is_some() { WriteMode::DryRun } else { WriteMode::Real };
        self.carry_out(mode, session).await
    }

    /// The restore point, or what was saved before the restore that is taken back.
    fn source(&self) -> RestorePointId {
        self.points.first().cloned().unwrap_or_else(|| RestorePointId(String::new()))
    }

    /// Shows the plan on stderr and asks.
    async fn confirm(&self, session: &Session) -> anyhow::Result<bool> {
        let objects = planned(&self.plan, &self.kinds);
        session.printer.note(&report::overview(&objects, Some(LONGEST_NAME)));
        if self.run.is_none() {
            session.printer.warning("no undo point will be saved (--no-undo): there will be no way back");
        }
        let writes = writes(&self.plan.counts());
        if writes == 0 {
            return Ok(true);
        }
        let question = format!(
            "Plan: {}. Write {} to context `{}`?",
            report::summary(&objects),
            report::objects(writes),
            self.cluster.context()
        );
        blocking(move || Ok(question::agrees(&question)?)).await
    }

    /// Does it.
    async fn carry_out(self, mode: WriteMode, session: &Session) -> anyhow::Result<ExitStatus> {
        let total = writes(&self.plan.counts()) as u64;
        let what = self.voice.doing(mode);
        let progress = Progress::begin(&session.printer, what, Some(total));
        let told = progress.clone();
        let interrupt = Interrupt::listen(move || {
            told.note("interrupted: ending the writes under way; once more stops at once");
        });
        let undo_point = self.save_undo_point(total, mode, &interrupt).await;
        let undo_point = undo_point.inspect_err(|_| progress.finish())?;
        let (policy_is_default, output, voice) = (self.policy_is_default, self.output, self.voice);
        let (repository, source) = (self.repository.clone(), self.source());
        let orphans = self.orphans.clone();
        let hold = self.hold && mode == WriteMode::Real && total > 0;
        let execution = self.execution(mode, hold, progress.clone(), &interrupt);
        let finished = execution.complete().await;
        if finished.is_ok() {
            adopt(&execution.writer, &orphans, session).await;
        }
        progress.finish();
        let finished = finished?;
        let writer = &execution.writer;
        let interrupted = interrupt.stopped().is_set();
        let passed_over = if policy_is_default { named_and_skipped(&writer.plan, &finished) } else { 0 };
        let objects = outcomes(writer, &finished, interrupted);
        let shown = Shown {
            printer: &session.printer,
            format: output,
            point: &source,
            passed_over,
            voice,
            undo_point: undo_point.as_ref().map(|point| &point.id),
        };
        if mode == WriteMode::DryRun {
            return shown.checked(&objects, writer, interrupted);
        }
        if let Some(point) = &undo_point {
            let end = End { interrupted, left: shown.left(&objects) };
            record_result(point, &repository, done(writer, &finished, interrupted), end, session).await;
        }
        shown.result(&objects, writer, interrupted)
    }

    /// Before the first write. Nothing to write, or nothing meant: nothing to undo. A run that goes on with another one
    /// or takes one back always leaves its word, for it says that there is nothing left to do.
    async fn save_undo_point(
        &self,
        total: u64,
        mode: WriteMode,
        interrupt: &Interrupt,
    ) -> anyhow::Result<Option<UndoPoint>> {
        let Some(run) = self.run.clone().filter(|run| {
            mode == WriteMode::Real && (total > 0 || run.continues.is_some() || run.undoes.is_some())
        }) else {
            return Ok(None);
        };
        let saving = Saving {
            cluster: &self.cluster,
            kinds: &self.kinds,
            repository: &self.repository,
            changes: planned_changes(&self.plan, &self.kinds, self.hold),
            held: &self.held,
            run,
            stopped: interrupt.stopped(),
        };
        let saved = save_undo_point(saving).await;
        Ok(Some(saved.map_err(|error| {
            Failure::new(
                format!(
                    "nothing was changed: the undo point could not be saved: {}",
                    Told::of(&error).one_line()
                ),
                "--no-undo goes on without one, and then there is no way back",
            )
        })?))
    }

    fn execution(self, mode: WriteMode, hold: bool, progress: Progress, interrupt: &Interrupt) -> Execution {
        let waiting = Waiting { progress, stopped: interrupt.stopped() };
        Execution {
            writer: Arc::new(Writer {
                cluster: self.cluster,
                kinds: self.kinds,
                plan: self.plan,
                preparation: self.preparation,
                rules: self.rules,
                mode,
                hold,
                owners: Owners::default(),
                waiting,
                warnings: Mutex::default(),
                conversions: Conversions::default(),
                made: Mutex::default(),
                undoing: self.undoing,
            }),
            repository: self.repository,
            points: self.points,
            parallel: self.parallel,
        }
    }
}

/// Why nothing is done about a plan with conflicts that somebody forbids.
fn forbidden(plan: &RestorePlan, conflicts: usize) -> Failure {
    let by = plan.objects.iter().find(|object| object.decision.action == Action::Conflict);
    let by = by.map(|object| &object.resolution.decided_by);
    let (by, instead) = match by {
        Some(rule @ DecidedBy::Rule { file, .. }) => (
            format!("{rule} of {file}"),
            "the policy of the rule could also be `skip`, which leaves them, or `patch`, which sets them",
        ),
        _ => ("--on-conflict=fail".to_owned(), "--on-conflict=skip leaves them, =patch sets them"),
    };
    Failure::new(
        format!("nothing was changed: {conflicts} of the objects exist and differ, and {by} forbids that"),
        format!("`kubectl backup diff` shows how they differ; {instead}"),
    )
}

/// Links what a killed run left without its owner.
async fn adopt(writer: &Writer, orphans: &[Orphan], session: &Session) {
    for orphan in orphans {
        if writer.mode == WriteMode::DryRun || writer.waiting.stopped.is_set() {
            return;
        }
        if let Err(error) = writer.adopt(orphan).await {
            session
                .printer
                .warning(&format!("{orphan} could not be given back: {}", error.source.one_line()));
        }
    }
}

/// A result that cannot be saved takes nothing back: undo works without it.
async fn record_result(
    point: &UndoPoint,
    repository: &Repository,
    done: Vec<DoneChange>,
    end: End,
    session: &Session,
) {
    if let Err(error) = point.save_result(repository, done, end).await {
        let reason = Told::of(&error).one_line();
        session.printer.warning(&format!(
            "what came of every object could not be saved, so `list --restores` will show this run as unfinished: \
             {reason}"
        ));
    }
}
