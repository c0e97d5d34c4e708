//! `ask` about every kind: an answer does what the policy of its name does.

use rstest::rstest;
use serde_json::Value;

use super::{OBJECTS, Stage};

/// What the policies of a run are tested for field by field; here, that an answer comes to the same.
#[rstest]
#[case::skip(10, "skip", 0)]
#[case::patch(11, "patch", 3)]
#[case::replace(12, "replace", 3)]
#[case::rename(13, "rename", 3)]
#[ignore = "needs cluster: cargo xtask test"]
fn an_answer_does_to_each_kind_what_the_policy_does(
    #[case] number: u16,
    #[case] answer: &str,
    #[case] code: i32,
) {
    let stage = Stage::new(number);
    let uids = || OBJECTS.map(|object| stage.live(object)["metadata"]["uid"].clone());
    let before = uids();
    let said = stage.world.asked("false", &format!("{answer}\n{answer} all\n")).exits_with(code).stdout;
    assert!(said.contains("1 of 1"), "more than ten conflicts: {said}");
    for (object, (before, after)) in OBJECTS.iter().zip(before.iter().zip(uids())) {
        assert_eq!(*before != after, answer == "replace", "{object}: {said}");
    }
    // Asked for by the policy, the same restore finds nothing more to do.
    let again = stage.restore(&[&format!("--on-conflict={answer}")], code);
    let done = ["created", "patched", "replaced", "renamed"];
    let done: Vec<_> = done.iter().filter(|word| again["counts"][**word] != Value::Null).collect();
    assert!(done.is_empty(), "{again:#}");
}
