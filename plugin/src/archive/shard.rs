//! Shards: some neighbouring objects of one kind and namespace in one file, a `v1` List.
//!
//! Where a shard ends depends on the names in it alone (a hash of the last name), so that a new or deleted
//! object changes the shard it lies in and no other, and the next run finds the rest stored already.

use std::collections::VecDeque;

use bytes::{BufMut, Bytes, BytesMut};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::model::object::{CapturedObject, ObjectKey, SavedObject};

use super::{
    error::ArchiveError,
    layout::{Group, refuse_component, refuse_resource},
};

/// One name in so many ends a shard. Measured with 10,000 objects: at 16 a third of the bytes and a quarter of
/// the CPU of one file an object, for 0.9 MB more when 1 % of the objects changed; more gains little.
const BOUNDARY: u8 = 16;
/// The most objects in a shard, for runs of names in which no boundary falls.
const MOST_OBJECTS: usize = 64;
/// A shard is closed before it grows beyond this many bytes; a larger object gets a shard to itself.
const LARGEST_SHARD: usize = 4 << 20;
/// No API server takes an object of this size: etcd's own limit is 1.5 MiB, raised to 10 or so at most.
pub(super) const LARGEST_OBJECT: usize = 32 << 20;
/// What a reader takes: any shard that a writer makes, with room for its brackets.
pub(super) const LARGEST_READ: usize = LARGEST_OBJECT + (1 << 20);
/// Deeper nesting would exceed what JSON readers of this program take (128, within the `items` of the List).
const DEEPEST: usize = 120;

const HEAD: &[u8] = br#"{"apiVersion":"v1","kind":"List","items":["#;
const TAIL: &[u8] = b"]}\n";

/// A finished shard.
#[derive(Debug)]
pub(super) struct Shard {
    /// Its folder.
    pub(super) group: Group,
    /// The name of its first object, and its own.
    pub(super) name: String,
    /// Its content.
    pub(super) content: Bytes,
}

/// Cuts a stream of objects into shards.
#[derive(Debug, Default)]
pub(super) struct Sharder {
    last: Option<(Group, String)>,
    open: Option<OpenShard>,
}

#[derive(Debug)]
struct OpenShard {
    group: Group,
    name: String,
    objects: usize,
    content: BytesMut,
}

impl Sharder {
    /// Takes the next object; `ready` receives every shard that it completes.
    pub(super) fn push(
        &mut self,
        group: &Group,
        object: &CapturedObject,
        ready: &mut VecDeque<Shard>,
    ) -> Result<(), ArchiveError> {
        self.keep_order(group, &object.name)?;
        validate(group, object)?;
        let full = self.open.as_ref().is_some_and(|open| {
            open.group != *group || open.content.len() + object.json.len() > LARGEST_SHARD
        });
        if full {
            self.flush(ready);
        }
        let open = self.open.get_or_insert_with(|| OpenShard::new(group.clone(), object.name.clone()));
        open.add(&object.json);
        if open.objects >= MOST_OBJECTS || ends_shard(&object.name) {
            self.flush(ready);
        }
        Ok(())
    }

    /// Completes the last shard.
    pub(super) fn flush(&mut self, ready: &mut VecDeque<Shard>) {
        ready.extend(self.open.take().map(OpenShard::finish));
    }

    /// rustic writes a tree wrongly and silently when it is fed out of order.
    fn keep_order(&mut self, group: &Group, name: &str) -> Result<(), ArchiveError> {
        let refused = |name: String, reason| Err(ArchiveError::Unnameable { name, reason });
        match &mut self.last {
            Some((last_group, last_name)) if last_group == group => {
                if name <= last_name.as_str() {
                    return Err(ArchiveError::Unordered {
                        earlier: format!("{group}/{last_name}"),
                        later: format!("{group}/{name}"),
                    });
                }
                name.clone_into(last_name);
            }
            Some((last_group, last_name)) if *group < *last_group => {
                return Err(ArchiveError::Unordered {
                    earlier: format!("{last_group}/{last_name}"),
                    later: format!("{group}/{name}"),
                });
            }
            _ => {
                if let Some(reason) = refuse_resource(&group.resource) {
                    return refused(group.resource.to_string(), reason);
                }
                for name in [&group.namespace, &group.version].into_iter().flatten() {
                    if let Some(reason) = refuse_component(name) {
                        return refused(name.clone(), reason);
                    }
                }
                self.last = Some((group.clone(), name.to_owned()));
            }
        }
        refuse_component(name).map_or(Ok(()), |reason| refused(format!("{group}/{name}"), reason))
    }
}

impl OpenShard {
    fn new(group: Group, name: String) -> Self {
        Self { group, name, objects: 0, content: BytesMut::from(HEAD) }
    }

    fn add(&mut self, json: &[u8]) {
        if self.objects > 0 {
            self.content.put_slice(b",\n");
        }
        self.content.put_slice(json);
        self.objects += 1;
    }

