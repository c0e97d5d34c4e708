//! Messages: what is written is read again, what `curl` shows stays as it is, and hostile bytes are refused.

use std::time::Duration;

use hook_protocol::{
    lease::{Cause, Ending, Refusal},
    message::{
        Answer, Cut, Failure, FailureKind, LARGEST_REQUEST, Limits, Malformed, Pod, Terms, Volume,
        parse_answer, parse_terms,
    },
    receipt::{Consistency, Fact, FactValue, Need, Receipt},
};
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

fn name() -> impl Strategy<Value = String> {
    "[a-z0-9ä.\"\\\\-]{1,60}"
}

fn milliseconds(most: Duration) -> impl Strategy<Value = Duration> {
    (1..=u64::try_from(most.as_millis()).expect("a limit is small")).prop_map(Duration::from_millis)
}

fn terms() -> impl Strategy<Value = Terms> {
    let pod = (name(), name(), name()).prop_map(|(namespace, name, uid)| Pod { namespace, name, uid });
    let volume = (name(), prop::option::of(name())).prop_map(|(name, claim)| Volume { name, claim });
    let cut = prop_oneof![Just(Cut::Atomic), Just(Cut::Group), Just(Cut::Apart), Just(Cut::LiveCopy)];
    let most = Limits::MOST;
    let limits = (milliseconds(most.prepare), milliseconds(most.freeze), milliseconds(most.silence))
        .prop_map(|(prepare, freeze, silence)| Limits { prepare, freeze, silence });
    (name(), pod, prop::collection::vec(volume, 0..5), cut, limits).prop_map(
        |(restore_point, pod, volumes, cut, limits)| Terms { restore_point, pod, volumes, cut, limits },
    )
}

fn receipt() -> impl Strategy<Value = Receipt> {
    let value = prop_oneof![
        any::<String>().prop_map(FactValue::Text),
        prop::collection::vec(any::<u8>(), 0..200).prop_map(FactValue::Base64),
    ];
    let fact = ("[a-z0-9-]{1,64}", value).prop_map(|(name, value)| Fact { name, value });
    let need = prop_oneof![Just(Need::Recover), name().prop_map(Need::Instruction)];
    let consistency =
        prop_oneof![Just(Consistency::Crash), Just(Consistency::Filesystem), Just(Consistency::Application)];
    (
        prop::option::of(name()),
        prop::collection::vec(fact, 0..5),
        consistency,
        prop::collection::vec(need, 0..3),
    )
        .prop_map(|(session, facts, consistency, needs)| Receipt { session, facts, consistency, needs })
}

fn ending() -> impl Strategy<Value = Ending> {
    let cause = prop_oneof![Just(Cause::ConnectionLost), Just(Cause::Deadline), Just(Cause::SessionChanged)];
    (name(), prop::option::of(cause), any::<bool>(), 0u64..1_000_000).prop_map(
        |(restore_point, broken, thawed, frozen)| Ending {
            restore_point,
            broken,
            thawed,
            frozen: Duration::from_millis(frozen),
        },
    )
}

fn answer() -> impl Strategy<Value = Answer> {
    let kind =
        prop_oneof![Just(FailureKind::Unreachable), Just(FailureKind::NotHeld), Just(FailureKind::Broke)];
    let failure = (kind, any::<String>()).prop_map(|(kind, message)| Failure { kind, message });
    let reason = prop_oneof![Just(Refusal::Busy), Just(Refusal::OutOfOrder), Just(Refusal::Stuck)];
    prop_oneof![
        receipt().prop_map(|receipt| Answer::Done { receipt }),
        (prop::option::of(receipt()), ending())
            .prop_map(|(receipt, ending)| Answer::Thawed { receipt, ending }),
        ending().prop_map(|ending| Answer::Broken { ending }),
        failure.prop_map(|failure| Answer::Failed { failure }),
        reason.prop_map(|reason| Answer::Refused { reason }),
        Just(Answer::Heard),
        any::<String>().prop_map(|message| Answer::Malformed { message }),
    ]
}

