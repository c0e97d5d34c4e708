//! Reading the whole selection, in the order of the archive: namespaced kinds side by side, then what they refer to.

use std::{collections::BTreeSet, sync::Arc};

use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    task::JoinSet,
};

use crate::{
    archive::Capture,
    cluster::{Lanes, ListFailure, ListItem, PageSender, RequestError},
    commands::missing::missing,
    model::{
        object::CapturedObject,
        resource::{ResourceType, Scope},
        restore_point::Missing,
        selection::{Namespaces, Selection},
    },
    plan::backup::{BackupPlan, Names, Wanted},
    report::progress::Progress,
};

use super::{
    early::Early,
    ledger::Ledger,
    reader::{KindOutcome, Reader},
    silence::Silence,
    versions::OtherVersions,
};

/// Bytes of objects that lists may be ahead of the archive.
pub(super) const READ_AHEAD: usize = 6 << 20;

/// More referenced objects of a kind than this are picked out of a list of all.
const MAX_SINGLE_READS: usize = 50;

/// Where the objects go.
#[derive(Debug)]
pub(super) enum Sink {
    /// Into the archive.
    Archive(mpsc::Sender<Capture>),
    /// Nowhere: they are counted.
    Nowhere,
}

/// The archive takes no more; its own error says why.
#[derive(Debug, thiserror::Error)]
#[error("the repository took no more objects")]
pub(super) struct SinkClosed;

impl Sink {
    async fn put(&self, kind: &ResourceType, objects: Vec<CapturedObject>) -> Result<(), SinkClosed> {
        match self {
            Self::Archive(captures) if !objects.is_empty() => {
                let (resource, scope) = (kind.resource.clone(), kind.scope);
                captures.send(Capture::Objects { resource, scope, objects }).await.map_err(|_| SinkClosed)
            }
            _ => Ok(()),
        }
    }

    /// `kind` is at the other version.
    pub(super) async fn put_other_version(
        &self,
        kind: &ResourceType,
        objects: Vec<CapturedObject>,
    ) -> Result<(), SinkClosed> {
        match self {
            Self::Archive(captures) if !objects.is_empty() => {
                let (resource, version, scope) = (kind.resource.clone(), kind.version.clone(), kind.scope);
                let capture = Capture::OtherVersion { resource, version, scope, objects };
                captures.send(capture).await.map_err(|_| SinkClosed)
            }
            _ => Ok(()),
        }
    }
}

/// One gathering.
pub(super) struct Gatherer {
    pub(super) reader: Arc<Reader>,
    pub(super) ledger: Ledger,
    pub(super) sink: Sink,
    pub(super) progress: Progress,
    pub(super) silence: Silence,
    pub(super) others: OtherVersions,
    /// What was read before, while it was frozen.
    pub(super) early: Early,
}

impl Gatherer {
    /// Reads all that `plan` asks for.
    pub(super) async fn run(&mut self, plan: BackupPlan, selection: &Selection) -> anyhow::Result<()> {
        self.namespaced(plan.namespaced).await?;
        self.want_namespaces(selection);
        for (kind, wanted, names) in plan.cluster_scoped {
            self.progress.message(&kind.resource.to_string());
            self.cluster_scoped(&kind, wanted, names, selection).await?;
        }
        self.other_versions().await
    }

