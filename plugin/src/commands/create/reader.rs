//! Reading one kind over all the namespaces of a selection, whatever the caller may and may not do.

use std::{
    cmp::Ordering,
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use futures::{StreamExt, stream};
use tokio::sync::OnceCell;

use crate::{
    cluster::{Cluster, ListFailure, ListItem, ListRequest, PageSender, RequestError},
    commands::missing::{add, missing},
    model::{
        resource::{GroupResource, ResourceType, Scope},
        restore_point::Missing,
    },
    plan::backup::Names,
};

/// Up to this many namespaces are listed one by one; more are cheaper to pick out of a list of all.
const FEW_NAMESPACES: usize = 16;

/// The namespaces to read.
#[derive(Clone, Debug)]
pub(super) enum Reach {
    /// All of them.
    All,
    /// These, one list each; in the order of the server's keys.
    Each(Vec<String>),
    /// These, out of a list of all.
    Among(Arc<BTreeSet<String>>),
}

impl Reach {
    /// For the namespaces that the user named.
    pub(super) fn of(names: &[String]) -> Self {
        if names.len() > FEW_NAMESPACES {
            return Self::Among(Arc::new(names.iter().cloned().collect()));
        }
        Self::Each(in_key_order(names.to_vec()))
    }
}

impl Reach {
    /// The same without these namespaces. Out of a list of all they are left out by whoever takes it: the list is wanted as
    /// a whole when it is read again at another version.
    fn without(&self, left_out: &BTreeSet<String>) -> Self {
        match self {
            Self::All | Self::Among(_) => self.clone(),
            Self::Each(names) => {
                Self::Each(names.iter().filter(|name| !left_out.contains(*name)).cloned().collect())
            }
        }
    }
}

/// The server's keys end a namespace with a slash, so that `a-b` comes before `a`.
fn in_key_order(mut names: Vec<String>) -> Vec<String> {
    names.sort_by(|left, right| by_key(left, right));
    names.dedup();
    names
}

fn by_key(left: &str, right: &str) -> Ordering {
    left.bytes().chain([b'/']).cmp(right.bytes().chain([b'/']))
}

/// How the reading of a kind went.
#[derive(Debug, Default)]
pub(super) struct KindOutcome {
    /// What could not be read.
    pub(super) missing: Vec<Missing>,
    /// What a reader of the restore point should know.
    pub(super) warnings: Vec<String>,
    /// Why the whole kind does not belong to the selection.
    pub(super) left_out: Option<String>,
    /// Whether what is missing is so because the caller may not list it.
    pub(super) is_forbidden: bool,
    /// Whether the server could not be reached any more, however long it was waited for.
    pub(super) is_unavailable: bool,
}

impl KindOutcome {
    /// Both of them.
    pub(super) fn and(mut self, other: Self) -> Self {
        for entry in other.missing {
            add(&mut self.missing, entry);
        }
        self.warnings.extend(other.warnings);
        self.left_out = self.left_out.or(other.left_out);
        self.is_forbidden |= other.is_forbidden;
        self.is_unavailable |= other.is_unavailable;
        self
    }
}

/// Reads kinds for one backup.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) cluster: Cluster,
    pub(super) reach: Reach,
    pub(super) label_selector: Option<String>,
    pub(super) field_selector: Option<String>,
    pub(super) chunk_size: u32,
    pub(super) parallel: usize,
    /// All namespaces of the cluster, once they had to be asked for.
    pub(super) namespaces: OnceCell<Result<Vec<String>, String>>,
    /// The lists that came to their end, of kinds that will be read at other versions too, each with its revision.
    pub(super) lists: Mutex<Vec<ListRequest>>,
    /// These kinds.
    pub(super) several_versions: BTreeSet<GroupResource>,
}

impl Reader {
    /// The same for other namespaces.
    pub(super) fn reaching(&self, reach: Reach) -> Self {
        Self {
            cluster: self.cluster.clone(),
            reach,
            label_selector: self.label_selector.clone(),
            field_selector: self.field_selector.clone(),
            chunk_size: self.chunk_size,
            parallel: self.parallel,
            namespaces: OnceCell::new(),
            lists: Mutex::default(),
            several_versions: self.several_versions.clone(),
        }
    }

    /// The same without namespaces that were read before, by these lists.
    pub(super) fn without(self, namespaces: &BTreeSet<String>, lists: Vec<ListRequest>) -> Self {
        // Out of a list of all, these come along when it is read again.
        let lists = if matches!(self.reach, Reach::Each(_)) { lists } else { Vec::new() };
        Self { reach: self.reach.without(namespaces), lists: Mutex::new(lists), ..self }
    }

