//! The live cluster as one side of a comparison: its kinds are listed side by side and read in archive order.

use std::sync::Arc;

use anyhow::Context;
use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    task::JoinSet,
};

use super::{
    places::Places,
    sides::{AHEAD, Read, Scope, Side},
};
use crate::{
    cluster::{Cluster, Discovery, Lanes, ListFailure, ListItem, ListRequest, ListStats, PageSender},
    commands::{missing::missing, point::OpenPoint, session::Session},
    model::{
        object::{ObjectKey, SavedObject},
        resource::{GroupResource, ResourceType, Scope as KindScope},
        restore_point::Missing,
        selection::Namespaces,
    },
    plan::backup::{UnknownGroup, missing_group},
};

/// Bytes of objects that lists may be ahead of the comparison.
const READ_AHEAD: usize = 8 << 20;
/// Objects per page of a list.
const CHUNK: u32 = 500;
/// Lists under way at once.
const PARALLEL: usize = 8;

/// The cluster, as far as the restore point of `before` covers it.
pub(super) async fn live(
    cluster: Cluster,
    discovery: &Discovery,
    before: &OpenPoint,
    scope: Scope,
    session: &Session,
) -> Side {
    let (sink, reads) = mpsc::channel(AHEAD);
    let kinds = kinds(&discovery.kinds, before, &scope);
    let places = match places(before, &scope) {
        Some(names) => Places::Each(names),
        None => Places::all(&cluster, &kinds, before, session).await,
    };
    let requests = requests(kinds, &places);
    let missing = unknown(discovery, &scope);
    tokio::spawn(async move {
        if let Err(error) = read_all(cluster, requests, &scope, &sink).await {
            // Nobody listens any more only when the command has ended already.
            let _ = sink.send(Err(error)).await;
        }
    });
    Side { reads, missing, unreadable: Vec::new() }
}

/// The groups of saved kinds that the server could not tell about: their objects need not be gone.
fn unknown(discovery: &Discovery, scope: &Scope) -> Vec<Missing> {
    let is_wanted = |group: &str| {
        scope.resources.iter().any(|resource| resource.group == group && discovery.kind(resource).is_none())
    };
    discovery
        .incomplete
        .iter()
        .filter(|group| is_wanted(group.group()))
        .map(|group| {
            missing_group(&UnknownGroup {
                group_version: group.group_version.clone(),
                reason: group.reason.clone(),
            })
        })
        .collect()
}

/// The kinds to list, in archive order, at the version that the restore point has if it can be had.
fn kinds(served: &[ResourceType], before: &OpenPoint, scope: &Scope) -> Vec<ResourceType> {
    let mut kinds: Vec<ResourceType> = Vec::new();
    for resource in &scope.resources {
        let Some(live) = served.iter().find(|kind| kind.resource == *resource) else { continue };
        let mut kind = live.clone();
        if let Some(saved) = before.manifest.kind(resource)
            && live.served_versions.contains(&saved.kind.version)
        {
            kind.version.clone_from(&saved.kind.version);
        }
        kinds.push(kind);
    }
    kinds.sort_by_key(|kind| (kind.scope == KindScope::Cluster, kind.resource.to_string()));
    kinds
}

/// One list for each kind and namespace.
fn requests(kinds: Vec<ResourceType>, places: &Places) -> Vec<ListRequest> {
    let mut requests = Vec::new();
    for kind in kinds {
        let namespaces = match places.of(&kind) {
            Some(names) => names.iter().cloned().map(Some).collect(),
            None => vec![None],
        };
        requests.extend(namespaces.into_iter().map(|namespace| ListRequest {
            kind: kind.clone(),
            namespace,
            only_namespaces: None,
            only_names: None,
            label_selector: None,
            field_selector: None,
            chunk_size: CHUNK,
            revision: None,
            is_patient: true,
        }));
    }
    requests
}

