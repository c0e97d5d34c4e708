//! The lease, case by case: what each event does to it, and what is said to whom.

use std::time::Duration;

use hook_protocol::{
    lease::{
        Action, Call, Cause, ConnectionId, Event, Expiry, Lease, Moment, Outcome, Refusal, Reply, Stage,
    },
    message::Limits,
    path::Step,
};
use rstest::rstest;

const HOLDER: ConnectionId = ConnectionId(1);
const OTHER: ConnectionId = ConnectionId(2);

fn at(seconds: u64) -> Moment {
    Moment(Duration::from_secs(seconds))
}

fn prepare(from: ConnectionId) -> Event {
    Event::Prepare { from, restore_point: "rp".to_owned(), limits: Limits::default() }
}

fn step(from: ConnectionId, step: Step) -> Event {
    Event::Step { from, step }
}

fn done(call: Call, session: &str) -> Event {
    Event::Ended { call, outcome: Outcome::Done { session: Some(session.to_owned()) } }
}

fn ended(call: Call, outcome: Outcome) -> Event {
    Event::Ended { call, outcome }
}

fn prepared() -> Lease {
    let mut lease = Lease::default();
    assert_eq!(lease.on(prepare(HOLDER), at(0)), [Action::Call(Call::Prepare)]);
    let said = lease.on(done(Call::Prepare, "a"), at(0));
    assert_eq!(said, [Action::Reply { to: HOLDER, reply: Reply::Done }]);
    lease
}

fn frozen() -> Lease {
    let mut lease = prepared();
    assert_eq!(lease.on(step(HOLDER, Step::Freeze), at(1)), [Action::Call(Call::Freeze)]);
    let said = lease.on(done(Call::Freeze, "a"), at(1));
    assert_eq!(said, [Action::Reply { to: HOLDER, reply: Reply::Done }]);
    lease
}

fn replies(actions: &[Action]) -> Vec<&Reply> {
    let mut replies = Vec::new();
    for action in actions {
        if let Action::Reply { reply, .. } = action {
            replies.push(reply);
        }
    }
    replies
}

#[test]
fn thaws_as_asked_in_the_session_that_froze() {
    let mut lease = frozen();
    assert_eq!(lease.on(step(HOLDER, Step::Check), at(2)), [Action::Call(Call::Check)]);
    assert_eq!(replies(&lease.on(done(Call::Check, "a"), at(2))), [&Reply::Done]);
    assert_eq!(lease.on(step(HOLDER, Step::Thaw), at(3)), [Action::Call(Call::Thaw)]);
    let actions = lease.on(done(Call::Thaw, "a"), at(4));
    let [Reply::Thawed(ending)] = replies(&actions)[..] else { panic!("{actions:?}") };
    assert_eq!((ending.broken, ending.thawed, ending.frozen), (None, true, Duration::from_secs(3)));
    assert_eq!(lease.stage(), Stage::Free);
    // Again, as by one who missed the answer: the same is said and nothing is called.
    let again = lease.on(step(HOLDER, Step::Thaw), at(5));
    assert_eq!(again, [Action::Reply { to: HOLDER, reply: Reply::Thawed(ending.clone()) }]);
}

#[rstest]
#[case::connection(Event::Lost { connection: HOLDER }, 2, Cause::ConnectionLost)]
#[case::silence(Event::Time, 11, Cause::Silence)]
#[case::told_to_stop(Event::Stop, 2, Cause::Stopped)]
fn what_ends_a_freeze_thaws_at_once(#[case] event: Event, #[case] second: u64, #[case] cause: Cause) {
    let mut lease = frozen();
    assert_eq!(lease.on(event, at(second)), [Action::Call(Call::Thaw)]);
    assert_eq!(lease.on(done(Call::Thaw, "a"), at(second)), [Action::Discard]);
    let last = lease.last().unwrap();
    assert_eq!((last.broken, last.thawed), (Some(cause), true));
}

#[test]
fn heartbeats_hold_off_the_silence_but_not_the_deadline() {
    let mut lease = frozen();
    for second in (6..=30).step_by(6) {
        assert_eq!(lease.on(Event::Heard { from: HOLDER }, at(second)), []);
        assert_eq!(lease.on(Event::Time, at(second)), []);
    }
    // Frozen since second 1, for at most 30.
    assert_eq!(lease.wake(), Some(at(31)));
    assert_eq!(lease.on(Event::Time, at(31)), [Action::Call(Call::Thaw)]);
    lease.on(done(Call::Thaw, "a"), at(31));
    assert_eq!(lease.last().unwrap().broken, Some(Cause::Deadline));
    // The holder learns it with whatever it asks next.
    for asked in [Step::Check, Step::Thaw] {
        let actions = lease.on(step(HOLDER, asked), at(32));
        assert!(matches!(replies(&actions)[..], [Reply::Broken(_)]), "{actions:?}");
    }
}

#[test]
fn a_heartbeat_of_another_connection_is_none() {
    let mut lease = frozen();
    lease.on(Event::Heard { from: OTHER }, at(9));
    assert_eq!(lease.on(Event::Time, at(11)), [Action::Call(Call::Thaw)]);
}

