//! The stream of captured objects as rustic wants it: an ordered sequence of files.
//!
//! rustic takes an error from a source as a reason to log and skip. So nothing here yields one: a problem ends
//! the stream and is kept for `save`, which then commits nothing.

use std::{
    collections::{BTreeMap, VecDeque},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::{Buf, Bytes, buf::Reader};
use rustic_core::{
    ReadSource, ReadSourceEntry, RusticResult,
    repofile::{Metadata, Node, NodeType},
};
use tokio::sync::mpsc::Receiver;

use crate::model::{
    object::CapturedObject,
    resource::{GroupResource, Scope},
    restore_point::Manifest,
};

use super::{
    backend::Backend,
    error::ArchiveError,
    layout::{Group, JOURNAL, MANIFEST},
    shard::{Shard, Sharder},
};

/// What a backup hands over, in this order: namespaced kinds, kinds without namespace, and the end.
#[derive(Debug)]
pub enum Capture {
    /// Objects of one kind. Namespaced kinds come first, kinds ascend by the text of their [`GroupResource`],
    /// objects by `namespace/name` as the server lists them; a kind may come in any number of pieces.
    Objects {
        /// The kind.
        resource: GroupResource,
        /// Whether it lives in namespaces.
        scope: Scope,
        /// Some of its objects.
        objects: Vec<CapturedObject>,
    },
    /// Objects of a kind at another version than the one they were handed over at before, as its conversion gives them.
    /// After all others; ascending by version, then in the same order.
    OtherVersion {
        /// The kind.
        resource: GroupResource,
        /// Which version.
        version: String,
        /// Whether the kind lives in namespaces.
        scope: Scope,
        /// Some of its objects.
        objects: Vec<CapturedObject>,
    },
    /// The journal of a restore, one JSON document a line; at most once, after all objects.
    Journal(Bytes),
    /// Everything was handed over. Without it nothing is saved.
    Finish(Box<Manifest>),
}

/// What went through the source.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Files handed to rustic.
    pub(super) files: u64,
    /// Their bytes.
    pub(super) bytes: u64,
    /// Objects in them.
    pub(super) objects: BTreeMap<GroupResource, u64>,
    /// Objects at other versions.
    pub(super) other_versions: BTreeMap<(GroupResource, String), u64>,
    /// The manifest, once it came.
    pub(super) manifest: Option<Manifest>,
    /// Why the stream ended early.
    pub(super) problem: Option<ArchiveError>,
}

/// A source for one run.
pub(super) struct CaptureSource {
    stream: Mutex<Option<Receiver<Capture>>>,
    backend: Arc<Backend>,
    outcome: Arc<Mutex<Outcome>>,
}

impl CaptureSource {
    /// Reads from `stream`, and stops when a write to `backend` failed.
    pub(super) fn new(stream: Receiver<Capture>, backend: Arc<Backend>) -> Self {
        Self { stream: Mutex::new(Some(stream)), backend, outcome: Arc::default() }
    }

