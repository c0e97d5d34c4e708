//! Where the kinds of the live side are listed: across all namespaces, or one by one where the caller may not.

use std::collections::BTreeSet;

use futures::{StreamExt, stream};

use crate::{
    cluster::{Access, Cluster},
    commands::{point::OpenPoint, session::Session},
    model::resource::{GroupResource, ResourceType, Scope},
};

use super::live::in_key_order;

/// Questions about rights under way at once.
const PARALLEL: usize = 8;

/// The namespaces to list.
pub(super) enum Places {
    /// These, of every kind.
    Each(Vec<String>),
    /// All at once, but those `apart` one by one.
    All {
        /// Kinds that the caller may not list across namespaces.
        apart: BTreeSet<GroupResource>,
        /// The namespaces for these.
        names: Vec<String>,
    },
}

impl Places {
    /// All namespaces; what the caller may not list across them is gone through one by one, as `create` does. Who may
    /// not list namespaces either goes through those of the restore point.
    pub(super) async fn all(
        cluster: &Cluster,
        kinds: &[ResourceType],
        before: &OpenPoint,
        session: &Session,
    ) -> Self {
        let apart = forbidden(cluster, kinds).await;
        if apart.is_empty() {
            return Self::All { apart, names: Vec::new() };
        }
        if let Ok(names) = cluster.namespaces().await {
            return Self::All { apart, names: in_key_order(names) };
        }
        let summary = &before.manifest.summary;
        if summary.is_shortened() {
            // Not all of them are known, and what is not listed would look deleted.
            return Self::All { apart: BTreeSet::new(), names: Vec::new() };
        }
        session.printer.warning(
            "you may not list namespaces: what is in others than those of the restore point is not seen",
        );
        Self::All { apart, names: in_key_order(summary.namespaces.clone()) }
    }

    /// The namespaces to list a kind in, one by one; None for all at once, and for kinds outside namespaces.
    pub(super) fn of(&self, kind: &ResourceType) -> Option<&[String]> {
        match self {
            _ if kind.scope == Scope::Cluster => None,
            Self::Each(names) => Some(names),
            Self::All { apart, names } => apart.contains(&kind.resource).then_some(names.as_slice()),
        }
    }
}

/// The kinds with namespaces that the caller may not list across them. Where the server does not say, the list will.
async fn forbidden(cluster: &Cluster, kinds: &[ResourceType]) -> BTreeSet<GroupResource> {
    let namespaced: Vec<&ResourceType> =
        kinds.iter().filter(|kind| kind.scope == Scope::Namespaced).collect();
    let Some(first) = namespaced.first() else { return BTreeSet::new() };
    // One question is enough for an administrator.
    let any = ResourceType { resource: GroupResource::new("*", "*"), ..(*first).clone() };
    if matches!(cluster.may("list", &any, None).await, Ok(Access::Allowed)) {
        return BTreeSet::new();
    }
    let answers =
        stream::iter(namespaced).map(|kind| async move { (kind, cluster.may("list", kind, None).await) });
    let denied = answers.buffered(PARALLEL).filter_map(|(kind, answer)| async move {
        matches!(answer, Ok(Access::Denied(_))).then(|| kind.resource.clone())
    });
    denied.collect().await
}
