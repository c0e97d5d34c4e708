//! Reading a restore point. Everything read is taken for hostile until checked: lengths before memory is
//! reserved, checksums before content is parsed, names before they become part of anything.

mod groups;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::{ControlFlow, RangeInclusive},
    sync::Arc,
};

use bytes::Bytes;
use rustic_core::{
    BlobId, DataId, FileType, IndexedFullStatus, Repository as RusticRepository, TreeId,
    repofile::{BlobType, Node, NodeType, Tree},
};
use sha2::{Digest, Sha256};

use crate::model::{
    object::{ObjectKey, SavedObject},
    resource::{GroupResource, Scope},
    restore_point::{FORMAT, Manifest, RestorePointId},
    unreadable::Unreadable,
};

use super::{
    Inner,
    backend::{self, hexadecimal},
    error::ArchiveError,
    index::Index,
    layout::{Group, MANIFEST, refuse_component},
    shard, snapshots,
    store::Store,
};

const ATTEMPT: &str = "read the restore point";
/// A folder with a million shards has some 300 MB.
const LARGEST_TREE: usize = 512 << 20;
const LARGEST_MANIFEST: usize = 64 << 20;

/// Which objects of a restore point to read; `None` means all.
#[derive(Clone, Debug, Default)]
pub struct ReadFilter {
    /// Only these kinds.
    pub resources: Option<BTreeSet<GroupResource>>,
    /// Of the kinds that live in namespaces, only objects in these. Says nothing about the other kinds.
    pub namespaces: Option<BTreeSet<String>>,
    /// Only kinds of this scope.
    pub scope: Option<Scope>,
    /// Only objects whose names lie between these two.
    pub names: Option<RangeInclusive<String>>,
}

impl ReadFilter {
    fn admits_scope(&self, scope: Scope) -> bool {
        self.scope.is_none_or(|wanted| wanted == scope)
    }

    fn admits_resource(&self, resource: &GroupResource) -> bool {
        self.resources.as_ref().is_none_or(|wanted| wanted.contains(resource))
    }

    fn admits_name(&self, name: &str) -> bool {
        self.names
            .as_ref()
            .is_none_or(|wanted| (wanted.start().as_str()..=wanted.end().as_str()).contains(&name))
    }

    /// Whether a shard that begins with `first` and ends before `next` may hold a name that is admitted.
    fn admits_shard(&self, first: &str, next: Option<&str>) -> bool {
        self.names.as_ref().is_none_or(|wanted| {
            first <= wanted.end().as_str() && next.is_none_or(|next| next > wanted.start().as_str())
        })
    }

    fn admits_namespace(&self, namespace: &str) -> bool {
        self.namespaces.as_ref().is_none_or(|wanted| wanted.contains(namespace))
    }
}

/// A folder or file of a restore point, its name checked.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// One path component.
    pub(super) name: String,
    /// What it is.
    pub(super) content: EntryContent,
}

/// What an entry is.
#[derive(Clone, Debug)]
pub(super) enum EntryContent {
    /// A folder.
    Folder(TreeId),
    /// A file, in parts.
    File(Vec<DataId>),
}

/// A group with its folder, or a kind of which none can be told.
type FoundGroup = Result<(Group, TreeId), Unreadable>;

/// Kinds that are read at another version than the one that a restore point was made with.
pub(super) type OtherVersions = Arc<BTreeMap<GroupResource, String>>;

/// One restore point, open for reading.
pub(super) struct Reader {
    index: Arc<Index>,
    root: TreeId,
    id: RestorePointId,
    versions: OtherVersions,
}

impl Reader {
    /// Opens a restore point.
    pub(super) fn open(
        inner: &Inner,
        id: &RestorePointId,
        versions: &OtherVersions,
    ) -> Result<Self, ArchiveError> {
        let found = snapshots::find(inner, id)?;
        let versions = Arc::clone(versions);
        Ok(Self { versions, ..Self::new(inner.index()?, found.snapshot.tree, id.clone()) })
    }

    /// Over an index and tree that are known already.
    pub(super) fn new(index: Arc<Index>, root: TreeId, id: RestorePointId) -> Self {
        Self { index, root, id, versions: OtherVersions::default() }
    }

    /// Which restore point.
    pub(super) fn id(&self) -> &RestorePointId {
        &self.id
    }

    /// The entries at its root.
    pub(super) fn root_folder(&self) -> Result<Vec<Entry>, ArchiveError> {
        self.folder(self.root, "")
    }

