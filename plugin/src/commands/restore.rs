//! `kubectl backup restore`: plan first, show it, then do it.

mod collect;
mod dependants;
mod execute;
mod look;
mod owners;
mod patch;
mod prune;
mod replace;
mod request;
mod results;
mod rules;
mod waiting;
mod write;

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal},
    mem,
    sync::{Arc, Mutex},
};

use anyhow::Context;

use crate::{
    cli::restore::{DryRun, RestoreArgs},
    cluster::{Cluster, WriteMode},
    exit::ExitStatus,
    model::{
        resource::GroupResource,
        restoration::{Action, DecidedBy},
    },
    plan::restore::{Candidate, RestorePlan, collisions, facts::Kinds, prune::Coverage, rules::Rule},
    report::{
        printer::{LONGEST_NAME, Printer},
        progress::Progress,
        restore as report,
    },
};

use super::{
    failure::{Failure, UsageError},
    interrupt::Interrupt,
    session::{Session, blocking},
};
use collect::{Collected, Collector};
use execute::{Execution, writes};
use owners::Owners;
use request::Request;
use results::{Shown, named_and_skipped, outcomes, planned};
use waiting::Waiting;
use write::Writer;

/// Collisions that an error names.
const SHOWN_COLLISIONS: usize = 10;

/// Runs `restore`.
pub(crate) async fn run(args: RestoreArgs, session: &Session) -> anyhow::Result<ExitStatus> {
    check(&args)?;
    let mut request = Request::complete(&args, session).await?;
    let cluster = session.cluster().await?;
    let (plan, kinds) = make_plan(&mut request, &session.printer, &args, &cluster).await?;
    for warning in request.preparation.warnings() {
        session.printer.warning(&warning);
    }
    let passed_over = if request.policy_is_default { named_and_skipped(&plan, &BTreeMap::new()) } else { 0 };
    let shown =
        Shown { printer: &session.printer, format: args.output, point: &request.point.id, passed_over };

    let counts = plan.counts();
    let only_planned = args.explain || args.dry_run == Some(DryRun::Client);
    if args.explain {
        shown.explanation(&planned(&plan, &kinds))?;
    } else if only_planned || counts.contains_key(&Action::Conflict) {
        shown.plan(&planned(&plan, &kinds), only_planned.then_some("client"))?;
    }
    if let Some(conflicts) = counts.get(&Action::Conflict) {
        return Err(forbidden(&plan, *conflicts).into());
    }
    if only_planned {
        let objects = planned(&plan, &kinds);
        session.printer.note(&format!("plan: {}; nothing was changed", report::summary(&objects)));
        shown.hint_at_policy();
        return Ok(status(passed_over > 0 || counts.contains_key(&Action::Refuse)));
    }
    if args.dry_run.is_none() && !args.yes && !confirm(&plan, &kinds, &cluster, session).await? {
        session.printer.note("nothing was changed");
        return Ok(ExitStatus::Failed);
    }
    let mode = if args.dry_run.is_some() { WriteMode::DryRun } else { WriteMode::Real };
    execute(request, cluster, kinds, plan, mode, &args, session).await
}

/// Reads the restore point, looks at the cluster, and decides.
async fn make_plan(
    request: &mut Request,
    printer: &Printer,
    args: &RestoreArgs,
    cluster: &Cluster,
) -> anyhow::Result<(RestorePlan, Kinds)> {
    let discovery = cluster.discover().await?;
    let Collected { candidates, unreadable, .. } = collect(request).await?;
    let mut kinds =
        Kinds::new(request.manifest.kinds.iter().map(|entry| entry.kind.clone()), &discovery.kinds);
    define(&mut kinds, &candidates);
    let known: Vec<_> = discovery.kinds.iter().cloned().chain(kinds.all_saved().cloned()).collect();
    request.rules = Arc::new(mem::take(&mut request.wishes).bind(&known, printer));
    let looker = look::Looker {
        cluster: cluster.clone(),
        repository: request.repository.clone(),
        point: request.point.id.clone(),
        preparation: Arc::clone(&request.preparation),
        rules: Arc::clone(&request.rules),
    };
    let facts = look::look(looker, &candidates, &kinds).await?;
    let mut plan = RestorePlan::new(candidates, &facts, &kinds).without(unreadable);
    if !request.rules.fields().is_empty() {
        plan.require_live();
    }
    dependants::find(cluster, &mut plan, &discovery.kinds).await?;
    if args.prune {
        if !plan.unreadable.is_empty() {
            return Err(Failure::new(
                "nothing was changed: --prune needs the whole restore point, and some of it cannot be read",
                "`kubectl backup check` says what; restore without --prune, or from another restore point",
            )
            .into());
        }
        let (manifest, wanted, map) = (&request.manifest, &request.wanted, &request.preparation.map);
        let coverage = Coverage { manifest, wanted, map, kinds: &discovery.kinds };
        let extras = prune::find(cluster, &plan, coverage).await?;
        plan.delete(extras);
    }
    Ok((plan, kinds))
}