#[test]
fn a_deadline_that_nobody_looked_at_is_over_all_the_same() {
    let mut lease = frozen();
    lease.on(Event::Heard { from: HOLDER }, at(30));
    assert_eq!(lease.on(step(HOLDER, Step::Check), at(32)), [Action::Call(Call::Thaw)]);
    let actions = lease.on(done(Call::Thaw, "a"), at(32));
    assert!(matches!(replies(&actions)[..], [Reply::Broken(_)]), "{actions:?}");
}

#[test]
fn a_freeze_under_way_when_the_client_goes_is_hurried_and_thawed() {
    let mut lease = prepared();
    lease.on(step(HOLDER, Step::Freeze), at(1));
    assert_eq!(lease.on(Event::Lost { connection: HOLDER }, at(2)), [Action::Hurry]);
    assert_eq!(lease.on(done(Call::Freeze, "a"), at(2)), [Action::Call(Call::Thaw)]);
}

#[rstest]
#[case::says_so(Outcome::Failed, Cause::HookFailed, vec![Action::Call(Call::Thaw)])]
#[case::broke(Outcome::Broke, Cause::HookBroke, vec![Action::Discard, Action::Call(Call::ThawAnew)])]
fn a_step_that_fails_is_told_and_undone(
    #[case] outcome: Outcome,
    #[case] cause: Cause,
    #[case] expected: Vec<Action>,
    #[values(Call::Prepare, Call::Freeze, Call::Check)] call: Call,
) {
    let mut lease = match call {
        Call::Prepare => Lease::default(),
        Call::Freeze => prepared(),
        _ => frozen(),
    };
    lease.on(
        match call {
            Call::Prepare => prepare(HOLDER),
            Call::Freeze => step(HOLDER, Step::Freeze),
            _ => step(HOLDER, Step::Check),
        },
        at(2),
    );
    let actions = lease.on(ended(call, outcome), at(2));
    assert_eq!(actions[0], Action::Reply { to: HOLDER, reply: Reply::Failed });
    assert_eq!(actions[1..], expected);
    let Some(Action::Call(thaw)) = expected.last() else { unreachable!() };
    lease.on(done(*thaw, "a"), at(3));
    let last = lease.last().unwrap();
    assert_eq!((last.broken, last.thawed), (Some(cause), true));
}

#[rstest]
#[case::at_the_check(Step::Check, Call::Check)]
#[case::at_the_thaw(Step::Thaw, Call::Thaw)]
fn another_session_is_no_freeze(#[case] asked: Step, #[case] call: Call) {
    let mut lease = frozen();
    lease.on(step(HOLDER, asked), at(2));
    let mut actions = lease.on(done(call, "b"), at(2));
    if call == Call::Check {
        assert_eq!(actions, [Action::Call(Call::Thaw)]);
        actions = lease.on(done(Call::Thaw, "b"), at(2));
    }
    let [Reply::Broken(ending)] = replies(&actions)[..] else { panic!("{actions:?}") };
    assert_eq!(ending.broken, Some(Cause::SessionChanged));
}

#[test]
fn a_thaw_that_fails_in_its_session_is_tried_anew_and_is_broken() {
    let mut lease = frozen();
    lease.on(step(HOLDER, Step::Thaw), at(2));
    let actions = lease.on(ended(Call::Thaw, Outcome::Failed), at(2));
    assert_eq!(actions, [Action::Discard, Action::Call(Call::ThawAnew)]);
    let actions = lease.on(done(Call::ThawAnew, "b"), at(3));
    let [Reply::Broken(ending)] = replies(&actions)[..] else { panic!("{actions:?}") };
    assert_eq!((ending.broken, ending.thawed), (Some(Cause::ThawFailed), true));
}

#[test]
fn a_thaw_under_way_is_not_called_again() {
    let mut lease = frozen();
    lease.on(step(HOLDER, Step::Thaw), at(2));
    assert_eq!(lease.on(Event::Lost { connection: HOLDER }, at(2)), []);
    assert_eq!(lease.on(step(HOLDER, Step::Thaw), at(2)), []);
    let actions = lease.on(done(Call::Thaw, "a"), at(2));
    assert!(matches!(replies(&actions)[..], [Reply::Thawed(_)]), "{actions:?}");
}

fn stuck() -> Lease {
    let mut lease = frozen();
    lease.on(step(HOLDER, Step::Thaw), at(2));
    lease.on(ended(Call::Thaw, Outcome::Broke), at(2));
    lease.on(ended(Call::ThawAnew, Outcome::Broke), at(2));
    let actions = lease.on(ended(Call::ThawAnew, Outcome::Failed), at(2));
    let [Reply::Broken(ending)] = replies(&actions)[..] else { panic!("{actions:?}") };
    assert!(!ending.thawed);
    assert_eq!(lease.stage(), Stage::Stuck);
    lease
}

