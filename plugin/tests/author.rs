//! `hooks new` and `hooks build`: what the real binary says when a hook cannot be made or built. `tests/hooks` builds them.

use std::{fs, path::Path, process::Command};

use tempfile::TempDir;

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder can be made")
}

/// What `hooks` says, and its exit code, in this folder, on a machine that has no program at all.
fn hooks(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_kubectl-backup"))
        .arg("hooks")
        .args(arguments)
        .env_clear()
        .env("HOME", folder)
        .env("PATH", folder)
        .current_dir(folder)
        .output()
        .expect("the program starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    let (code, stdout, stderr) = (output.status.code(), text(&output.stdout), text(&output.stderr));
    format!("$ kubectl backup hooks {}\n{stdout}\n{stderr}\n=> {}\n", arguments.join(" "), code.unwrap_or(-1))
}

#[test]
fn new_makes_a_folder_once() {
    let folder = folder();
    let first = hooks(folder.path(), &["new", "till"]);
    let manifest = fs::read(folder.path().join("till/Cargo.toml")).expect("it is there");
    let second = hooks(folder.path(), &["new", "till", "--lang", "js"]);
    assert_eq!(fs::read(folder.path().join("till/Cargo.toml")).expect("it is there"), manifest);
    assert!(!folder.path().join("till/package.json").exists());
    let others =
        ["python", "js"].map(|language| hooks(folder.path(), &["new", language, "--lang", language]));
    insta::assert_snapshot!([first, second, others.concat()].join("\n"));
}

#[test]
fn new_refuses_what_it_cannot_name_or_find() {
    let folder = folder();
    let said = [
        &["new", "../till"][..],
        &["new", "till", "--lang", "python", "--sdk", "."],
        &["new", "till", "--sdk", "nowhere"],
        &["new", "till", "--sdk", "."],
    ]
    .map(|arguments| hooks(folder.path(), arguments));
    insta::assert_snapshot!(said.join("\n"));
    assert_eq!(fs::read_dir(folder.path()).expect("it can be read").count(), 0);
}

#[test]
fn build_names_what_the_machine_lacks() {
    let folder = folder();
    let mut said = vec![hooks(folder.path(), &["build"])];
    for language in ["rust", "python", "js"] {
        hooks(folder.path(), &["new", language, "--lang", language]);
        said.push(hooks(folder.path(), &["build", language]));
    }
    fs::create_dir(folder.path().join("js/node_modules")).expect("a folder can be made");
    said.push(hooks(folder.path(), &["build", "js"]));
    insta::assert_snapshot!(said.join("\n"));
}
