//! `kubectl backup undo`: takes a restore back, with the runs that went on with it.
//!
//! An undo is a restore from undo points: planned, shown, saved before its first write and carried out by the same
//! code. What differs, which objects to take away and how far to set the others back, is decided in `plan::undo`.

mod chain;
mod look;

use std::{
    collections::HashSet,
    io::{self, IsTerminal},
    sync::Arc,
};

use jiff::Timestamp;

use crate::{
    archive::Repository,
    cli::undo::UndoArgs,
    cluster::Cluster,
    exit::ExitStatus,
    model::{object::ObjectKey, restoration::Action, restore_record::Change, restore_run::RestoreRun},
    plan::{
        conflict::Decision,
        restore::{
            Origin, RestorePlan,
            facts::{Facts, Kinds},
            prune::Extra,
        },
        undo::{
            Undoing,
            decide::{Force, Observed, foresee, let_go, put_back, take_away},
        },
    },
    report::age::age,
};

use super::{
    failure::UsageError,
    restore::{Asking, Proposal, Run, Voice, define, find_dependants, owner_uids, stranger_in},
    session::{Session, blocking},
};
use chain::Chain;
use look::{Seen, Sight};

/// Runs `undo`.
pub(crate) async fn run(args: UndoArgs, session: &Session) -> anyhow::Result<ExitStatus> {
    let can_ask = io::stdin().is_terminal() && io::stderr().is_terminal();
    if args.dry_run.is_none() && !args.yes && !can_ask {
        return Err(UsageError::with_hint(
            "an undo changes the cluster, and there is no terminal to ask on",
            "add --yes to go ahead, or --dry-run to see the plan",
        )
        .into());
    }
    let cluster = session.cluster().await?;
    let identity = cluster.identity().await?;
    let repository = session.repository().await?;
    let (archive, word) = (repository.clone(), args.restore.clone());
    let chain = blocking(move || Chain::find(&archive, &word, &identity)).await?;
    session.printer.note(&told(&chain.last));
    let proposal = propose(chain, &args, cluster, repository).await?;
    let asking = Asking { dry_run: args.dry_run, explain: false, agreed: args.yes };
    Box::pin(proposal.put(asking, session)).await
}

/// Which restore is taken back: with `latest` the user has not said so.
fn told(run: &RestoreRun) -> String {
    let point = &run.undo_point;
    let age = age(Timestamp::now(), point.created);
    format!(
        "taking back the restore of {} ({}), made {age} ago, {}",
        run.mark.name,
        point.summary.scope,
        run.state.word()
    )
}

async fn propose(
    chain: Chain,
    args: &UndoArgs,
    cluster: Cluster,
    repository: Repository,
) -> anyhow::Result<Proposal> {
    let force = if args.force { Force::Yes } else { Force::No };
    let discovery = cluster.discover().await?;
    let mut kinds = chain.kinds(&discovery.kinds);
    let archive = repository.clone();
    let (chain, candidates) = blocking(move || {
        let candidates = chain.candidates(&archive)?;
        Ok((chain, candidates))
    })
    .await?;
    define(&mut kinds, &candidates);
    let sight = Sight { cluster: &cluster, repository: &repository, kinds: &kinds, chain: &chain, force };
    let seen = sight.look(&candidates).await?;
    let saved = candidates.iter().enumerate();
    let facts = Facts {
        live: saved.filter_map(|(index, it)| Some((index, seen.get(&it.key)?.live.clone()))).collect(),
        owner_uids: owner_uids(&cluster, &candidates, &kinds).await?,
        ..Facts::default()
    };
    let mut plan = RestorePlan::new(candidates, &facts, &kinds);
    plan.sanitize.keep_allocations = true;
    decide(&mut plan, &chain, &seen, force);
    keep_what_is_in_use(&cluster, &kinds, &mut plan).await?;
    find_dependants(&cluster, &mut plan, &discovery.kinds).await?;
    if force == Force::No {
        plan.mind_dependants();
    }
    let run = (!args.no_undo).then(|| run_of(&chain.last));
    Ok(Proposal {
        cluster,
        kinds,
        plan,
        repository,
        points: chain.points(),
        preparation: Arc::default(),
        rules: Arc::default(),
        parallel: usize::from(args.parallel),
        output: args.output.format,
        voice: Voice::Undo,
        policy_is_default: false,
        run,
        held: HashSet::new(),
        orphans: Vec::new(),
        hold: false,
        undoing: Some(Undoing { formers: chain.formers, force }),
    })
}

