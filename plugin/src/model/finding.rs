//! What `doctor` found.

use serde::Serialize;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// Works, and may not for long or not for all.
    Warning,
    /// Keeps a backup or restore from working.
    Problem,
}

/// One thing looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What was looked at: `cluster`, `permissions`, …
    pub check: &'static str,
    /// How bad.
    pub level: Level,
    /// What was found, in one line.
    pub message: String,
    /// The next thing to do; empty when all is well.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub remedy: String,
}

impl Finding {
    /// As it should be.
    pub fn ok(check: &'static str, message: impl Into<String>) -> Self {
        Self { check, level: Level::Ok, message: message.into(), remedy: String::new() }
    }

    /// Not as it should be.
    pub fn new(
        check: &'static str,
        level: Level,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { check, level, message: message.into(), remedy: remedy.into() }
    }
}
