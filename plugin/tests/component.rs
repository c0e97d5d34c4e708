//! `hooks inspect` and `hooks push`: the real binary, and a real registry.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use rstest::rstest;
use tempfile::TempDir;
use test_cluster::registry::{PASSWORD, Registry, USER};

/// An empty home, so that nobody's credentials are found.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder can be made"))
    }

    fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("a folder can be made");
        fs::write(&path, content).expect("a file can be written");
        path
    }

    fn hooks(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the program starts")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-backup"));
        command.arg("hooks").args(arguments).env_clear().env("HOME", self.0.path());
        command
    }
}

fn hook() -> Vec<u8> {
    let text = r#"(component
        (import "wasi:sockets/tcp@0.2.6" (instance))
        (import "kubectl-backup:hook/configuration@0.1.0" (instance))
        (import "wasi:io/poll@0.2.6" (instance $poll))
        (export "kubectl-backup:hook/hook@0.1.0" (instance $poll)))"#;
    wat::parse_str(text).expect("a component")
}

fn shown(path: &Path) -> &str {
    path.to_str().expect("it is plain")
}

fn told(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn inspect_shows_what_a_hook_can_ask_for() {
    let home = Home::new();
    let file = home.file("shop.wasm", &hook());
    let (code, stdout, _) = told(&home.hooks(&["inspect", shown(&file)]));
    assert_eq!(code, Some(0));
    insta::assert_snapshot!(stdout);
    let (_, name, _) = told(&home.hooks(&["inspect", shown(&file), "-o", "name"]));
    assert_eq!(name.trim_end(), hook_artifact::component::digest(&hook()));
    let (_, json, _) = told(&home.hooks(&["inspect", shown(&file), "-o", "json"]));
    let powers = json.split_once("\"powers\"").expect("they are told").1;
    assert!(powers.trim_start_matches([':', ' ', '[', '\n']).starts_with("\"connect\""), "{json}");
}

#[rstest]
#[case::no_component(b"#!/bin/sh".to_vec(), "is no hook: it is not a WebAssembly component")]
#[case::module(wat::parse_str("(module)").expect("a module"), "build it for wasm32-wasip2")]
fn what_is_no_hook_is_neither_shown_nor_pushed(#[case] content: Vec<u8>, #[case] why: &str) {
    let home = Home::new();
    let file = home.file("shop.wasm", &content);
    for arguments in [vec!["inspect", shown(&file)], vec!["push", shown(&file), "localhost:1/hooks/shop:1"]] {
        let (code, stdout, stderr) = told(&home.hooks(&arguments));
        assert_eq!((code, stdout.as_str()), (Some(1), ""), "{stderr}");
        assert!(stderr.contains(why), "{stderr}");
    }
}

#[test]
fn a_reference_that_is_none_is_a_wrong_word() {
    let home = Home::new();
    let file = home.file("shop.wasm", &hook());
    let (code, _, stderr) = told(&home.hooks(&["push", shown(&file), "Not A Reference"]));
    assert_eq!(code, Some(2), "{stderr}");
}

#[test]
fn a_machine_that_trusts_nobody_is_told_what_it_lacks() {
    let home = Home::new();
    let file = home.file("shop.wasm", &hook());
    let mut push = home.command(&["push", shown(&file), "127.0.0.1:1/hooks/shop:1.0.0"]);
    push.env("SSL_CERT_FILE", "/dev/null").env("SSL_CERT_DIR", "/dev/null");
    let (code, _, stderr) = told(&push.output().expect("the program starts"));
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("certificates of authorities"), "{stderr}");
}

#[test]
#[ignore = "needs docker-registry: cargo xtask test"]
fn push_prints_the_reference_that_pins() {
    let (home, registry) = (Home::new(), Registry::start().expect("it starts"));
    let file = home.file("shop.wasm", &hook());
    let image = format!("{}/hooks/shop:1.0.0", registry.address());
    let (code, stdout, stderr) = told(&home.hooks(&["push", shown(&file), &image]));
    assert_eq!(code, Some(0), "{stderr}");
    let pinned = hook_artifact::registry::Pinned::parse(stdout.trim_end());
    assert!(pinned.is_ok(), "{stdout}");
}

#[test]
#[ignore = "needs docker-registry: cargo xtask test"]
fn push_takes_the_credentials_of_docker_login() {
    let (home, registry) = (Home::new(), Registry::start_with_password().expect("it starts"));
    let file = home.file("shop.wasm", &hook());
    let image = format!("{}/hooks/shop:1.0.0", registry.address());
    let (code, _, stderr) = told(&home.hooks(&["push", shown(&file), &image]));
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("could not push"), "{stderr}");
    let known = format!(
        r#"{{"auths":{{"{}":{{"username":"{USER}","password":"{PASSWORD}"}}}}}}"#,
        registry.address()
    );
    home.file(".docker/config.json", known.as_bytes());
    let (code, _, stderr) = told(&home.hooks(&["push", shown(&file), &image]));
    assert_eq!(code, Some(0), "{stderr}");
}
