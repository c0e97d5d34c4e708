//! A freeze is held by a connection and a deadline, and ends thawed however it ends.

use rstest::rstest;
use rustix::process::Signal;
use serde_json::json;

use crate::{
    application::Application,
    process::{Client, Runtime},
};

/// Frozen by a connection, with these limits.
fn frozen(runtime: &Runtime, application: &Application, limits: &serde_json::Value) -> Client {
    let mut client = runtime.connect();
    for (step, (status, answer)) in [("prepare", client.prepare(limits)), ("freeze", client.step("freeze"))] {
        assert_eq!((status, &answer["result"]), (200, &json!("done")), "{step}: {answer}");
    }
    assert!(application.is_frozen());
    client
}

#[test]
fn one_session_is_held_from_freeze_to_thaw() {
    let application = Application::start();
    let runtime = Runtime::with_behaviour(&application, "honest");
    let mut client = frozen(&runtime, &application, &json!({}));
    let (status, answer) = client.step("check");
    assert_eq!((status, &answer["receipt"]["session"]), (200, &json!("session-1")), "{answer}");
    assert_eq!(runtime.connect().get("/v1").1["hooks"][0]["state"], "frozen");
    let (status, answer) = client.step("thaw");
    assert_eq!((status, &answer["result"]), (200, &json!("thawed")), "{answer}");
    assert_eq!(answer["receipt"]["session"], "session-1");
    assert_eq!(answer["receipt"]["consistency"], "application");
    application.wait("the session is closed", |state| state.events.len() == 4);
    application.look(|state| assert_eq!(state.events, ["1 freeze rp", "1 check", "1 thaw", "1 closed"]));
    // Again, as by one who missed the answer.
    assert_eq!(client.step("thaw").1["result"], "thawed");
    // And the next backup has a session of its own.
    drop(client);
    let _client = frozen(&runtime, &application, &json!({}));
    application.look(|state| assert_eq!(state.frozen, Some(2)));
}

#[rstest]
#[case::connection(json!({}), "connection-lost")]
#[case::deadline(json!({ "freezeMs": 300 }), "deadline")]
#[case::silence(json!({ "silenceMs": 300 }), "silence")]
fn a_lease_that_ends_thaws_and_is_remembered(#[case] limits: serde_json::Value, #[case] cause: &str) {
    let application = Application::start();
    let runtime = Runtime::with_behaviour(&application, "honest");
    let mut client = Some(frozen(&runtime, &application, &limits));
    if cause == "connection-lost" {
        client = None;
    }
    application.wait("it is thawed", |state| state.frozen.is_none());
    let last = runtime.last();
    assert_eq!((&last["broken"], &last["thawed"]), (&json!(cause), &json!(true)), "{last}");
    // It was asked to thaw; its session was not just dropped.
    application.look(|state| assert!(state.events.contains(&"1 thaw".to_owned()), "{:?}", state.events));
    if let Some(mut client) = client {
        let (status, answer) = client.step("thaw");
        assert_eq!(
            (status, &answer["result"], &answer["ending"]["broken"]),
            (409, &json!("broken"), &json!(cause))
        );
    }
}

#[rstest]
#[case::terminated(Signal::TERM)]
#[case::interrupted(Signal::INT)]
fn told_to_stop_it_thaws_and_ends(#[case] signal: Signal) {
    let application = Application::start();
    let mut runtime = Runtime::with_behaviour(&application, "honest");
    let _client = frozen(&runtime, &application, &json!({}));
    runtime.signal(signal);
    assert!(runtime.wait().success(), "{:?}", runtime.lines());
    application.wait("the session is closed", |state| state.events.len() == 3);
    application.look(|state| assert_eq!(state.events, ["1 freeze rp", "1 thaw", "1 closed"]));
}

#[test]
fn killed_it_lets_go_of_the_session() {
    let application = Application::start();
    let mut runtime = Runtime::with_behaviour(&application, "honest");
    let _client = frozen(&runtime, &application, &json!({}));
    runtime.signal(Signal::KILL);
    runtime.wait();
    application.wait("the freeze went with the session", |state| state.frozen.is_none());
}

#[test]
fn a_client_that_goes_during_the_freeze_leaves_nothing_frozen() {
    let application = Application::start();
    let runtime = Runtime::with_behaviour(&application, "sleep-at-freeze");
    let mut client = runtime.connect();
    assert_eq!(client.prepare(&json!({})).0, 200);
    client.begin("freeze");
    runtime.wait_for_line("Freeze for restore point rp");
    drop(client);
    let last = runtime.last();
    assert_eq!((&last["broken"], &last["thawed"]), (&json!("connection-lost"), &json!(true)), "{last}");
    application.wait("its session is closed", |state| state.events == ["1 closed"]);
}

#[test]
fn a_client_that_prepared_and_goes_leaves_nothing_behind() {
    let application = Application::start();
    let runtime = Runtime::with_behaviour(&application, "honest");
    let mut client = runtime.connect();
    assert_eq!(client.prepare(&json!({})).0, 200);
    drop(client);
    application.wait("its session is closed", |state| state.events.contains(&"1 closed".to_owned()));
    assert_eq!(runtime.last()["broken"], "connection-lost");
}

#[test]
fn another_connection_can_neither_take_nor_end_a_freeze() {
    let application = Application::start();
    let runtime = Runtime::with_behaviour(&application, "honest");
    let mut holder = frozen(&runtime, &application, &json!({}));
    let mut other = runtime.connect();
    for (request, reason) in [("prepare", "busy"), ("freeze", "not-held"), ("thaw", "not-held")] {
        let (status, answer) =
            if request == "prepare" { other.prepare(&json!({})) } else { other.step(request) };
        assert_eq!((status, &answer["reason"]), (409, &json!(reason)), "{request}: {answer}");
    }
    drop(other);
    assert_eq!(holder.heartbeat().1["result"], "heard");
    assert_eq!(holder.step("check").1["result"], "done");
    assert_eq!(holder.step("thaw").1["result"], "thawed");
}

#[test]
fn steps_have_an_order() {
    let application = Application::start();
    let runtime = Runtime::with_behaviour(&application, "honest");
    let mut client = runtime.connect();
    assert_eq!(client.step("freeze").1["reason"], "not-held");
    assert_eq!(client.prepare(&json!({})).0, 200);
    assert_eq!(client.step("check").1["reason"], "out-of-order");
    application.look(|state| assert!(state.events.is_empty(), "{:?}", state.events));
}

#[rstest]
#[case::not_json("/v1/hooks/guest/prepare", "freeze!", 400)]
#[case::condition_that_is_not_known("/v1/hooks/guest/prepare", r#"{"onlyIf":"idle"}"#, 400)]
#[case::unknown_hook("/v1/hooks/other/prepare", "{}", 404)]
#[case::unknown_version("/v2/hooks/guest/prepare", "{}", 404)]
fn refuses_what_it_cannot_read(#[case] path: &str, #[case] body: &str, #[case] expected: u16) {
    let application = Application::start();
    let runtime = Runtime::with_behaviour(&application, "honest");
    let (status, answer) = runtime.connect().post(path, body);
    assert_eq!((status, &answer["result"]), (expected, &json!("malformed")), "{answer}");
}

#[test]
fn refuses_a_request_beyond_its_size() {
    let application = Application::start();
    let runtime = Runtime::with_behaviour(&application, "honest");
    let (status, _) = runtime.connect().post("/v1/hooks/guest/prepare", &" ".repeat(70_000));
    assert_eq!(status, 413);
    assert_eq!(runtime.connect().get("/healthz").0, 200);
}
