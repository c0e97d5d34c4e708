//! Reading what a restore may meet: single objects, and all of a kind in a namespace.
//!
//! RBAC: `get` and `list` on the kinds read. Either may be missing; the caller is told by `is_forbidden`.

use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use crate::model::{object::ObjectKey, resource::ResourceType};

use super::{Cluster, RequestError};

/// Objects a page; the API server's own chunk size for kubectl.
const PAGE: usize = 500;

/// How often an expired list is begun again before its error counts.
const MAX_RESTARTS: u8 = 3;

#[derive(Deserialize)]
struct Page<'page> {
    metadata: PageMetadata,
    // Parsed one by one, so that memory holds the page's text and one object.
    #[serde(borrow, default)]
    items: Vec<&'page RawValue>,
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
            next: Next::First,
            restarts: 0,
        }
    }
}

/// A list under way.
pub struct LivePages {
    cluster: Cluster,
    kind: ResourceType,
    collection: String,
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
            let answer = match self.cluster.get(&path, &[]).await {
                Err(error) if error.code() == Some(410) && self.restarts < MAX_RESTARTS => {
                    self.restarts += 1;
                    self.next = Next::First;
                    continue;
                }
                answer => answer?,
            };
            let page: Page = serde_json::from_slice(&answer.body).map_err(RequestError::BadAnswer)?;
            let bodies = page.items.iter().map(|item| {
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
