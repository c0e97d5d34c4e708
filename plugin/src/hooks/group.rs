//! The freeze of a group: which hook is asked what, and when everything thaws. Pure, like the lease: events and the time
//! in, actions out.
//!
//! All prepare at once. Then they freeze rank by rank, those of one rank at once. All are checked, the cut is made, all
//! are checked again, and they thaw rank by rank in reverse. Whatever fails on the way, the first failure is kept, what is
//! under way is cut short, and everything thaws. The law, tested against random orders of events: at the end no member
//! is held, and a group without failure froze, was checked twice, and thawed every member as asked.

#[cfg(test)]
mod tests;

use std::time::Duration;

use hook_protocol::{
    lease::Ending,
    message::Answer,
    path::Step,
    receipt::{Consistency, Receipt},
};

use super::words;

/// What is kept of the budget for the last check and the thaw is a tenth of it, but not more than this.
const LARGEST_RESERVE: Duration = Duration::from_secs(2);

/// Nor less than this, as long as that is not more than half the budget: the way through the API server takes its
/// time however small the budget.
const LEAST_RESERVE: Duration = Duration::from_millis(500);

fn reserve(budget: Duration) -> Duration {
    (budget / 10).clamp(LEAST_RESERVE, LARGEST_RESERVE).min(budget / 2)
}

/// Something happened.
#[derive(Debug, Clone)]
pub(super) enum Event {
    /// A member answered what it was asked.
    Answered { member: usize, answer: Answer },
    /// The connection to a member is gone.
    Lost { member: usize, reason: String },
    /// The cut is made, or failed.
    Cut(Result<(), String>),
    /// The moment of [`Group::wake`] has come.
    Time,
    /// The user wants it to end.
    Interrupted,
}

/// Something is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Ask a member.
    Call(usize, Step),
    /// Wait only a moment more for the answer that is awaited, then report the member as lost.
    Hurry(usize),
    /// Let go of the connection to a member: its runtime thaws.
    Release(usize),
    /// Make the cut.
    Cut,
    /// The cut is of no use any more.
    StopCut,
    /// Nothing is held any more.
    End,
}

/// Where the group is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Prepare,
    /// The index of the rank whose turn it is.
    Freeze(usize),
    CheckBefore,
    Cut,
    CheckAfter,
    /// The index of the rank whose turn it is.
    Thaw(usize),
    Done,
}

/// Where a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Fresh,
    Prepared,
    Frozen,
    Over,
}

/// How a member ended, as far as its own answers say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// Nothing was begun.
    NotBegun,
    /// As asked.
    Thawed(Ending),
    /// The lease broke.
    Broken(Ending),
    /// It failed, was released, or its connection was lost: the runtime knows more.
    Unknown,
}

/// A hook of the group.
#[derive(Debug)]
pub(super) struct Member {
    rank: u32,
    at: At,
    asked: Option<(Step, Duration)>,
    /// The steps that were answered, and how long each took.
    pub(super) steps: Vec<(Step, Duration)>,
    /// What `freeze` said.
    pub(super) frozen: Option<Receipt>,
    /// What `thaw` said.
    pub(super) thawed: Option<Receipt>,
    /// How it ended.
    pub(super) end: End,
    /// What went wrong with it.
    pub(super) failure: Option<String>,
}

/// Why a group failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    /// At which member, and at which step; none when it was the group's own.
    pub(super) member: Option<(usize, Option<Step>)>,
    /// In words.
    pub(super) reason: String,
}

/// The group.
#[derive(Debug)]
pub(super) struct Group {
    /// Its members, in the order they were given.
    pub(super) members: Vec<Member>,
    /// The first failure.
    pub(super) failure: Option<Failure>,
    /// From the first freeze asked for to the last thaw answered.
    pub(super) window: Option<(Duration, Duration)>,
    /// How long the cut took.
    pub(super) cut: Option<Duration>,
    ranks: Vec<u32>,
    budget: Duration,
    phase: Phase,
    cut_began: Duration,
}

impl Group {
    /// A group whose members have these ranks: lower ones freeze first.
    pub(super) fn new(ranks: &[u32], budget: Duration) -> Self {
        let mut distinct = ranks.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        let members = ranks.iter().map(|rank| Member {
            rank: *rank,
            at: At::Fresh,
            asked: None,
            steps: Vec::new(),
            frozen: None,
            thawed: None,
            end: End::NotBegun,
            failure: None,
        });
        Self {
            members: members.collect(),
            failure: None,
            window: None,
            cut: None,
            ranks: distinct,
            budget,
            phase: Phase::Prepare,
            cut_began: Duration::ZERO,
        }
    }

