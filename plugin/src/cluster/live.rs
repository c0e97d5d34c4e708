//! Reading what a restore may meet: single objects, and all of a kind in a namespace.
//!
//! RBAC: `get` and `list` on the kinds read. Either may be missing; the caller is told by `is_forbidden`.

use std::{collections::BTreeSet, fmt::Write as _};

use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use crate::model::{object::ObjectKey, resource::ResourceType};

use super::{Cluster, RequestError};

/// Objects a page; the API server's own chunk size for kubectl.
const PAGE: usize = 500;

/// Metadata alone, of servers that can give it; an aggregated API may not.
const METADATA_ALONE: &str =
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";

/// Single reads under way at once.
const PARALLEL: usize = 12;

/// How often an expired list is begun again before its error counts.
const MAX_RESTARTS: u8 = 3;

#[derive(Deserialize)]
struct Page<'page> {
    metadata: PageMetadata,
    // Parsed one by one, so that memory holds the page's text and one object. Go writes an empty list as null at times.
    #[serde(borrow, default)]
    items: Option<Vec<&'page RawValue>>,
}

#[derive(Deserialize)]
struct PageMetadata {
    #[serde(default, rename = "continue")]
    token: Option<String>,
}

/// Path of one object of `kind`.
pub(super) fn object_path(kind: &ResourceType, namespace: Option<&str>, name: &str) -> String {
    let namespace = namespace.map(encoded);
    format!("{}/{}", kind.collection_path(namespace.as_deref()), encoded(name))
}

/// `segment` as one segment of a path: a name read from an archive must not add segments or parameters.
pub(super) fn encoded(segment: &str) -> String {
    let mut text = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:@!$&'()*+,;=".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    // `.` and `..` would be resolved away.
    if text.bytes().all(|byte| byte == b'.') { text.replace('.', "%2E") } else { text }
}

/// `value` as the value of a query parameter.
pub(super) fn encoded_parameter(value: &str) -> String {
    encoded(value).replace('&', "%26").replace('+', "%2B").replace('=', "%3D").replace(';', "%3B")
}