    /// Reads all selected objects of a namespaced kind into `sender`.
    pub(super) async fn read_namespaced(
        &self,
        kind: &ResourceType,
        names: &Names,
        sender: &mut PageSender,
    ) -> KindOutcome {
        let mut outcome = KindOutcome::default();
        let (Reach::All | Reach::Among(_)) = &self.reach else {
            let Reach::Each(namespaces) = &self.reach else { return outcome };
            self.read_each(kind, namespaces, names, sender, &mut outcome).await;
            return outcome;
        };
        match self.list(self.request(kind, None, names), sender).await {
            // Nothing went through yet, so the lists of the single namespaces can stand in for it.
            Err(ListFailure::Request(error)) if error.is_forbidden() && !sender.has_sent() => {
                self.read_without_overview(kind, names, sender, &error, &mut outcome).await;
            }
            result => settle(kind, None, result, self, &mut outcome),
        }
        outcome
    }

    /// Reads all objects of a kind that has no namespaces, or those with `names`.
    pub(super) async fn read_cluster_scoped(
        &self,
        kind: &ResourceType,
        names: &Names,
        is_selected: bool,
        sender: &mut PageSender,
    ) -> KindOutcome {
        let mut outcome = KindOutcome::default();
        let mut request = self.request(kind, None, names);
        if !is_selected {
            // What is wanted because something refers to it need not carry the labels of the selection.
            request.label_selector = None;
            request.field_selector = None;
        }
        let result = self.list(request, sender).await;
        settle(kind, None, result, self, &mut outcome);
        if !is_selected {
            for entry in &mut outcome.missing {
                entry.remedy = format!(
                    "ask for the right to list {}, or do without objects outside namespaces with --cluster-scoped none",
                    kind.resource
                );
            }
        }
        outcome
    }

    /// Reads single objects of a kind without namespaces, in the order of `names`.
    pub(super) async fn read_by_name(
        &self,
        kind: &ResourceType,
        names: &BTreeSet<String>,
    ) -> (Vec<ListItem>, Option<(usize, RequestError)>) {
        let answers = stream::iter(names).map(|name| self.cluster.read_one(kind, None, name));
        let mut answers = answers.buffered(self.parallel).enumerate();
        let mut items = Vec::new();
        let mut failed: Option<(usize, RequestError)> = None;
        while let Some((index, answer)) = answers.next().await {
            match answer {
                Ok(item) => items.extend(item),
                Err(error) => {
                    let before = failed.map_or(0, |(count, _)| count);
                    if error.is_passing() {
                        // Waited for in vain once: the rest is missing with it.
                        return (items, Some((before + names.len() - index, error)));
                    }
                    failed = Some((before + 1, error));
                }
            }
        }
        (items, failed)
    }

    /// A list of all namespaces is forbidden: go through them one by one.
    async fn read_without_overview(
        &self,
        kind: &ResourceType,
        names: &Names,
        sender: &mut PageSender,
        forbidden: &RequestError,
        outcome: &mut KindOutcome,
    ) {
        let all = match &self.reach {
            Reach::Among(namespaces) => Ok(namespaces.iter().cloned().collect()),
            _ => self.all_namespaces().await,
        };
        match all {
            Ok(namespaces) => self.read_each(kind, &in_key_order(namespaces), names, sender, outcome).await,
            Err(reason) => {
                outcome.is_forbidden = true;
                outcome.missing.push(Missing {
                    what: kind.resource.to_string(),
                    namespaces: Vec::new(),
                    reason: format!(
                        "{forbidden}; and the namespaces cannot be listed to go through them: {reason}"
                    ),
                    remedy: "name the namespaces you may read with -n".to_owned(),
                    forbidden: true,
                });
            }
        }
    }

    async fn read_each(
        &self,
        kind: &ResourceType,
        namespaces: &[String],
        names: &Names,
        sender: &mut PageSender,
        outcome: &mut KindOutcome,
    ) {
        let mut is_patient = true;
        for namespace in namespaces {
            let result = if let Some(names) = names {
                self.read_named(kind, namespace, names, sender).await
            } else {
                let request = ListRequest { is_patient, ..self.request(kind, Some(namespace), names) };
                self.list(request, sender).await
            };
            // Waited for in one namespace in vain, a kind is asked for once in each of the others.
            is_patient &= !matches!(&result, Err(ListFailure::Request(error)) if error.is_passing());
            let is_stopped = matches!(result, Err(ListFailure::Stopped));
            settle(kind, Some(namespace), result, self, outcome);
            if is_stopped {
                return;
            }
        }
    }

