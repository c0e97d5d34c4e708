//! What requests and answers carry, and how they are read: bounded, because the other side may be anybody.

use std::time::Duration;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    lease::{Ending, Refusal},
    milliseconds,
    receipt::{Fact, Oversized, Receipt, bounded_facts},
};

/// Bytes of a request. One with as many volumes as a pod can have is some kilobytes.
pub const LARGEST_REQUEST: usize = 64 * 1024;
/// Bytes of a request after a restore: the facts of a receipt at their bounds, in base64.
pub const LARGEST_RESTORED: usize = 512 * 1024;
/// Bytes of an answer: a receipt at its bounds, in base64, with escapes, and room for its frame.
pub const LARGEST_ANSWER: usize = 2 * 1024 * 1024;
/// Bytes of a name that comes from Kubernetes.
const LONGEST_NAME: usize = 253;
/// Volumes in one request.
const MOST_VOLUMES: usize = 256;

/// What a lease is for, and how long it may last. The body of `prepare`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Terms {
    /// Id of the restore point that is being made.
    pub restore_point: String,
    /// The pod whose hook is asked.
    pub pod: Pod,
    /// The volumes that will be copied.
    #[serde(default)]
    pub volumes: Vec<Volume>,
    /// How they will be cut.
    pub cut: Cut,
    /// How long it may last.
    #[serde(default)]
    pub limits: Limits,
}

/// What came back, and what the thaw wrote down about it. The body of `recover` and `verify`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Restored {
    /// Id of the restore point that was restored.
    pub restore_point: String,
    /// The pod whose hook is asked.
    pub pod: Pod,
    /// The volumes that came back.
    #[serde(default)]
    pub volumes: Vec<Volume>,
    /// How they had been cut.
    pub cut: Cut,
    /// The facts of the receipt of the thaw.
    #[serde(default)]
    pub facts: Vec<Fact>,
    /// How long it may take.
    #[serde(rename = "budgetMs", with = "milliseconds", default = "restored_budget")]
    pub budget: Duration,
}

/// As long as a preparation may take.
fn restored_budget() -> Duration {
    Limits::default().prepare
}

/// Identity of a pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pod {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
}

/// A volume of the pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Volume {
    /// Name in the pod's spec.
    pub name: String,
    /// The claim behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<String>,
}

/// How volumes are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cut {
    /// One volume, at one instant.
    Atomic,
    /// Several, at one instant.
    Group,
    /// Several, each at its own.
    Apart,
    /// Read while they may be written.
    LiveCopy,
}

/// How long the parts of a lease may last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Limits {
    /// From the begin of `prepare` to the begin of `freeze`.
    #[serde(rename = "prepareMs", with = "milliseconds")]
    pub prepare: Duration,
    /// From the begin of `freeze` to the begin of `thaw`.
    #[serde(rename = "freezeMs", with = "milliseconds")]
    pub freeze: Duration,
    /// Between two requests of the holder, while none is under way.
    #[serde(rename = "silenceMs", with = "milliseconds")]
    pub silence: Duration,
}

/// Ten minutes for a checkpoint, 30 s for the cut, and 10 s without a sign of life: two lost heartbeats of 3 s do not
/// end a lease, and a client that is gone behind a connection that stays open does.
impl Default for Limits {
    fn default() -> Self {
        Self {
            prepare: Duration::from_mins(10),
            freeze: Duration::from_secs(30),
            silence: Duration::from_secs(10),
        }
    }
}

impl Limits {
    /// The most that anybody may ask for: beyond it the freeze itself is the outage.
    pub const MOST: Self = Self {
        prepare: Duration::from_hours(1),
        freeze: Duration::from_mins(10),
        silence: Duration::from_mins(1),
    };

    fn within(self) -> bool {
        let fits = |asked: Duration, most: Duration| !asked.is_zero() && asked <= most;
        fits(self.prepare, Self::MOST.prepare)
            && fits(self.freeze, Self::MOST.freeze)
            && fits(self.silence, Self::MOST.silence)
    }
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub enum Answer {
    /// The step is done, and the lease holds.
    Done {
        /// What it achieved.
        receipt: Receipt,
    },
    /// Thawed, in the session that froze, with the lease unbroken until then.
    Thawed {
        /// What the thaw said; none when it was done before and is asked for again.
        receipt: Option<Receipt>,
        /// How the lease ended.
        ending: Ending,
    },
    /// The lease ended, or lost its worth, before this request. What was cut meanwhile is not consistent.
    Broken {
        /// How it ended.
        ending: Ending,
    },
    /// The hook failed. What it had done is being undone.
    Failed {
        /// In its words.
        failure: Failure,
    },
    /// Nothing was done.
    Refused {
        /// Why.
        reason: Refusal,
    },
    /// Heard. The answer to a heartbeat.
    Heard,
    /// The request could not be read, or asks what there is not.
    Malformed {
        /// What is wrong.
        message: String,
    },
}

/// Why a hook failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What can be done about it.
    pub kind: FailureKind,
    /// In the words of the hook, or of the runtime that ended it.
    pub message: String,
}

