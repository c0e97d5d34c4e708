//! How the real binary behaves towards shell, pipes and kubectl; no cluster is needed.

use std::{
    path::Path,
    process::{Command, Output},
};

const BINARY: &str = env!("CARGO_BIN_EXE_kubectl-backup");

/// A call with nothing of the caller's own environment but PATH.
fn plugin(home: &Path) -> Command {
    let mut command = Command::new(BINARY);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", home);
    command
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn wrong_command_line_exits_two_and_names_kubectl_backup() {
    let home = tempfile::tempdir().unwrap();
    for arguments in [&["creat"][..], &["diff", "--no-such-flag"], &["restore"], &[]] {
        let output = plugin(home.path()).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).contains("Usage: kubectl backup"), "{}", stderr(&output));
        assert_eq!(stdout(&output), "");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_help_that_cannot_be_written_is_a_failure() {
    let home = tempfile::tempdir().unwrap();
    for arguments in [&["--help"][..], &["restore", "--help"], &["--version"]] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let output = plugin(home.path()).args(arguments).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(stderr(&output).contains("could not write to stdout"), "{}", stderr(&output));
    }
}

/// Wrong whatever cluster and repository there are: 2. Asked for and not there: 1.
#[test]
fn exit_code_tells_wrong_words_from_things_that_are_not_there() {
    let home = tempfile::tempdir().unwrap();
    let kubeconfig = home.path().join("config");
    std::fs::write(
        &kubeconfig,
        r#"{"clusters": [{"name": "here", "cluster": {"server": "https://127.0.0.1:1"}}], "current-context": "one",
            "contexts": [{"name": "one", "context": {"cluster": "here"}}],
            "users": [{"name": "me", "user": {"token": "t"}}]}"#,
    )
    .unwrap();
    for (arguments, expected, words) in [
        (&["list", "--request-timeout", "foo"][..], 2, "`foo` is not a value for --request-timeout"),
        (&["create", "--as-group", "admins"], 2, "it goes only together with --as"),
        (&["get", "latest", "cm", "-l", "a in"], 2, "is not a label selector"),
        (&["restore", "latest", "-l", "a in", "--yes"], 2, "is not a label selector"),
        (&["restore", "latest", "deploy/", "--yes"], 2, "is not TYPE/NAME"),
        (&["diff", "latest", "deploy/"], 2, "is not TYPE/NAME"),
        (&["delete", "daily"], 2, "no terminal to ask on"),
        (&["restore", "latest", "--transform", "none.yaml", "--yes"], 2, "could not read transforms"),
        (&["restore", "latest", "--rules", "none.yaml", "--yes"], 2, "could not read the rules file"),
        (&["create", "--context", "nope"], 1, "there is no context `nope`"),
        (&["create", "--user", "nope"], 1, "there is no user `nope` in the kubeconfig"),
        (&["create", "--cluster", "nope"], 1, "there is no cluster `nope` in the kubeconfig"),
    ] {
        let output = plugin(home.path()).args(arguments).env("KUBECONFIG", &kubeconfig).output().unwrap();
        let said = stderr(&output);
        assert!(said.contains(words), "{arguments:?}: {said}");
        assert_eq!(output.status.code(), Some(expected), "{arguments:?}: {said}");
    }
}

/// What it says on stderr may be a way to log in; its environment and what it printed are nobody's business.
#[cfg(unix)]
#[test]
fn credential_plugin_that_fails_is_named_with_its_first_line() {
    let home = tempfile::tempdir().unwrap();
    let kubeconfig = home.path().join("config");
    let run = |exec: &serde_json::Value| {
        let config = serde_json::json!({
            "clusters": [{"name": "here", "cluster": {"server": "https://127.0.0.1:1"}}], "current-context": "one",
            "contexts": [{"name": "one", "context": {"cluster": "here", "user": "me"}}],
            "users": [{"name": "me", "user": {"exec": exec}}]});
        std::fs::write(&kubeconfig, config.to_string()).unwrap();
        let output = plugin(home.path()).arg("create").env("KUBECONFIG", &kubeconfig).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        stderr(&output)
    };
    let mut exec = serde_json::json!({"apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never",
        "command": "sh", "args": ["-c", "echo a-token; echo 'log in at https://login.example' >&2; echo more >&2; exit 3"],
        "env": [{"name": "CLIENT_SECRET", "value": "s3cret"}]});
    insta::assert_snapshot!(run(&exec), @r"
    error: could not get credentials for context `one`
      caused by: the credential plugin `sh` failed (exit status: 3): log in at https://login.example

    hint: log in to the cluster again; `kubectl get namespaces` asks the same plugin
    ");
    exec["args"] = serde_json::json!(["-c", "echo nothing of use"]);
    insta::assert_snapshot!(run(&exec), @r"
    error: could not get credentials for context `one`
      caused by: the credential plugin `sh` printed no credential

    hint: log in to the cluster again; `kubectl get namespaces` asks the same plugin
    ");
    exec["command"] = serde_json::json!("no-such-plugin");
    exec["installHint"] = serde_json::json!("get it from https://plugins.example");
    insta::assert_snapshot!(run(&exec), @r"
    error: could not get credentials for context `one`
      caused by: the credential plugin `no-such-plugin` could not be started
      caused by: No such file or directory (os error 2)

    hint: get it from https://plugins.example
    ");
}

#[test]
fn version_and_help_go_to_stdout() {
    let home = tempfile::tempdir().unwrap();
    for flag in ["--version", "--help"] {
        let output = plugin(home.path()).arg(flag).output().unwrap();
        assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""), "{flag}");
        assert!(!output.stdout.is_empty());
    }
}

#[test]
fn version_and_help_are_verbs_too() {
    let home = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let output = plugin(home.path()).args(arguments).output().unwrap();
        assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""), "{arguments:?}");
        stdout(&output)
    };
    let version = concat!("v", env!("CARGO_PKG_VERSION"));
    assert_eq!(run(&["version"]), format!("Client Version: {version}\n"));
    assert_eq!(run(&["version", "--client"]), run(&["version"]));
    let document: serde_json::Value = serde_json::from_str(&run(&["version", "-o", "json"])).unwrap();
    assert_eq!(document["clientVersion"]["gitVersion"], version);
    assert!(run(&["version", "-o", "yaml"]).contains(&format!("gitVersion: {version}")));
    assert_eq!(run(&["help"]), run(&["--help"]));
    assert_eq!(run(&["help", "restore"]), run(&["restore", "--help"]));
}

