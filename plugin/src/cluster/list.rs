//! Reading all objects of a kind, page after page, in the order of the API server's store.
//!
//! A list is one consistent view of its kind. When its token expires on the way (HTTP 410), the rest is read at a
//! later revision and the list counts as spliced; nothing is read twice and nothing is passed over in silence.

mod lane;
mod page;
#[cfg(test)]
mod scripted;

use std::{cmp::Ordering, collections::BTreeSet, sync::Arc};

use crate::model::resource::ResourceType;

use super::{Cluster, RequestError, retry::Patience};
pub use lane::{Lanes, PageSender};
pub use page::ListItem;
use page::{Page, compare_keys, key};

/// Size of a page that later pages aim at, in bytes. Large enough that round trips do not count, small enough
/// that several lists under way fit in little memory whatever the size of their objects.
const PAGE_BYTES: usize = 1 << 20;

/// Objects on the first page, before the size of a kind's objects is known.
const FIRST_PAGE: u32 = 100;

/// How often a list may lose its token before it counts as failed.
const MAX_SPLICES: u32 = 20;

/// What to list.
#[derive(Clone, Debug)]
pub struct ListRequest {
    /// The kind.
    pub kind: ResourceType,
    /// One namespace; None lists all of them, or a cluster-scoped kind.
    pub namespace: Option<String>,
    /// When listing all namespaces: pass on only the objects of these.
    pub only_namespaces: Option<Arc<BTreeSet<String>>>,
    /// Pass on only the objects with these names.
    pub only_names: Option<Arc<BTreeSet<String>>>,
    /// Passed to the server as it is.
    pub label_selector: Option<String>,
    /// Passed to the server as it is.
    pub field_selector: Option<String>,
    /// At most this many objects a page.
    pub chunk_size: u32,
    /// Whether a server that fails is asked again for a while.
    pub is_patient: bool,
    /// As it was at this revision, which another list told. Where the server no longer has it, as it is now.
    pub revision: Option<String>,
}

impl ListRequest {
    fn admits(&self, item: &ListItem) -> bool {
        let is_in_namespace = self.only_namespaces.as_ref().is_none_or(|namespaces| {
            item.facts.namespace.as_ref().is_some_and(|namespace| namespaces.contains(namespace))
        });
        is_in_namespace && self.only_names.as_ref().is_none_or(|names| names.contains(&item.facts.name))
    }
}

/// How a list went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListStats {
    /// How often the token expired and the list went on at a later revision.
    pub splices: u32,
    /// The revision of the store that all of it shows; None if it is spliced.
    pub revision: Option<String>,
}

/// Why a list did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum ListFailure {
    /// The server did not give it.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// Pages came in no order that could be relied on.
    #[error("the server does not list its objects in the order of their names")]
    Unordered,
    /// Its token expired again and again.
    #[error("the list expired {MAX_SPLICES} times before it was read to its end")]
    Expired,
    /// Nobody takes the objects any more.
    #[error("the backup was stopped")]
    Stopped,
}