/// What the records of the undo say.
fn run_of(undone: &RestoreRun) -> Run {
    let mut source = undone.undo_point.clone();
    source.summary.name = format!("before {}", undone.mark.name);
    Run {
        source,
        scope: undone.undo_point.summary.scope.clone(),
        request: None,
        continues: None,
        undoes: Some(undone.root().clone()),
    }
}

/// Decides about every object of the restore.
fn decide(plan: &mut RestorePlan, chain: &Chain, seen: &Seen, force: Force) {
    let mut extras = Vec::new();
    for (target, _) in chain.formers.iter().filter(|(target, _)| plan.find(target).is_none()) {
        if let Some(seen) = seen.get(target) {
            let Observed { uid, finalizers, .. } = seen.observed.clone();
            extras.push(Extra { saved_key: target.clone(), target: target.clone(), uid, finalizers });
        }
    }
    plan.delete(extras);
    for object in &mut plan.objects {
        let target = object.target().clone();
        let Some(former) = chain.formers.get(&target) else {
            object.decision = Decision::plain(Action::Unchanged);
            continue;
        };
        if matches!(object.decision.action, Action::Refuse | Action::Leave) {
            continue;
        }
        let seen = seen.get(&target);
        let observed = seen.map(|seen| &seen.observed);
        if former.change == Change::Hold {
            object.decision = let_go(observed, seen.is_some_and(|seen| seen.live.held));
            continue;
        }
        if let (Some(later), Force::No, true) = (chain.later.get(&target), force, seen.is_some()) {
            let reason = format!("restore {later} changed it too; undo that one first, or add --force");
            object.decision = Decision::because(Action::Skip, reason);
            continue;
        }
        let differs = seen.is_some_and(|seen| seen.live.difference.is_some());
        let made = observed.is_none_or(|observed| observed.made_by_restore);
        let decision = match former.change {
            // Kubernetes makes one with every namespace, and it goes with it.
            Change::Create if is_default_account(&target) => Decision::plain(Action::Unchanged),
            // It was not there at first; a run that went on with the restore may have found it there.
            Change::Create if made || object.candidate.origin == Origin::Extra => take_away(observed, force),
            Change::Create => put_back(Change::Patch, observed, differs, force),
            change => put_back(change, observed, differs, force),
        };
        // A dependant of a replaced object is as its owner leaves it.
        let foreseen = seen.filter(|_| former.change != Change::Relink).and_then(|it| it.foreseen.as_ref());
        (object.decision, object.left) = match foreseen {
            Some(foreseen) => foresee(decision, foreseen),
            None => (decision, Vec::new()),
        };
    }
}

fn is_default_account(target: &ObjectKey) -> bool {
    target.resource.plural == "serviceaccounts" && target.name == "default"
}

/// A namespace or definition that the restore made stays if something is in it that the restore did not make.
async fn keep_what_is_in_use(cluster: &Cluster, kinds: &Kinds, plan: &mut RestorePlan) -> anyhow::Result<()> {
    let deleted: HashSet<_> = plan
        .objects
        .iter()
        .filter(|object| object.decision.action == Action::Delete)
        .map(|object| object.target().clone())
        .collect();
    for object in &mut plan.objects {
        if object.decision.action == Action::Delete
            && let Some(stranger) =
                stranger_in(cluster, kinds, object.target(), |key| deleted.contains(key)).await?
        {
            object.decision = Decision::because(Action::Skip, stranger);
        }
    }
    Ok(())
}