    fn finish(mut self) -> Shard {
        self.content.put_slice(TAIL);
        Shard { group: self.group, name: self.name, content: self.content.freeze() }
    }
}

fn ends_shard(name: &str) -> bool {
    Sha256::digest(name.as_bytes())[0].is_multiple_of(BOUNDARY)
}

/// The identity inside an object; everything else is skipped, yet has to be JSON.
#[derive(Deserialize)]
struct Identity<'json> {
    #[serde(rename = "apiVersion", borrow)]
    api_version: std::borrow::Cow<'json, str>,
    #[serde(borrow)]
    kind: std::borrow::Cow<'json, str>,
    #[serde(borrow)]
    metadata: IdentityMetadata<'json>,
}

#[derive(Deserialize)]
struct IdentityMetadata<'json> {
    #[serde(borrow)]
    name: std::borrow::Cow<'json, str>,
    #[serde(borrow, default)]
    namespace: Option<std::borrow::Cow<'json, str>>,
}

/// What a reader would refuse must not be written: it would look saved and be lost.
fn validate(group: &Group, object: &CapturedObject) -> Result<(), ArchiveError> {
    let refused = |reason: String| {
        Err(ArchiveError::InvalidObject { object: format!("{group}/{}", object.name), reason })
    };
    if object.json.len() > LARGEST_OBJECT {
        return refused(format!("it has {} bytes", object.json.len()));
    }
    if nests_too_deep(&object.json) {
        return refused(format!("it nests deeper than {DEEPEST} levels"));
    }
    let identity: Identity<'_> = match serde_json::from_slice(&object.json) {
        Ok(identity) => identity,
        Err(error) => return refused(format!("its content is no Kubernetes object: {error}")),
    };
    if let Some(reason) = mismatch(
        group,
        &object.name,
        &identity.api_version,
        &identity.kind,
        identity.metadata.namespace.as_deref(),
        &identity.metadata.name,
    ) {
        return refused(reason);
    }
    Ok(())
}

fn mismatch(
    group: &Group,
    name: &str,
    api_version: &str,
    kind: &str,
    found_namespace: Option<&str>,
    found_name: &str,
) -> Option<String> {
    let api_group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
    if api_version.is_empty() || kind.is_empty() {
        return Some("its content lacks `apiVersion` or `kind`".to_owned());
    }
    if api_group != group.resource.group {
        return Some(format!("its content is of API group `{api_group}`"));
    }
    if found_name != name {
        return Some(format!("its content is named `{found_name}`"));
    }
    if found_namespace.filter(|namespace| !namespace.is_empty()) != group.namespace.as_deref() {
        return Some(format!("its content is of namespace `{}`", found_namespace.unwrap_or_default()));
    }
    None
}

/// Counting brackets is many times faster than following strings, and settles it for nearly every object.
fn nests_too_deep(json: &[u8]) -> bool {
    // Few enough at a time for a counter of one byte, which the compiler turns into vector instructions.
    let runs = json.chunks(usize::from(u8::MAX));
    let brackets: usize =
        runs.map(|run| usize::from(run.iter().map(|byte| u8::from(is_opening(*byte))).sum::<u8>())).sum();
    brackets > DEEPEST && nesting(json) > DEEPEST
}

fn is_opening(byte: u8) -> bool {
    matches!(byte, b'{' | b'[')
}

/// How deep brackets nest, outside strings.
fn nesting(json: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            byte if is_opening(*byte) && !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[derive(Deserialize)]
struct List {
    items: Vec<Value>,
}

/// The objects of a shard, checked against the place it was found at.
///
/// `next` is the name of the shard behind it in the same folder.
pub(super) fn read(
    content: &[u8],
    group: &Group,
    name: &str,
    next: Option<&str>,
) -> Result<Vec<SavedObject>, String> {
    let List { items } = serde_json::from_slice(content).map_err(|error| error.to_string())?;
    let mut objects = Vec::with_capacity(items.len());
    let mut last: Option<String> = None;
    for body in items {
        let found = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let found_name = found("/metadata/name").to_owned();
        let expected = if last.is_none() { name } else { &found_name };
        let namespace = body.pointer("/metadata/namespace").and_then(Value::as_str);
        if let Some(reason) =
            mismatch(group, expected, found("/apiVersion"), found("/kind"), namespace, &found_name)
        {
            return Err(format!("an object does not belong here: {reason}"));
        }
        let misplaced = last.as_deref().is_some_and(|last| last >= found_name.as_str())
            || next.is_some_and(|next| found_name.as_str() >= next);
        if misplaced {
            return Err(format!("the object `{found_name}` is out of order"));
        }
        let key = ObjectKey::new(group.resource.clone(), group.namespace.as_deref(), &found_name);
        last = Some(found_name);
        objects.push(SavedObject { key, body });
    }
    if objects.is_empty() {
        return Err("it holds no object".to_owned());
    }
    Ok(objects)
}

#[cfg(test)]
mod tests;
