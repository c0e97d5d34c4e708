//! What hooks did for a restore point, as its manifest keeps it.
//!
//! Part of the manifest, so its rules hold: fields are only added. The receipts are those of the hook protocol.

use hook_protocol::receipt::{Consistency, Fact, Need};
use serde::{Deserialize, Serialize};

/// What happens when a hook cannot freeze, or a freeze does not hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum HookPolicy {
    /// Everything thaws and nothing is saved.
    #[default]
    Require,
    /// Everything thaws, and the restore point is saved as crash-consistent.
    Prefer,
    /// Hooks are not looked for.
    Off,
}

/// A group freeze. Durations are in milliseconds, by the clock of the one who asked, except where said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FreezeRecord {
    /// What the copy is worth: the least that any hook vouches for; `crash` when the freeze did not hold.
    pub consistency: Consistency,
    /// Why it did not hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// The namespaces whose objects were read while all was frozen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<String>,
    /// How long it was allowed to take.
    pub budget_ms: u64,
    /// From the first freeze asked for to the last thaw answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen_ms: Option<u64>,
    /// How long the cut between the two checks took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_ms: Option<u64>,
    /// Each hook, in the order in which they froze.
    pub hooks: Vec<HookRecord>,
}

/// What one hook did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HookRecord {
    /// Namespace of its pod.
    pub namespace: String,
    /// Its pod.
    pub pod: String,
    /// The pod's uid.
    pub pod_uid: String,
    /// Its name in the configuration of the runtime.
    pub hook: String,
    /// Name and version of the component.
    pub component: String,
    /// Its place: lower ones freeze first and thaw last.
    pub order: u32,
    /// The steps that were answered, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepRecord>,
    /// How it ended.
    pub end: HookEnd,
    /// What broke its lease, in the word of the protocol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken: Option<String>,
    /// What went wrong, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// From its freeze to its thaw, by the clock of the runtime.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen_ms: Option<u64>,
    /// The session that froze and thawed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// What it vouches for; nothing if its freeze did not hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consistency: Option<Consistency>,
    /// What is worth keeping: positions, labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<Fact>,
    /// What a restore must do, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<Need>,
}

/// A step and how long its answer took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepRecord {
    /// `prepare`, `freeze`, `check` or `thaw`.
    pub step: String,
    /// From the request to the answer.
    pub ms: u64,
}

/// How a hook's lease ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HookEnd {
    /// It was not begun.
    NotBegun,
    /// Thawed as asked, in the session that froze.
    Thawed,
    /// Thawed, but not as asked: the lease broke before.
    Broken,
    /// No thaw has succeeded. The runtime keeps trying.
    Stuck,
    /// Nobody could be asked. The lease of the runtime thaws by itself.
    Unknown,
}

impl HookEnd {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::NotBegun => "not begun",
            Self::Thawed => "thawed",
            Self::Broken => "thawed by itself",
            Self::Stuck => "NOT THAWED",
            Self::Unknown => "not known",
        }
    }
}