#[cfg(unix)]
#[test]
fn reader_that_goes_away_ends_it_without_a_word() {
    let home = tempfile::tempdir().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = plugin(home.path()).args(["completion", "zsh"]).stdout(writer).output().unwrap();
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(141), ""));
}

#[cfg(target_os = "linux")]
#[test]
fn full_disk_behind_stdout_is_an_error() {
    let home = tempfile::tempdir().unwrap();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = plugin(home.path()).args(["completion", "bash"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!(stderr(&output), @r"
    error: could not write to stdout
      caused by: No space left on device (os error 28)
    ");
}

#[test]
fn no_color_keeps_usage_errors_plain_even_when_empty() {
    let home = tempfile::tempdir().unwrap();
    for value in ["", "1"] {
        let output = plugin(home.path())
            .arg("creat")
            .env("NO_COLOR", value)
            .env("CLICOLOR_FORCE", "1")
            .output()
            .unwrap();
        assert!(!stderr(&output).contains('\u{1b}'), "{}", stderr(&output));
    }
}

mod completion {
    use super::*;

    /// A folder with the plugin and its shim, put there by the plugin itself.
    #[cfg(unix)]
    fn installed() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let plugin_file = folder.path().join("kubectl-backup");
        std::os::unix::fs::symlink(BINARY, &plugin_file).expect("a link");
        let output = plugin(folder.path())
            .env("PATH", with_path(folder.path()))
            .args(["completion", "--install"])
            .output()
            .expect("the plugin starts");
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert!(stderr(&output).starts_with("wrote "), "{}", stderr(&output));
        folder
    }

    fn with_path(folder: &Path) -> std::ffi::OsString {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::join_paths(std::iter::once(folder.to_owned()).chain(std::env::split_paths(&path)))
            .expect("no colon in it")
    }

    #[cfg(unix)]
    #[test]
    fn shim_answers_in_kubectls_protocol() {
        let folder = installed();
        let output = Command::new(folder.path().join("kubectl_complete-backup"))
            .env_clear()
            .env("HOME", folder.path())
            .args(["restore", "--on"])
            .output()
            .unwrap();
        assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
        assert_eq!(stdout(&output), "--on-conflict\tWhat to do with an object that exists and differs\n:4\n");
    }

    /// Through the real kubectl, which decides whether all this is of any use.
    #[cfg(unix)]
    #[test]
    fn kubectl_offers_the_verbs() {
        let folder = installed();
        let output = Command::new("kubectl")
            .env("PATH", with_path(folder.path()))
            .env("HOME", folder.path())
            .env("KUBECONFIG", folder.path().join("none"))
            .args(["__complete", "backup", "cre"])
            .output();
        let Ok(output) = output else {
            eprintln!("SKIPPED: there is no kubectl on PATH");
            return;
        };
        assert_eq!(
            stdout(&output),
            "create\tSave a namespace, or any selection of objects, as a restore point\n:4\n"
        );
    }

    /// No repository, no kubeconfig, a server that is not there: nothing is offered, said or made.
    #[test]
    fn what_cannot_be_learnt_is_not_offered() {
        let home = tempfile::tempdir().unwrap();
        for words in
            [&["get", ""][..], &["create", "-n", ""], &["--context", ""], &["ls", "latest", "-n", ""]]
        {
            let output = plugin(home.path()).args(["__complete", "--"]).args(words).output().unwrap();
            assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""), "{words:?}");
            let last = stdout(&output).lines().last().map(str::to_owned);
            assert!(last.is_some_and(|line| line.starts_with(':')), "{words:?}");
        }
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
    }

    #[test]
    fn script_for_each_shell_names_the_plugin() {
        let home = tempfile::tempdir().unwrap();
        for shell in ["bash", "zsh", "fish", "powershell"] {
            let output = plugin(home.path()).args(["completion", shell]).output().unwrap();
            assert!(stdout(&output).contains("kubectl-backup"), "{shell}");
        }
    }
}
