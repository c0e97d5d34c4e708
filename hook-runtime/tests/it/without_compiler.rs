//! The build that has no compiler, where another has compiled. By the name of this module `cargo xtask test` gives these
//! tests that build.

use std::{env, fs, path::PathBuf};

use rustix::process::Signal;
use serde_json::json;
use tempfile::TempDir;

use crate::{application::Application, hook::granted, process::Runtime};

/// Its path.
const PROGRAM: &str = "KUBECTL_BACKUP_RUNTIME_WITHOUT_COMPILER";

fn program() -> PathBuf {
    env::var_os(PROGRAM).unwrap_or_else(|| panic!("{PROGRAM} names no program")).into()
}

/// A runtime that has compiled its hook into this folder, and has ended.
fn compiled(application: &Application, cache: &TempDir) -> Runtime {
    let hook = granted(application, "honest");
    let mut runtime = Runtime::start_with(&hook, &json!({ "cache": cache.path() }), &[]);
    runtime.connect();
    runtime.signal(Signal::TERM);
    runtime.wait();
    runtime
}

#[test]
#[ignore = "needs a build without compiler: cargo build -p hook-runtime --no-default-features"]
fn it_freezes_with_what_another_build_compiled() {
    let (application, cache) = (Application::start(), tempfile::tempdir().unwrap());
    let mut runtime = compiled(&application, &cache);
    runtime.restart_as(&program());
    let mut client = runtime.connect();
    assert_eq!(client.prepare(&json!({})).0, 200);
    assert_eq!(client.step("freeze").0, 200);
    assert!(application.is_frozen());
    assert_eq!(client.step("thaw").0, 200);
    assert!(!application.is_frozen());
}

#[test]
#[ignore = "needs a build without compiler: cargo build -p hook-runtime --no-default-features"]
fn it_says_who_can_fill_an_empty_cache() {
    let (application, cache) = (Application::start(), tempfile::tempdir().unwrap());
    let mut runtime = compiled(&application, &cache);
    fs::remove_dir_all(cache.path().join("compiled")).unwrap();
    runtime.restart_as(&program());
    runtime.wait_for_line(
        "this build has no compiler; fill the cache by one that has, with `hook-runtime compile",
    );
    assert_eq!(runtime.wait().code(), Some(1));
}