    async fn namespaced(&mut self, kinds: Vec<(ResourceType, Names)>) -> anyhow::Result<()> {
        let (senders, mut lanes) = Lanes::new(kinds.len(), READ_AHEAD);
        let mut outcomes = Vec::with_capacity(kinds.len());
        let mut jobs = Vec::with_capacity(kinds.len());
        for ((kind, names), sender) in kinds.iter().cloned().zip(senders) {
            let (done, outcome) = oneshot::channel();
            outcomes.push(outcome);
            jobs.push(Job { kind, names, sender, done });
        }
        // Dropped, and with it every list under way, when this function ends early.
        let mut lists = JoinSet::new();
        lists.spawn(run_jobs(Arc::clone(&self.reader), jobs));
        for (index, ((kind, names), outcome)) in kinds.iter().zip(outcomes).enumerate() {
            self.progress.message(&kind.resource.to_string());
            while let Some(page) = lanes.next_page(index).await {
                let page = self.early.merge(&kind.resource, page);
                self.save(kind, page, names).await?;
            }
            let (rest, early) = self.early.rest(&kind.resource);
            self.save(kind, rest, names).await?;
            let outcome = outcome.await.unwrap_or_else(|_| lost(kind));
            self.settle(kind, early.and(outcome))?;
            if let Some(names) = names {
                self.ledger.require(&kind.resource, names);
            }
        }
        Ok(())
    }

    async fn save(&mut self, kind: &ResourceType, page: Vec<ListItem>, names: &Names) -> anyhow::Result<()> {
        let objects = self.ledger.take(kind, page, names);
        self.others.note(kind, &objects);
        self.progress.advance(objects.len() as u64);
        Ok(self.sink.put(kind, objects).await?)
    }

    /// The Namespace objects belong to what they hold.
    fn want_namespaces(&mut self, selection: &Selection) {
        let resource = crate::model::resource::GroupResource::new("namespaces", "");
        let named = match &selection.namespaces {
            Namespaces::Named(names) if selection.objects.is_empty() => names.clone(),
            _ => Vec::new(),
        };
        for name in named.iter().chain(&self.ledger.namespaces().clone()) {
            self.ledger.references.add(&resource, name);
        }
    }

    async fn cluster_scoped(
        &mut self,
        kind: &ResourceType,
        wanted: Wanted,
        names: Names,
        selection: &Selection,
    ) -> anyhow::Result<()> {
        let what = (kind.resource.plural.as_str(), kind.resource.group.as_str());
        let is_narrowed = !selection.objects.is_empty()
            || selection.label_selector.is_some()
            || selection.field_selector.is_some();
        match (wanted, what) {
            // However many kinds go along, only the namespaces of the selection do.
            (Wanted::All, ("namespaces", "")) if matches!(selection.namespaces, Namespaces::Named(_)) => {
                self.referenced(kind, names, false).await
            }
            (Wanted::All, _) => self.all_of(kind, &None, true, |_, _| true).await,
            (_, ("namespaces", "")) if selection.namespaces == Namespaces::All && !is_narrowed => {
                self.all_of(kind, &None, false, |_, _| true).await
            }
            (_, ("clusterrolebindings", "rbac.authorization.k8s.io"))
                if names.is_none() && self.ledger.references.has_service_accounts() =>
            {
                let binds = |ledger: &Ledger, item: &ListItem| {
                    // One that cannot be read is kept: too much is better than too little.
                    ledger.references.are_bound_by(&item.json).unwrap_or(true)
                };
                self.all_of(kind, &None, false, binds).await
            }
            // Who names objects did not ask for the namespaces that they lie in.
            (_, what) => {
                let is_optional = what == ("namespaces", "") && !selection.objects.is_empty();
                self.referenced(kind, names, is_optional).await
            }
        }
    }

    /// Reads a kind as a whole and saves what `keep` wants.
    async fn all_of(
        &mut self,
        kind: &ResourceType,
        names: &Names,
        is_selected: bool,
        keep: impl Fn(&Ledger, &ListItem) -> bool,
    ) -> anyhow::Result<()> {
        let (mut senders, mut lanes) = Lanes::new(1, READ_AHEAD);
        let Some(mut sender) = senders.pop() else { return Ok(()) };
        let (reader, listed, names) = (Arc::clone(&self.reader), kind.clone(), names.clone());
        let mut list = JoinSet::new();
        list.spawn(
            async move { reader.read_cluster_scoped(&listed, &names, is_selected, &mut sender).await },
        );
        while let Some(mut page) = lanes.next_page(0).await {
            page.retain(|item| keep(&self.ledger, item));
            self.save(kind, page, &None).await?;
        }
        let outcome = list.join_next().await.and_then(Result::ok).unwrap_or_else(|| lost(kind));
        self.settle(kind, outcome)
    }

