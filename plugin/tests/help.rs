//! The help of every verb, as its reader sees it.
//!
//! The snapshots lie in `snapshots/`; `INSTA_UPDATE=always` writes them anew. The flags that reach cluster and repository are the same everywhere and shown once.

use std::process::Command;

const VERBS: [&str; 16] = [
    "create",
    "restore",
    "undo",
    "list",
    "describe",
    "ls",
    "get",
    "diff",
    "transform",
    "history",
    "hooks",
    "delete",
    "check",
    "doctor",
    "completion",
    "version",
];

/// `kubectl backup ARGUMENTS -h` without the parts named `Connection` and `Repository`.
fn own_help(arguments: &[&str]) -> String {
    parts(arguments, |heading| !is_shared(heading))
}

fn is_shared(heading: &str) -> bool {
    matches!(heading, "Connection:" | "Repository:")
}

/// The parts of the help whose headings are `wanted`, without spaces at the ends of lines.
fn parts(arguments: &[&str], wanted: impl Fn(&str) -> bool) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_kubectl-backup"))
        .args(arguments)
        .arg("-h")
        .env_clear()
        .env("COLUMNS", "100")
        .output()
        .expect("the plugin starts");
    assert_eq!(output.status.code(), Some(0), "{arguments:?}");
    let text = String::from_utf8(output.stdout).expect("help is text");
    let mut kept = Vec::new();
    let mut keeps = true;
    for line in text.lines() {
        if !line.is_empty() && !line.starts_with(' ') {
            keeps = wanted(line);
        }
        if keeps {
            kept.push(line.trim_end());
        }
    }
    kept.join("\n").trim_end().to_owned()
}

#[test]
fn flags_of_cluster_and_repository_are_the_same_for_every_verb() {
    let shared = parts(&[], is_shared);
    for verb in VERBS {
        assert_eq!(parts(&[verb], is_shared), shared, "{verb}");
    }
    insta::assert_snapshot!("shared", shared);
}

#[test]
fn every_verb_explains_itself() {
    insta::assert_snapshot!("overview", own_help(&[]));
    for verb in VERBS {
        insta::assert_snapshot!(verb, own_help(&[verb]));
    }
}
