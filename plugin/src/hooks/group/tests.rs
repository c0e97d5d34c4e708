//! The rules of the group, by tables and by random orders of events.

use std::time::Duration;

use hook_protocol::{
    lease::{Cause, Ending, Refusal},
    message::{Answer, Failure as HookFailure, FailureKind},
    path::Step,
    receipt::{Consistency, Receipt},
};
use proptest::prelude::*;
use rstest::rstest;

use super::*;

const BUDGET: Duration = Duration::from_secs(30);

fn receipt(consistency: Consistency) -> Receipt {
    Receipt { session: Some("1".to_owned()), facts: Vec::new(), consistency, needs: Vec::new() }
}

fn ending(broken: Option<Cause>) -> Ending {
    Ending { restore_point: "rp".to_owned(), broken, thawed: true, frozen: Duration::from_millis(5) }
}

fn done() -> Answer {
    Answer::Done { receipt: receipt(Consistency::Application) }
}

fn thawed() -> Answer {
    Answer::Thawed { receipt: Some(receipt(Consistency::Application)), ending: ending(None) }
}

fn failed() -> Answer {
    Answer::Failed { failure: HookFailure { kind: FailureKind::Denied, message: "no privilege".to_owned() } }
}

/// Answers every call well, in the order of the calls, and says which calls there were. `cut` answers the cut.
fn play(group: &mut Group, mut actions: Vec<Action>, cut: Option<&Event>, until: Step) -> Vec<Action> {
    let mut seen = Vec::new();
    let mut now = Duration::ZERO;
    while !actions.is_empty() {
        let mut next = Vec::new();
        for action in std::mem::take(&mut actions) {
            now += Duration::from_millis(1);
            seen.push(action);
            let event = match action {
                Action::Call(_, step) if step == until && until != Step::Thaw => continue,
                Action::Call(member, Step::Thaw) => Event::Answered { member, answer: thawed() },
                Action::Call(member, _) => Event::Answered { member, answer: done() },
                Action::Cut => match cut {
                    Some(event) => event.clone(),
                    None => continue,
                },
                _ => continue,
            };
            next.extend(group.on(event, now));
        }
        actions = next;
    }
    seen
}

#[test]
fn ranks_freeze_in_order_and_thaw_in_reverse() {
    let mut group = Group::new(&[20, 10, 20], BUDGET);
    let begun = group.begin(Duration::ZERO);
    let seen = play(&mut group, begun, Some(&Event::Cut(Ok(()))), Step::Thaw);
    let call = |step: Step| move |member: usize| Action::Call(member, step);
    let expected: Vec<Action> = [
        [0, 1, 2].map(call(Step::Prepare)).to_vec(),
        vec![Action::Call(1, Step::Freeze), Action::Call(0, Step::Freeze), Action::Call(2, Step::Freeze)],
        [0, 1, 2].map(call(Step::Check)).to_vec(),
        vec![Action::Cut],
        [0, 1, 2].map(call(Step::Check)).to_vec(),
        vec![Action::Call(0, Step::Thaw), Action::Call(2, Step::Thaw), Action::Call(1, Step::Thaw)],
        vec![Action::End],
    ]
    .concat();
    assert_eq!(seen, expected);
    assert_eq!((group.failure.clone(), group.consistency()), (None, Consistency::Application));
    let (began, ended) = group.window.unwrap();
    assert_eq!((began.as_millis(), ended.as_millis()), (3, 16));
    assert!(group.cut.is_some());
}

#[test]
fn no_rank_freezes_before_the_one_before_is_frozen() {
    let mut group = Group::new(&[10, 20], BUDGET);
    let begun = group.begin(Duration::ZERO);
    let seen = play(&mut group, begun, None, Step::Freeze);
    assert_eq!(seen.last(), Some(&Action::Call(0, Step::Freeze)));
    let next = group.on(Event::Answered { member: 0, answer: done() }, Duration::ZERO);
    assert_eq!(next, [Action::Call(1, Step::Freeze)]);
}

#[test]
fn the_least_that_any_vouches_for_counts() {
    let mut group = Group::new(&[20, 30], BUDGET);
    group.begin(Duration::ZERO);
    let least = |consistency| Answer::Done { receipt: receipt(consistency) };
    let mut actions = Vec::new();
    for (member, answer) in [(0, done()), (1, done()), (0, done()), (1, least(Consistency::Filesystem))] {
        actions = group.on(Event::Answered { member, answer }, Duration::ZERO);
    }
    play(&mut group, actions, Some(&Event::Cut(Ok(()))), Step::Thaw);
    assert_eq!((group.failure.clone(), group.consistency()), (None, Consistency::Filesystem));
}

