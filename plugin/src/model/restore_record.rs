//! What a restore leaves in the repository beside the restore points: an undo point before its first write, and what
//! came of it after its last.
//!
//! Both are snapshots of the same shape as a restore point. Their summary bears a [`RestoreMark`], their objects are
//! what the restore was about to overwrite, and a journal beside the manifest has a line for every object. They carry
//! a tag of their own, so that readers from before they existed pass over them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    object::ObjectKey, resource::GroupResource, restoration::Outcome, restore_point::RestorePointId,
    selection::Selection,
};

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RecordRole {
    /// Saved before the first write: what it takes to go back.
    UndoPoint,
    /// Saved at the end: what came of it.
    Result,
}

/// Marks a snapshot as the record of a restore; small, since it lies in the summary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestoreMark {
    /// Before or after.
    pub role: RecordRole,
    /// What was restored; for an undo, the undo point that it goes back to.
    pub restore_point: RestorePointId,
    /// Its name.
    pub name: String,
    /// Of a result: the undo point of the same run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<RestorePointId>,
    /// The undo point of the first run, if this one goes on with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continues: Option<RestorePointId>,
    /// The undo point of the restore that this run takes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<RestorePointId>,
    /// Of a result: the run was interrupted before its end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub interrupted: bool,
    /// Of a result: how many objects did not become what was asked for.
    #[serde(default)]
    pub left: u64,
    /// How many objects: by what was planned, or by what came of them.
    #[serde(default)]
    pub counts: BTreeMap<String, u64>,
}

/// What the manifest of an undo point adds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestoreRecord {
    /// The API server's clock just before the first write; none if it did not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_time: Option<Timestamp>,
    /// What was asked for; none for an undo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RestoreRequest>,
}

/// What a restore was asked for, as far as it decides about objects: enough to ask for the same again.
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own on the command line")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestoreRequest {
    /// Which objects.
    pub selection: Selection,
    /// `--map-namespace`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub map_namespace: Vec<String>,
    /// `--on-conflict`; none if the user said nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_conflict: Option<String>,
    /// `--exact`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exact: bool,
    /// `--field`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// `--prune`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub prune: bool,
    /// `--order`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub order: Vec<String>,
    /// `--with-dependencies`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub with_dependencies: bool,
    /// `--hold`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hold: bool,
    /// `--keep-finalizers`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keep_finalizers: bool,
    /// What the files of `--transform` said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transforms: Vec<RequestFile>,
    /// What the file of `--rules` said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<RequestFile>,
    /// `--rename-suffix`, where something may be renamed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rename_suffix: Option<String>,
    /// What a person answered where the policy was to ask.
    #[serde(default, skip_serializing_if = "AnswerRecord::is_empty")]
    pub answers: AnswerRecord,
    /// What a later version asks for besides. A restore with such words cannot be resumed by this one.
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

/// The answers of a person who was asked about conflicts, policies by their words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AnswerRecord {
    /// For single objects.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<ObjectAnswer>,
    /// For all of a kind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<KindAnswer>,
    /// For everything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rest: Option<String>,
}

impl AnswerRecord {
    /// Whether nobody was asked.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// An answer for one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectAnswer {
    /// The object in the cluster.
    #[serde(flatten)]
    pub target: ObjectKey,
    /// What is to be done.
    pub policy: String,
    /// What the person made of the saved object: this is written in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited: Option<Value>,
}

/// An answer for all of a kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KindAnswer {
    /// The kind.
    pub resource: GroupResource,
    /// What is to be done.
    pub policy: String,
}

/// A file that a restore was asked for with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestFile {
    /// Where it was, for messages.
    pub name: String,
    /// All of it.
    pub text: String,
}

/// What a restore means to do with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Change {
    /// Make it.
    Create,
    /// Set its fields.
    Patch,
    /// Delete it and make it again.
    Replace,
    /// Delete it.
    Delete,
    /// Link it to the successor of its owner, which is replaced.
    Relink,
    /// Nothing but to hold it while others are restored, and to release it at the end.
    Hold,
}

impl Change {
    /// `create`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Patch => "patch",
            Self::Replace => "replace",
            Self::Delete => "delete",
            Self::Relink => "relink",
            Self::Hold => "hold",
        }
    }
}

/// A line of an undo point's journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedChange {
    /// The object in the cluster.
    #[serde(flatten)]
    pub target: ObjectKey,
    /// What is meant to be done.
    pub change: Change,
    /// The version of its kind that is written.
    #[serde(default)]
    pub version: String,
    /// A patch that also removes what only the live object has.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exact: bool,
    /// Digest of the content to be written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
}

/// The fields that a write changed, each with a digest of the value that the server answered; none where it is gone.
pub type WrittenFields = BTreeMap<String, Option<String>>;

/// A line of a result's journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DoneChange {
    /// The object in the cluster.
    #[serde(flatten)]
    pub target: ObjectKey,
    /// What came of it.
    pub outcome: Outcome,
    /// The uid it has since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// Digest of its content as the server answered it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// What changed of the object that was there, where that can be told field by field. Never shown: who knows the
    /// digest of a short secret may guess it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<WrittenFields>,
    /// Its deletion was begun and had not ended.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deletion_begun: bool,
    /// Why, if not as planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl RestoreRequest {
    /// Of everything in `selection`, by the default policy.
    pub fn of(selection: Selection) -> Self {
        Self {
            selection,
            map_namespace: Vec::new(),
            on_conflict: None,
            exact: false,
            fields: Vec::new(),
            prune: false,
            with_dependencies: false,
            order: Vec::new(),
            hold: false,
            keep_finalizers: false,
            transforms: Vec::new(),
            rules: None,
            rename_suffix: None,
            answers: AnswerRecord::default(),
            unknown: Map::new(),
        }
    }
}
