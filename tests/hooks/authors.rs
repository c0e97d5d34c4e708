//! The way of a hook's author: `hooks new`, the tests that come with it, `hooks build`, and the component in the real runtime.

mod with_javascript;
mod with_python;

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::{
    application::Application,
    component::expect,
    http,
    machine::{self, run},
    process::Runtime,
};

/// Where a runtime keeps what it compiled, for the next run.
fn cache() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("authors");
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// The plugin in this folder; its build lies beside that of the runtime.
fn plugin(folder: &Path, arguments: &[&str]) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_hook-runtime")).with_file_name("kubectl-backup");
    let mut command = Command::new(program);
    // What cargo builds is kept, and its own variables are for the build that runs this test.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../hooks");
    command.env("CARGO_TARGET_DIR", target).env_remove("RUSTFLAGS").env_remove("CARGO_BUILD_TARGET");
    let output = run(command.current_dir(folder).arg("hooks").args(arguments));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// The runtime with the component as the hook `till`, with these fields in its configuration beside the component.
fn runtime(component: &Path, hook: &Value) -> Runtime {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(component, folder.path().join("till.wasm")).unwrap();
    let mut hook = hook.clone();
    hook["component"] = json!("till.wasm");
    // An interpreter takes longer to compile than a start may.
    let configuration = json!({ "folder": folder.path(), "cache": cache(), "hooks": { "till": hook } });
    let file = folder.path().join("compile.yaml");
    fs::write(&file, configuration.to_string()).unwrap();
    run(Command::new(env!("CARGO_BIN_EXE_hook-runtime")).args(["compile", "--config"]).arg(file));
    Runtime::launch(folder, "till", &hook, &json!({ "cache": cache() }), &[])
}

#[test]
fn a_hook_in_rust_is_made_tested_built_and_held() {
    let folder = tempfile::tempdir().unwrap();
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../hooks-sdk");
    assert_eq!(plugin(folder.path(), &["new", "till", "--sdk", sdk.to_str().unwrap()]), "till");
    let hook = folder.path().join("till");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../hooks");
    let mut tests = Command::new(env!("CARGO"));
    let tests = run(tests.current_dir(&hook).arg("test").env("CARGO_TARGET_DIR", target));
    assert!(String::from_utf8_lossy(&tests.stdout).contains("test result: ok. 3 passed"));
    let built: Value = serde_json::from_str(&plugin(&hook, &["build", "-o", "json"])).unwrap();
    assert_eq!(built["exports"], json!(["kubectl-backup:hook/hook@0.1.0"]), "{built}");

    let application = Application::start();
    let granted =
        json!({ "connect": [application.address()], "settings": { "address": application.address() } });
    let runtime = runtime(Path::new(built["file"].as_str().unwrap()), &granted);
    let mut client = runtime.connect();
    expect("done", client.prepare(&json!({})));
    let frozen = expect("done", client.step("freeze"));
    assert_eq!(frozen["receipt"]["session"], "session-1", "{frozen}");
    assert!(application.is_frozen());
    expect("done", client.step("check"));
    drop(client);
    machine::wait("it is thawed", || !application.is_frozen());
}

/// Builds the hook of an interpreter, and gives the component to run: that of an earlier run if it was built from the same.
/// No two builds give the same bytes, and each takes a minute to compile.
fn interpreted(hook: &Path) -> PathBuf {
    let built = hook.join(plugin(hook, &["build", "-o", "name"]));
    let kept = cache().join(hook_digest(hook));
    if !kept.exists() {
        let new = kept.with_extension("new");
        fs::copy(built, &new).unwrap();
        fs::rename(new, &kept).unwrap();
    }
    kept
}

/// A name for what the hook in this folder is built from.
fn hook_digest(hook: &Path) -> String {
    let mut files: Vec<PathBuf> = ["", "wit", "wit/deps/hook"]
        .iter()
        .filter_map(|folder| fs::read_dir(hook.join(folder)).ok())
        .flat_map(|entries| entries.map(|entry| entry.unwrap().path()))
        .filter(|file| file.is_file() && file.extension().is_none_or(|extension| extension != "wasm"))
        .collect();
    files.sort();
    let mut digest = Sha256::new();
    for file in files {
        digest.update(fs::read(file).unwrap());
    }
    format!("{:x}.wasm", digest.finalize())
}

/// The hook in this component pauses an application, checks, and tells what it lost.
fn holds_an_application(component: &Path) {
    let application = http::Application::start_open();
    let runtime = of_an_interpreter(component, application.address, application.address);
    let mut client = runtime.connect();
    expect("done", client.prepare(&json!({})));
    expect("done", client.step("freeze"));
    assert!(application.is_paused());
    expect("done", client.step("check"));
    application.resume_by_itself();
    let (status, answer) = client.step("check");
    assert_eq!((status, &answer["failure"]["kind"]), (502, &json!("not-held")), "{answer}");
    assert_eq!(runtime.last()["thawed"], true);
}

/// A refusal by the runtime reaches the author in words: what is not granted is not there.
fn is_refused_what_it_is_not_granted(component: &Path) {
    let application = http::Application::start_open();
    let other = http::Application::start_open();
    let runtime = of_an_interpreter(component, application.address, other.address);
    let mut client = runtime.connect();
    expect("done", client.prepare(&json!({})));
    let (status, answer) = client.step("freeze");
    assert_eq!((status, &answer["failure"]["kind"]), (502, &json!("denied")), "{answer}");
    assert!(!application.is_paused());
}

fn of_an_interpreter(component: &Path, address: SocketAddr, granted: SocketAddr) -> Runtime {
    let hook = json!({ "connect": [granted], "settings": { "address": address }, "memoryMiB": 256 });
    runtime(component, &hook)
}

fn new(language: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    plugin(folder.path(), &["new", "till", "--lang", language]);
    let hook = folder.path().join("till");
    (folder, hook)
}
