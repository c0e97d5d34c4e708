//! What the real binary prints when it previews transforms; no cluster is needed.
#![expect(clippy::unwrap_used, reason = "a test that cannot set its stage has failed")]

use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use rstest::{fixture, rstest};
use tempfile::TempDir;

const TRANSFORMS: &str = "apiVersion: kubectl-backup.dev/v1alpha1
kind: Transforms
transforms:
- name: asleep
  match: {kinds: [deploy]}
  replicas: 0
- name: password
  match: {kinds: [secret]}
  set: {data.password: bmV3}
";

const MANIFEST: &str = "apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
spec:
  replicas: 3
---
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Secret
  metadata: {name: database}
  data: {password: b2xk, user: YQ==}
- apiVersion: v1
  kind: ConfigMap
  metadata: {name: settings}
";

#[fixture]
fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("transforms.yaml"), TRANSFORMS).unwrap();
    fs::write(folder.path().join("app.yaml"), MANIFEST).unwrap();
    folder
}

struct Printed {
    code: i32,
    stdout: String,
    stderr: String,
}

fn run(folder: &Path, arguments: &[&str], input: &str) -> Printed {
    let mut plugin = Command::new(env!("CARGO_BIN_EXE_kubectl-backup"))
        .env_clear()
        .env("HOME", folder)
        .current_dir(folder)
        .arg("transform")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    plugin.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = plugin.wait_with_output().unwrap();
    Printed {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[rstest]
fn differences_are_shown_with_secrets_masked(folder: TempDir) {
    let printed = run(folder.path(), &["-f", "transforms.yaml", "--from", "app.yaml"], "");
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    insta::assert_snapshot!(printed.stdout, @r#"
    diff -u -N saved/apps.v1.Deployment.shop.web transformed/apps.v1.Deployment.shop.web
    --- saved/apps.v1.Deployment.shop.web
    +++ transformed/apps.v1.Deployment.shop.web
    @@ -4,4 +4,4 @@
       name: web
       namespace: shop
     spec:
    -  replicas: 3
    +  replicas: 0
    diff -u -N saved/v1.Secret.database transformed/v1.Secret.database
    --- saved/v1.Secret.database
    +++ transformed/v1.Secret.database
    @@ -1,6 +1,6 @@
     apiVersion: v1
     data:
    -  password: "*** (before)"
    +  password: "*** (after)"
       user: "***"
     kind: Secret
     metadata:
    "#);
    insta::assert_snapshot!(printed.stderr, @"of 3 objects 2 would be changed");
}

#[rstest]
fn results_come_as_documents_from_stdin_too(folder: TempDir) {
    let printed = run(folder.path(), &["-f", "transforms.yaml", "--from", "-", "-o", "yaml", "-q"], MANIFEST);
    insta::assert_snapshot!(printed.stdout, @r#"
    apiVersion: v1
    items:
    - apiVersion: apps/v1
      kind: Deployment
      metadata:
        name: web
        namespace: shop
      spec:
        replicas: 0
    - apiVersion: v1
      data:
        password: bmV3
        user: YQ==
      kind: Secret
      metadata:
        name: database
    - apiVersion: v1
      kind: ConfigMap
      metadata:
        name: settings
    kind: List
    metadata:
      resourceVersion: ""
    "#);
    assert_eq!(printed.stderr, "");
}

#[rstest]
fn names_are_those_of_changed_objects(folder: TempDir) {
    let printed = run(folder.path(), &["-f", "transforms.yaml", "--from", "app.yaml", "-o", "name"], "");
    assert_eq!(printed.stdout, "deployment.apps/web\nsecret/database\n");
}

#[rstest]
fn secrets_are_shown_on_request(folder: TempDir) {
    let printed = run(folder.path(), &["-f", "transforms.yaml", "--from", "app.yaml", "--show-secrets"], "");
    assert!(printed.stdout.contains("-  password: b2xk\n+  password: bmV3\n"), "{}", printed.stdout);
}

#[rstest]
fn a_transform_that_fails_exits_3_and_the_others_go_on(folder: TempDir) {
    let more = "apiVersion: kubectl-backup.dev/v1alpha1\nkind: Transforms\ntransforms:\n\
                - {name: bad, match: {kinds: [cm]}, set: {metadata.name: x}}\n\
                - {name: typo, match: {names: [wbe]}, remove: [spec.x]}\n";
    fs::write(folder.path().join("more.yaml"), more).unwrap();
    let files = ["-f", "transforms.yaml", "-f", "more.yaml", "--from", "app.yaml", "-o", "name"];
    let printed = run(folder.path(), &files, "");
    assert_eq!(printed.code, 3);
    assert_eq!(printed.stdout, "deployment.apps/web\nsecret/database\n");
    insta::assert_snapshot!(printed.stderr, @r"
    warning: configmap/settings: transform `bad`: it would change `metadata.name`, by which the object is known
    warning: transform `typo` matches none of the objects
    of 3 objects 2 would be changed, 1 refused
    ");
}

#[rstest]
#[case::unknown_field("- name: a\n  replica: 0\n")]
#[case::nothing_to_do("- name: a\n")]
fn a_wrong_file_is_named_with_its_line(folder: TempDir, #[case] entries: &str) {
    let text = format!("apiVersion: kubectl-backup.dev/v1alpha1\nkind: Transforms\ntransforms:\n{entries}");
    fs::write(folder.path().join("wrong.yaml"), text).unwrap();
    let printed = run(folder.path(), &["-f", "wrong.yaml", "--from", "app.yaml"], "");
    assert_eq!((printed.code, printed.stdout.as_str()), (2, ""));
    assert!(
        printed.stderr.starts_with("error: `wrong.yaml` is no file of transforms: line "),
        "{}",
        printed.stderr
    );
    assert!(printed.stderr.contains("hint: docs/transforms.md"), "{}", printed.stderr);
}

#[rstest]
#[case::no_file(&["-f", "none.yaml", "--from", "app.yaml"], 2, "could not read transforms from `none.yaml`")]
#[case::stdin(&["-f", "-", "--from", "app.yaml"], 2, "transforms are read from a file, not from stdin")]
#[case::no_manifest(&["-f", "transforms.yaml", "--from", "none.yaml"], 1, "could not read the manifest `none.yaml`")]
#[case::no_objects(&["-f", "transforms.yaml", "--from", "transforms.yaml"], 1, "is no Kubernetes object")]
#[case::two_sources(&["-f", "transforms.yaml", "latest", "--from", "app.yaml"], 2, "cannot be used with")]
#[case::no_transforms(&["--from", "app.yaml"], 2, "--transform <FILE>")]
fn what_cannot_be_read_is_named(
    folder: TempDir,
    #[case] arguments: &[&str],
    #[case] code: i32,
    #[case] said: &str,
) {
    let printed = run(folder.path(), arguments, "");
    assert_eq!(printed.code, code, "{}", printed.stderr);
    assert!(printed.stderr.contains(said), "{}", printed.stderr);
}
