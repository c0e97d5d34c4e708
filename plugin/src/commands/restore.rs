//! `kubectl backup restore`: plan first, show it, then do it.

mod asking;
mod collect;
mod creation;
mod dependants;
mod dependencies;
mod editor;
mod execute;
mod finalizers;
mod hold;
mod look;
mod order;
mod owners;
mod patch;
mod proposal;
mod prune;
mod readiness;
mod record;
mod rename;
mod replace;
mod request;
mod results;
mod resume;
mod revert;
mod rules;
mod versions;
mod waiting;
mod write;

use std::{
    collections::HashMap,
    io::{self, IsTerminal},
    mem,
    sync::Arc,
};

use anyhow::Context;

use crate::{
    cli::restore::{DryRun, RestoreArgs},
    cluster::Cluster,
    exit::ExitStatus,
    model::{conflict_policy::ConflictPolicy, resource::GroupResource, restoration::Action},
    plan::restore::{
        Candidate, RestorePlan, collision::collisions, facts::Kinds, prune::Coverage, rules::Rule,
    },
    report::printer::Printer,
};

use super::{
    create::name,
    failure::{Failure, UsageError},
    session::{Session, blocking},
};
use asking::Asker;
use collect::{Collected, Collector};
pub(super) use dependants::find as find_dependants;
pub(super) use look::owner_uids;
pub(super) use proposal::{Asking, Proposal};
pub(super) use record::Run;
use request::Request;
pub(super) use results::Voice;
use resume::Resumed;
pub(super) use revert::stranger_in;

/// Collisions that an error names.
const SHOWN_COLLISIONS: usize = 10;

/// Runs `restore`.
pub(crate) async fn run(args: RestoreArgs, session: &Session) -> anyhow::Result<ExitStatus> {
    check(&args)?;
    let (args, resumed) = match args.resume.clone() {
        Some(word) => resume::prepare(args, &word, session).await?,
        None => (args, Resumed::default()),
    };
    let mut request = Request::complete(&args, session).await?;
    request.answers = resumed.answers;
    request.orphaned = resumed.orphans.iter().map(|orphan| orphan.dependant().clone()).collect();
    let cluster = session.cluster().await?;
    let Some((mut plan, kinds)) = make_plan(&mut request, &session.printer, &args, &cluster).await? else {
        session.printer.note("nothing was changed");
        return Ok(ExitStatus::Failed);
    };
    let run = (!args.no_undo).then(|| run_of(&request, &args, resumed.root)).transpose()?;
    order::follow(&args.order, &mut plan, &request.manifest, &kinds, session)?;
    for warning in request.preparation.warnings() {
        session.printer.warning(&warning);
    }
    // What another version of a kind does not know must not be lost in silence.
    let cluster = cluster.strict_about(kinds.moves().kinds().cloned().collect());
    let proposal = Proposal {
        cluster,
        kinds,
        plan,
        repository: request.repository,
        points: vec![request.point.id],
        preparation: request.preparation,
        rules: request.rules,
        parallel: usize::from(args.parallel),
        output: args.output.format,
        voice: Voice::Restore,
        policy_is_default: request.policy_is_default,
        run,
        held: resumed.held,
        orphans: resumed.orphans,
        hold: args.hold,
        undoing: None,
    };
    let asking = Asking { dry_run: args.dry_run, explain: args.explain, agreed: args.yes };
    Box::pin(proposal.put(asking, session)).await
}