    /// The manifest.
    pub(super) fn manifest(&self) -> Result<Manifest, ArchiveError> {
        let what = || format!("the manifest of restore point {}", self.id);
        let root = self.folder(self.root, "")?;
        let Some(EntryContent::File(parts)) = find_entry(&root, MANIFEST) else {
            return Err(ArchiveError::damage(format!("{} is missing", what())));
        };
        let content = self.file(parts, LARGEST_MANIFEST, MANIFEST)?;
        let unreadable = |error: serde_json::Error| ArchiveError::damaged_because(what(), error.to_string());
        // The format first: a newer manifest need not parse as one of ours.
        let format = serde_json::from_slice::<serde_json::Value>(&content).map_err(unreadable)?["format"]
            .as_u64()
            .and_then(|format| u32::try_from(format).ok())
            .unwrap_or_default();
        if format > FORMAT {
            return Err(ArchiveError::NewerFormat { id: self.id.clone(), format });
        }
        serde_json::from_slice(&content).map_err(unreadable)
    }

    /// The entries of a folder, ascending by name.
    pub(super) fn folder(&self, tree: TreeId, path: &str) -> Result<Vec<Entry>, ArchiveError> {
        let what = || format!("the folder `/{path}` of restore point {}", self.id);
        let content = self.blob(BlobType::Tree, BlobId::from(*tree), LARGEST_TREE, &what)?;
        let damaged = |reason: String| ArchiveError::damaged_because(what(), reason);
        let tree: Tree = serde_json::from_slice(&content).map_err(|error| damaged(error.to_string()))?;
        let mut entries: Vec<Entry> = Vec::with_capacity(tree.nodes.len());
        for node in tree.nodes {
            let entry = check_node(node).map_err(damaged)?;
            if entries.last().is_some_and(|last| last.name >= entry.name) {
                return Err(damaged(format!("`{}` is out of order", entry.name)));
            }
            entries.push(entry);
        }
        Ok(entries)
    }

    /// A file's content.
    pub(super) fn file(&self, parts: &[DataId], limit: usize, path: &str) -> Result<Bytes, ArchiveError> {
        let what = || format!("`/{path}` of restore point {}", self.id);
        if let [part] = parts {
            return self.blob(BlobType::Data, BlobId::from(**part), limit, &what);
        }
        let mut content = Vec::new();
        for part in parts {
            let left = limit.saturating_sub(content.len());
            content.extend_from_slice(&self.blob(BlobType::Data, BlobId::from(**part), left, &what)?);
        }
        Ok(content.into())
    }

    /// The objects of a shard; `next` is the name of the one behind it.
    pub(super) fn shard(
        &self,
        group: &Group,
        entry: &Entry,
        next: Option<&str>,
    ) -> Result<Vec<SavedObject>, ArchiveError> {
        let path = format!("{}/{}", group.folders().join("/"), entry.name);
        let EntryContent::File(parts) = &entry.content else {
            let what = format!("`/{path}` of restore point {}", self.id);
            return Err(ArchiveError::damaged_because(what, "a folder lies where objects should"));
        };
        let content = self.file(parts, shard::LARGEST_READ, &path)?;
        shard::read(&content, group, &entry.name, next).map_err(|reason| {
            ArchiveError::damaged_because(format!("`/{path}` of restore point {}", self.id), reason)
        })
    }

    pub(super) fn blob(
        &self,
        blob_type: BlobType,
        id: BlobId,
        limit: usize,
        what: &dyn Fn() -> String,
    ) -> Result<Bytes, ArchiveError> {
        self.index.read(|repository| read_blob(repository, blob_type, id, limit, what))
    }

    /// Fails with damage unless every part is in the index and its pack in the store.
    pub(super) fn is_stored(&self, store: &dyn Store, parts: &[DataId]) -> Result<(), ArchiveError> {
        parts
            .iter()
            .try_for_each(|part| self.index.read(|repository| is_part_stored(repository, store, part)))
    }

    /// One object: two folders below the kind's, and one shard.
    pub(super) fn object(&self, key: &ObjectKey) -> Result<Option<SavedObject>, ArchiveError> {
        let version = self.versions.get(&key.resource).cloned();
        let group = Group { version, ..Group::new(key.resource.clone(), key.namespace.clone()) };
        let mut tree = self.root;
        let mut path = String::new();
        for folder in group.folders() {
            let entries = self.folder(tree, &path)?;
            match find_entry(&entries, &folder) {
                Some(EntryContent::Folder(below)) => tree = *below,
                _ => return Ok(None),
            }
            path = if path.is_empty() { folder } else { format!("{path}/{folder}") };
        }
        let shards = self.folder(tree, &path)?;
        let behind = shards.partition_point(|shard| shard.name.as_str() <= key.name.as_str());
        let Some(shard) = behind.checked_sub(1).and_then(|index| shards.get(index)) else { return Ok(None) };
        let objects = self.shard(&group, shard, shards.get(behind).map(|next| next.name.as_str()))?;
        Ok(objects.into_iter().find(|object| object.key.name == key.name))
    }

