//! The two sides of a comparison as streams in archive order, each with a bounded number of objects in memory.

use std::{collections::BTreeSet, ops::ControlFlow};

use tokio::sync::mpsc;

use crate::{
    archive::ReadFilter,
    commands::{missing, point::OpenPoint, session::blocking},
    model::{
        object::{ObjectKey, SavedObject},
        resource::{GroupResource, Scope as KindScope},
        restore_point::Missing,
        unreadable::Unreadable,
    },
    plan::{coverage::is_missing, select::LabelSelector},
};

/// Objects of one side that wait for the other.
pub(super) const AHEAD: usize = 64;

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
    /// Whoever names a namespace and an object outside of any still means the object.
    fn asks_for_namespaced_alone(&self) -> bool {
        self.namespaces.is_some() && self.objects.is_empty()
    }

    /// Whether what is asked for can be among what cannot be read.
    fn touches(&self, lost: &Unreadable) -> bool {
        self.objects.is_empty()
            || self
                .objects
                .iter()
                .any(|(resource, name)| *resource == lost.resource && lost.may_hold_name(name))
    }

    pub(super) fn admits(&self, object: &SavedObject) -> bool {
        let key = &object.key;
        let in_place = match (&self.namespaces, &key.namespace) {
            (None, _) => true,
            (Some(names), Some(namespace)) => names.contains(namespace),
            (Some(_), None) => !self.asks_for_namespaced_alone(),
        };
        let is_named = self.objects.is_empty()
            || self.objects.iter().any(|(resource, name)| *resource == key.resource && *name == key.name);
        in_place && is_named && self.selector.as_ref().is_none_or(|selector| selector.matches(&object.body))
    }
}

/// What is read of one side.
pub(super) enum Read {
    /// The next object.
    Object(SavedObject),
    /// Something in this place of the order that the server did not give.
    Missing(Missing),
    /// Something in this place of the order that is damaged.
    Unreadable(Unreadable),
}

/// One side.
pub(super) struct Side {
    pub(super) reads: mpsc::Receiver<anyhow::Result<Read>>,
    pub(super) missing: Vec<Missing>,
    pub(super) unreadable: Vec<Unreadable>,
}

impl Side {
    /// The next object; None at the end.
    pub(super) async fn next(&mut self) -> anyhow::Result<Option<SavedObject>> {
        loop {
            match self.reads.recv().await.transpose()? {
                Some(Read::Object(object)) => return Ok(Some(object)),
                Some(Read::Missing(entry)) => missing::add(&mut self.missing, entry),
                Some(Read::Unreadable(entry)) => Unreadable::add(&mut self.unreadable, entry),
                None => return Ok(None),
            }
        }
    }

    /// Whether the object would have been seen by now if it were there.
    pub(super) fn can_tell(&self, key: &ObjectKey) -> bool {
        !is_missing(&self.missing, key) && !self.unreadable.iter().any(|entry| entry.may_hold(key))
    }

    /// A restore point.
    pub(super) fn saved(opened: OpenPoint, scope: Scope) -> Self {
        let (sink, reads) = mpsc::channel(AHEAD);
        tokio::spawn(async move {
            let failed = sink.clone();
            let read = blocking(move || {
                let filter = ReadFilter {
                    resources: Some(scope.resources.clone()),
                    namespaces: scope.namespaces.clone(),
                    scope: scope.asks_for_namespaced_alone().then_some(KindScope::Namespaced),
                    names: None,
                };
                opened.repository.each_object(&opened.point.id, &filter, &mut |object| {
                    let read = match object {
                        Ok(object) => scope.admits(&object).then_some(Read::Object(object)),
                        Err(lost) => scope.touches(&lost).then_some(Read::Unreadable(lost)),
                    };
                    match read.map(|read| sink.blocking_send(Ok(read)).is_ok()) {
                        None | Some(true) => ControlFlow::Continue(()),
                        Some(false) => ControlFlow::Break(()),
                    }
                })?;
                Ok(())
            });
            if let Err(error) = read.await {
                // Nobody listens any more only when the command has ended already.
                let _ = failed.send(Err(error)).await;
            }
        });
        Self { reads, missing: Vec::new(), unreadable: Vec::new() }
    }
}