impl Cluster {
    /// The live object of this identity, or none.
    pub async fn read(&self, kind: &ResourceType, key: &ObjectKey) -> Result<Option<Value>, RequestError> {
        let path = object_path(kind, key.namespace.as_deref(), &key.name);
        match self.get_json(&path).await {
            Ok(body) => Ok(Some(body)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Every object of a kind in `namespace` (or in all), page by page.
    pub fn live_pages(&self, kind: &ResourceType, namespace: Option<&str>) -> LivePages {
        let namespace = namespace.map(encoded);
        LivePages {
            cluster: self.clone(),
            collection: kind.collection_path(namespace.as_deref()),
            kind: kind.clone(),
            form: Form::Whole,
            next: Next::First,
            restarts: 0,
        }
    }

    /// The same, of each object no more than its metadata for sure.
    pub fn live_metadata(&self, kind: &ResourceType, namespace: Option<&str>) -> LivePages {
        LivePages { form: Form::Metadata, ..self.live_pages(kind, namespace) }
    }

    /// The live objects of a kind in `namespace` that have one of these names, each once: read one by one if they are
    /// `few` at most, or if the caller may not list, and picked out of a list otherwise.
    pub fn live_named(
        &self,
        kind: &ResourceType,
        namespace: Option<&str>,
        names: BTreeSet<String>,
        few: usize,
    ) -> LiveNamed {
        let mut named = LiveNamed {
            cluster: self.clone(),
            kind: kind.clone(),
            namespace: namespace.map(str::to_owned),
            source: Source::List(Box::new(self.live_pages(kind, namespace))),
            is_first: true,
            names,
        };
        if named.names.len() <= few {
            named.source = named.one_by_one();
        }
        named
    }
}

/// Named objects on their way.
pub struct LiveNamed {
    cluster: Cluster,
    kind: ResourceType,
    namespace: Option<String>,
    /// Those not met yet.
    names: BTreeSet<String>,
    source: Source,
    is_first: bool,
}

enum Source {
    List(Box<LivePages>),
    Each(BoxStream<'static, Result<Option<Value>, RequestError>>),
}

impl LiveNamed {
    /// Some more of them, in the order of their names; none after the last.
    ///
    /// Of those that are read one by one, an error concerns the first one that has not come yet.
    pub async fn next(&mut self) -> Result<Option<Vec<Value>>, RequestError> {
        loop {
            let pages = match &mut self.source {
                Source::Each(objects) => match objects.next().await.transpose()? {
                    Some(body) => return Ok(Some(body.into_iter().collect())),
                    None => return Ok(None),
                },
                Source::List(pages) => pages,
            };
            let page = match pages.next().await {
                Err(error) if error.is_forbidden() && self.is_first => {
                    self.source = self.one_by_one();
                    continue;
                }
                // The kind or its namespace is not there.
                Err(error) if error.is_not_found() => return Ok(None),
                page => page?,
            };
            self.is_first = false;
            let Some(mut page) = page else { return Ok(None) };
            // A list that was begun again repeats what was seen.
            page.retain(|body| self.names.remove(name_of(body)));
            // An aggregated API may answer in any order.
            page.sort_by(|a, b| name_of(a).cmp(name_of(b)));
            return Ok(Some(page));
        }
    }

    fn one_by_one(&self) -> Source {
        let reads = self.names.clone().into_iter().map({
            let (cluster, kind, namespace) =
                (self.cluster.clone(), self.kind.clone(), self.namespace.clone());
            move |name| {
                let (cluster, kind) = (cluster.clone(), kind.clone());
                let key = ObjectKey::new(kind.resource.clone(), namespace.as_deref(), &name);
                async move { cluster.read(&kind, &key).await }
            }
        });
        Source::Each(stream::iter(reads).buffered(PARALLEL).boxed())
    }
}

/// `metadata.name`; empty if it has none.
pub fn name_of(body: &Value) -> &str {
    body["metadata"]["name"].as_str().unwrap_or_default()
}

/// How much of each object is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Whole,
    Metadata,
}

/// A list under way.
pub struct LivePages {
    cluster: Cluster,
    kind: ResourceType,
    collection: String,
    form: Form,
    next: Next,
    restarts: u8,
}

enum Next {
    First,
    Token(String),
    End,
}

impl LivePages {
    /// The next page, or none after the last.
    ///
    /// A list whose token expires is begun again, so an object may come twice; the later is the newer.
    pub async fn next(&mut self) -> Result<Option<Vec<Value>>, RequestError> {
        loop {
            let mut path = format!("{}?limit={PAGE}", self.collection);
            match &self.next {
                Next::First => {}
                Next::Token(token) => {
                    path.push_str("&continue=");
                    path.push_str(&encoded_parameter(token));
                }
                Next::End => return Ok(None),
            }
            let accept = [(http::header::ACCEPT, METADATA_ALONE)];
            let headers = if self.form == Form::Metadata { &accept[..] } else { &[] };
            let answer = match self.cluster.get(&path, headers).await {
                Err(error) if error.code() == Some(410) && self.restarts < MAX_RESTARTS => {
                    self.restarts += 1;
                    self.next = Next::First;
                    continue;
                }
                answer => answer?,
            };
            let page: Page = serde_json::from_slice(&answer.body).map_err(RequestError::BadAnswer)?;
            let bodies = page.items.iter().flatten().map(|item| {
                let mut body: Value = serde_json::from_str(item.get()).map_err(RequestError::BadAnswer)?;
                complete(&mut body, &self.kind);
                Ok(body)
            });
            let bodies = bodies.collect::<Result<Vec<_>, RequestError>>()?;
            let token = page.metadata.token.filter(|token| !token.is_empty());
            self.next = token.map_or(Next::End, Next::Token);
            return Ok(Some(bodies));
        }
    }
}

/// Items of a list of a built-in kind come without their type.
fn complete(body: &mut Value, kind: &ResourceType) {
    if let Some(fields) = body.as_object_mut() {
        fields.entry("apiVersion").or_insert_with(|| kind.api_version().into());
        fields.entry("kind").or_insert_with(|| kind.kind.clone().into());
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::encoded;

    #[rstest]
    #[case("web", "web")]
    #[case("system:node-proxier", "system:node-proxier")]
    #[case("a/../b", "a%2F..%2Fb")]
    #[case("..", "%2E%2E")]
    #[case("x?dryRun=All#", "x%3FdryRun=All%23")]
    #[case("é", "%C3%A9")]
    fn a_name_stays_one_path_segment(#[case] name: &str, #[case] wanted: &str) {
        assert_eq!(encoded(name), wanted);
    }
}
