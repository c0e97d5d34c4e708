//! `kubectl backup create`.

mod accept;
mod early;
mod freeze;
mod gather;
mod ledger;
pub(in crate::commands) mod name;
mod reader;
mod silence;
mod versions;

use std::{
    sync::{Arc, Mutex},
    time::Instant,
};

use anyhow::Context;
use futures::{StreamExt, stream};
use jiff::Timestamp;
use tokio::sync::{OnceCell, mpsc};

use crate::{
    archive::{Capture, Repository},
    cli::{create::CreateArgs, output::RecordFormat},
    cluster::Cluster,
    exit::ExitStatus,
    model::{
        freeze::FreezeRecord,
        restore_point::{Completeness, Manifest, RestorePoint},
        selection::{Namespaces, Selection},
    },
    plan::{
        backup::{self, BackupPlan, UnknownGroup},
        select::{LabelSelector, check_field_selector, parse_named_objects},
    },
    report::{create as report, missing, progress::Progress},
};

use super::{
    failure::{Failure, UsageError},
    interrupt::Interrupt,
    session::{Session, blocking},
};
pub(crate) use accept::NothingSaved;
use accept::accept;
use early::Early;
use freeze::{Freeze, Frozen};
use gather::{Gatherer, Sink};
use ledger::{Ledger, Provenance};
use name::ChosenName;
use reader::{Reach, Reader};
use silence::Silence;
use versions::OtherVersions;

/// Pieces on their way into the archive. A piece is a page of a list, about a megabyte.
const IN_FLIGHT: usize = 2;

/// Namespaces looked up at once.
const LOOKUPS: usize = 8;

/// Runs `create`.
pub(crate) async fn run(args: CreateArgs, session: &Session) -> anyhow::Result<ExitStatus> {
    let begun = Instant::now();
    let selection = words(&args)?;
    if let Some(name) = &args.name {
        name::validate(name)?;
    }
    let cluster = session.cluster().await?;
    let selection = place(selection, &cluster);
    let created = Timestamp::now();
    let backup = Backup::prepare(&args, cluster, selection, created).await?;
    let printer = session.printer.clone();
    let interrupt = Interrupt::listen(move || {
        printer.note("interrupted: stopping without saving; once more stops at once");
    });
    if args.dry_run {
        if let Some(freeze) = &backup.freeze {
            session.printer.note(&format!("would freeze: {}", freeze.names().join(", ")));
        }
        let manifest = backup.count(session, &interrupt).await?;
        report_missing(session, &manifest, "would not be saved");
        session.printer.data(&report::dry_run(&manifest, args.output.format)?)?;
        return Ok(status(&manifest));
    }
    let repository = session.repository_or_create().await?;
    let name = match &args.name {
        Some(name) => Some(ChosenName::check(name, &repository, session).await?),
        None => None,
    };
    let (point, manifest) = backup.save(session, &interrupt, repository, args.require_complete, name).await?;
    report_missing(session, &manifest, "not saved");
    session.printer.data(&report::saved(&point, &manifest, begun.elapsed(), args.output.format)?)?;
    if args.output.format == RecordFormat::Table {
        let id = &point.id;
        session.printer.note(&format!(
            "Look inside: kubectl backup ls {id}\nBring it back: kubectl backup restore {id}"
        ));
    }
    Ok(status(&manifest))
}

fn status(manifest: &Manifest) -> ExitStatus {
    let is_held = manifest.freeze.as_ref().is_none_or(|freeze| freeze.failure.is_none());
    match manifest.summary.completeness {
        Completeness::Complete if is_held => ExitStatus::Done,
        Completeness::Complete | Completeness::Incomplete => ExitStatus::Incomplete,
    }
}

fn report_missing(session: &Session, manifest: &Manifest, verb: &str) {
    for warning in &manifest.warnings {
        session.printer.warning(warning);
    }
    for warning in missing::warnings(&manifest.missing, verb) {
        session.printer.warning(&warning);
    }
}

