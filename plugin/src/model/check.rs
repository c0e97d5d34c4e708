//! What a check of a repository found.

use serde::{Deserialize, Serialize};

use super::restore_point::RestorePointId;

/// How much a check reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CheckDepth {
    /// Keys, index, restore points, folders; that every file is there with the right size.
    Structure,
    /// Every byte too: checksums of all files, and every object parsed and counted.
    Data,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    /// Something is lost or unreadable.
    Damage,
    /// Nothing is lost: left over from an interrupted run, for example.
    Note,
}

/// One thing a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What was found, in one sentence.
    pub message: String,
    /// The restore points that suffer from it, as far as known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restore_points: Vec<RestorePointId>,
    /// What of them cannot be read: `shop/deployments.apps from api to before web` names a range of objects.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub affected: Vec<String>,
}

/// The result of a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckReport {
    /// How much was read.
    pub depth: CheckDepth,
    /// Restore points looked at.
    pub restore_points: u64,
    /// Objects read and counted over all restore points; 0 when only the structure was checked.
    pub objects: u64,
    /// What was found; damage first.
    pub findings: Vec<Finding>,
}

impl CheckReport {
    /// Whether anything is lost or unreadable.
    pub fn is_damaged(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Damage)
    }
}
