//! Looks up what a completion needs. Whatever fails is silently not offered.

use std::{collections::BTreeSet, ops::ControlFlow};

use jiff::{Timestamp, Zoned};

use crate::{
    archive::{ReadFilter, Repository},
    cluster::{Cluster, Lanes, ListRequest, kubeconfig_names},
    commands::session::{Session, blocking},
    model::{
        resource::{GroupResource, ResourceType, Scope},
        restore_point::RestorePoint,
    },
    plan::{
        point_reference::{Incomplete, resolve},
        select::resolve_kind,
    },
    report::age,
};

use super::{
    offer::Facts,
    wanted::{Alone, KubeconfigEntry, Origin, Wanted},
};

/// More names than this help nobody who looks for one.
const NAMES: usize = 1_000;
/// Bytes that a list may be ahead.
const READ_AHEAD: usize = 4 << 20;

/// What `wanted` needs to be answered.
pub(super) async fn gather(wanted: &Wanted, session: &Session) -> Facts {
    look_up(wanted, session).await.unwrap_or_default()
}

/// `2h5m ago`.
pub(super) fn age(point: &RestorePoint) -> String {
    format!("{} ago", age::age(Timestamp::now(), point.created))
}

async fn look_up(wanted: &Wanted, session: &Session) -> anyhow::Result<Facts> {
    match wanted {
        Wanted::Known(_) => Ok(Facts::default()),
        Wanted::Kubeconfig { entry, .. } => {
            let names = kubeconfig_names(&session.global.connection)?;
            let kubeconfig = match entry {
                KubeconfigEntry::Context => names.contexts,
                KubeconfigEntry::Cluster => names.clusters,
                KubeconfigEntry::User => names.users,
            };
            Ok(Facts { kubeconfig, ..Facts::default() })
        }
        Wanted::RestorePoint { .. } => {
            saved(session, |repository| {
                Ok(Facts { restore_points: repository.restore_points()?, ..Facts::default() })
            })
            .await
        }
        Wanted::Namespaces { origin, .. } => namespaces(origin, session).await,
        Wanted::NamespaceMapping { restore_point, .. } => {
            namespaces(&Origin::RestorePoint(restore_point.clone()), session).await
        }
        Wanted::Kinds { origin, .. } => kinds(origin, false, session).await,
        Wanted::Object { typed, origin, namespaces, alone } => match typed.split_once('/') {
            Some((kind, _)) => names(origin, kind, namespaces, session).await,
            None => kinds(origin, *alone == Alone::RestorePoint, session).await,
        },
        Wanted::Name { origin, kind, namespaces, .. } => names(origin, kind, namespaces, session).await,
    }
}

async fn namespaces(origin: &Origin, session: &Session) -> anyhow::Result<Facts> {
    let namespaces = match origin {
        Origin::Cluster => live_names(&session.cluster().await?, &namespace_kind(), None).await,
        Origin::Repository => {
            return saved(session, |repository| {
                let points = repository.restore_points()?;
                let all: BTreeSet<_> =
                    points.into_iter().flat_map(|point| point.summary.namespaces).collect();
                Ok(Facts { namespaces: all.into_iter().collect(), ..Facts::default() })
            })
            .await;
        }
        Origin::RestorePoint(word) => {
            let word = word.clone();
            return saved(session, move |repository| {
                let namespaces = find(repository, &word)?.summary.namespaces;
                Ok(Facts { namespaces, ..Facts::default() })
            })
            .await;
        }
    };
    Ok(Facts { namespaces, ..Facts::default() })
}

async fn kinds(origin: &Origin, with_restore_points: bool, session: &Session) -> anyhow::Result<Facts> {
    match origin {
        Origin::Cluster | Origin::Repository => {
            let kinds = live_kinds(&session.cluster().await?).await?;
            Ok(Facts { kinds, ..Facts::default() })
        }
        Origin::RestorePoint(word) => {
            let word = word.clone();
            saved(session, move |repository| {
                let kinds = saved_kinds(repository, &find(repository, &word)?)?;
                let restore_points =
                    if with_restore_points { repository.restore_points()? } else { Vec::new() };
                Ok(Facts { restore_points, kinds, ..Facts::default() })
            })
            .await
        }
    }
}