/// The selection as the user said it, before the cluster is asked. The namespaces may still be empty.
fn words(args: &CreateArgs) -> anyhow::Result<Selection> {
    let namespaces = if args.namespaces.all_namespaces {
        Namespaces::All
    } else {
        let mut names = args.namespaces.namespaces.clone();
        names.sort();
        names.dedup();
        if names.iter().any(String::is_empty) {
            return Err(UsageError::new("a namespace given with -n is empty").into());
        }
        Namespaces::Named(names)
    };
    let mut selection = Selection::of(namespaces);
    selection.objects = parse_named_objects(&args.objects)?;
    if let Some(selector) = &args.filter.selector {
        LabelSelector::parse(selector)?;
    }
    if let Some(selector) = &args.field_selector {
        check_field_selector(selector)?;
    }
    selection.include_kinds.clone_from(&args.filter.include_kinds);
    selection.exclude_kinds.clone_from(&args.filter.exclude_kinds);
    selection.label_selector.clone_from(&args.filter.selector);
    selection.field_selector.clone_from(&args.field_selector);
    selection.cluster_scoped = args.filter.cluster_scoped;
    if !selection.objects.is_empty() && selection.is_filtered() {
        return Err(UsageError::with_hint(
            "objects are named, so there is nothing for a selector, --include or --exclude to choose from",
            "leave out either the names or the filters",
        )
        .into());
    }
    Ok(selection)
}

/// Without `-n` and `-A`, the context's namespace is meant, as in kubectl.
fn place(mut selection: Selection, cluster: &Cluster) -> Selection {
    if selection.namespaces == Namespaces::Named(Vec::new()) {
        selection.namespaces = Namespaces::Named(vec![cluster.default_namespace().to_owned()]);
    }
    selection
}

/// A backup that is about to be made.
struct Backup {
    reader: Reader,
    plan: BackupPlan,
    others: OtherVersions,
    provenance: Provenance,
    created: Timestamp,
    freeze: Option<Freeze>,
    /// What is known before anything is read, and is no loss.
    warnings: Vec<String>,
}

impl Backup {
    /// Asks the cluster what there is, and refuses what makes no sense there. Changes nothing.
    async fn prepare(
        args: &CreateArgs,
        cluster: Cluster,
        selection: Selection,
        created: Timestamp,
    ) -> anyhow::Result<Self> {
        let (discovery, version, uid) =
            tokio::try_join!(cluster.discover(), cluster.server_version(), cluster.identity())?;
        let unknown: Vec<UnknownGroup> = discovery
            .incomplete
            .into_iter()
            .map(|group| UnknownGroup { group_version: group.group_version, reason: group.reason })
            .collect();
        let plan = backup::backup(&selection, &discovery.kinds, &unknown)?;
        let reach = match &selection.namespaces {
            Namespaces::All => Reach::All,
            Namespaces::Named(names) => {
                expect_namespaces(&cluster, names).await?;
                Reach::of(names)
            }
        };
        let mut warnings = Vec::new();
        let freeze = Freeze::find(args, &cluster, &selection, &mut warnings).await?;
        let provenance = Provenance {
            name: args.name.clone().unwrap_or_else(|| name::made_from(&selection, created)),
            cluster_uid: uid,
            context: cluster.context().to_owned(),
            server_version: version.git_version,
            scope: name::scope(&selection),
            selection: selection.clone(),
        };
        let others = OtherVersions::decide(args.api_versions, &plan, &cluster, &discovery.kinds).await;
        let reader = Reader {
            several_versions: others.kinds().cloned().collect(),
            lists: Mutex::default(),
            cluster,
            reach,
            label_selector: selection.label_selector,
            field_selector: selection.field_selector,
            chunk_size: args.chunk_size,
            parallel: usize::from(args.parallel),
            namespaces: OnceCell::new(),
        };
        Ok(Self { reader, plan, others, provenance, created, freeze, warnings })
    }

    /// Reads everything and saves nothing.
    async fn count(self, session: &Session, interrupt: &Interrupt) -> anyhow::Result<Manifest> {
        let progress = Progress::begin(&session.printer, "counting objects", None);
        let (ledger, provenance) = self.gather(Sink::Nowhere, Early::default(), progress, interrupt).await?;
        Ok(ledger.close(provenance))
    }