    /// The first actions.
    pub(super) fn begin(&mut self, now: Duration) -> Vec<Action> {
        let mut actions = Vec::new();
        for member in 0..self.members.len() {
            self.members[member].end = End::Unknown;
            self.call(member, Step::Prepare, now, &mut actions);
        }
        self.advance(now, &mut actions);
        actions
    }

    /// What is to be done, now that this happened.
    pub(super) fn on(&mut self, event: Event, now: Duration) -> Vec<Action> {
        let mut actions = Vec::new();
        match event {
            Event::Answered { member, answer } => self.answered(member, answer, now, &mut actions),
            Event::Lost { member, reason } => self.lost(member, reason, &mut actions),
            Event::Cut(result) if self.phase == Phase::Cut => {
                self.cut = Some(now.saturating_sub(self.cut_began));
                match result {
                    Ok(()) => self.check(Phase::CheckAfter, now, &mut actions),
                    Err(reason) => self.fail(None, reason, &mut actions),
                }
            }
            Event::Time if self.wake().is_some_and(|wake| wake <= now) => {
                let reason = format!(
                    "what is done while all is frozen did not end within the budget of {} s",
                    self.budget.as_secs_f32()
                );
                self.fail(None, reason, &mut actions);
            }
            Event::Interrupted if !matches!(self.phase, Phase::Thaw(_) | Phase::Done) => {
                self.fail(None, "interrupted".to_owned(), &mut actions);
            }
            Event::Cut(_) | Event::Time | Event::Interrupted => {}
        }
        self.advance(now, &mut actions);
        actions
    }

    /// When [`Event::Time`] is due: early enough that the thaw still falls into the budget.
    pub(super) fn wake(&self) -> Option<Duration> {
        let is_frozen =
            matches!(self.phase, Phase::Freeze(_) | Phase::CheckBefore | Phase::Cut | Phase::CheckAfter);
        let (began, _) = self.window.filter(|_| is_frozen)?;
        Some(began + self.budget.saturating_sub(reserve(self.budget)))
    }

    /// What a copy made in the cut is worth.
    pub(super) fn consistency(&self) -> Consistency {
        if self.failure.is_some() {
            return Consistency::Crash;
        }
        self.members.iter().filter_map(Member::consistency).min().unwrap_or(Consistency::Crash)
    }

    fn call(&mut self, member: usize, step: Step, now: Duration, actions: &mut Vec<Action>) {
        self.members[member].asked = Some((step, now));
        actions.push(Action::Call(member, step));
    }

    fn answered(&mut self, member: usize, answer: Answer, now: Duration, actions: &mut Vec<Action>) {
        let state = &mut self.members[member];
        let Some((step, since)) = state.asked.take() else { return };
        state.steps.push((step, now.saturating_sub(since)));
        match (step, answer) {
            (Step::Prepare, Answer::Done { .. }) => state.at = At::Prepared,
            (Step::Freeze, Answer::Done { receipt }) => {
                state.at = At::Frozen;
                state.frozen = Some(receipt);
            }
            (Step::Check, Answer::Done { .. }) => {}
            (Step::Thaw, Answer::Thawed { receipt, ending }) if ending.broken.is_none() && ending.thawed => {
                state.at = At::Over;
                state.thawed = receipt;
                state.end = End::Thawed(ending);
                if let Some(window) = &mut self.window {
                    window.1 = now;
                }
            }
            (step, answer) => {
                let nothing_held = step == Step::Prepare && matches!(answer, Answer::Refused { .. });
                state.at = At::Over;
                let reason = words::unwelcome(&answer);
                state.end = match answer {
                    Answer::Broken { ending } | Answer::Thawed { ending, .. } => End::Broken(ending),
                    _ if nothing_held => End::NotBegun,
                    _ => End::Unknown,
                };
                state.failure = Some(reason.clone());
                actions.push(Action::Release(member));
                self.fail(Some((member, Some(step))), reason, actions);
            }
        }
    }

    fn lost(&mut self, member: usize, reason: String, actions: &mut Vec<Action>) {
        let state = &mut self.members[member];
        if state.at == At::Over {
            return;
        }
        let step = state.asked.take().map(|(step, _)| step);
        state.at = At::Over;
        state.failure = Some(reason.clone());
        actions.push(Action::Release(member));
        self.fail(Some((member, step)), reason, actions);
    }

