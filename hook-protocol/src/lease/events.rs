//! What happens to a lease, and what is to be done about it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{message::Limits, milliseconds, path::Step};

/// A connection to the runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConnectionId(pub u64);

impl ConnectionId {
    /// Of no connection: who held a lease when the runtime was killed.
    pub const NOBODY: Self = Self(u64::MAX);
}

/// What ends a freeze when nobody thaws, as the hook describes itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expiry {
    /// It ends with the session that made it.
    SessionBound,
    /// It ends by a timer inside the application.
    SelfExpiring,
    /// It outlives everybody.
    #[default]
    WithoutExpiry,
}

/// A point in time, as the duration since the runtime began. It never goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub Duration);

impl Moment {
    /// The moment this much later.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }

    /// How long it is to a later one.
    pub fn until(self, later: Self) -> Duration {
        later.0.saturating_sub(self.0)
    }
}

/// Something happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A lease is asked for.
    Prepare {
        /// By whom.
        from: ConnectionId,
        /// For what.
        restore_point: String,
        /// For how long.
        limits: Limits,
    },
    /// A further step is asked for. `prepare` is not one of them.
    Step {
        /// By whom.
        from: ConnectionId,
        /// Which.
        step: Step,
    },
    /// A sign of life.
    Heard {
        /// Of whom.
        from: ConnectionId,
    },
    /// A connection is gone.
    Lost {
        /// Which.
        connection: ConnectionId,
    },
    /// The runtime begins, and the one before it was killed while it held a freeze that outlives everybody.
    Left {
        /// For what it was held.
        restore_point: String,
    },
    /// The moment of [`Lease::wake`](super::Lease::wake) has come.
    Time,
    /// The runtime is told to stop.
    Stop,
    /// A call of the hook ended.
    Ended {
        /// Which.
        call: Call,
        /// How.
        outcome: Outcome,
    },
}

/// A call of the hook. At most one is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Call {
    /// In a new instance.
    Prepare,
    /// In the same.
    Freeze,
    /// In the same.
    Check,
    /// In the same: the session that froze.
    Thaw,
    /// In a new instance, because the first is gone or could not.
    ThawAnew,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Well, in this session.
    Done {
        /// Its identity, if the hook has one.
        session: Option<String>,
    },
    /// The hook said that it failed. Its instance lives.
    Failed,
    /// It trapped, went beyond a limit, or was interrupted. Its instance is gone.
    Broke,
}

/// Something is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Call the hook.
    Call(Call),
    /// Give the call under way a moment more, then end it as [`Outcome::Broke`].
    Hurry,
    /// Drop the instance, and its sessions with it.
    Discard,
    /// Answer the request of this connection.
    Reply {
        /// Who asked.
        to: ConnectionId,
        /// What is said.
        reply: Reply,
    },
}

/// What is said to one who asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// The step is done, and the lease holds.
    Done,
    /// Thawed as asked, the lease unbroken until then.
    Thawed(Ending),
    /// The lease broke.
    Broken(Ending),
    /// The hook failed at this step.
    Failed,
    /// Nothing is done.
    Refused(Refusal),
}

/// Why nothing is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// Somebody holds it.
    Busy,
    /// This connection holds nothing.
    NotHeld,
    /// The step does not follow from the one before.
    OutOfOrder,
    /// The runtime is about to end.
    Stopping,
    /// A thaw has not succeeded yet; it is tried again and again.
    Stuck,
}

/// Why a lease broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// Its connection is gone.
    ConnectionLost,
    /// Its connection is there, but nothing was heard for too long.
    Silence,
    /// Its time is over.
    Deadline,
    /// The runtime was told to stop.
    Stopped,
    /// The hook said that a step failed, as a check that finds nothing held.
    HookFailed,
    /// The hook trapped, went beyond a limit, or did not end in time.
    HookBroke,
    /// What is held now is another session than the one that froze.
    SessionChanged,
    /// The thaw failed in the session that froze.
    ThawFailed,
    /// The runtime was killed, and found the freeze when it began again.
    RuntimeKilled,
}

impl Cause {
    /// As messages have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::ConnectionLost => "connection-lost",
            Self::Silence => "silence",
            Self::Deadline => "deadline",
            Self::Stopped => "stopped",
            Self::HookFailed => "hook-failed",
            Self::HookBroke => "hook-broke",
            Self::SessionChanged => "session-changed",
            Self::ThawFailed => "thaw-failed",
            Self::RuntimeKilled => "runtime-killed",
        }
    }
}

/// How a lease ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ending {
    /// What it was held for.
    pub restore_point: String,
    /// What broke it; nothing did when it was thawed as asked, in the same session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken: Option<Cause>,
    /// Whether a thaw succeeded. If not, it is tried again.
    pub thawed: bool,
    /// From the begin of the freeze to the end of the thaw, or to now.
    #[serde(rename = "frozenMs", with = "milliseconds")]
    pub frozen: Duration,
}

/// Where a lease is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Nobody holds it.
    Free,
    /// The hook prepares.
    Preparing,
    /// Ready to freeze.
    Prepared,
    /// The hook freezes.
    Freezing,
    /// Frozen.
    Frozen,
    /// Frozen, and the hook proves it.
    Checking,
    /// The hook thaws.
    Thawing,
    /// No thaw succeeded so far.
    Stuck,
}
