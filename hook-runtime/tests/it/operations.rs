//! What whoever runs the program lives with: probes, metrics, logs for programs, and the cache of compiled hooks.

use std::{
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    process::{Command, Output},
};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{
    application::Application,
    hook::granted,
    process::{Client, Runtime, program},
};

fn probe(address: &str, more: &[&str]) -> Output {
    Command::new(program())
        .args(["probe", "--listen", address])
        .args(more)
        .output()
        .expect("the program starts")
}

#[test]
fn a_probe_asks_whether_it_answers_whatever_is_frozen() {
    let application = Application::start();
    let runtime = Runtime::with_behaviour(&application, "honest");
    let mut client = runtime.connect();
    assert_eq!((client.prepare(&json!({})).0, client.step("freeze").0), (200, 200));
    let alive = probe(&runtime.address("listening on ").to_string(), &[]);
    assert!(alive.status.success(), "{}", String::from_utf8_lossy(&alive.stderr));
}

#[test]
fn a_probe_of_something_else_fails() {
    let nobody = probe("127.0.0.1:1", &[]);
    assert_eq!(nobody.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("no answer of the runtime at `127.0.0.1:1`"));
    // It answers every line with its own.
    let application = Application::start();
    for more in [&[][..], &["--or-starting"]] {
        assert_eq!(probe(&application.address().to_string(), more).status.code(), Some(1));
    }
}

#[test]
fn a_probe_that_restarts_leaves_a_runtime_alone_that_does_not_listen_yet_and_none_that_is_stuck() {
    assert!(probe("127.0.0.1:1", &["--or-starting"]).status.success());
    // The kernel takes the connection, as it does for a process that is stopped.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = silent.local_addr().expect("it has an address").to_string();
    let stuck = probe(&address, &["--or-starting"]);
    assert_eq!(stuck.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&stuck.stderr).contains("no answer of the runtime"));
}

#[test]
fn a_runtime_that_cannot_start_says_why_and_tries_again() {
    let application = Application::start();
    let mut hook = granted(&application, "honest");
    hook["component"] = json!("later.wasm");
    let mut runtime = Runtime::start_with(&hook, &json!({}), &["--retry", "1"]);
    let line = runtime.wait_for_line("trying again in 1 s");
    assert!(line.contains("could not read the component of hook `guest`"), "{line}");
    let folder = runtime.folder();
    std::fs::rename(folder.join("guest.wasm"), folder.join("later.wasm")).unwrap();
    assert_eq!(runtime.connect().prepare(&json!({})).0, 200);
    runtime.signal(Signal::TERM);
    assert!(runtime.wait().success());
    // One that waits ends as well when it is told to.
    let mut waiting = Runtime::start_with(&hook, &json!({}), &["--retry", "3600"]);
    waiting.wait_for_line("trying again in 3600 s");
    waiting.signal(Signal::TERM);
    assert!(waiting.wait().success());
}

#[test]
fn metrics_tell_what_was_frozen_and_for_how_long() {
    let application = Application::start();
    let hook = granted(&application, "honest");
    let runtime = Runtime::start_with(&hook, &json!({ "metricsListen": "127.0.0.1:0" }), &[]);
    let mut holder = runtime.connect();
    assert_eq!((holder.prepare(&json!({ "freezeMs": 200 })).0, holder.step("freeze").0), (200, 200));
    assert_eq!(runtime.last()["broken"], "deadline");
    let (status, text) = runtime.connect().get_text("/metrics");
    assert_eq!(status, 200);
    for line in [
        "kubectl_backup_hook_freezes_total{hook=\"guest\"} 1",
        "kubectl_backup_hook_thaws_total{hook=\"guest\"} 1",
        "kubectl_backup_hook_auto_thaws_total{hook=\"guest\",cause=\"deadline\"} 1",
        "kubectl_backup_hook_frozen{hook=\"guest\"} 0",
    ] {
        assert!(text.contains(line), "{line} in:\n{text}");
    }
    // Prometheus comes by the address of the pod; there nothing else is answered.
    let scraped = runtime.address("listening for metrics on ");
    let ask = |path: &str| Client::at(scraped).get_text(path).0;
    assert_eq!((ask("/metrics"), ask("/v1"), ask("/healthz")), (200, 404, 404));
}

#[test]
fn logs_are_objects_when_asked_for() {
    let application = Application::start();
    let hook = granted(&application, "honest");
    let runtime = Runtime::start_with(&hook, &json!({}), &["--log-format", "json"]);
    let line: Value =
        serde_json::from_str(&runtime.wait_for_line("listening on ")).expect("an object a line");
    assert_eq!(line["level"], "INFO");
    assert!(line["message"].as_str().is_some_and(|message| message.starts_with("listening on 127.0.0.1:")));
}

#[test]
fn compiles_once_and_in_a_process_of_its_own() {
    let application = Application::start();
    let cache = tempfile::tempdir().unwrap();
    let start = || {
        let hook = granted(&application, "honest");
        Runtime::start_with(&hook, &json!({ "cache": cache.path() }), &[])
    };
    let first = start();
    first.connect();
    first.wait_for_line("compiled the component of hook guest");
    let second = start();
    assert_eq!(second.connect().prepare(&json!({})).0, 200);
    assert!(!second.lines().iter().any(|line| line.contains("compiled the component")));
    let compiled = std::fs::read_dir(cache.path().join("compiled")).unwrap().count();
    assert_eq!(compiled, 1);
}

#[test]
fn runs_nothing_compiled_from_a_folder_that_others_can_write_to() {
    let application = Application::start();
    let cache = tempfile::tempdir().unwrap();
    std::fs::create_dir(cache.path().join("compiled")).unwrap();
    std::fs::set_permissions(cache.path().join("compiled"), std::fs::Permissions::from_mode(0o777)).unwrap();
    let hook = granted(&application, "honest");
    let mut runtime = Runtime::start_with(&hook, &json!({ "cache": cache.path() }), &[]);
    runtime.wait_for_line("is not a folder that only this user can write to");
    assert_eq!(runtime.wait().code(), Some(1));
}

#[test]
fn what_is_broken_in_the_cache_is_compiled_again() {
    let application = Application::start();
    let cache = tempfile::tempdir().unwrap();
    let hook = granted(&application, "honest");
    let start = || Runtime::start_with(&hook, &json!({ "cache": cache.path() }), &[]);
    start().connect();
    let file = std::fs::read_dir(cache.path().join("compiled")).unwrap().next().unwrap().unwrap().path();
    std::fs::write(&file, "not native code").unwrap();
    let runtime = start();
    runtime.wait_for_line("cannot be used and is compiled again");
    assert_eq!(runtime.connect().prepare(&json!({})).0, 200);
}

/// It may try for days.
#[test]
fn a_start_that_failed_leaves_no_thread_behind() {
    let application = Application::start();
    let mut hook = granted(&application, "honest");
    hook["component"] = json!("never.wasm");
    let runtime = Runtime::start_with(&hook, &json!({}), &["--retry", "1"]);
    let threads_after = |tries: usize| {
        while runtime.lines().iter().filter(|line| line.contains("trying again")).count() < tries {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        std::fs::read_dir(format!("/proc/{}/task", runtime.id())).expect("it runs").count()
    };
    let first = threads_after(1);
    assert!(threads_after(4) <= first, "{first} threads after the first");
}