/// Names of the objects of a kind; of all namespaces when none is named on the line.
async fn names(
    origin: &Origin,
    kind: &str,
    namespaces: &[String],
    session: &Session,
) -> anyhow::Result<Facts> {
    let names = match origin {
        Origin::Cluster | Origin::Repository => {
            let cluster = session.cluster().await?;
            let kinds = live_kinds(&cluster).await?;
            let wanted = resolve_kind(kind, &kinds)?;
            let mut names = Vec::new();
            for kind in kinds.iter().filter(|kind| wanted.contains(&kind.resource)) {
                let namespace = namespaces.first().map_or(cluster.default_namespace(), String::as_str);
                names.extend(live_names(&cluster, kind, Some(namespace)).await);
            }
            names
        }
        Origin::RestorePoint(word) => {
            let (word, kind) = (word.clone(), kind.to_owned());
            let namespaces: BTreeSet<String> = namespaces.iter().cloned().collect();
            return saved(session, move |repository| {
                let names = saved_names(repository, &word, &kind, namespaces)?;
                Ok(Facts { names, ..Facts::default() })
            })
            .await;
        }
    };
    Ok(Facts { names, ..Facts::default() })
}

async fn saved(
    session: &Session,
    look: impl FnOnce(&Repository) -> anyhow::Result<Facts> + Send + 'static,
) -> anyhow::Result<Facts> {
    let repository = session.repository().await?;
    blocking(move || look(&repository)).await
}

/// The one that the verbs which take objects take.
fn find(repository: &Repository, word: &str) -> anyhow::Result<RestorePoint> {
    let (points, now) = (repository.restore_points()?, Zoned::now());
    let found = resolve(word, &points, &now, Incomplete::Skip)
        .or_else(|_| resolve(word, &points, &now, Incomplete::Allow))?;
    Ok(found.point.clone())
}

fn saved_kinds(repository: &Repository, point: &RestorePoint) -> anyhow::Result<Vec<ResourceType>> {
    Ok(repository.manifest(&point.id)?.saved_kinds().map(|entry| entry.kind.clone()).collect())
}

fn saved_names(
    repository: &Repository,
    word: &str,
    kind: &str,
    namespaces: BTreeSet<String>,
) -> anyhow::Result<Vec<String>> {
    let point = find(repository, word)?;
    let wanted = resolve_kind(kind, &saved_kinds(repository, &point)?)?;
    let filter = ReadFilter {
        resources: Some(wanted.into_iter().collect()),
        namespaces: (!namespaces.is_empty()).then_some(namespaces),
        ..ReadFilter::default()
    };
    let mut names = Vec::new();
    repository.each_object(&point.id, &filter, &mut |object| {
        names.extend(object.map(|object| object.key.name));
        if names.len() < NAMES { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(names)
}

async fn live_kinds(cluster: &Cluster) -> anyhow::Result<Vec<ResourceType>> {
    let mut kinds = cluster.discover().await?.kinds;
    kinds.retain(|kind| kind.has_verb("list"));
    Ok(kinds)
}

/// The first names; whatever a refused or broken list has given so far.
async fn live_names(cluster: &Cluster, kind: &ResourceType, namespace: Option<&str>) -> Vec<String> {
    let request = ListRequest {
        kind: kind.clone(),
        namespace: namespace.filter(|_| kind.scope == Scope::Namespaced).map(str::to_owned),
        only_namespaces: None,
        only_names: None,
        label_selector: None,
        field_selector: None,
        chunk_size: 500,
        revision: None,
        is_patient: false,
    };
    let (senders, mut lanes) = Lanes::new(1, READ_AHEAD);
    let Some(mut sender) = senders.into_iter().next() else { return Vec::new() };
    let cluster = cluster.clone();
    // Ends by itself when nobody takes its pages any more.
    tokio::spawn(async move { cluster.list(&request, &mut sender).await });
    let mut names = Vec::new();
    while let Some(page) = lanes.next_page(0).await {
        names.extend(page.into_iter().map(|item| item.facts.name));
        if names.len() >= NAMES {
            break;
        }
    }
    names
}

fn namespace_kind() -> ResourceType {
    ResourceType::new(GroupResource::new("namespaces", ""), "v1", "Namespace", Scope::Cluster)
}
