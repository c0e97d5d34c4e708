//! A hook that lies in a registry and is named by its digest.

use hook_artifact::{
    credentials::Credentials,
    registry::{Image, push},
};
use serde_json::{Value, json};
use test_cluster::registry::Registry;

use crate::{application::Application, guest, hook::granted, process::Runtime};

/// The guest in the registry; gives the reference that pins it.
fn pushed(registry: &Registry) -> String {
    let image = Image::parse(&format!("{}/hooks/guest:0.1.0", registry.address())).expect("a reference");
    let component = std::fs::read(guest::component()).expect("it was built");
    let asynchronous = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("it starts");
    asynchronous.block_on(push(&image, component, &Credentials::default())).expect("it is pushed").to_string()
}

fn from_image(application: &Application, image: &str) -> Value {
    let mut hook = granted(application, "honest");
    hook.as_object_mut().expect("it is one").remove("component");
    hook["image"] = json!(image);
    hook
}

#[test]
#[ignore = "needs docker-registry: cargo xtask test"]
fn is_pulled_once_and_runs_without_the_registry_then() {
    let (application, registry) = (Application::start(), Registry::start().unwrap());
    let hook = from_image(&application, &pushed(&registry));
    let cache = tempfile::tempdir().unwrap();
    let start = || Runtime::start_with(&hook, &json!({ "cache": cache.path() }), &[]);
    assert_eq!(start().connect().prepare(&json!({})).1["result"], "done");
    drop(registry);
    assert_eq!(start().connect().prepare(&json!({})).1["result"], "done");
}

#[test]
#[ignore = "needs docker-registry: cargo xtask test"]
fn keeps_the_runtime_from_starting_when_it_is_not_there() {
    let (application, registry) = (Application::start(), Registry::start().unwrap());
    let image = format!("{}/hooks/none@sha256:{}", registry.address(), "0".repeat(64));
    let cache = tempfile::tempdir().unwrap();
    let mut runtime =
        Runtime::start_with(&from_image(&application, &image), &json!({ "cache": cache.path() }), &[]);
    runtime.wait_for_line(&format!("could not pull `{image}`"));
    assert_eq!(runtime.wait().code(), Some(1));
}

#[test]
fn needs_a_cache() {
    let application = Application::start();
    let image = format!("r.example/hooks/none@sha256:{}", "0".repeat(64));
    let mut runtime = Runtime::start(&from_image(&application, &image));
    runtime.wait_for_line("set `cache`");
    assert_eq!(runtime.wait().code(), Some(1));
}
