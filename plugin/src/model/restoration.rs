//! What a restore will do with each object, and what came of it; for `plan` and `commands` to fill and `report` to show.

use serde::{Deserialize, Serialize};

use super::object::ObjectKey;

/// What the plan has in mind for an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// It is not in the cluster and will be made.
    Create,
    /// It is there and differs; its fields will be set.
    Patch,
    /// It is there and differs; it will be deleted and made again.
    Replace,
    /// It is there and not in the restore point; it will be deleted.
    Delete,
    /// It is there and is the same.
    Unchanged,
    /// It is there and differs; the conflict policy leaves it.
    Skip,
    /// It is there and differs; the conflict policy forbids the restore.
    Conflict,
    /// A rule leaves it out: a controller makes it, or it means nothing here.
    Leave,
    /// It cannot be restored here.
    Refuse,
}

impl Action {
    /// Whether it changes the cluster.
    pub fn is_write(self) -> bool {
        matches!(self, Self::Create | Self::Patch | Self::Replace | Self::Delete)
    }
}

/// What came of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// Made.
    Created,
    /// Changed.
    Patched,
    /// Deleted and made again.
    Replaced,
    /// Deleted, since the restore point does not hold it.
    Deleted,
    /// Was the same already.
    Unchanged,
    /// Differs, and the conflict policy left it.
    Skipped,
    /// Left out by a rule.
    Left,
    /// Asked for and not done.
    Refused,
    /// Not tried, because the run was interrupted.
    NotTried,
}

impl Outcome {
    /// Whether it changed the cluster.
    pub fn is_write(self) -> bool {
        matches!(self, Self::Created | Self::Patched | Self::Replaced | Self::Deleted)
    }
}

/// How a field differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FieldChange {
    /// Both have it, with other values.
    Set,
    /// Only the saved object has it.
    OnlySaved,
    /// Only the live object has it.
    OnlyLive,
}

/// A field in which the saved and the live object differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DifferingField {
    /// `spec.replicas`, `data['app.conf']`.
    pub field: String,
    /// How.
    pub change: FieldChange,
    /// The field manager that owns the live value, if any says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager: Option<String>,
}

/// A field that the server would not accept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldProblem {
    /// `spec.clusterIP`.
    pub field: String,
    /// The server's words.
    pub message: String,
}

/// One object of a restore, with `State` its [`Action`] or its [`Outcome`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestoredObject<State> {
    /// `deployment.apps/web`, as kubectl names it.
    pub object: String,
    /// What it is in the cluster, namespaces mapped.
    #[serde(flatten)]
    pub target: ObjectKey,
    /// The namespace it was saved from, when that is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_namespace: Option<String>,
    /// What will be done, or was.
    pub state: State,
    /// Why, in one sentence; none when it speaks for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Where the live object differs from the saved one; shortened.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<DifferingField>,
    /// Fields that were refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldProblem>,
    /// What a user should know about it: a kept finalizer, an owner that is gone, …
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}
