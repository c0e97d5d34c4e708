//! A restore point: the summary that lists show, and the manifest that lies in the archive beside the objects.
//!
//! The manifest is the archive's public contract with later versions: fields are only added, and
//! `format` rises when a reader that does not know the new fields would misread the old ones.

use std::fmt;

use hook_protocol::receipt::Consistency;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    freeze::FreezeRecord,
    resource::{GroupResource, ResourceType},
    restore_record::{RestoreMark, RestoreRecord},
    selection::Selection,
};

/// The manifest format this version writes, and the newest it reads.
pub const FORMAT: u32 = 1;

/// The full hexadecimal id of a restore point (that of its restic snapshot).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RestorePointId(pub String);

impl RestorePointId {
    /// The first eight characters, enough to name it on the command line.
    pub fn short(&self) -> &str {
        self.0.get(..8).unwrap_or(&self.0)
    }
}

impl fmt::Display for RestorePointId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.short())
    }
}

/// Whether a restore point holds all that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Completeness {
    /// All that was asked for.
    Complete,
    /// Something asked for is missing; the manifest's `missing` says what.
    Incomplete,
}

/// What `list` shows; small enough to lie in the snapshot file itself, so that listing reads no pack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// See [`FORMAT`].
    pub format: u32,
    /// The name the user gave, or the one made from scope and time: `shop-20261125-121100`.
    pub name: String,
    /// Complete or not.
    pub completeness: Completeness,
    /// Number of objects.
    pub objects: u64,
    /// Their size as JSON, in bytes, before compression.
    pub bytes: u64,
    /// The namespaces that objects came from, sorted; shortened to the first 100.
    pub namespaces: Vec<String>,
    /// How many namespaces there were before shortening.
    pub namespace_count: u64,
    /// Identity of the cluster: the uid of its `kube-system` namespace; empty if not readable.
    pub cluster_uid: String,
    /// The kubeconfig context, or `in-cluster`.
    pub context: String,
    /// `all namespaces`, `namespaces shop, web`, with the narrowing words after it; for people.
    pub scope: String,
    /// Kinds, names, labels or fields narrowed down what was taken of its namespaces. Older restore points do not say so.
    #[serde(rename = "narrowed", default, skip_serializing_if = "is_false")]
    pub is_narrowed: bool,
    /// What the hooks vouch for together; nothing where none were asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consistency: Option<Consistency>,
    /// This is no restore point but the record of a restore.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore: Option<RestoreMark>,
}

impl Summary {
    /// Whether there are more namespaces than it names.
    pub fn is_shortened(&self) -> bool {
        self.namespace_count > self.namespaces.len() as u64
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

/// A restore point in the list of its repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestorePoint {
    /// Its id.
    pub id: RestorePointId,
    /// When it was begun: every object is at least as new as this.
    pub created: Timestamp,
    /// The rest.
    #[serde(flatten)]
    pub summary: Summary,
}

/// How many objects of a kind there are, and how the kind was served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KindEntry {
    /// The kind as the source cluster served it.
    #[serde(flatten)]
    pub kind: ResourceType,
    /// Number of objects saved.
    pub objects: u64,
    /// Their size as JSON, in bytes.
    pub bytes: u64,
    /// Other versions at which the same objects were saved too, as the source cluster converts them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_versions: Vec<VersionEntry>,
}

impl KindEntry {
    /// Of a kind of which there is no object yet.
    pub fn new(kind: ResourceType) -> Self {
        Self { kind, objects: 0, bytes: 0, other_versions: Vec::new() }
    }

    /// Whether all objects of the kind are saved at this other version.
    pub fn is_whole_at(&self, version: &str) -> bool {
        self.other_versions.iter().any(|other| other.version == version && other.objects == self.objects)
    }
}

/// The objects of a kind at another version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionEntry {
    /// `v1beta1`.
    pub version: String,
    /// How many of them; fewer than of the kind where the reading failed.
    pub objects: u64,
    /// Their size as JSON, in bytes.
    pub bytes: u64,
}

/// Something that was asked for and is not in the restore point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Missing {
    /// The kind, or the API group whose kinds could not be learnt.
    pub what: String,
    /// Only these namespaces are affected; empty means all that were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<String>,
    /// Why, in one sentence.
    pub reason: String,
    /// The next thing to do.
    pub remedy: String,
    /// Whether the caller lacked the right to read it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forbidden: bool,
}

/// Objects left out on purpose, by rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LeftOut {
    /// The kind.
    pub resource: GroupResource,
    /// How many; 0 when the kind was not even listed.
    pub objects: u64,
    /// The rule, in one sentence.
    pub reason: String,
}

/// The manifest: everything about a restore point but the objects themselves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// What `list` shows too.
    #[serde(flatten)]
    pub summary: Summary,
    /// Version of this program.
    pub written_by: String,
    /// `v1.36.3`.
    pub server_version: String,
    /// What was asked for.
    pub selection: Selection,
    /// Every kind that was read, also one of which there was no object.
    pub kinds: Vec<KindEntry>,
    /// Asked for and not there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Missing>,
    /// Left out by rule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    /// What a reader should know and that is no loss: a list spliced after an expired token, …
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// What hooks did, where there were any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freeze: Option<FreezeRecord>,
    /// What the record of a restore adds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<RestoreRecord>,
}

impl Manifest {
    /// The entries of the kinds that objects were saved of.
    pub fn saved_kinds(&self) -> impl Iterator<Item = &KindEntry> {
        self.kinds.iter().filter(|entry| entry.objects > 0)
    }

    /// The entry of a kind, if it was read.
    pub fn kind(&self, resource: &GroupResource) -> Option<&KindEntry> {
        self.kinds.iter().find(|entry| &entry.kind.resource == resource)
    }
}