/// What of the options does not go together, or not here.
fn check(args: &RestoreArgs) -> Result<(), UsageError> {
    if args.explain && args.dry_run == Some(DryRun::Server) {
        return Err(UsageError::with_hint(
            "--explain tells of the plan, and --dry-run=server of what the server makes of it",
            "ask for one after the other",
        ));
    }
    let can_ask = io::stdin().is_terminal() && io::stderr().is_terminal();
    if args.dry_run.is_none() && !args.explain && !args.yes && !can_ask {
        return Err(UsageError::with_hint(
            "a restore changes the cluster, and there is no terminal to ask on",
            "add --yes to go ahead, or --dry-run to see the plan",
        ));
    }
    Ok(())
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

fn status(incomplete: bool) -> ExitStatus {
    if incomplete { ExitStatus::Incomplete } else { ExitStatus::Done }
}

/// The first pass, and what can be wrong with the words of the selection.
async fn collect(request: &Request) -> anyhow::Result<Collected> {
    let collector = Collector::new(
        request.wanted.clone(),
        Arc::clone(&request.preparation),
        request.rules.fields().clone(),
    );
    let (repository, id) = (request.repository.clone(), request.point.id.clone());
    let collected = blocking(move || collector.collect(&repository, &id))
        .await
        .with_context(|| format!("could not read restore point {}", request.point.id))?;
    request.check_names(&collected)?;
    let collisions = collisions(&collected.candidates);
    if !collisions.is_empty() {
        let listed: Vec<_> = collisions.iter().take(SHOWN_COLLISIONS).map(ToString::to_string).collect();
        return Err(Failure::new(
            format!("nothing was changed: {} objects collide: {}", collisions.len(), listed.join("; ")),
            "map the namespaces to different ones, or restore them one at a time",
        )
        .into());
    }
    Ok(collected)
}

/// Notes which custom kinds come with their definitions.
fn define(kinds: &mut Kinds, candidates: &[Candidate]) {
    let definitions = GroupResource::new("customresourcedefinitions", "apiextensions.k8s.io");
    for candidate in candidates.iter().filter(|it| it.key.resource == definitions && it.rule == Rule::Restore)
    {
        if !kinds.is_served(&GroupResource::from(candidate.key.name.clone())) {
            kinds.define(&candidate.key.name);
        }
    }
}

/// Shows the plan on stderr and asks.
async fn confirm(
    plan: &RestorePlan,
    kinds: &Kinds,
    cluster: &Cluster,
    session: &Session,
) -> anyhow::Result<bool> {
    let objects = planned(plan, kinds);
    session.printer.note(&report::overview(&objects, Some(LONGEST_NAME)));
    let writes = writes(&plan.counts());
    if writes == 0 {
        return Ok(true);
    }
    let question = format!(
        "Plan: {}. Write {} to context `{}`?",
        report::summary(&objects),
        report::objects(writes),
        cluster.context()
    );
    let question = crate::report::terminal::clean_line(&question).into_owned();
    blocking(move || Ok(dialoguer::Confirm::new().with_prompt(question).default(false).interact()?)).await
}

async fn execute(
    request: Request,
    cluster: Cluster,
    kinds: Kinds,
    plan: RestorePlan,
    mode: WriteMode,
    args: &RestoreArgs,
    session: &Session,
) -> anyhow::Result<ExitStatus> {
    let total = writes(&plan.counts()) as u64;
    let what = if mode == WriteMode::Real { "restoring objects" } else { "checking objects" };
    let progress = Progress::begin(&session.printer, what, Some(total));
    let told = progress.clone();
    let interrupt = Interrupt::listen(move || {
        told.note("interrupted: ending the writes under way; once more stops at once");
    });
    let execution = Execution {
        writer: Arc::new(Writer {
            cluster,
            kinds,
            plan,
            preparation: request.preparation,
            rules: request.rules,
            mode,
            owners: Owners::default(),
            waiting: Waiting { progress: progress.clone(), stopped: interrupt.stopped() },
            warnings: Mutex::default(),
        }),
        repository: request.repository,
        point: request.point.id.clone(),
        parallel: usize::from(args.parallel),
    };
    let mut finished = execution.run().await;
    if let Ok(finished) = &mut finished {
        execution.writer.prune(execution.parallel, finished).await;
    }
    progress.finish();
    let finished = finished?;
    let passed_over =
        if request.policy_is_default { named_and_skipped(&execution.writer.plan, &finished) } else { 0 };
    let shown =
        Shown { printer: &session.printer, format: args.output, point: &request.point.id, passed_over };
    let interrupted = interrupt.stopped().is_set();
    let objects = outcomes(&execution.writer, &finished, interrupted);
    if mode == WriteMode::DryRun {
        return shown.checked(&objects, &execution.writer, interrupted);
    }
    shown.result(&objects, &execution.writer, interrupted)
}
