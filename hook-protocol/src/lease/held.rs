//! A lease that somebody holds, or that is being ended.

use std::time::Duration;

use super::events::{
    Action, Call, Cause, ConnectionId, Ending, Expiry, Moment, Outcome, Refusal, Reply, Stage,
};
use crate::{message::Limits, path::Step};

/// Failed thaws until the hook counts as stuck: one in the session that froze, and two in new instances.
const THAWS_UNTIL_STUCK: u32 = 3;
/// Between the thaws of a stuck hook: often enough for a database that restarts, seldom enough for its log.
const RETRY: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Held {
    pub(super) holder: ConnectionId,
    pub(super) restore_point: String,
    pub(super) heard: Moment,
    pub(super) deadline: Moment,
    pub(super) under_way: Option<Call>,
    limits: Limits,
    progress: Progress,
    /// Set when the hook is told to freeze: from then on it counts as frozen, whatever it answers.
    frozen_since: Option<Moment>,
    session: Option<String>,
    /// Who awaits an answer.
    asked: Option<ConnectionId>,
    broken: Option<Cause>,
    failed_thaws: u32,
    retry: Option<Moment>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Opening,
    Prepared,
    Frozen,
}

impl Held {
    pub(super) fn new(holder: ConnectionId, restore_point: String, limits: Limits, now: Moment) -> Self {
        Self {
            holder,
            restore_point,
            heard: now,
            deadline: now.after(limits.prepare),
            under_way: Some(Call::Prepare),
            limits,
            progress: Progress::Opening,
            frozen_since: None,
            session: None,
            asked: Some(holder),
            broken: None,
            failed_thaws: 0,
            retry: None,
        }
    }

    /// What a runtime that was killed left frozen. Its thaw is under way.
    pub(super) fn left(restore_point: String, now: Moment) -> Self {
        Self {
            under_way: Some(Call::ThawAnew),
            progress: Progress::Frozen,
            frozen_since: Some(now),
            asked: None,
            broken: Some(Cause::RuntimeKilled),
            ..Self::new(ConnectionId::NOBODY, restore_point, Limits::default(), now)
        }
    }

    pub(super) fn stage(&self) -> Stage {
        match self.under_way {
            _ if self.failed_thaws >= THAWS_UNTIL_STUCK => Stage::Stuck,
            Some(Call::Prepare) => Stage::Preparing,
            Some(Call::Freeze) => Stage::Freezing,
            Some(Call::Check) => Stage::Checking,
            Some(Call::Thaw | Call::ThawAnew) => Stage::Thawing,
            None if self.progress == Progress::Frozen => Stage::Frozen,
            None => Stage::Prepared,
        }
    }

    /// While a thaw is under way no clock runs for the holder: the runtime bounds that call.
    pub(super) fn wake(&self) -> Option<Moment> {
        if self.ends() {
            return self.retry;
        }
        Some(match self.under_way {
            Some(_) => self.deadline,
            None => self.deadline.min(self.heard.after(self.limits.silence)),
        })
    }

    pub(super) fn heard_from(&mut self, from: ConnectionId, now: Moment) {
        if self.holder == from {
            self.heard = now;
        }
    }

    /// A step is asked for: the answer, or none when it comes later.
    pub(super) fn ask(
        &mut self,
        from: ConnectionId,
        step: Step,
        now: Moment,
        actions: &mut Vec<Action>,
    ) -> Option<Reply> {
        self.heard_from(from, now);
        if self.stage() == Stage::Stuck {
            return self.ask_stuck(from, step, actions);
        }
        if self.holder != from {
            return Some(Reply::Refused(Refusal::NotHeld));
        }
        if self.asked.is_some() {
            return Some(Reply::Refused(Refusal::Busy));
        }
        if self.broken.is_none() {
            // The time may be over with nobody having looked yet.
            self.look_at_the_time(now, actions);
        }
        if self.ends() {
            // The answer comes with the end.
            self.asked = Some(from);
            return None;
        }
        let call = match (step, self.progress) {
            (Step::Freeze, Progress::Prepared) => {
                self.frozen_since = Some(now);
                self.deadline = now.after(self.limits.freeze);
                Call::Freeze
            }
            (Step::Check, Progress::Frozen) => Call::Check,
            (Step::Thaw, _) => Call::Thaw,
            _ => return Some(Reply::Refused(Refusal::OutOfOrder)),
        };
        self.asked = Some(from);
        self.call(call, actions);
        None
    }

    /// Anybody may ask a stuck hook to thaw: its holder may be long gone.
    fn ask_stuck(&mut self, from: ConnectionId, step: Step, actions: &mut Vec<Action>) -> Option<Reply> {
        if step != Step::Thaw {
            return Some(Reply::Refused(Refusal::Stuck));
        }
        if self.asked.is_some() {
            return Some(Reply::Refused(Refusal::Busy));
        }
        self.asked = Some(from);
        if self.under_way.is_none() {
            self.call(Call::ThawAnew, actions);
        }
        None
    }