    /// Keeps the first failure and turns to the thaw.
    fn fail(&mut self, member: Option<(usize, Option<Step>)>, reason: String, actions: &mut Vec<Action>) {
        self.failure.get_or_insert(Failure { member, reason });
        if matches!(self.phase, Phase::Thaw(_) | Phase::Done) {
            return;
        }
        if self.phase == Phase::Cut {
            actions.push(Action::StopCut);
        }
        self.phase = Phase::Thaw(self.ranks.len().saturating_sub(1));
        for (index, state) in self.members.iter_mut().enumerate() {
            match state.asked {
                // It may take minutes, nothing is frozen, and the runtime undoes it.
                Some((Step::Prepare, _)) => {
                    (state.at, state.asked) = (At::Over, None);
                    actions.push(Action::Release(index));
                }
                Some(_) => actions.push(Action::Hurry(index)),
                None => {}
            }
        }
    }

    /// Goes on to the next phase for as long as nothing is awaited in this one.
    fn advance(&mut self, now: Duration, actions: &mut Vec<Action>) {
        loop {
            match self.phase {
                Phase::Done => return,
                Phase::Thaw(turn) => {
                    let is_through = self.thaw(turn, now, actions);
                    let is_over = self.members.iter().all(|state| state.at == At::Over);
                    match turn.checked_sub(1) {
                        Some(next) if is_through => self.phase = Phase::Thaw(next),
                        None if is_over => {
                            self.phase = Phase::Done;
                            actions.push(Action::End);
                        }
                        _ => return,
                    }
                }
                _ if self.members.iter().any(|state| state.asked.is_some()) => return,
                Phase::Prepare => {
                    self.window = Some((now, now));
                    self.freeze(0, now, actions);
                }
                Phase::Freeze(turn) if turn + 1 < self.ranks.len() => self.freeze(turn + 1, now, actions),
                Phase::Freeze(_) => self.check(Phase::CheckBefore, now, actions),
                Phase::CheckBefore => {
                    self.phase = Phase::Cut;
                    self.cut_began = now;
                    actions.push(Action::Cut);
                }
                Phase::Cut => return,
                Phase::CheckAfter => self.phase = Phase::Thaw(self.ranks.len().saturating_sub(1)),
            }
        }
    }

    fn freeze(&mut self, turn: usize, now: Duration, actions: &mut Vec<Action>) {
        self.phase = Phase::Freeze(turn);
        for member in self.of_rank(turn) {
            self.call(member, Step::Freeze, now, actions);
        }
    }

    fn check(&mut self, phase: Phase, now: Duration, actions: &mut Vec<Action>) {
        self.phase = phase;
        for member in 0..self.members.len() {
            self.call(member, Step::Check, now, actions);
        }
    }

    /// Asks those to thaw whose turn has come; whether the next rank's has. It does not wait for members that are cut
    /// short: these thaw when they have answered, while the clocks of the others run.
    fn thaw(&mut self, turn: usize, now: Duration, actions: &mut Vec<Action>) -> bool {
        let Some(lowest) = self.ranks.get(turn).copied() else { return true };
        for member in 0..self.members.len() {
            let state = &mut self.members[member];
            if state.rank < lowest {
                continue;
            }
            match (state.at, state.asked) {
                (At::Prepared | At::Frozen, None) => self.call(member, Step::Thaw, now, actions),
                (At::Fresh, None) => state.at = At::Over,
                _ => {}
            }
        }
        self.members.iter().all(|state| !matches!(state.asked, Some((Step::Thaw, _))))
    }

    fn of_rank(&self, turn: usize) -> Vec<usize> {
        let Some(rank) = self.ranks.get(turn) else { return Vec::new() };
        let members = self.members.iter().enumerate();
        members.filter(|(_, state)| state.rank == *rank).map(|(index, _)| index).collect()
    }
}

impl Member {
    /// What it vouches for, by both of its receipts; nothing unless it thawed as asked.
    pub(super) fn consistency(&self) -> Option<Consistency> {
        let frozen = self.frozen.as_ref().filter(|_| matches!(self.end, End::Thawed(_)))?;
        let thawed = self.thawed.as_ref().map_or(frozen.consistency, |receipt| receipt.consistency);
        Some(frozen.consistency.min(thawed))
    }
}
