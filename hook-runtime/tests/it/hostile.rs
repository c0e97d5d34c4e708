//! Hooks that misbehave: each runs into its limit, is told about, and leaves the application thawed and the runtime well.

use rstest::rstest;
use serde_json::{Value, json};

use crate::{application::Application, hook::granted, process::Runtime};

/// The next lease is as good as the first: what broke was one instance.
fn still_serves(runtime: &Runtime) {
    let (status, answer) = runtime.connect().get("/v1");
    assert_eq!((status, &answer["hooks"][0]["state"]), (200, &json!("free")), "{answer}");
    assert_eq!(runtime.connect().step("freeze").1["reason"], "not-held");
}

fn assert_broke(runtime: &Runtime, cause: &str) {
    let last = runtime.last();
    assert_eq!((&last["broken"], &last["thawed"]), (&json!(cause), &json!(true)), "{last}");
}

#[rstest]
#[case::trap("trap-at-freeze", "unreachable")]
#[case::huge_receipt("huge-receipt", "fuel")]
#[case::memory("eat-at-freeze", "memory")]
fn an_instance_that_breaks_at_the_freeze_is_told(#[case] behaviour: &str, #[case] why: &str) {
    let application = Application::start();
    let runtime = Runtime::with_behaviour(&application, behaviour);
    let mut client = runtime.connect();
    assert_eq!(client.prepare(&json!({})).0, 200);
    let (status, answer) = client.step("freeze");
    assert_eq!((status, &answer["failure"]["kind"]), (502, &json!("broke")), "{answer}");
    let message = answer["failure"]["message"].as_str().unwrap();
    assert!(message.contains(why), "{message}");
    assert_broke(&runtime, "hook-broke");
    application.wait("its session is closed", |state| state.events == ["1 closed"]);
    still_serves(&runtime);
}

#[test]
fn one_that_hoards_sockets_is_ended() {
    let application = Application::start();
    let runtime = Runtime::with_behaviour(&application, "hoard-at-freeze");
    let mut client = runtime.connect();
    assert_eq!(client.prepare(&json!({})).0, 200);
    let (status, answer) = client.step("freeze");
    assert_eq!((status, &answer["failure"]["kind"]), (502, &json!("broke")), "{answer}");
    assert!(answer["failure"]["message"].as_str().unwrap().contains("no free keys"), "{answer}");
    let closed = |events: &[String]| events.iter().filter(|event| event.ends_with(" closed")).count();
    application.wait("all its sockets are closed", |state| (2..128).contains(&closed(&state.events)));
    still_serves(&runtime);
}

#[test]
fn the_text_of_a_panic_is_in_the_log() {
    let application = Application::start();
    let runtime = Runtime::with_behaviour(&application, "trap-at-prepare");
    assert_eq!(runtime.connect().prepare(&json!({})).0, 502);
    runtime.wait_for_line("the guest panics at prepare");
}

#[rstest]
#[case::computing("spin-at-freeze")]
#[case::waiting("sleep-at-freeze")]
fn one_that_does_not_end_is_ended_by_the_deadline(#[case] behaviour: &str) {
    let application = Application::start();
    let runtime = Runtime::with_behaviour(&application, behaviour);
    let mut client = runtime.connect();
    assert_eq!(client.prepare(&json!({ "freezeMs": 300 })).0, 200);
    client.begin("freeze");
    runtime.wait_for_line("Freeze for restore point rp");
    // Meanwhile others are served.
    assert_eq!(runtime.connect().get("/healthz").0, 200);
    let (status, answer) = client.receive();
    assert_eq!((status, &answer["ending"]["broken"]), (409, &json!("deadline")), "{answer}");
    assert_broke(&runtime, "deadline");
    still_serves(&runtime);
}

#[rstest]
#[case::traps("trap-at-check", "hook-broke", 502)]
#[case::refuses("fail-at-check", "hook-failed", 502)]
fn a_check_that_fails_ends_the_freeze(#[case] behaviour: &str, #[case] cause: &str, #[case] expected: u16) {
    let application = Application::start();
    let runtime = Runtime::with_behaviour(&application, behaviour);
    let mut client = runtime.connect();
    assert_eq!((client.prepare(&json!({})).0, client.step("freeze").0), (200, 200));
    let (status, answer) = client.step("check");
    assert_eq!(status, expected, "{answer}");
    application.wait("it is thawed", |state| state.frozen.is_none());
    assert_broke(&runtime, cause);
}

#[rstest]
#[case::traps("trap-at-thaw")]
#[case::never_ends("sleep-at-thaw")]
fn a_thaw_that_breaks_loses_the_session_and_is_not_called_done(#[case] behaviour: &str) {
    let application = Application::start();
    let runtime = Runtime::with_behaviour(&application, behaviour);
    let mut client = runtime.connect();
    assert_eq!((client.prepare(&json!({})).0, client.step("freeze").0), (200, 200));
    let (status, answer) = client.step("thaw");
    assert_eq!((status, &answer["ending"]["broken"]), (409, &json!("thaw-failed")), "{answer}");
    // In a new instance it fails in the same way; but the session took the freeze along.
    assert_eq!(answer["ending"]["thawed"], json!(true));
    application.wait("the freeze went with the session", |state| state.frozen.is_none());
    still_serves(&runtime);
}