#[test]
fn a_hook_that_does_not_thaw_is_told_as_stuck_and_tried_again() {
    let mut lease = stuck();
    let refused = |reason| vec![Action::Reply { to: OTHER, reply: Reply::Refused(reason) }];
    assert_eq!(lease.on(prepare(OTHER), at(3)), refused(Refusal::Stuck));
    assert_eq!(lease.wake(), Some(at(7)));
    assert_eq!(lease.on(Event::Time, at(7)), [Action::Call(Call::ThawAnew)]);
    lease.on(done(Call::ThawAnew, "c"), at(8));
    assert_eq!(lease.stage(), Stage::Free);
    let last = lease.last().unwrap();
    assert_eq!((last.broken, last.thawed), (Some(Cause::ThawFailed), true));
}

#[test]
fn anybody_may_ask_a_stuck_hook_to_thaw() {
    let mut lease = stuck();
    assert_eq!(lease.on(step(OTHER, Step::Thaw), at(3)), [Action::Call(Call::ThawAnew)]);
    let actions = lease.on(done(Call::ThawAnew, "c"), at(3));
    assert!(matches!(actions[..], [Action::Discard, Action::Reply { to: OTHER, .. }]), "{actions:?}");
}

#[test]
fn a_preparation_that_cannot_be_undone_does_not_hold_the_hook_for_ever() {
    let mut lease = Lease::default();
    lease.on(prepare(HOLDER), at(0));
    lease.on(ended(Call::Prepare, Outcome::Failed), at(0));
    lease.on(ended(Call::Thaw, Outcome::Failed), at(0));
    lease.on(ended(Call::ThawAnew, Outcome::Failed), at(0));
    lease.on(ended(Call::ThawAnew, Outcome::Failed), at(0));
    assert_eq!(lease.stage(), Stage::Free);
}

#[rstest]
#[case::prepare(prepare(OTHER), Refusal::Busy)]
#[case::freeze(step(OTHER, Step::Freeze), Refusal::NotHeld)]
#[case::thaw(step(OTHER, Step::Thaw), Refusal::NotHeld)]
#[case::twice(step(HOLDER, Step::Freeze), Refusal::OutOfOrder)]
fn a_freeze_has_one_holder_and_one_order(#[case] event: Event, #[case] expected: Refusal) {
    let mut lease = frozen();
    let actions = lease.on(event, at(2));
    assert_eq!(replies(&actions), [&Reply::Refused(expected)]);
    assert_eq!(lease.stage(), Stage::Frozen);
}

#[test]
fn nothing_begins_while_the_runtime_stops() {
    let mut lease = Lease::default();
    lease.on(Event::Stop, at(0));
    assert_eq!(replies(&lease.on(prepare(HOLDER), at(1))), [&Reply::Refused(Refusal::Stopping)]);
}

#[test]
fn how_a_lease_ended_is_said_to_its_holder_alone() {
    let mut lease = frozen();
    lease.on(Event::Stop, at(2));
    lease.on(done(Call::Thaw, "a"), at(2));
    let actions = lease.on(step(OTHER, Step::Thaw), at(3));
    assert_eq!(replies(&actions), [&Reply::Refused(Refusal::NotHeld)]);
}

#[test]
fn what_a_killed_runtime_left_is_thawed_and_told() {
    let mut lease = Lease::of(Expiry::WithoutExpiry);
    let left = Event::Left { restore_point: "rp".to_owned() };
    assert_eq!(lease.on(left, at(0)), [Action::Call(Call::ThawAnew)]);
    assert_eq!((lease.stage(), lease.held_for()), (Stage::Thawing, Some("rp")));
    // Who comes meanwhile waits for its turn.
    assert_eq!(replies(&lease.on(prepare(OTHER), at(1))), [&Reply::Refused(Refusal::Busy)]);
    lease.on(ended(Call::ThawAnew, Outcome::Done { session: None }), at(2));
    assert_eq!(lease.stage(), Stage::Free);
    let last = lease.last().unwrap();
    assert_eq!((last.broken, last.thawed), (Some(Cause::RuntimeKilled), true));
}

#[rstest]
#[case::session_bound(Expiry::SessionBound, Stage::Free, true)]
#[case::self_expiring(Expiry::SelfExpiring, Stage::Stuck, false)]
#[case::without_expiry(Expiry::WithoutExpiry, Stage::Stuck, false)]
fn when_every_thaw_fails_it_matters_what_ends_the_freeze(
    #[case] expiry: Expiry,
    #[case] stage: Stage,
    #[case] thawed: bool,
) {
    let mut lease = Lease::of(expiry);
    lease.on(prepare(HOLDER), at(0));
    lease.on(done(Call::Prepare, "a"), at(0));
    lease.on(step(HOLDER, Step::Freeze), at(1));
    lease.on(done(Call::Freeze, "a"), at(1));
    lease.on(step(HOLDER, Step::Thaw), at(2));
    for call in [Call::Thaw, Call::ThawAnew, Call::ThawAnew] {
        lease.on(ended(call, Outcome::Broke), at(3));
    }
    let last = lease.last().unwrap();
    assert_eq!((lease.stage(), last.thawed, last.broken), (stage, thawed, Some(Cause::ThawFailed)));
}
