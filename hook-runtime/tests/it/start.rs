//! What keeps the runtime from starting: better then than at the freeze.

use rstest::rstest;
use serde_json::{Value, json};

use crate::{
    application::Application,
    hook::granted,
    process::{Runtime, program},
};

#[rstest]
#[case::another_component("/sha256", json!("00"), "the configuration names 00")]
#[case::no_such_component("/component", json!("other.wasm"), "could not read the component of hook `guest`")]
#[case::not_a_component("/component", json!("hooks.yaml"), "cannot be used")]
#[case::unknown_setting("/settings", json!({ "adress": "x" }), "it has no setting `adress`")]
#[case::missing_setting("/settings", json!({}), "the setting `address` is missing")]
#[case::missing_secret("/secrets", json!({}), "it needs the secret `password`")]
#[case::nowhere_to_connect("/connect", json!([]), "it must connect to the line server")]
#[case::too_little_memory("/memoryMiB", json!(1), "would be more than 1 MiB (`memoryMiB`)")]
fn refuses_to_start(#[case] place: &str, #[case] value: Value, #[case] why: &str) {
    let application = Application::start();
    let mut hook = granted(&application, "honest");
    hook[place.trim_start_matches('/')] = value;
    let mut runtime = Runtime::start(&hook);
    runtime.wait_for_line(why);
    assert_eq!(runtime.wait().code(), Some(1));
}

#[test]
fn does_not_follow_a_link_out_of_its_folder() {
    let application = Application::start();
    let outside = tempfile::NamedTempFile::new().unwrap();
    let runtime = Runtime::with_behaviour(&application, "honest");
    runtime.connect();
    std::os::unix::fs::symlink(outside.path(), runtime.folder().join("link.wasm")).unwrap();
    let configuration = std::fs::read_to_string(runtime.folder().join("hooks.yaml")).unwrap();
    let linked = runtime.folder().join("linked.yaml");
    std::fs::write(&linked, configuration.replace("guest.wasm", "link.wasm")).unwrap();
    let output = std::process::Command::new(program()).arg("--config").arg(&linked).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("it is a link out of the folder"));
}

#[test]
fn a_freeze_without_expiry_needs_a_place_for_its_record() {
    let application = Application::start();
    let mut hook = granted(&application, "honest");
    hook["mounts"] = json!({ "data": "/data" });
    let mut runtime = Runtime::start_with(&hook, &json!({ "state": null }), &[]);
    runtime.wait_for_line("`state` must name a folder that outlives the container");
    assert_eq!(runtime.wait().code(), Some(1));
}

#[test]
fn says_what_it_runs() {
    let application = Application::start();
    let runtime = Runtime::with_behaviour(&application, "honest");
    let (_, status) = runtime.connect().get("/v1");
    assert_eq!(status["hooks"][0]["component"], "guest 0.1.0");
    assert_eq!(status["hooks"][0]["freezes"], "the line server of the tests");
    // The component's digest, for who wants to pin it.
    runtime.wait_for_line("hook guest: component guest.wasm (");
}