    async fn read_named(
        &self,
        kind: &ResourceType,
        namespace: &str,
        names: &BTreeSet<String>,
        sender: &mut PageSender,
    ) -> Result<u32, ListFailure> {
        for name in names {
            if let Some(item) = self.cluster.read_one(kind, Some(namespace), name).await? {
                sender.pass_on(vec![item]).await?;
            }
        }
        Ok(0)
    }

    /// The lists by which a kind was read, in the order of the server's keys.
    pub(super) fn lists_of(&self, kind: &GroupResource) -> Vec<ListRequest> {
        let lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lists: Vec<_> = lists.iter().filter(|it| it.kind.resource == *kind).cloned().collect();
        let namespace = |list: &ListRequest| list.namespace.clone().unwrap_or_default();
        lists.sort_by(|left, right| by_key(&namespace(left), &namespace(right)));
        lists
    }

    /// Lists, and remembers what was listed if it will be wanted at other versions; returns how often it was spliced.
    async fn list(&self, request: ListRequest, sender: &mut PageSender) -> Result<u32, ListFailure> {
        let stats = self.cluster.list(&request, sender).await?;
        if self.several_versions.contains(&request.kind.resource) {
            let listed = ListRequest { revision: stats.revision, ..request };
            self.lists.lock().unwrap_or_else(PoisonError::into_inner).push(listed);
        }
        Ok(stats.splices)
    }

    fn request(&self, kind: &ResourceType, namespace: Option<&str>, names: &Names) -> ListRequest {
        let only_namespaces = match &self.reach {
            Reach::Among(namespaces) if namespace.is_none() && kind.scope == Scope::Namespaced => {
                Some(Arc::clone(namespaces))
            }
            _ => None,
        };
        ListRequest {
            kind: kind.clone(),
            namespace: namespace.map(str::to_owned),
            only_namespaces,
            only_names: names.clone().map(Arc::new),
            label_selector: self.label_selector.clone(),
            field_selector: self.field_selector.clone(),
            chunk_size: self.chunk_size,
            is_patient: true,
            revision: None,
        }
    }

    async fn all_namespaces(&self) -> Result<Vec<String>, String> {
        let names = self
            .namespaces
            .get_or_init(|| async { self.cluster.namespaces().await.map_err(|error| error.one_line()) });
        names.await.clone()
    }
}

/// Notes how one list went.
fn settle(
    kind: &ResourceType,
    namespace: Option<&str>,
    result: Result<u32, ListFailure>,
    reader: &Reader,
    outcome: &mut KindOutcome,
) {
    let place = namespace.map(|namespace| format!(" in namespace {namespace}")).unwrap_or_default();
    match result {
        Ok(0) | Err(ListFailure::Stopped) => {}
        Ok(_) => outcome.warnings.push(format!(
            "the list of {}{place} expired while it was read: its later objects are of a later moment than its first",
            kind.resource
        )),
        // The kind went away between discovery and now, as a CRD does that is being deleted.
        Err(ListFailure::Request(error)) if error.is_not_found() => {
            outcome.warnings.push(format!("{} is no longer served{place}", kind.resource));
        }
        Err(ListFailure::Request(error)) if error.code() == Some(400) && reader.field_selector.is_some() => {
            outcome.left_out = Some(format!("it cannot be selected by these fields: {}", error.one_line()));
        }
        Err(failure) => {
            outcome.is_unavailable |=
                matches!(&failure, ListFailure::Request(error) if error.is_unavailable());
            outcome.is_forbidden |=
                matches!(&failure, ListFailure::Request(error) if error.is_forbidden());
            add(&mut outcome.missing, missing(&kind.resource, namespace, &failure));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_namespaces_are_read_one_by_one_in_the_order_of_the_store() {
        let names = |count: usize| (0..count).map(|number| format!("n{number:02}")).collect::<Vec<_>>();
        let Reach::Each(few) = Reach::of(&["a".to_owned(), "b".to_owned(), "a-b".to_owned()]) else {
            panic!()
        };
        assert_eq!(few, ["a-b", "a", "b"]);
        assert!(matches!(Reach::of(&names(16)), Reach::Each(_)));
        assert!(matches!(Reach::of(&names(17)), Reach::Among(_)));
    }
}