/// Kinds of failure that a caller can act on; those of the WIT package, and one of the runtime's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// A setting or a secret is missing or wrong.
    Configuration,
    /// Nobody answers.
    Unreachable,
    /// The credentials are not accepted.
    Authentication,
    /// A privilege or a grant is missing.
    Denied,
    /// This version or set-up cannot do it.
    Unsupported,
    /// Somebody else holds it.
    Busy,
    /// The freeze is no longer held.
    NotHeld,
    /// The budget is used up.
    TimedOut,
    /// All else.
    Failed,
    /// The hook trapped, went beyond a limit, or did not end in time, and its instance is gone.
    Broke,
}

/// The state of a runtime.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuntimeStatus {
    /// Version of the program.
    pub version: String,
    /// Its hooks, by name.
    pub hooks: Vec<HookStatus>,
}

/// The state of a hook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HookStatus {
    /// Its name in the runtime's configuration.
    pub name: String,
    /// What it says of itself: name and version.
    pub component: String,
    /// What it freezes, in its words.
    pub freezes: String,
    /// What ends its freeze when nobody does.
    pub expiry: crate::lease::Expiry,
    /// What the configuration grants it.
    #[serde(default)]
    pub grants: Grants,
    /// Where its lease is.
    pub state: crate::lease::Stage,
    /// The restore point that it is held for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_for: Option<String>,
    /// How the last lease ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Ending>,
}

/// What the configuration grants a hook, by name: values of secrets and paths stay in the pod.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Grants {
    /// Addresses that it may connect to.
    pub connect: Vec<String>,
    /// Secrets that it may read.
    pub secrets: Vec<String>,
    /// Mounts that it may have frozen.
    pub mounts: Vec<String>,
    /// Folders that it may read and write after a restore.
    pub folders: Vec<String>,
    /// MiB of memory that it may use.
    #[serde(rename = "memoryMiB")]
    pub memory: u32,
}

/// Why a message cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum Malformed {
    /// More bytes than a message has.
    #[error("the message has {0} bytes, more than {1}")]
    Large(usize, usize),
    /// Not the JSON of this message.
    #[error("the message is not what it should be")]
    Json(#[source] serde_json::Error),
    /// A name that Kubernetes would not give, or none.
    #[error("`{0}` is empty, longer than {LONGEST_NAME} bytes, or has control characters")]
    Name(&'static str),
    /// Too many volumes.
    #[error("the request names more than {MOST_VOLUMES} volumes")]
    Volumes,
    /// A limit of zero, or beyond the most.
    #[error("a limit is zero or beyond the most that may be asked: {0:?}")]
    Limits(Limits),
    /// A budget of zero, or beyond the most.
    #[error("the budget is zero or beyond the most that may be asked: {0:?}")]
    Budget(Duration),
    /// A receipt that is too large.
    #[error("the receipt is too large")]
    Receipt(#[source] Oversized),
}

/// Reads the body of `prepare`.
pub fn parse_terms(body: &[u8]) -> Result<Terms, Malformed> {
    let terms: Terms = parse(body, LARGEST_REQUEST)?;
    are_plain(&terms.restore_point, &terms.pod, &terms.volumes)?;
    if terms.limits.within() { Ok(terms) } else { Err(Malformed::Limits(terms.limits)) }
}

/// Reads the body of `recover` and `verify`.
pub fn parse_restored(body: &[u8]) -> Result<Restored, Malformed> {
    let restored: Restored = parse(body, LARGEST_RESTORED)?;
    are_plain(&restored.restore_point, &restored.pod, &restored.volumes)?;
    bounded_facts(&restored.facts).map_err(Malformed::Receipt)?;
    if restored.budget.is_zero() || restored.budget > Limits::MOST.prepare {
        return Err(Malformed::Budget(restored.budget));
    }
    Ok(restored)
}

/// Reads an answer.
pub fn parse_answer(body: &[u8]) -> Result<Answer, Malformed> {
    let answer = parse(body, LARGEST_ANSWER)?;
    if let Answer::Done { receipt } | Answer::Thawed { receipt: Some(receipt), .. } = &answer {
        receipt.clone().bounded().map_err(Malformed::Receipt)?;
    }
    Ok(answer)
}

/// Reads the answer of `GET /v1`.
pub fn parse_status(body: &[u8]) -> Result<RuntimeStatus, Malformed> {
    parse(body, LARGEST_ANSWER)
}

fn parse<T: DeserializeOwned>(body: &[u8], most: usize) -> Result<T, Malformed> {
    if body.len() > most {
        return Err(Malformed::Large(body.len(), most));
    }
    serde_json::from_slice(body).map_err(Malformed::Json)
}

fn are_plain(restore_point: &str, pod: &Pod, volumes: &[Volume]) -> Result<(), Malformed> {
    let names = [
        ("restorePoint", restore_point),
        ("pod.namespace", &pod.namespace),
        ("pod.name", &pod.name),
        ("pod.uid", &pod.uid),
    ];
    let of_volumes = volumes.iter().flat_map(|volume| {
        let names = [Some(volume.name.as_str()), volume.claim.as_deref()];
        names.into_iter().flatten().map(|name| ("volumes", name))
    });
    if let Some((field, _)) = names.into_iter().chain(of_volumes).find(|(_, name)| !is_plain(name)) {
        return Err(Malformed::Name(field));
    }
    if volumes.len() > MOST_VOLUMES { Err(Malformed::Volumes) } else { Ok(()) }
}

/// Names end in logs and in SQL comments: what Kubernetes would not give is not taken.
fn is_plain(name: &str) -> bool {
    (1..=LONGEST_NAME).contains(&name.len()) && !name.chars().any(char::is_control)
}