    /// What went through; complete once the run has ended.
    pub(super) fn outcome(&self) -> Outcome {
        std::mem::take(&mut *self.outcome.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ReadSource for CaptureSource {
    type Open = Reader<Bytes>;
    type Iter = Files;

    fn size(&self) -> RusticResult<Option<u64>> {
        Ok(None)
    }

    fn entries(&self) -> Files {
        Files {
            stream: self.stream.lock().unwrap_or_else(PoisonError::into_inner).take(),
            backend: Arc::clone(&self.backend),
            outcome: Arc::clone(&self.outcome),
            sharder: Sharder::default(),
            ready: VecDeque::new(),
            journal: None,
            last: None,
        }
    }
}

/// The files of a run.
pub(super) struct Files {
    stream: Option<Receiver<Capture>>,
    backend: Arc<Backend>,
    outcome: Arc<Mutex<Outcome>>,
    sharder: Sharder,
    ready: VecDeque<Shard>,
    /// The journal, to be sent when all shards are.
    journal: Option<Bytes>,
    /// The manifest, to be sent when nothing else is ready.
    last: Option<Manifest>,
}

impl Files {
    fn outcome(&self) -> std::sync::MutexGuard<'_, Outcome> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the stream; dropping the receiver tells whoever lists to stop.
    fn fail(&mut self, problem: ArchiveError) {
        self.stream = None;
        self.ready.clear();
        self.outcome().problem.get_or_insert(problem);
    }

    fn take(
        &mut self,
        mut group: Group,
        scope: Scope,
        objects: &[CapturedObject],
    ) -> Result<(), ArchiveError> {
        for object in objects {
            if object.namespace.is_some() != (scope == Scope::Namespaced) {
                return Err(ArchiveError::InvalidObject {
                    object: format!("{}/{}", group.resource, object.name),
                    reason: "its namespace contradicts the scope of its kind".to_owned(),
                });
            }
            if group.namespace != object.namespace {
                group.namespace.clone_from(&object.namespace);
            }
            self.sharder.push(&group, object, &mut self.ready)?;
        }
        let count = objects.len() as u64;
        if count > 0 {
            let mut outcome = self.outcome();
            let counter = match group.version {
                Some(version) => outcome.other_versions.entry((group.resource, version)).or_default(),
                None => outcome.objects.entry(group.resource).or_default(),
            };
            *counter += count;
        }
        Ok(())
    }

    /// The manifest, as the last file.
    fn finish(&mut self, manifest: Manifest) -> Option<Entry> {
        self.stream = None;
        let content = match serde_json::to_vec_pretty(&manifest) {
            Ok(content) => Bytes::from(content),
            Err(error) => {
                self.fail(ArchiveError::InvalidObject {
                    object: MANIFEST.to_owned(),
                    reason: error.to_string(),
                });
                return None;
            }
        };
        self.outcome().manifest = Some(manifest);
        Some(self.entry(PathBuf::from(MANIFEST), MANIFEST, content))
    }

    fn shard(&self, shard: Shard) -> Entry {
        let mut path: PathBuf = shard.group.folders().iter().collect();
        path.push(&shard.name);
        self.entry(path, &shard.name, shard.content)
    }

    /// No time of modification: equal folders of two runs shall be equal, and then stored once.
    fn entry(&self, path: PathBuf, name: &str, content: Bytes) -> Entry {
        let size = content.len() as u64;
        {
            let mut outcome = self.outcome();
            outcome.files += 1;
            outcome.bytes += size;
        }
        let metadata = Metadata { mode: Some(0o600), size, ..Metadata::default() };
        let node = Node::new_node(name.as_ref(), NodeType::File, metadata);
        ReadSourceEntry { path, node, open: Some(content.reader()) }
    }
}

type Entry = ReadSourceEntry<Reader<Bytes>>;

impl Iterator for Files {
    type Item = RusticResult<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.backend.has_failed() {
                // `save` reports the write that failed; there is no use in sending more.
                self.stream = None;
                return None;
            }
            if let Some(shard) = self.ready.pop_front() {
                return Some(Ok(self.shard(shard)));
            }
            if let Some(manifest) = self.last.take() {
                if let Some(journal) = self.journal.take() {
                    self.last = Some(manifest);
                    return Some(Ok(self.entry(PathBuf::from(JOURNAL), JOURNAL, journal)));
                }
                return self.finish(manifest).map(Ok);
            }
            match self.stream.as_mut()?.blocking_recv() {
                Some(Capture::Objects { resource, scope, objects }) => {
                    if let Err(problem) = self.take(Group::new(resource, None), scope, &objects) {
                        self.fail(problem);
                    }
                }
                Some(Capture::OtherVersion { resource, version, scope, objects }) => {
                    let group = Group { version: Some(version), ..Group::new(resource, None) };
                    if let Err(problem) = self.take(group, scope, &objects) {
                        self.fail(problem);
                    }
                }
                Some(Capture::Journal(journal)) => self.journal = Some(journal),
                Some(Capture::Finish(manifest)) => {
                    self.sharder.flush(&mut self.ready);
                    self.last = Some(*manifest);
                }
                None => self.fail(ArchiveError::CutOff),
            }
        }
    }
}