/// Reads the restore point, looks at the cluster, and decides. None if the user ended it.
async fn make_plan(
    request: &mut Request,
    printer: &Printer,
    args: &RestoreArgs,
    cluster: &Cluster,
) -> anyhow::Result<Option<(RestorePlan, Kinds)>> {
    let discovery = cluster.discover().await?;
    let mut kinds =
        Kinds::new(request.manifest.kinds.iter().map(|entry| entry.kind.clone()), &discovery.kinds);
    let read_at =
        versions::decide(cluster, &mut kinds, &request.manifest, &request.repository, &request.point.id)
            .await?;
    request.repository = request.repository.reading_at(read_at);
    request.preparation.move_versions(kinds.moves().clone());
    let Collected { candidates, unreadable, finalizers, .. } = collect(request).await?;
    define(&mut kinds, &candidates);
    let known: Vec<_> = discovery.kinds.iter().cloned().chain(kinds.all_saved().cloned()).collect();
    request.rules = Arc::new(mem::take(&mut request.wishes).bind(&known, printer));
    // Someone who restores single fields says himself which.
    if !args.keep_finalizers && args.fields.is_empty() {
        let alive = finalizers::alive(cluster, &kinds, &candidates, &finalizers).await?;
        request.preparation.keep_finalizers(alive);
    }
    let looker = look::Looker {
        cluster: cluster.clone(),
        repository: request.repository.clone(),
        point: request.point.id.clone(),
        preparation: Arc::clone(&request.preparation),
        rules: Arc::clone(&request.rules),
    };
    let mut facts = look::look(looker.clone(), &candidates, &kinds).await?;
    let mut plan = RestorePlan::new(candidates, &facts, &kinds);
    let mut edited = HashMap::new();
    if plan.counts().contains_key(&Action::Ask) && !only_planned(args) {
        let asker = Asker { looker: &looker, kinds: &kinds, printer };
        let asked = asker.ask(&plan, &mut facts, &mut request.answers).await?;
        let Some(changed) = asked else { return Ok(None) };
        edited = changed;
        plan = RestorePlan::new(plan.into_candidates(), &facts, &kinds);
    }
    if let Some(suffix) = request.rules.suffix() {
        let (again, preparation) = rename::rename(plan, &mut facts, &kinds, looker, suffix).await?;
        (plan, request.preparation) = (again, preparation);
    }
    let mut plan = RestorePlan { edited, ..plan.without(unreadable) };
    if !request.rules.fields().is_empty() {
        plan.require_live();
    }
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
        let mut extras = prune::find(cluster, &plan, coverage).await?;
        extras.retain(|extra| !request.orphaned.contains(&extra.target));
        plan.delete(extras);
    }
    dependants::find(cluster, &mut plan, &discovery.kinds).await?;
    plan.mind_dependants();
    Ok(Some((plan, kinds)))
}

/// Nothing will be changed, so nothing is asked.
fn only_planned(args: &RestoreArgs) -> bool {
    args.explain || args.dry_run.is_some()
}

fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// `ask` without anybody to ask is a mistake.
fn need_terminal(args: &RestoreArgs) -> Result<(), UsageError> {
    if only_planned(args) || can_ask() { Ok(()) } else { Err(no_terminal()) }
}

fn no_terminal() -> UsageError {
    UsageError::with_hint(
        "the policy `ask` needs a terminal to ask on, and there is none",
        "--on-conflict=skip, =patch, =replace or =rename decide without; --rules FILE does so object by object",
    )
}

/// What of the options does not go together, or not here.
fn check(args: &RestoreArgs) -> Result<(), UsageError> {
    if args.explain && args.dry_run == Some(DryRun::Server) {
        return Err(UsageError::with_hint(
            "--explain tells of the plan, and --dry-run=server of what the server makes of it",
            "ask for one after the other",
        ));
    }
    if args.on_conflict == Some(ConflictPolicy::Ask) {
        need_terminal(args)?;
    }
    if only_planned(args) || args.yes || can_ask() {
        return Ok(());
    }
    Err(UsageError::with_hint(
        "a restore changes the cluster, and there is no terminal to ask on",
        "add --yes to go ahead, or --dry-run to see the plan",
    ))
}

fn status(incomplete: bool) -> ExitStatus {
    if incomplete { ExitStatus::Incomplete } else { ExitStatus::Done }
}

/// The first pass, and what can be wrong with the words of the selection.
async fn collect(request: &Request) -> anyhow::Result<Collected> {
    let collector = Collector::new(
        request.wanted.clone(),
        Arc::clone(&request.preparation),
        request.wishes.fields().clone(),
        request.leaves_record,
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

/// Notes which custom kinds come with what serves them.
pub(super) fn define(kinds: &mut Kinds, candidates: &[Candidate]) {
    let definitions = GroupResource::new("customresourcedefinitions", "apiextensions.k8s.io");
    let apis = GroupResource::new("apiservices", "apiregistration.k8s.io");
    for candidate in candidates.iter().filter(|it| it.rule == Rule::Restore) {
        if candidate.key.resource == apis {
            kinds.define_api(&candidate.key.name);
        }
        if candidate.key.resource == definitions
            && !kinds.is_served(&GroupResource::from(candidate.key.name.clone()))
        {
            kinds.define(&candidate.key.name);
        }
    }
}

/// What the records of this run say of it.
fn run_of(
    request: &Request,
    args: &RestoreArgs,
    continues: Option<crate::model::restore_point::RestorePointId>,
) -> anyhow::Result<Run> {
    let asked = request.asked_for(args)?;
    Ok(Run {
        source: request.point.clone(),
        scope: name::scope(&asked.selection),
        request: Some(asked),
        continues,
        undoes: None,
    })
}
