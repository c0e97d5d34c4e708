//! By the name of this module `cargo xtask test` leaves these tests out where `componentize-py` is not installed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::json;

use super::Application;
use crate::{component::expect, machine, process::Runtime};

/// Builds the component, and compiles it once: that takes longer than a start may.
fn component(folder: &Path) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python");
    fs::create_dir_all(&kept).unwrap();
    let file = kept.join("http-python.wasm");
    let source = root.join("examples-hooks/python/hook.py");
    let changed = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    if changed(&file) < changed(&source) {
        let mut build = Command::new("componentize-py");
        build.arg("--wit-path").arg(root.join("wit")).args([
            "--world",
            "application-hook",
            "componentize",
            "hook",
        ]);
        build.arg("--python-path").arg(root.join("examples-hooks/python")).arg("--output").arg(&file);
        machine::run(&mut build);
    }
    fs::copy(&file, folder.join("http-python.wasm")).unwrap();
    let hooks = json!({ "http-python": { "component": "http-python.wasm", "memoryMiB": 256 } });
    let configuration = json!({ "folder": folder, "cache": kept, "hooks": hooks });
    let path = folder.join("compile.yaml");
    fs::write(&path, configuration.to_string()).unwrap();
    machine::run(Command::new(env!("CARGO_BIN_EXE_hook-runtime")).args(["compile", "--config"]).arg(path));
    kept
}

#[test]
#[ignore = "needs componentize-py: pip install componentize-py"]
fn a_hook_in_python_does_the_same() {
    let application = Application::start();
    application.state.lock().unwrap().open = true;
    let folder = tempfile::tempdir().unwrap();
    let cache = component(folder.path());
    let hook = json!({
        "component": "http-python.wasm",
        "connect": [application.address],
        "settings": { "address": application.address },
        "memoryMiB": 256,
    });
    let runtime = Runtime::launch(folder, "http-python", &hook, &json!({ "cache": cache }), &[]);
    let mut client = runtime.connect();
    expect("done", client.prepare(&json!({})));
    expect("done", client.step("freeze"));
    assert!(application.is_paused());
    expect("done", client.step("check"));
    application.state.lock().unwrap().paused = false;
    let (status, answer) = client.step("check");
    assert_eq!((status, &answer["failure"]["kind"]), (502, &json!("not-held")), "{answer}");
    assert_eq!(runtime.last()["thawed"], true);
}