/// What is asked of two members of one rank, and where they are, when the failure comes.
#[rstest]
#[case::at_prepare(Step::Prepare, vec![Action::Release(0), Action::Release(1), Action::End])]
#[case::at_freeze(Step::Freeze, vec![Action::Release(0), Action::Hurry(1)])]
#[case::at_check(Step::Check, vec![Action::Release(0), Action::Hurry(1)])]
fn a_failure_at_one_cuts_short_what_the_others_do(#[case] step: Step, #[case] expected: Vec<Action>) {
    let mut group = Group::new(&[20, 20], BUDGET);
    let begun = group.begin(Duration::ZERO);
    play(&mut group, begun, None, step);
    let actions = group.on(Event::Answered { member: 0, answer: failed() }, Duration::ZERO);
    assert_eq!(actions, expected);
    let failure = group.failure.clone().unwrap();
    assert_eq!(failure.member, Some((0, Some(step))));
    assert_eq!(failure.reason, "a privilege or grant is missing: no privilege");
    if step != Step::Prepare {
        // The other answers in time, and thaws.
        let actions = group.on(Event::Answered { member: 1, answer: done() }, Duration::ZERO);
        assert_eq!(actions, [Action::Call(1, Step::Thaw)]);
        let actions = group.on(Event::Answered { member: 1, answer: thawed() }, Duration::ZERO);
        assert_eq!(actions, [Action::End]);
    }
    assert_eq!(group.consistency(), Consistency::Crash);
}

#[test]
fn one_that_is_cut_short_does_not_keep_the_others_from_thawing() {
    let mut group = Group::new(&[10, 20], BUDGET);
    let begun = group.begin(Duration::ZERO);
    play(&mut group, begun, None, Step::Freeze);
    group.on(Event::Answered { member: 0, answer: done() }, Duration::ZERO);
    let actions = group.on(Event::Interrupted, Duration::ZERO);
    assert_eq!(actions, [Action::Hurry(1), Action::Call(0, Step::Thaw)]);
    assert_eq!(group.on(Event::Answered { member: 0, answer: thawed() }, Duration::ZERO), []);
    let actions = group.on(Event::Answered { member: 1, answer: done() }, Duration::ZERO);
    assert_eq!(actions, [Action::Call(1, Step::Thaw)]);
}

#[rstest]
#[case::lost(Event::Lost { member: 0, reason: "gone".to_owned() }, "gone", vec![Action::Release(0), Action::StopCut, Action::Call(1, Step::Thaw)])]
#[case::budget(Event::Time, "within the budget of 30 s", vec![Action::StopCut, Action::Call(0, Step::Thaw), Action::Call(1, Step::Thaw)])]
#[case::interrupted(Event::Interrupted, "interrupted", vec![Action::StopCut, Action::Call(0, Step::Thaw), Action::Call(1, Step::Thaw)])]
#[case::cut(Event::Cut(Err("no list".to_owned())), "no list", vec![Action::Call(0, Step::Thaw), Action::Call(1, Step::Thaw)])]
fn what_ends_the_cut_thaws_all(#[case] event: Event, #[case] reason: &str, #[case] expected: Vec<Action>) {
    let mut group = Group::new(&[20, 20], BUDGET);
    let begun = group.begin(Duration::ZERO);
    let seen = play(&mut group, begun, None, Step::Thaw);
    assert_eq!(seen.last(), Some(&Action::Cut));
    let mut actions = group.on(event, group.wake().unwrap());
    // That a cut which failed needs no stopping makes no difference.
    actions.retain(|action| *action != Action::StopCut || expected.contains(action));
    assert_eq!(actions, expected);
    assert!(group.failure.clone().unwrap().reason.contains(reason), "{:?}", group.failure);
    assert_eq!(play(&mut group, actions, None, Step::Thaw).last(), Some(&Action::End));
    assert_eq!(group.consistency(), Consistency::Crash);
}

#[test]
fn the_time_is_kept_from_the_first_freeze_and_leaves_room_for_the_thaw() {
    let mut group = Group::new(&[20], Duration::from_secs(10));
    let begun = group.begin(Duration::ZERO);
    assert_eq!(group.wake(), None);
    drop(begun);
    // Minutes of preparation do not count.
    let late = Duration::from_mins(5);
    group.on(Event::Answered { member: 0, answer: done() }, late);
    assert_eq!(group.wake(), Some(late + Duration::from_secs(9)));
    assert_eq!(group.on(Event::Time, late + Duration::from_secs(8)), []);
    assert_eq!(group.on(Event::Time, late + Duration::from_secs(9)), [Action::Hurry(0)]);
}

#[rstest]
#[case::broken(Answer::Broken { ending: ending(Some(Cause::Deadline)) }, "its time was over")]
#[case::failed(failed(), "no privilege")]
#[case::lies(Answer::Thawed { receipt: None, ending: ending(Some(Cause::SessionChanged)) }, "answered something else")]
fn a_thaw_that_is_none_makes_the_copy_crash_consistent(#[case] answer: Answer, #[case] reason: &str) {
    let mut group = Group::new(&[20], BUDGET);
    let begun = group.begin(Duration::ZERO);
    play(&mut group, begun, None, Step::Thaw);
    group.on(Event::Cut(Ok(())), Duration::ZERO);
    let actions = group.on(Event::Answered { member: 0, answer: done() }, Duration::ZERO);
    assert_eq!(actions, [Action::Call(0, Step::Thaw)]);
    let actions = group.on(Event::Answered { member: 0, answer }, Duration::ZERO);
    assert_eq!(actions, [Action::Release(0), Action::End]);
    assert!(group.failure.clone().unwrap().reason.contains(reason), "{:?}", group.failure);
    assert_eq!((group.consistency(), group.members[0].consistency()), (Consistency::Crash, None));
}

