//! What a restore will do with each object, and what came of it; for `plan` and `commands` to fill and `report` to show.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::object::ObjectKey;

/// Who owns the fields that a restore sets.
pub const FIELD_MANAGER: &str = "kubectl-backup";

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
    /// It is there and will be deleted.
    Delete,
    /// An object of its name is there and differs; it will be made beside it, under another name.
    Rename,
    /// It is there and is the same.
    Unchanged,
    /// It is there and differs; the conflict policy leaves it.
    Skip,
    /// It is there and differs; a person will be asked.
    Ask,
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
        matches!(self, Self::Create | Self::Patch | Self::Replace | Self::Rename | Self::Delete)
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
    /// Deleted.
    Deleted,
    /// Made beside the original, under another name.
    Renamed,
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
        matches!(self, Self::Created | Self::Patched | Self::Replaced | Self::Renamed | Self::Deleted)
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

/// Who decided what becomes of an object that exists and differs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "camelCase")]
pub enum DecidedBy {
    /// Nobody: it is the default.
    #[default]
    Default,
    /// The option `--on-conflict`.
    CommandLine,
    /// A person who was asked.
    Answer,
    /// A rule of a rules file.
    Rule {
        /// Its number in the file, from 1.
        number: usize,
        /// The name the user gave it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// The file.
        file: String,
        /// Why, in the user's words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
}

/// A rule by its number, and by its name if it has one.
impl fmt::Display for DecidedBy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => formatter.write_str("the default"),
            Self::CommandLine => formatter.write_str("--on-conflict"),
            Self::Answer => formatter.write_str("your answer"),
            Self::Rule { number, name: None, .. } => write!(formatter, "rule {number}"),
            Self::Rule { number, name: Some(name), .. } => write!(formatter, "rule {number} `{name}`"),
        }
    }
}

/// A rule that does not speak of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PassedOver {
    /// Which.
    pub rule: DecidedBy,
    /// What in it does not fit.
    pub because: String,
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
    /// The field manager that owned the saved value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saved_manager: Option<String>,
    /// The patch leaves it as it is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stays: bool,
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
    /// Who decided, if the live object differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<DecidedBy>,
    /// With `--explain`: the rules before the deciding one, and why they do not speak of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passed_over: Vec<PassedOver>,
    /// Where the live object differs from the saved one; shortened.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<DifferingField>,
    /// How many differing fields there are besides those.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more_differences: usize,
    /// Fields that were refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldProblem>,
    /// What a user should know about it: a kept finalizer, an owner that is gone, …
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl<State> RestoredObject<State> {
    /// With nothing said of it yet.
    pub fn new(object: String, target: ObjectKey, state: State) -> Self {
        Self {
            object,
            target,
            from_namespace: None,
            state,
            reason: None,
            decided_by: None,
            passed_over: Vec::new(),
            differences: Vec::new(),
            more_differences: 0,
            fields: Vec::new(),
            notes: Vec::new(),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}