/// The namespaces to list one by one, in the order of their objects' keys; None to list all at once.
fn places(before: &OpenPoint, scope: &Scope) -> Option<Vec<String>> {
    let covered = match (&scope.namespaces, &before.manifest.selection.namespaces) {
        (Some(names), _) => Some(names.iter().cloned().collect()),
        (None, Namespaces::Named(names)) => Some(names.clone()),
        (None, Namespaces::All) => None,
    };
    covered.map(in_key_order)
}

pub(super) fn in_key_order(mut names: Vec<String>) -> Vec<String> {
    names.sort_by_key(|name| format!("{name}/"));
    names.dedup();
    names
}

/// Passes on the objects of all lists, in their order, and what may not be listed.
async fn read_all(
    cluster: Cluster,
    requests: Vec<ListRequest>,
    scope: &Scope,
    sink: &mpsc::Sender<anyhow::Result<Read>>,
) -> anyhow::Result<()> {
    let (senders, mut lanes) = Lanes::new(requests.len(), READ_AHEAD);
    let (jobs, outcomes): (Vec<Job>, Vec<_>) = requests
        .iter()
        .cloned()
        .zip(senders)
        .map(|(request, sender)| {
            let (done, outcome) = oneshot::channel();
            (Job { request, sender, done }, outcome)
        })
        .unzip();
    // Dropped, and with it every list under way, when this function ends early.
    let mut lists = JoinSet::new();
    lists.spawn(run_jobs(cluster, jobs));
    for (lane, (request, outcome)) in requests.iter().zip(outcomes).enumerate() {
        while let Some(page) = lanes.next_page(lane).await {
            for item in page {
                let object = saved_object(&request.kind.resource, &item)?;
                if scope.admits(&object) && sink.send(Ok(Read::Object(object))).await.is_err() {
                    return Ok(());
                }
            }
        }
        let outcome = outcome.await.context("an internal task ended early")?;
        if let Some(missing) = settle(request, outcome)?
            && sink.send(Ok(Read::Missing(missing))).await.is_err()
        {
            return Ok(());
        }
    }
    Ok(())
}

fn saved_object(resource: &GroupResource, item: &ListItem) -> anyhow::Result<SavedObject> {
    let body = serde_json::from_slice(&item.json)
        .with_context(|| format!("could not read an object of `{resource}`"))?;
    let key = ObjectKey::new(resource.clone(), item.facts.namespace.as_deref(), &item.facts.name);
    Ok(SavedObject { key, body })
}

/// What may not be listed is told apart from what is gone; any other failure is one of the whole comparison.
fn settle(request: &ListRequest, outcome: Result<ListStats, ListFailure>) -> anyhow::Result<Option<Missing>> {
    let (resource, namespace) = (&request.kind.resource, request.namespace.as_deref());
    match outcome {
        Ok(_) => Ok(None),
        Err(failure) if matches!(&failure, ListFailure::Request(error) if error.is_forbidden()) => {
            Ok(Some(missing(resource, namespace, &failure)))
        }
        Err(failure) => Err(failure).with_context(|| match namespace {
            Some(namespace) => format!("could not list `{resource}` in namespace `{namespace}`"),
            None => format!("could not list `{resource}`"),
        }),
    }
}

struct Job {
    request: ListRequest,
    sender: PageSender,
    done: oneshot::Sender<Result<ListStats, ListFailure>>,
}

/// Runs lists side by side, begun in the order of the archive: the list whose turn it is always has begun.
async fn run_jobs(cluster: Cluster, jobs: Vec<Job>) {
    let permits = Arc::new(Semaphore::new(PARALLEL));
    let mut lists = JoinSet::new();
    for mut job in jobs {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
        let cluster = cluster.clone();
        lists.spawn(async move {
            let outcome = cluster.list(&job.request, &mut job.sender).await;
            drop(permit);
            // The reader of the lane waits for its end first.
            drop(job.sender);
            let _ = job.done.send(outcome);
        });
    }
    while lists.join_next().await.is_some() {}
}
