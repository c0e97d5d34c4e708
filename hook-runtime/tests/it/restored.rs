//! `recover` and `verify`: they need no lease and do not mix with one, and only `recover` has files.

use rstest::rstest;
use serde_json::{Value, json};

use crate::{application::Application, hook::granted, process::Runtime};

/// A runtime whose hook is granted a folder `data`.
fn with_folder(application: &Application, behaviour: &str) -> (Runtime, tempfile::TempDir) {
    let data = tempfile::tempdir().expect("a folder can be made");
    let mut hook = granted(application, behaviour);
    hook["folders"] = json!({ "data": data.path() });
    (Runtime::start(&hook), data)
}

fn label() -> Value {
    json!([{ "name": "label", "base64": "U1RBUlQA/wo=" }])
}

#[test]
fn recover_writes_into_the_granted_folder_exactly_what_the_facts_say() {
    let application = Application::start();
    let (runtime, data) = with_folder(&application, "honest");
    for _ in 0..2 {
        let (status, answer) = runtime.connect().after_restore("recover", "apart", &label());
        assert_eq!((status, &answer["result"]), (200, &json!("done")), "{answer}");
        assert_eq!(answer["receipt"]["facts"], json!([{ "name": "of", "text": "rp" }]));
    }
    assert_eq!(std::fs::read(data.path().join("label")).unwrap(), b"START\0\xff\n");
    application.look(|state| assert!(state.events.is_empty(), "{:?}", state.events));
}

#[rstest]
#[case::above("../label")]
#[case::by_a_link("out/label")]
fn recover_does_not_leave_the_folder(#[case] name: &str) {
    let application = Application::start();
    let (runtime, data) = with_folder(&application, "honest");
    let outside = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(outside.path(), data.path().join("out")).unwrap();
    let facts = json!([{ "name": name, "base64": "AA==" }]);
    let (status, answer) = runtime.connect().after_restore("recover", "apart", &facts);
    assert_eq!((status, &answer["failure"]["kind"]), (502, &json!("denied")), "{answer}");
    assert!(!outside.path().join("label").exists() && !data.path().join("../label").exists());
}

#[test]
fn without_a_grant_there_is_no_folder() {
    let application = Application::start();
    let runtime = Runtime::with_behaviour(&application, "honest");
    let (status, answer) = runtime.connect().after_restore("recover", "apart", &label());
    assert_eq!((status, &answer["failure"]["kind"]), (502, &json!("denied")), "{answer}");
}

#[rstest]
fn no_other_call_sees_the_folder(#[values("prepare", "verify")] step: &str) {
    let application = Application::start();
    let (runtime, _data) = with_folder(&application, &format!("look-at-{step}"));
    let mut client = runtime.connect();
    let (status, answer) = match step {
        "prepare" => client.prepare(&json!({})),
        _ => client.after_restore(step, "atomic", &json!([])),
    };
    assert_eq!((status, &answer["failure"]["kind"]), (502, &json!("denied")), "{answer}");
}

#[test]
fn neither_mixes_with_a_lease() {
    let application = Application::start();
    let runtime = Runtime::with_behaviour(&application, "honest");
    let mut holder = runtime.connect();
    assert_eq!(holder.prepare(&json!({ "silenceMs": 60_000 })).0, 200);
    assert_eq!(holder.step("freeze").0, 200);
    for step in ["recover", "verify"] {
        let (status, answer) = runtime.connect().after_restore(step, "atomic", &json!([]));
        assert_eq!((status, &answer["reason"]), (409, &json!("busy")), "{answer}");
    }
    assert_eq!(holder.step("thaw").1["result"], "thawed");
    let (status, answer) = holder.after_restore("verify", "atomic", &json!([]));
    assert_eq!((status, &answer["receipt"]["session"]), (200, &json!("session-2")), "{answer}");
}

#[test]
fn one_that_hangs_is_ended_and_the_next_is_served() {
    let application = Application::start();
    let runtime = Runtime::with_behaviour(&application, "sleep-at-verify");
    let mut restored = json!({ "restorePoint": "rp", "cut": "atomic", "budgetMs": 500,
        "pod": { "namespace": "shop", "name": "db-0", "uid": "2d0c" } });
    let mut client = runtime.connect();
    let (status, answer) = client.post("/v1/hooks/guest/verify", &restored.to_string());
    assert_eq!((status, &answer["failure"]["kind"]), (502, &json!("broke")), "{answer}");
    assert_eq!(client.prepare(&json!({})).0, 200);
    restored["budgetMs"] = json!(0);
    assert_eq!(client.post("/v1/hooks/guest/verify", &restored.to_string()).0, 400);
}