#[test]
fn a_freeze_that_outlives_its_session_is_stuck_when_no_thaw_succeeds() {
    let application = Application::start();
    let mut hook = granted(&application, "trap-at-thaw");
    // Whoever may freeze a file system can leave it frozen.
    hook["mounts"] = json!({ "data": "/" });
    let runtime = Runtime::start(&hook);
    let mut client = runtime.connect();
    assert_eq!((client.prepare(&json!({})).0, client.step("freeze").0), (200, 200));
    let (status, answer) = client.step("thaw");
    assert_eq!((status, &answer["ending"]["thawed"]), (409, &json!(false)), "{answer}");
    assert_eq!(runtime.connect().get("/v1/hooks/guest").1["state"], "stuck");
}

#[test]
fn a_check_that_lies_is_betrayed_at_the_thaw() {
    let application = Application::start();
    let runtime = Runtime::with_behaviour(&application, "lie");
    let mut client = runtime.connect();
    assert_eq!((client.prepare(&json!({})).0, client.step("freeze").0), (200, 200));
    application.end_sessions();
    assert_eq!(client.step("check").1["result"], "done", "this is the lie");
    let (status, answer) = client.step("thaw");
    assert_eq!((status, &answer["result"]), (409, &json!("broken")), "{answer}");
    assert_broke(&runtime, "thaw-failed");
}

#[test]
fn a_thaw_in_another_session_is_none() {
    let application = Application::start();
    let runtime = Runtime::with_behaviour(&application, "reconnect");
    let mut client = runtime.connect();
    assert_eq!((client.prepare(&json!({})).0, client.step("freeze").0), (200, 200));
    let (status, answer) = client.step("thaw");
    assert_eq!((status, &answer["ending"]["broken"]), (409, &json!("session-changed")), "{answer}");
    application.wait("the first session is closed", |state| state.frozen.is_none());
}

#[test]
fn a_flood_is_cut_and_the_hook_goes_on() {
    let application = Application::start();
    let runtime = Runtime::with_behaviour(&application, "flood-at-prepare");
    assert_eq!(runtime.connect().prepare(&json!({})).1["result"], "done");
    runtime.wait_for_line("says too much");
    let bytes: usize = runtime.lines().iter().map(String::len).sum();
    assert!(bytes < 256 * 1024, "{bytes} bytes of log");
}

#[test]
fn control_characters_of_a_hook_reach_no_terminal() {
    let application = Application::start();
    let runtime = Runtime::with_behaviour(&application, "fail-at-prepare");
    let (status, answer) = runtime.connect().prepare(&json!({}));
    assert_eq!((status, &answer["failure"]["kind"]), (502, &json!("denied")), "{answer}");
    runtime.wait_for_line("the guest may not prepare");
    assert!(!runtime.lines().concat().contains('\u{1b}'));
}

#[test]
fn an_address_that_is_not_granted_sees_nobody() {
    let (application, other) = (Application::start(), Application::start());
    let mut hook = granted(&application, "honest");
    hook["settings"]["address"] = json!(other.address().to_string());
    let (status, answer) = Runtime::start(&hook).connect().prepare(&json!({}));
    assert_eq!((status, &answer["failure"]["kind"]), (502, &json!("unreachable")), "{answer}");
    assert!(answer["failure"]["message"].as_str().unwrap().contains("ermission denied"), "{answer}");
    other.look(|state| assert!(state.events.is_empty()));
}

#[test]
fn secrets_are_the_granted_ones() {
    let application = Application::start();
    let runtime = Runtime::with_behaviour(&application, "honest");
    let (_, answer) = runtime.connect().prepare(&json!({}));
    let facts = answer["receipt"]["facts"].as_array().unwrap();
    let texts: Vec<&Value> = facts.iter().map(|fact| &fact["text"]).collect();
    assert_eq!(texts, ["6 bytes", "not granted"]);
}

#[rstest]
#[case::not_granted(json!({}), "no mount of this name is granted")]
#[case::no_mount_point(json!({ "data": "/usr" }), "is not a mount point")]
#[case::shared_with_the_node(json!({ "data": "/" }), "file system")]
fn a_file_system_that_is_not_the_pods_is_not_frozen(#[case] mounts: Value, #[case] why: &str) {
    let application = Application::start();
    let mut hook = granted(&application, "mount-at-freeze");
    hook["mounts"] = mounts;
    let runtime = Runtime::start(&hook);
    let mut client = runtime.connect();
    assert_eq!(client.prepare(&json!({})).0, 200);
    let (status, answer) = client.step("freeze");
    assert_eq!((status, &answer["failure"]["kind"]), (502, &json!("denied")), "{answer}");
    assert!(answer["failure"]["message"].as_str().unwrap().contains(why), "{answer}");
}