    /// Every object that `filter` admits, in archive order, until `visit` breaks; and in their place the ranges
    /// that cannot be read.
    pub(super) fn each_object(
        &self,
        filter: &ReadFilter,
        visit: &mut dyn FnMut(Result<SavedObject, Unreadable>) -> ControlFlow<()>,
    ) -> Result<(), ArchiveError> {
        for group in self.groups(filter)? {
            let flow = match group {
                Ok((group, tree)) => self.each_of_group(&group, tree, filter, visit)?,
                Err(unreadable) => visit(Err(unreadable)),
            };
            if flow.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn each_of_group(
        &self,
        group: &Group,
        tree: TreeId,
        filter: &ReadFilter,
        visit: &mut dyn FnMut(Result<SavedObject, Unreadable>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, ArchiveError> {
        let shards = match tolerate(self.folder(tree, &group.folders().join("/")))? {
            Ok(shards) => shards,
            Err(reason) => return Ok(visit(Err(group.unreadable(None, None, reason)))),
        };
        for (index, entry) in shards.iter().enumerate() {
            let next = shards.get(index + 1).map(|next| next.name.as_str());
            if !filter.admits_shard(&entry.name, next) {
                continue;
            }
            let flow = match tolerate(self.shard(group, entry, next))? {
                Ok(objects) => objects
                    .into_iter()
                    .filter(|object| filter.admits_name(&object.key.name))
                    .try_for_each(|object| visit(Ok(object))),
                Err(reason) => visit(Err(group.unreadable(Some(&entry.name), next, reason))),
            };
            if flow.is_break() {
                return Ok(flow);
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// Damage apart from what ends all reading.
pub(super) fn tolerate<T>(result: Result<T, ArchiveError>) -> Result<Result<T, String>, ArchiveError> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(error) if error.is_damage() => Ok(Err(error.reason())),
        Err(error) => Err(error),
    }
}

fn read_blob(
    repository: &RusticRepository<IndexedFullStatus>,
    blob_type: BlobType,
    id: BlobId,
    limit: usize,
    what: &dyn Fn() -> String,
) -> Result<Bytes, ArchiveError> {
    let damaged = |error: Box<rustic_core::RusticError>| ArchiveError::damaged(what(), ATTEMPT, &error);
    let entry = match blob_type {
        BlobType::Tree => repository.get_index_entry(&TreeId::from(id)),
        BlobType::Data => repository.get_index_entry(&DataId::from(id)),
    }
    .map_err(|_| not_listed(what()))?;
    if entry.data_length() as usize > limit {
        let reason = format!("it claims {} bytes", entry.data_length());
        return Err(ArchiveError::damaged_because(what(), reason));
    }
    // Not through rustic's cache: each shard is read once, and the cache would hold 32 MB of them.
    let content = repository.cat_blob(blob_type, id.to_hex().as_str()).map_err(damaged)?;
    // The cipher proves that a part was written with our key, not that it is the right one.
    if hexadecimal(&Sha256::digest(&content)) != id.to_hex().as_str() {
        return Err(ArchiveError::damaged_because(what(), "its checksum does not match"));
    }
    Ok(content)
}

fn is_part_stored(
    repository: &RusticRepository<IndexedFullStatus>,
    store: &dyn Store,
    part: &DataId,
) -> Result<(), ArchiveError> {
    let entry = repository.get_index_entry(part).map_err(|_| not_listed("part of a restore point"))?;
    let name = backend::name(FileType::Pack, &entry.pack);
    match store.size(&name).map_err(|source| ArchiveError::Store { attempt: ATTEMPT, source })? {
        None => Err(ArchiveError::damage(format!("`{name}` is missing"))),
        Some(size) if size < u64::from(entry.location.offset) + u64::from(entry.location.length) => {
            Err(ArchiveError::damage(format!("`{name}` is too short")))
        }
        Some(_) => Ok(()),
    }
}

/// rustic gives no other reason than this one when it looks into its index.
fn not_listed(what: impl Into<String>) -> ArchiveError {
    ArchiveError::Unlisted { what: what.into() }
}

/// The entry of a name.
pub(super) fn find_entry<'entries>(entries: &'entries [Entry], name: &str) -> Option<&'entries EntryContent> {
    let index = entries.binary_search_by(|entry| entry.name.as_str().cmp(name)).ok()?;
    entries.get(index).map(|entry| &entry.content)
}

fn check_node(node: Node) -> Result<Entry, String> {
    let name = node.name().to_str().map(str::to_owned).ok_or("a name is not valid text")?;
    if let Some(reason) = refuse_component(&name) {
        return Err(format!("`{name}`: {reason}"));
    }
    let content = match (node.node_type, node.subtree, node.content) {
        (NodeType::Dir, Some(tree), _) => EntryContent::Folder(tree),
        (NodeType::File, _, Some(parts)) => EntryContent::File(parts),
        _ => return Err(format!("`{name}` is neither a folder nor a file with content")),
    };
    Ok(Entry { name, content })
}