#[test]
fn one_that_is_refused_was_not_begun() {
    let mut group = Group::new(&[20], BUDGET);
    group.begin(Duration::ZERO);
    let answer = Answer::Refused { reason: Refusal::Busy };
    group.on(Event::Answered { member: 0, answer }, Duration::ZERO);
    assert_eq!(group.members[0].end, End::NotBegun);
}

fn events() -> impl Strategy<Value = Event> {
    let answer = prop_oneof![
        6 => Just(done()),
        4 => Just(thawed()),
        1 => Just(failed()),
        1 => Just(Answer::Broken { ending: ending(Some(Cause::Silence)) }),
        1 => Just(Answer::Refused { reason: Refusal::OutOfOrder }),
        1 => Just(Answer::Heard),
    ];
    prop_oneof![
        20 => (0usize..3, answer).prop_map(|(member, answer)| Event::Answered { member, answer }),
        1 => (0usize..3).prop_map(|member| Event::Lost { member, reason: "lost".to_owned() }),
        4 => Just(Event::Cut(Ok(()))),
        1 => Just(Event::Cut(Err("cut".to_owned()))),
        1 => Just(Event::Time),
        1 => Just(Event::Interrupted),
    ]
}

/// What a driver would know of a connection.
#[derive(Default)]
struct Held {
    asked: Vec<Step>,
    released: bool,
    thawed: bool,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// The law.
    #[test]
    fn whatever_happens_everything_thaws(
        ranks in proptest::collection::vec(1u32..3, 3),
        events in proptest::collection::vec((events(), 0u64..2000), 0..80),
    ) {
        let mut group = Group::new(&ranks, BUDGET);
        let mut held: Vec<Held> = (0..3).map(|_| Held::default()).collect();
        let mut now = Duration::ZERO;
        let (mut is_over, mut cuts) = (false, 0);
        let mut note = |actions: Vec<Action>, held: &mut Vec<Held>, is_over: &mut bool| {
            for action in actions {
                assert!(!*is_over, "{action:?} after the end");
                match action {
                    Action::Call(member, step) => held[member].asked.push(step),
                    Action::Release(member) => held[member].released = true,
                    Action::Cut => {
                        cuts += 1;
                        assert!(held.iter().all(|it| it.asked == [Step::Prepare, Step::Freeze, Step::Check]));
                    }
                    Action::End => *is_over = true,
                    Action::Hurry(_) | Action::StopCut => {}
                }
            }
        };
        note(group.begin(now), &mut held, &mut is_over);
        for (event, passed) in events {
            now += Duration::from_millis(passed);
            if let Event::Answered { member, answer: Answer::Thawed { .. } } = &event
                && held[*member].asked.last() == Some(&Step::Thaw)
            {
                held[*member].thawed = true;
            }
            note(group.on(event, now), &mut held, &mut is_over);
        }
        // Then everybody answers as asked, or the clock does.
        for _ in 0..40 {
            if is_over {
                break;
            }
            now += Duration::from_secs(1);
            for member in 0..3 {
                let answer = match group.members[member].asked {
                    Some((Step::Thaw, _)) => thawed(),
                    Some(_) => done(),
                    None => continue,
                };
                held[member].thawed |= matches!(answer, Answer::Thawed { .. });
                note(group.on(Event::Answered { member, answer }, now), &mut held, &mut is_over);
            }
            note(group.on(Event::Time, now), &mut held, &mut is_over);
        }
        prop_assert!(is_over, "it does not end: {group:?}");
        prop_assert!(held.iter().all(|it| it.thawed || it.released), "something is held: {group:?}");
        if group.failure.is_none() {
            let whole = [Step::Prepare, Step::Freeze, Step::Check, Step::Check, Step::Thaw];
            prop_assert!(held.iter().all(|it| it.asked == whole && it.thawed));
            prop_assert!(group.cut.is_some());
        } else {
            prop_assert_eq!(group.consistency(), Consistency::Crash);
        }
    }
}

#[rstest]
#[case::tiny(400, 200)]
#[case::small(1_000, 500)]
#[case::default(30_000, 2_000)]
#[case::between(10_000, 1_000)]
#[case::large(300_000, 2_000)]
fn a_part_of_the_budget_is_kept_for_the_thaw(#[case] budget: u64, #[case] kept: u64) {
    assert_eq!(reserve(Duration::from_millis(budget)), Duration::from_millis(kept));
}