proptest! {
    #[test]
    fn terms_are_read_as_they_were_written(terms in terms()) {
        prop_assert_eq!(parse_terms(&serde_json::to_vec(&terms).unwrap()).unwrap(), terms);
    }

    #[test]
    fn answers_are_read_as_they_were_written(answer in answer()) {
        prop_assert_eq!(parse_answer(&serde_json::to_vec(&answer).unwrap()).unwrap(), answer);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = (parse_terms(&bytes), parse_answer(&bytes));
    }

    #[test]
    fn damaged_terms_are_read_or_refused(terms in terms(), place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = serde_json::to_vec(&terms).unwrap();
        let place = place.index(bytes.len());
        bytes[place] = byte;
        if let Ok(read) = parse_terms(&bytes) {
            // What is taken is within its bounds, so it can be written and taken again.
            prop_assert_eq!(parse_terms(&serde_json::to_vec(&read).unwrap()).unwrap(), read);
        }
    }
}

fn example() -> Value {
    json!({
        "restorePoint": "4f1c",
        "pod": { "namespace": "shop", "name": "db-0", "uid": "2d0c" },
        "volumes": [{ "name": "data", "claim": "data-db-0" }],
        "cut": "atomic",
        "limits": { "prepareMs": 60_000, "freezeMs": 30_000, "silenceMs": 10_000 },
    })
}

#[test]
fn version_1_is_written_like_this() {
    let terms = parse_terms(example().to_string().as_bytes()).unwrap();
    assert_eq!(serde_json::to_value(terms).unwrap(), example());
    let broken = Ending {
        restore_point: "4f1c".to_owned(),
        broken: Some(Cause::ConnectionLost),
        thawed: true,
        frozen: Duration::from_millis(1250),
    };
    assert_eq!(
        serde_json::to_value(Answer::Broken { ending: broken }).unwrap(),
        json!({
            "result": "broken",
            "ending": { "restorePoint": "4f1c", "broken": "connection-lost", "thawed": true, "frozenMs": 1250 },
        })
    );
}

#[rstest]
#[case::no_name("/restorePoint", json!(""))]
#[case::long_name("/pod/name", json!("n".repeat(254)))]
#[case::control_characters("/pod/uid", json!("a\u{1b}[2J"))]
#[case::line_break_in_a_claim("/volumes/0/claim", json!("a\nb"))]
#[case::volumes("/volumes", json!(vec![json!({ "name": "v" }); 257]))]
#[case::no_deadline("/limits/freezeMs", json!(0))]
#[case::endless_freeze("/limits/freezeMs", json!(600_001))]
#[case::overflow("/limits/prepareMs", json!(u64::MAX))]
#[case::negative("/limits/silenceMs", json!(-1))]
#[case::unknown_cut("/cut", json!("axe"))]
fn refuses(#[case] place: &str, #[case] value: Value) {
    let mut terms = example();
    *terms.pointer_mut(place).unwrap() = value;
    assert!(parse_terms(terms.to_string().as_bytes()).is_err());
}

#[test]
fn refuses_what_it_does_not_know_in_a_request() {
    let mut terms = example();
    terms["force"] = json!(true);
    assert!(matches!(parse_terms(terms.to_string().as_bytes()), Err(Malformed::Json(_))));
}

#[test]
fn passes_over_what_it_does_not_know_in_an_answer() {
    assert_eq!(parse_answer(br#"{"result":"heard","since":5}"#).unwrap(), Answer::Heard);
}

#[test]
fn refuses_a_request_beyond_its_size_before_reading_it() {
    assert!(matches!(parse_terms(&vec![b'['; LARGEST_REQUEST + 1]), Err(Malformed::Large(..))));
}

#[test]
fn refuses_deep_nesting() {
    assert!(parse_answer(&vec![b'['; LARGEST_REQUEST]).is_err());
}

#[test]
fn refuses_an_answer_with_a_receipt_beyond_its_bounds() {
    let fact = Fact { name: "a".to_owned(), value: FactValue::Text("x".repeat(300_000)) };
    let receipt =
        Receipt { session: None, facts: vec![fact], consistency: Consistency::Crash, needs: Vec::new() };
    let bytes = serde_json::to_vec(&Answer::Done { receipt }).unwrap();
    assert!(matches!(parse_answer(&bytes), Err(Malformed::Receipt(_))));
}
