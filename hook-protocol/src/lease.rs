//! The lease: how a freeze is held, and how it ends.
//!
//! One lease at a time per hook. It begins with `prepare`, belongs to one connection, and ends by a thaw: asked for by
//! its holder, or forced, because the connection or its sign of life is lost, a deadline is reached, the runtime is told
//! to stop, or the hook failed. How it ended is remembered and told, so that nobody takes a broken freeze for a whole one.
//!
//! [`Lease::on`] is all there is: an event and the time in, actions out. It neither waits nor calls; the runtime does
//! what the actions say and reports with further events. The law, which a property test holds against every order of
//! events: a hook that was told to freeze ends thawed, or is told as not thawed and tried again.

mod events;
mod held;

use std::time::Duration;

pub use events::{
    Action, Call, Cause, ConnectionId, Ending, Event, Expiry, Moment, Outcome, Refusal, Reply, Stage,
};
use held::Held;

use crate::{message::Limits, path::Step};

/// The lease of one hook.
#[derive(Debug, Default)]
pub struct Lease {
    expiry: Expiry,
    held: Option<Held>,
    /// Who held the last one: it alone may ask again for what it missed.
    last_holder: Option<ConnectionId>,
    last: Option<Ending>,
    stopping: bool,
}

impl Lease {
    /// Of a hook whose freezes end in this way.
    pub fn of(expiry: Expiry) -> Self {
        Self { expiry, ..Self::default() }
    }

    /// What is to be done, now that this happened.
    pub fn on(&mut self, event: Event, now: Moment) -> Vec<Action> {
        let mut actions = Vec::new();
        match event {
            Event::Prepare { from, restore_point, limits } => {
                self.prepare(from, restore_point, limits, now, &mut actions);
            }
            Event::Step { from, step } => self.step(from, step, now, &mut actions),
            Event::Heard { from } => {
                if let Some(held) = self.held.as_mut().filter(|held| held.holder == from) {
                    held.heard = now;
                }
            }
            Event::Lost { connection } => {
                if let Some(held) = &mut self.held {
                    held.lose(connection, &mut actions);
                }
            }
            Event::Left { restore_point } => {
                if self.held.is_none() {
                    self.held = Some(Held::left(restore_point, now));
                    actions.push(Action::Call(Call::ThawAnew));
                }
            }
            Event::Time => {
                if let Some(held) = &mut self.held {
                    held.look_at_the_time(now, &mut actions);
                }
            }
            Event::Stop => {
                self.stopping = true;
                if let Some(held) = &mut self.held {
                    held.break_off(Cause::Stopped, &mut actions);
                }
            }
            Event::Ended { call, outcome } => self.ended(call, outcome, now, &mut actions),
        }
        actions
    }

    /// Where it is.
    pub fn stage(&self) -> Stage {
        self.held.as_ref().map_or(Stage::Free, Held::stage)
    }

    /// The restore point that it is held for.
    pub fn held_for(&self) -> Option<&str> {
        self.held.as_ref().map(|held| held.restore_point.as_str())
    }

    /// How the last lease ended; also that of one whose thaw has not succeeded yet.
    pub fn last(&self) -> Option<&Ending> {
        self.last.as_ref()
    }

    /// When [`Event::Time`] is due.
    pub fn wake(&self) -> Option<Moment> {
        self.held.as_ref().and_then(Held::wake)
    }

    /// How much of its time is left for the step under way.
    pub fn left(&self, now: Moment) -> Option<Duration> {
        self.held.as_ref().map(|held| now.until(held.deadline))
    }

    fn prepare(
        &mut self,
        from: ConnectionId,
        restore_point: String,
        limits: Limits,
        now: Moment,
        actions: &mut Vec<Action>,
    ) {
        let refusal = match &mut self.held {
            Some(held) => {
                held.heard_from(from, now);
                if held.stage() == Stage::Stuck { Refusal::Stuck } else { Refusal::Busy }
            }
            None if self.stopping => Refusal::Stopping,
            None => {
                self.held = Some(Held::new(from, restore_point, limits, now));
                actions.push(Action::Call(Call::Prepare));
                return;
            }
        };
        actions.push(Action::Reply { to: from, reply: Reply::Refused(refusal) });
    }

    fn step(&mut self, from: ConnectionId, step: Step, now: Moment, actions: &mut Vec<Action>) {
        let reply = match &mut self.held {
            Some(held) => held.ask(from, step, now, actions),
            None => Some(self.past(from, step)),
        };
        actions.extend(reply.map(|reply| Action::Reply { to: from, reply }));
    }

    /// What is said to one who asks when nothing is held any more.
    fn past(&self, from: ConnectionId, step: Step) -> Reply {
        match &self.last {
            Some(ending) if self.last_holder == Some(from) => match ending.broken {
                Some(_) => Reply::Broken(ending.clone()),
                None if step == Step::Thaw => Reply::Thawed(ending.clone()),
                None => Reply::Refused(Refusal::NotHeld),
            },
            _ => Reply::Refused(Refusal::NotHeld),
        }
    }

    fn ended(&mut self, call: Call, outcome: Outcome, now: Moment, actions: &mut Vec<Action>) {
        // An answer to a call that is not under way would be a fault of the runtime; it changes nothing.
        let Some(held) = self.held.as_mut().filter(|held| held.under_way == Some(call)) else { return };
        held.under_way = None;
        held.heard = now;
        match call {
            Call::Prepare | Call::Freeze | Call::Check => held.step_ended(call, outcome, now, actions),
            Call::Thaw | Call::ThawAnew => {
                let Some(ending) = held.thaw_ended(self.expiry, call, outcome, now, actions) else { return };
                self.last_holder = Some(held.holder);
                if ending.thawed {
                    self.held = None;
                }
                self.last = Some(ending);
            }
        }
    }
}