    fn settle(&mut self, kind: &ResourceType, outcome: KindOutcome) -> anyhow::Result<()> {
        let given_up = outcome.missing.iter().find(|_| outcome.is_unavailable);
        let gone = self.silence.note(&kind.resource, given_up);
        self.ledger.settle(kind, outcome);
        Ok(gone?)
    }

    /// Reads the objects that others refer to, and those that the user named. Optional ones that may not be read are no
    /// loss.
    async fn referenced(
        &mut self,
        kind: &ResourceType,
        named: Names,
        is_optional: bool,
    ) -> anyhow::Result<()> {
        let mut wanted: BTreeSet<String> =
            self.ledger.references.wanted(&kind.resource).map(str::to_owned).collect();
        wanted.extend(named.iter().flatten().cloned());
        if wanted.len() > MAX_SINGLE_READS && named.is_none() {
            return self.all_of(kind, &Some(wanted), false, |_, _| true).await;
        }
        let (items, failed) = self.reader.read_by_name(kind, &wanted).await;
        self.save(kind, items, &named).await?;
        match failed {
            Some((_, error)) if is_optional && named.is_none() && error.is_forbidden() => {
                tracing::info!(%error, kind = %kind.resource, "did without");
            }
            Some((count, error)) => {
                if error.is_forbidden() {
                    self.ledger.forbidden.insert(kind.resource.to_string());
                }
                let is_unavailable = error.is_unavailable();
                let missing = vec![unread_references(kind, count, error)];
                return self.settle(kind, KindOutcome { missing, is_unavailable, ..KindOutcome::default() });
            }
            None => {}
        }
        if !wanted.is_empty() {
            self.silence.note(&kind.resource, None)?;
        }
        self.ledger.settle(kind, KindOutcome::default());
        if let Some(named) = &named {
            self.ledger.require(&kind.resource, named);
        }
        Ok(())
    }
}

fn unread_references(kind: &ResourceType, count: usize, error: RequestError) -> Missing {
    let objects = if count == 1 { "an object".to_owned() } else { format!("{count} objects") };
    let mut entry = missing(&kind.resource, None, &ListFailure::Request(error));
    entry.reason = format!("{objects} that the selection refers to could not be read: {}", entry.reason);
    entry.remedy = format!(
        "ask for the right to get {}, or do without objects outside namespaces with --cluster-scoped none",
        kind.resource
    );
    entry
}

pub(super) struct Job {
    pub(super) kind: ResourceType,
    pub(super) names: Names,
    pub(super) sender: PageSender,
    pub(super) done: oneshot::Sender<KindOutcome>,
}

/// Runs lists side by side, begun in the order of the archive: the list whose turn it is always has begun.
pub(super) async fn run_jobs(reader: Arc<Reader>, jobs: Vec<Job>) {
    let permits = Arc::new(Semaphore::new(reader.parallel));
    let mut lists = JoinSet::new();
    for mut job in jobs {
        debug_assert_eq!(job.kind.scope, Scope::Namespaced);
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
        let reader = Arc::clone(&reader);
        lists.spawn(async move {
            let outcome = reader.read_namespaced(&job.kind, &job.names, &mut job.sender).await;
            drop(permit);
            // The reader of the lane waits for its end first.
            drop(job.sender);
            let _ = job.done.send(outcome);
        });
    }
    while lists.join_next().await.is_some() {}
}

/// A list that ended without a word is a list that is missing.
pub(super) fn lost(kind: &ResourceType) -> KindOutcome {
    KindOutcome {
        missing: vec![Missing {
            what: kind.resource.to_string(),
            namespaces: Vec::new(),
            reason: "reading it ended early by a mistake of this program".to_owned(),
            remedy: "run it again with -v and report what it says".to_owned(),
            forbidden: false,
        }],
        ..KindOutcome::default()
    }
}
