//! The two sides of a comparison as streams in archive order, each with a bounded number of objects in memory.

use std::{collections::BTreeSet, ops::ControlFlow};

use anyhow::Context;
use tokio::sync::mpsc;

use crate::{
    archive::ReadFilter,
    cluster::{Cluster, Lanes, ListRequest},
    commands::{point::OpenPoint, session::blocking},
    model::{
        object::{ObjectKey, SavedObject},
        resource::{GroupResource, ResourceType, Scope as KindScope},
        selection::Namespaces,
    },
    plan::select::LabelSelector,
};

/// Objects of one side that wait for the other.
const AHEAD: usize = 64;
/// Bytes of a list that wait to be compared.
const READ_AHEAD: usize = 8 << 20;
/// Objects per page of a list.
const CHUNK: u32 = 500;

/// What is compared.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    /// The kinds.
    pub(super) resources: BTreeSet<GroupResource>,
    /// The namespaces; None for all that the restore point covers, and the objects outside of any.
    pub(super) namespaces: Option<BTreeSet<String>>,
    /// Only these objects, if there are any.
    pub(super) objects: Vec<(GroupResource, String)>,
    /// Only objects with these labels.
    pub(super) selector: Option<LabelSelector>,
}

impl Scope {
    fn admits(&self, object: &SavedObject) -> bool {
        let key = &object.key;
        let in_place = match (&self.namespaces, &key.namespace) {
            (None, _) => true,
            (Some(names), Some(namespace)) => names.contains(namespace),
            // Whoever names a namespace and an object outside of any still means the object.
            (Some(_), None) => !self.objects.is_empty(),
        };
        let is_named = self.objects.is_empty()
            || self.objects.iter().any(|(resource, name)| *resource == key.resource && *name == key.name);
        in_place && is_named && self.selector.as_ref().is_none_or(|selector| selector.matches(&object.body))
    }
}

/// One side.
pub(super) struct Side {
    objects: mpsc::Receiver<anyhow::Result<SavedObject>>,
}

impl Side {
    /// The next object; None at the end.
    pub(super) async fn next(&mut self) -> anyhow::Result<Option<SavedObject>> {
        self.objects.recv().await.transpose()
    }

    /// A restore point.
    pub(super) fn saved(opened: OpenPoint, scope: Scope) -> Self {
        let (sink, objects) = mpsc::channel(AHEAD);
        tokio::spawn(async move {
            let failed = sink.clone();
            let read = blocking(move || {
                let filter = ReadFilter {
                    resources: Some(scope.resources.clone()),
                    namespaces: scope.namespaces.clone(),
                    ..ReadFilter::default()
                };
                opened.repository.each_object(&opened.point.id, &filter, &mut |object| {
                    if !scope.admits(&object) || sink.blocking_send(Ok(object)).is_ok() {
                        ControlFlow::Continue(())
                    } else {
                        ControlFlow::Break(())
                    }
                })?;
                Ok(())
            });
            if let Err(error) = read.await {
                // Nobody listens any more only when the command has ended already.
                let _ = failed.send(Err(error)).await;
            }
        });
        Self { objects }
    }

    /// The cluster, as far as the restore point of `before` covers it.
    pub(super) fn live(cluster: Cluster, served: &[ResourceType], before: &OpenPoint, scope: Scope) -> Self {
        let (sink, objects) = mpsc::channel(AHEAD);
        let requests = requests(served, before, &scope);
        tokio::spawn(async move {
            if let Err(error) = list_all(&cluster, requests, &scope, &sink).await {
                let _ = sink.send(Err(error)).await;
            }
        });
        Self { objects }
    }
}

/// One list for each kind and namespace, in archive order, at the version that the restore point has if it can be had.
fn requests(served: &[ResourceType], before: &OpenPoint, scope: &Scope) -> Vec<ListRequest> {
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
    let places = places(before, scope);
    let mut requests = Vec::new();
    for kind in kinds {
        let namespaces = match (&places, kind.scope) {
            (Some(names), KindScope::Namespaced) => names.iter().cloned().map(Some).collect(),
            _ => vec![None],
        };
        requests.extend(namespaces.into_iter().map(|namespace| ListRequest {
            kind: kind.clone(),
            namespace,
            only_namespaces: None,
            only_names: None,
            label_selector: None,
            field_selector: None,
            chunk_size: CHUNK,
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
    covered.map(|mut names: Vec<String>| {
        names.sort_by_key(|name| format!("{name}/"));
        names.dedup();
        names
    })
}

async fn list_all(
    cluster: &Cluster,
    requests: Vec<ListRequest>,
    scope: &Scope,
    sink: &mpsc::Sender<anyhow::Result<SavedObject>>,
) -> anyhow::Result<()> {
    for request in requests {
        let (senders, mut lanes) = Lanes::new(1, READ_AHEAD);
        let Some(mut pages) = senders.into_iter().next() else { continue };
        let resource = request.kind.resource.clone();
        let list = async {
            let listed = cluster.list(&request, &mut pages).await;
            // The reading end learns from this that the list has ended.
            drop(pages);
            listed
        };
        let pass_on = async {
            while let Some(page) = lanes.next_page(0).await {
                for item in page {
                    let body = serde_json::from_slice(&item.json)
                        .with_context(|| format!("could not read an object of `{resource}`"))?;
                    let key =
                        ObjectKey::new(resource.clone(), item.facts.namespace.as_deref(), &item.facts.name);
                    let object = SavedObject { key, body };
                    if scope.admits(&object) && sink.send(Ok(object)).await.is_err() {
                        return Ok(());
                    }
                }
            }
            anyhow::Ok(())
        };
        let (list, passed_on) = tokio::join!(list, pass_on);
        passed_on?;
        list.with_context(|| match &request.namespace {
            Some(namespace) => {
                format!("could not list `{}` in namespace `{namespace}`", request.kind.resource)
            }
            None => format!("could not list `{}`", request.kind.resource),
        })?;
    }
    Ok(())
}