    pub(super) fn lose(&mut self, connection: ConnectionId, actions: &mut Vec<Action>) {
        if self.asked == Some(connection) {
            self.asked = None;
        }
        if self.holder == connection {
            self.break_off(Cause::ConnectionLost, actions);
        }
    }

    pub(super) fn look_at_the_time(&mut self, now: Moment, actions: &mut Vec<Action>) {
        if self.ends() {
            if self.under_way.is_none() && self.retry.is_some_and(|retry| retry <= now) {
                self.call(Call::ThawAnew, actions);
            }
        } else if self.deadline <= now {
            self.break_off(Cause::Deadline, actions);
        } else if self.under_way.is_none() && self.heard.after(self.limits.silence) <= now {
            self.break_off(Cause::Silence, actions);
        }
    }

    /// Ends the lease by force. One that ends already ends as it is.
    pub(super) fn break_off(&mut self, cause: Cause, actions: &mut Vec<Action>) {
        if self.ends() {
            return;
        }
        self.broken = Some(cause);
        match self.under_way {
            Some(_) => actions.push(Action::Hurry),
            None => self.call(Call::Thaw, actions),
        }
    }

    pub(super) fn step_ended(
        &mut self,
        call: Call,
        outcome: Outcome,
        now: Moment,
        actions: &mut Vec<Action>,
    ) {
        let thaw = match outcome {
            Outcome::Done { session } => {
                let changed = call == Call::Check && session != self.session;
                match call {
                    Call::Freeze => {
                        self.progress = Progress::Frozen;
                        self.session = session;
                    }
                    Call::Prepare => self.progress = Progress::Prepared,
                    _ => {}
                }
                // Done too late is not done.
                if self.deadline <= now {
                    self.broken.get_or_insert(Cause::Deadline);
                }
                if changed {
                    self.broken.get_or_insert(Cause::SessionChanged);
                }
                if self.broken.is_none() {
                    self.reply(Reply::Done, actions);
                    return;
                }
                Call::Thaw
            }
            Outcome::Failed => {
                self.fail(Cause::HookFailed, actions);
                Call::Thaw
            }
            Outcome::Broke => {
                self.fail(Cause::HookBroke, actions);
                actions.push(Action::Discard);
                Call::ThawAnew
            }
        };
        self.call(thaw, actions);
    }

    /// The end of the lease, when this thaw was one or made the hook count as stuck.
    pub(super) fn thaw_ended(
        &mut self,
        expiry: Expiry,
        call: Call,
        outcome: Outcome,
        now: Moment,
        actions: &mut Vec<Action>,
    ) -> Option<Ending> {
        actions.push(Action::Discard);
        let thawed = match outcome {
            Outcome::Done { session } => {
                if call == Call::Thaw && self.progress == Progress::Frozen && session != self.session {
                    self.broken.get_or_insert(Cause::SessionChanged);
                }
                true
            }
            Outcome::Failed | Outcome::Broke => {
                self.broken.get_or_insert(Cause::ThawFailed);
                self.failed_thaws = self.failed_thaws.saturating_add(1);
                if self.failed_thaws < THAWS_UNTIL_STUCK {
                    self.call(Call::ThawAnew, actions);
                    return None;
                }
                // What was never told to freeze is not held for ever because its undoing fails, and what was bound to
                // a session went with it when the first instance was dropped.
                let gone = self.frozen_since.is_none() || expiry == Expiry::SessionBound;
                self.retry = (!gone).then(|| now.after(RETRY));
                gone
            }
        };
        let ending = Ending {
            restore_point: self.restore_point.clone(),
            broken: self.broken,
            thawed,
            frozen: self.frozen_since.map_or(Duration::ZERO, |since| since.until(now)),
        };
        let reply = if ending.broken.is_some() { Reply::Broken } else { Reply::Thawed };
        self.reply(reply(ending.clone()), actions);
        Some(ending)
    }

    fn fail(&mut self, cause: Cause, actions: &mut Vec<Action>) {
        // One that was broken before hears of that at its end.
        if self.broken.is_none() {
            self.broken = Some(cause);
            self.reply(Reply::Failed, actions);
        }
    }

    fn ends(&self) -> bool {
        self.broken.is_some() || matches!(self.under_way, Some(Call::Thaw | Call::ThawAnew))
    }

    fn call(&mut self, call: Call, actions: &mut Vec<Action>) {
        self.under_way = Some(call);
        actions.push(Action::Call(call));
    }

    fn reply(&mut self, reply: Reply, actions: &mut Vec<Action>) {
        actions.extend(self.asked.take().map(|to| Action::Reply { to, reply }));
    }
}