impl Cluster {
    /// Lists objects into `sender`, a page at a time, in the order of their keys.
    ///
    /// Needs `list` on the kind. An aggregated API may ignore paging; its one answer is sorted.
    pub async fn list(
        &self,
        request: &ListRequest,
        sender: &mut PageSender,
    ) -> Result<ListStats, ListFailure> {
        let mut cursor = Cursor { revision: request.revision.clone(), ..Cursor::new(request.chunk_size) };
        loop {
            let page = match self.page(request, &mut cursor).await {
                Ok(page) => page,
                Err(RequestError::Refused { code: 410, continue_token, .. }) if cursor.is_under_way() => {
                    cursor.expired(continue_token)?;
                    continue;
                }
                // Gone by now, or an aggregated API that knows no revisions of others.
                Err(RequestError::Refused { code: 400 | 410 | 504, .. }) if cursor.revision.is_some() => {
                    cursor.revision = None;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let (mut items, is_last) = cursor.accept(page)?;
            items.retain(|item| request.admits(item));
            if !items.is_empty() && sender.send(items).await.is_err() {
                return Err(ListFailure::Stopped);
            }
            if is_last {
                let revision = cursor.shown.filter(|_| cursor.splices == 0);
                return Ok(ListStats { splices: cursor.splices, revision });
            }
        }
    }

    /// One object of `kind`; None if there is none. Needs `get`.
    pub async fn read_one(
        &self,
        kind: &ResourceType,
        namespace: Option<&str>,
        name: &str,
    ) -> Result<Option<ListItem>, RequestError> {
        let path = format!("{}/{}", kind.collection_path(namespace), path_segment(name));
        let answer = match self.get(&path, &[]).await {
            Err(error) if error.is_not_found() => return Ok(None),
            other => other?,
        };
        let text =
            std::str::from_utf8(&answer.body).map_err(|error| RequestError::BadRequest(Box::new(error)))?;
        ListItem::read(kind, text).map(Some).map_err(RequestError::BadAnswer)
    }

    async fn page(&self, request: &ListRequest, cursor: &mut Cursor) -> Result<Page, RequestError> {
        let patience = if request.is_patient { self.patience() } else { Patience::NONE };
        let mut retries = patience.begin();
        loop {
            let error = match self.try_page(request, cursor).await {
                Err(error) if error.is_passing() => error,
                other => return other,
            };
            if !retries.pause(&error).await {
                return Err(error);
            }
            if !matches!(error.code(), Some(429 | 503)) {
                // A page that takes too long, or breaks on its way, may be had in smaller pieces.
                cursor.limit = (cursor.limit / 2).max(1);
            }
        }
    }

    async fn try_page(&self, request: &ListRequest, cursor: &Cursor) -> Result<Page, RequestError> {
        let path = list_path(request, cursor);
        let answer = self.get_once(&path).await?;
        Page::read(&request.kind, &answer.body).map_err(RequestError::BadAnswer)
    }
}

/// Where a list is.
struct Cursor {
    token: Option<String>,
    /// The revision to begin at, until there is a token, which has it.
    revision: Option<String>,
    /// The revision of the first page.
    shown: Option<String>,
    limit: u32,
    chunk_size: u32,
    /// The last object that was passed on.
    last: Option<OwnedKey>,
    splices: u32,
    /// After a restart from the beginning: objects up to this one were passed on before it.
    passed_on_before: Option<OwnedKey>,
}

/// Namespace and name.
type OwnedKey = (Option<String>, String);

impl Cursor {
    fn new(chunk_size: u32) -> Self {
        Self {
            token: None,
            revision: None,
            shown: None,
            limit: chunk_size.min(FIRST_PAGE),
            chunk_size,
            last: None,
            splices: 0,
            passed_on_before: None,
        }
    }

    fn is_under_way(&self) -> bool {
        self.token.is_some()
    }

    /// Goes on after an expired token: with the fresh one, or from the start without what was passed on.
    fn expired(&mut self, fresh: Option<String>) -> Result<(), ListFailure> {
        self.splices += 1;
        if self.splices > MAX_SPLICES {
            return Err(ListFailure::Expired);
        }
        self.token = fresh.filter(|token| !token.is_empty());
        if self.token.is_none() {
            self.passed_on_before.clone_from(&self.last);
        }
        Ok(())
    }

    /// The objects of a page that are new, and whether it was the last page.
    fn accept(&mut self, page: Page) -> Result<(Vec<ListItem>, bool), ListFailure> {
        let mut items = page.items;
        if !items.is_empty() {
            self.limit = next_limit(page.bytes, items.len(), self.chunk_size);
        }
        if let Some(known) = &self.passed_on_before {
            items.retain(|item| is_behind(item, known));
        }
        let is_in_order = match (&self.last, items.first()) {
            (Some(last), Some(first)) => is_behind(first, last),
            _ => true,
        };
        if !is_in_order {
            return Err(ListFailure::Unordered);
        }
        if let Some(item) = items.last() {
            self.last = Some((item.facts.namespace.clone(), item.facts.name.clone()));
        }
        self.token = page.next;
        self.revision = None;
        self.shown = self.shown.take().or(page.revision);
        Ok((items, self.token.is_none()))
    }
}

fn is_behind(item: &ListItem, (namespace, name): &OwnedKey) -> bool {
    compare_keys(key(item), (namespace.as_deref(), name)) == Ordering::Greater
}

/// How many objects make a page of [`PAGE_BYTES`], judged by the page before.
fn next_limit(bytes: usize, objects: usize, chunk_size: u32) -> u32 {
    let average = (bytes / objects.max(1)).max(1);
    u32::try_from(PAGE_BYTES / average).unwrap_or(u32::MAX).clamp(1, chunk_size)
}

fn list_path(request: &ListRequest, cursor: &Cursor) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("limit", &cursor.limit.to_string());
    let optional = [
        ("labelSelector", request.label_selector.as_deref()),
        ("fieldSelector", request.field_selector.as_deref()),
        ("continue", cursor.token.as_deref()),
        ("resourceVersion", cursor.revision.as_deref()),
        ("resourceVersionMatch", cursor.revision.as_ref().map(|_| "Exact")),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    format!("{}?{}", request.kind.collection_path(request.namespace.as_deref()), query.finish())
}

/// A name as one segment of a path: names may hold `:` and, in RBAC, nearly anything.
fn path_segment(name: &str) -> String {
    // `+` for a space is right in a query alone.
    form_urlencoded::byte_serialize(name.as_bytes()).collect::<String>().replace('+', "%20")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::model::resource::{GroupResource, Scope};

    use super::*;

    fn kind() -> ResourceType {
        ResourceType::new(GroupResource::new("configmaps", ""), "v1", "ConfigMap", Scope::Namespaced)
    }

    fn page(names: &[&str], next: Option<&str>) -> Page {
        let items: Vec<_> =
            names.iter().map(|name| json!({"metadata": {"name": name, "namespace": "shop"}})).collect();
        let body = json!({"metadata": {"continue": next}, "items": items}).to_string();
        Page::read(&kind(), body.as_bytes()).unwrap()
    }

    fn names(items: &[ListItem]) -> Vec<&str> {
        items.iter().map(|item| item.facts.name.as_str()).collect()
    }

    #[test]
    fn pages_grow_to_their_size_in_bytes() {
        assert_eq!(next_limit(230_000, 100, 500), 455);
        assert_eq!(next_limit(100 << 20, 100, 500), 1);
        assert_eq!(next_limit(1000, 100, 500), 500);
        assert_eq!(next_limit(0, 0, 500), 500);
    }

    #[test]
    fn a_fresh_token_goes_on_behind_what_was_read() {
        let mut cursor = Cursor::new(500);
        cursor.accept(page(&["a", "b"], Some("t1"))).unwrap();
        cursor.expired(Some("t2".to_owned())).unwrap();
        assert_eq!(cursor.token.as_deref(), Some("t2"));
        let (items, is_last) = cursor.accept(page(&["c"], None)).unwrap();
        assert_eq!((names(&items), is_last, cursor.splices), (vec!["c"], true, 1));
    }

    #[test]
    fn without_a_fresh_token_the_list_starts_again_and_skips_what_was_passed_on() {
        let mut cursor = Cursor::new(500);
        cursor.accept(page(&["a", "b"], Some("t1"))).unwrap();
        cursor.expired(None).unwrap();
        assert!(!cursor.is_under_way());
        let (items, _) = cursor.accept(page(&["a", "b"], Some("t2"))).unwrap();
        assert!(items.is_empty());
        let (items, is_last) = cursor.accept(page(&["bb", "c"], None)).unwrap();
        assert_eq!((names(&items), is_last), (vec!["bb", "c"], true));
    }

    #[test]
    fn pages_out_of_order_are_a_failure_not_a_guess() {
        let mut cursor = Cursor::new(500);
        cursor.accept(page(&["m"], Some("t"))).unwrap();
        assert!(matches!(cursor.accept(page(&["a"], None)), Err(ListFailure::Unordered)));
    }

    #[test]
    fn a_list_that_keeps_expiring_fails() {
        let mut cursor = Cursor::new(500);
        let expired = (0..=MAX_SPLICES).map(|_| cursor.expired(Some("t".to_owned())).is_ok());
        assert_eq!(expired.filter(|is_ok| !is_ok).count(), 1);
    }

    #[test]
    fn selectors_and_tokens_are_escaped() {
        let request = ListRequest {
            kind: kind(),
            namespace: Some("shop".to_owned()),
            only_namespaces: None,
            only_names: None,
            label_selector: Some("app in (a,b)".to_owned()),
            field_selector: None,
            chunk_size: 500,
            is_patient: true,
            revision: None,
        };
        let cursor = Cursor { token: Some("a=b&c".to_owned()), ..Cursor::new(500) };
        assert_eq!(
            list_path(&request, &cursor),
            "/api/v1/namespaces/shop/configmaps?limit=100&labelSelector=app+in+%28a%2Cb%29&continue=a%3Db%26c"
        );
        assert_eq!(path_segment("system:node proxier"), "system%3Anode%20proxier");
    }
}