    /// Reads everything into the repository. All or nothing: without the last word the archive saves nothing.
    async fn save(
        mut self,
        session: &Session,
        interrupt: &Interrupt,
        repository: Repository,
        require_complete: bool,
        name: Option<ChosenName>,
    ) -> anyhow::Result<(RestorePoint, Manifest)> {
        let frozen = self.freeze(session, interrupt).await?;
        let created = self.created;
        let (captures, receiver) = mpsc::channel(IN_FLIGHT);
        let saving = tokio::spawn(blocking(move || Ok(repository.save(created, receiver)?)));
        let progress = Progress::begin(&session.printer, "saving objects", None);
        let gathered = self.gather(Sink::Archive(captures.clone()), frozen.early, progress, interrupt).await;
        let accepted =
            gathered.and_then(|(ledger, provenance)| Ok(accept(ledger, provenance, require_complete)?));
        let accepted = accepted.map(|manifest| frozen_by(frozen.record, manifest));
        let accepted = match (accepted, name) {
            (Ok(manifest), Some(name)) => name.claim().await.map(|turn| (manifest, Some(turn))),
            (accepted, _) => accepted.map(|manifest| (manifest, None)),
        };
        // Held until the restore point is there.
        let (manifest, _turn) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                drop(captures);
                let ended = saving.await.context("an internal task ended early")?;
                // When the archive gave up first, its error is the cause.
                return match ended {
                    Err(cause) if error.is::<gather::SinkClosed>() => Err(cause),
                    _ => Err(error),
                };
            }
        };
        // A closed channel means that saving failed, which its own result says better.
        let _ = captures.send(Capture::Finish(Box::new(manifest.clone()))).await;
        drop(captures);
        let point = saving.await.context("an internal task ended early")??;
        Ok((point, manifest))
    }

    /// The part that is done while everything stands still.
    async fn freeze(&mut self, session: &Session, interrupt: &Interrupt) -> anyhow::Result<Frozen> {
        let Some(freeze) = self.freeze.take() else { return Ok(Frozen::default()) };
        let namespaces = freeze.namespaces();
        let cut = Early::read(&self.reader, &self.plan.namespaced, &namespaces);
        let name = &self.provenance.name;
        freeze.around(&self.reader.cluster, name, cut, &session.printer, interrupt).await
    }

    async fn gather(
        self,
        sink: Sink,
        mut early: Early,
        progress: Progress,
        interrupt: &Interrupt,
    ) -> anyhow::Result<(Ledger, Provenance)> {
        let Self { reader, mut plan, others, provenance, warnings, .. } = self;
        let mut ledger = Ledger::new(std::mem::take(&mut plan.left_out), std::mem::take(&mut plan.missing));
        ledger.warnings = warnings;
        let mut gatherer = Gatherer {
            reader: Arc::new(early.rest_of(reader)),
            ledger,
            sink,
            progress: progress.clone(),
            silence: Silence::default(),
            others,
            early,
        };
        let outcome = tokio::select! {
            outcome = gatherer.run(plan, &provenance.selection) => outcome,
            () = interrupt.wait() => Err(anyhow::anyhow!("interrupted: nothing was saved")),
        };
        progress.finish();
        outcome?;
        Ok((gatherer.ledger, provenance))
    }
}

fn frozen_by(freeze: Option<FreezeRecord>, mut manifest: Manifest) -> Manifest {
    manifest.summary.consistency = freeze.as_ref().map(|record| record.consistency);
    Manifest { freeze, ..manifest }
}

/// Refuses namespaces that do not exist. One that the caller may not look at is left to the lists.
async fn expect_namespaces(cluster: &Cluster, names: &[String]) -> anyhow::Result<()> {
    let found = stream::iter(names).map(|name| async move { (name, cluster.has_namespace(name).await) });
    let mut found = found.buffered(LOOKUPS);
    while let Some((name, is_there)) = found.next().await {
        match is_there {
            Ok(true) => {}
            Ok(false) => {
                return Err(Failure::new(
                    format!(
                        "there is no namespace `{name}` in the cluster of context `{}`",
                        cluster.context()
                    ),
                    "`kubectl get namespaces` lists them; -n names one, -A means all",
                )
                .into());
            }
            Err(error) if error.is_forbidden() => {}
            Err(error) => return Err(error).context(format!("could not look for the namespace `{name}`")),
        }
    }
    Ok(())
}
