//! What the real binary prints when it looks into a repository; no cluster is needed.
#![expect(clippy::unwrap_used, reason = "a test that cannot set its stage has failed")]

use std::{collections::BTreeMap, path::Path, process::Command, sync::Arc};

use bytes::Bytes;
use kubectl_backup::{
    archive::{self, Capture, Repository},
    model::{
        object::CapturedObject,
        repository::{Access, Location, Secret},
        resource::{GroupResource, ResourceType, Scope},
        restore_point::{Completeness, FORMAT, KindEntry, Manifest, Missing, Summary},
        selection::{Namespaces, Selection},
    },
};
use rstest::{fixture, rstest};
use serde_json::{Value, json};
use tempfile::TempDir;

#[path = "inspect/damage.rs"]
mod damage;
#[path = "inspect/documents.rs"]
mod documents;

/// A random key, so that no time goes into its derivation.
const KEY: &str = "4f3c2b1a4f3c2b1a4f3c2b1a4f3c2b1a4f3c2b1a4f3c2b1a4f3c2b1a4f3c2b1a";

struct World {
    folder: TempDir,
}

struct Printed {
    code: i32,
    stdout: String,
    stderr: String,
}

impl World {
    fn run(&self, arguments: &[&str]) -> Printed {
        self.run_with(arguments, &[])
    }

    fn run_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Printed {
        let output = self.command(arguments).envs(environment.iter().copied()).output().unwrap();
        Printed {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-backup"));
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("TMPDIR", self.folder.path())
            .env("KUBECTL_BACKUP_REPO", self.folder.path().join("repository"))
            .env("KUBECTL_BACKUP_PASSWORD_FILE", self.folder.path().join("key"))
            .args(arguments);
        command
    }
}

fn kind(plural: &str, group: &str, kind: &str, short: &str) -> ResourceType {
    ResourceType {
        resource: GroupResource::new(plural, group),
        version: "v1".to_owned(),
        kind: kind.to_owned(),
        singular: kind.to_lowercase(),
        short_names: vec![short.to_owned()],
        categories: vec![],
        scope: Scope::Namespaced,
        verbs: vec!["list".to_owned()],
        served_versions: vec!["v1".to_owned()],
    }
}

fn metadata(name: &str) -> Value {
    json!({"name": name, "namespace": "shop", "uid": "1", "resourceVersion": "7", "labels": {"app": name},
        "creationTimestamp": "2020-01-01T00:00:00Z", "managedFields": [{"manager": "kubectl"}]})
}

fn save(
    repository: &Repository,
    name: &str,
    created: &str,
    objects: &[(ResourceType, Value)],
    missing: Vec<Missing>,
) {
    let (sink, captures) = tokio::sync::mpsc::channel(objects.len() + 1);
    let pods = KindEntry::new(kind("pods", "", "Pod", "po"));
    // Read, and there was none.
    let mut kinds: BTreeMap<String, KindEntry> = BTreeMap::from([("pods".to_owned(), pods)]);
    for (kind, body) in objects {
        let json = Bytes::from(body.to_string());
        let entry = kinds.entry(kind.resource.to_string());
        let entry = entry.or_insert_with(|| KindEntry::new(kind.clone()));
        entry.objects += 1;
        entry.bytes += json.len() as u64;
        let name = body["metadata"]["name"].as_str().unwrap().to_owned();
        let object = CapturedObject { namespace: Some("shop".to_owned()), name, json };
        let capture =
            Capture::Objects { resource: kind.resource.clone(), scope: kind.scope, objects: vec![object] };
        sink.blocking_send(capture).unwrap();
    }
    let completeness = if missing.is_empty() { Completeness::Complete } else { Completeness::Incomplete };
    let manifest = Manifest {
        summary: Summary {
            format: FORMAT,
            name: name.to_owned(),
            completeness,
            objects: objects.len() as u64,
            bytes: kinds.values().map(|entry| entry.bytes).sum(),
            namespaces: vec!["shop".to_owned()],
            namespace_count: 1,
            cluster_uid: "0000".to_owned(),
            context: "test".to_owned(),
            scope: "namespace shop".to_owned(),
            is_narrowed: false,
            consistency: None,
            restore: None,
        },
        written_by: "0.0.0".to_owned(),
        server_version: "v1.36.3".to_owned(),
        selection: Selection::of(Namespaces::Named(vec!["shop".to_owned()])),
        kinds: kinds.into_values().collect(),
        missing,
        left_out: vec![],
        warnings: vec![],
        freeze: None,
        record: None,
    };
    sink.blocking_send(Capture::Finish(Box::new(manifest))).unwrap();
    drop(sink);
    repository.save(created.parse().unwrap(), captures).unwrap();
}

/// Three restore points of the namespace shop: `first`, `second` with changes, and `broken`, which is incomplete.
#[fixture]
#[once]
fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("key"), KEY).unwrap();
    let location = Location::Folder(folder.path().join("repository"));
    let access = Access { location, secret: Secret::generated(KEY) };
    let (repository, _) = archive::open_or_create(&access, Arc::new(|_| {})).unwrap();
    let maps = kind("configmaps", "", "ConfigMap", "cm");
    let deployments = kind("deployments", "apps", "Deployment", "deploy");
    let secrets = kind("secrets", "", "Secret", "sec");
    let map = |name: &str, data: Value| {
        (
            maps.clone(),
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata(name), "data": data}),
        )
    };
    let web = |replicas: u8, revision: u8| {
        let mut metadata = metadata("web");
        metadata["resourceVersion"] = Value::from(revision.to_string());
        let body = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata,
            "spec": {"replicas": replicas}, "status": {"readyReplicas": replicas}});
        (deployments.clone(), body)
    };
    let secret = |value: &str| {
        let body = json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata("token"), "type": "Opaque",
            "data": {"same": "YQ==", "password": value}});
        (secrets.clone(), body)
    };
    let odd = json!({"on": "yes", "octal": "0123", "escape": "\u{1b}[2J", "text": "a\nb\n"});
    let first = [map("gone", json!({})), map("odd", odd.clone()), web(2, 1), secret("b25l")];
    let second = [map("new", json!({"a": "1"})), map("odd", odd), web(3, 9), secret("dHdv")];
    save(&repository, "first", "2026-01-01T10:00:00Z", &first, vec![]);
    save(&repository, "second", "2026-01-02T10:00:00Z", &second, vec![]);
    let missing = Missing {
        what: "secrets".to_owned(),
        namespaces: vec![],
        reason: "user `dev` may not list it".to_owned(),
        remedy: "grant list on secrets".to_owned(),
        forbidden: false,
    };
    save(&repository, "broken", "2026-01-03T10:00:00Z", &second[..3], vec![missing]);
    World { folder }
}

#[rstest]
fn list_is_newest_first(world: &World) {
    let printed = world.run(&["list"]);
    assert_eq!((printed.code, printed.stderr.as_str()), (0, ""));
    let names: Vec<&str> =
        printed.stdout.lines().map(|line| line.split_whitespace().nth(1).unwrap()).collect();
    assert_eq!(names, ["NAME", "broken", "second", "first"]);
    assert!(printed.stdout.lines().nth(1).unwrap().ends_with("no"));
    let json: Value = serde_json::from_str(&world.run(&["list", "-o", "json"]).stdout).unwrap();
    assert_eq!(json["items"][0]["completeness"], "incomplete");
    assert_eq!(world.run(&["list", "-n", "other"]).stderr, "No restore points found that hold other.\n");
}

#[rstest]
fn describe_says_what_is_missing_and_what_to_do(world: &World) {
    let printed = world.run(&["describe"]);
    assert!(printed.stdout.contains("Complete:    no, see Missing (1)"), "{}", printed.stdout);
    assert!(!printed.stdout.contains("pods"), "there was none: {}", printed.stdout);
    assert!(
        printed.stdout.contains("secrets   all          user `dev` may not list it   grant list on secrets")
    );
}

#[rstest]
#[case::namespace_of_the_point(&["get", "latest:shop", "cm", "-o", "name"], "configmap/new\nconfigmap/odd\n")]
#[case::two_words(&["history", "deploy", "web", "-n", "shop", "-o", "name"], "")]
fn words_mean_what_they_mean_in_kubectl(world: &World, #[case] arguments: &[&str], #[case] stdout: &str) {
    let printed = world.run(arguments);
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    assert!(printed.stdout.starts_with(stdout) && !printed.stdout.is_empty(), "{}", printed.stdout);
}

#[rstest]
fn ls_passes_over_the_incomplete_one_and_says_so(world: &World) {
    let printed = world.run(&["ls"]);
    insta::assert_snapshot!(printed.stdout, @r"
    NAMESPACE   KIND              NAME
    shop        configmap         new
    shop        configmap         odd
    shop        deployment.apps   web
    shop        secret            token
    ");
    assert!(printed.stderr.starts_with("warning: passed over "), "{}", printed.stderr);
    assert_eq!(world.run(&["ls", "first", "cm", "-l", "app=odd", "-o", "name"]).stdout, "configmap/odd\n");
    assert_eq!(world.run(&["ls", "first", "pods"]).stderr, "No resources found\n");
}

#[rstest]
#[case::table(&["deploy/web"], "NAME   READY   UP-TO-DATE   AVAILABLE   AGE\n")]
#[case::name(&["deploy", "-o", "name"], "deployment.apps/web\n")]
#[case::jsonpath(&["cm", "odd", "-o", "jsonpath={.data.octal}{\"\\n\"}"], "0123\n")]
#[case::jsonpath_of_a_list(&["cm", "-o", "jsonpath={.items[*].metadata.name}"], "gone odd")]
#[case::exact_bytes_into_a_pipe(&["cm", "odd", "-o", "jsonpath={.data.escape}"], "\u{1b}[2J")]
fn get_prints_as_kubectl(world: &World, #[case] arguments: &[&str], #[case] beginning: &str) {
    let arguments: Vec<&str> = ["get", "first", "-n", "shop"].iter().chain(arguments).copied().collect();
    let printed = world.run(&arguments);
    assert!(printed.stdout.starts_with(beginning), "{}{}", printed.stdout, printed.stderr);
    assert_eq!(printed.code, 0);
}

#[rstest]
fn get_yaml_hides_managed_fields_and_quotes_what_kubectl_would_misread(world: &World) {
    let printed = world.run(&["get", "first", "cm/odd", "-n", "shop", "-o", "yaml"]);
    insta::assert_snapshot!(printed.stdout, @r#"
    apiVersion: v1
    data:
      escape: "\e[2J"
      octal: "0123"
      "on": "yes"
      text: |
        a
        b
    kind: ConfigMap
    metadata:
      creationTimestamp: "2020-01-01T00:00:00Z"
      labels:
        app: odd
      name: odd
      namespace: shop
      resourceVersion: "7"
      uid: "1"
    "#);
}

#[cfg(unix)]
#[rstest]
#[case::object("yaml", "cm/odd")]
#[case::list("json", "cm")]
fn get_ends_without_a_word_when_nobody_reads_on(world: &World, #[case] format: &str, #[case] what: &str) {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = world.command(&["get", "first", what, "-n", "shop", "-o", format]);
    let output = command.stdout(writer).output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(141), ""));
}

#[rstest]
#[case::not_there(&["get", "first", "deploy/api", "-n", "shop"], 1, "error: deployments.apps \"api\" is not in restore point")]
#[case::two_not_there(&["get", "first", "deploy", "api", "db", "-n", "shop"], 1, "error: not in restore point")]
#[case::no_namespace(&["ls", "first", "-n", "none"], 1, "error: the restore point `first` holds nothing of namespace `none`\n\nhint: it holds shop;")]
#[case::no_namespace_of_a_kind(&["get", "first", "deploy", "-n", "none"], 1, "error: the restore point `first` holds nothing of namespace `none`")]
#[case::no_namespace_of_an_object(&["get", "first", "deploy/web", "-n", "none", "-o", "name"], 1, "error: the restore point `first` holds nothing of namespace `none`")]
#[case::no_namespace_of_diff(&["diff", "first", "second", "-n", "shop", "-n", "none"], 2, "error: the restore point `first` holds nothing of namespace `none`")]
#[case::diff_of_no_label(&["diff", "first", "second", "-l", "app=none"], 0, "nothing was compared")]
#[case::empty_kind(&["get", "first", ""], 2, "error: a kind is empty")]
#[case::empty_kind_among_others(&["get", "first", "cm,"], 2, "error: a kind is empty")]
#[case::empty_kind_of_ls(&["ls", "first", ""], 2, "error: a kind is empty")]
#[case::empty_name(&["get", "first", "cm", ""], 2, "error: a NAME is empty")]
#[case::kind_not_read(&["get", "broken", "secrets", "-n", "shop"], 1, "error: the restore point misses secrets: user `dev` may not list it")]
#[case::object_of_a_kind_not_read(&["get", "broken", "secret/token", "-n", "shop"], 1, "error: the restore point misses secrets")]
#[case::short_name_of_a_kind_not_read(&["get", "broken", "sec", "-n", "shop"], 1, "error: there is no kind `sec` in the restore point, which is incomplete: it misses secrets")]
#[case::kind_not_read_of_ls(&["ls", "broken", "secrets"], 1, "error: the restore point misses secrets")]
#[case::history_of_two(&["history", "deploy/web", "cm/odd"], 2, "error: a history is of one object")]
#[case::none_of_the_kind(&["get", "first", "po", "-n", "shop"], 0, "No resources found in shop namespace.")]
#[case::template(&["get", "first", "deploy", "-o", "jsonpath={.a"], 2, "error: the jsonpath template is wrong at `{.a`")]
#[case::format(&["get", "first", "deploy", "-o", "xml"], 2, "error: there is no output format `xml`")]
#[case::kind(&["get", "first", "deplyments", "-n", "shop"], 1, "error: there is no kind `deplyments`")]
#[case::mixed(&["get", "first", "deploy/web", "cm"], 2, "error: `cm` is no TYPE/NAME, and the others are")]
#[case::point(&["get", "frist", "deploy"], 1, "error: no restore point is named `frist`")]
#[case::history(&["history", "cm/none", "-n", "shop"], 1, "error: no restore point holds cm/none in namespace shop")]
#[case::diff_of_nothing(&["diff", "first", "second", "cm/nope"], 2, "error: on neither side: configmaps/nope")]
#[case::diff_failed(&["diff", "frist", "second"], 2, "error: no restore point is named `frist`")]
fn refusal_says_why(world: &World, #[case] arguments: &[&str], #[case] code: i32, #[case] message: &str) {
    let printed = world.run(arguments);
    assert!(printed.stderr.starts_with(message), "{}", printed.stderr);
    assert_eq!((printed.code, printed.stdout.as_str()), (code, ""));
}

fn without_ids(text: &str) -> String {
    text.lines()
        .map(|line| {
            let word =
                |word: &str| word.split_once('/').map_or(word.to_owned(), |(_, name)| format!("ID/{name}"));
            if line.starts_with("diff -u") || line.starts_with("---") || line.starts_with("+++") {
                line.split(' ').map(word).collect::<Vec<_>>().join(" ")
            } else {
                line.to_owned()
            }
        })
        .collect::<Vec<_>>()
        .join("\n")
}

#[rstest]
fn diff_shows_content_and_masks_secrets(world: &World) {
    let printed = world.run(&["diff", "first", "second", "--include", "deploy,secrets"]);
    assert_eq!((printed.code, printed.stderr.as_str()), (1, ""));
    insta::assert_snapshot!(without_ids(&printed.stdout), @r#"
    diff -u -N ID/apps.v1.Deployment.shop.web ID/apps.v1.Deployment.shop.web
    --- ID/apps.v1.Deployment.shop.web
    +++ ID/apps.v1.Deployment.shop.web
    @@ -6,4 +6,4 @@
       name: web
       namespace: shop
     spec:
    -  replicas: 2
    +  replicas: 3
    diff -u -N ID/v1.Secret.shop.token ID/v1.Secret.shop.token
    --- ID/v1.Secret.shop.token
    +++ ID/v1.Secret.shop.token
    @@ -1,6 +1,6 @@
     apiVersion: v1
     data:
    -  password: "*** (before)"
    +  password: "*** (after)"
       same: "***"
     kind: Secret
     metadata:
    "#);
    assert!(world.run(&["diff", "first", "second", "--show-secrets"]).stdout.contains("b25l"));
}

#[rstest]
fn diff_names_objects_on_one_side_and_exits_zero_without_difference(world: &World) {
    let printed = world.run(&["diff", "first", "second", "--brief"]);
    insta::assert_snapshot!(printed.stdout, @r"
    removed  shop/configmaps/gone
    added    shop/configmaps/new
    changed  shop/deployments.apps/web
    changed  shop/secrets/token
    ");
    assert_eq!(printed.code, 1);
    let same = world.run(&["diff", "first", "second", "cm/odd"]);
    assert_eq!((same.code, same.stdout.as_str()), (0, ""));
}

#[cfg(unix)]
#[rstest]
fn external_diff_gets_masked_folders_that_are_gone_afterwards(world: &World) {
    let printed = world.run_with(&["diff", "first", "second"], &[("KUBECTL_EXTERNAL_DIFF", "diff -r -u -N")]);
    assert_eq!(printed.code, 1, "{}", printed.stderr);
    assert!(printed.stdout.contains("*** (after)") && !printed.stdout.contains("dHdv"), "{}", printed.stdout);
    assert!(!leftovers(world.folder.path()), "the temporary folder is gone");
    let failed =
        world.run_with(&["diff", "first", "second"], &[("KUBECTL_EXTERNAL_DIFF", "no-such-program")]);
    assert_eq!(failed.code, 2);
    assert!(
        failed.stderr.starts_with("error: could not run the diff program `no-such-program`"),
        "{}",
        failed.stderr
    );
}

fn leftovers(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).unwrap();
    entries
        .filter_map(Result::ok)
        .any(|entry| entry.file_name().to_string_lossy().contains("kubectl-backup-diff-"))
}

#[rstest]
#[case::changes(&["deploy/web"], &[("second", "changed"), ("first", "created")])]
#[case::all(&["deploy/web", "--all"], &[("broken", "unchanged"), ("second", "changed"), ("first", "created")])]
#[case::deletion(&["cm/gone"], &[("second", "deleted"), ("first", "created")])]
#[case::not_covered(&["secret/token", "--all"], &[("broken", "notCovered"), ("second", "changed"), ("first", "created")])]
fn history_tells_changes_from_noise(
    world: &World,
    #[case] arguments: &[&str],
    #[case] expected: &[(&str, &str)],
) {
    let arguments: Vec<&str> =
        ["history", "-n", "shop", "-o", "json"].iter().chain(arguments).copied().collect();
    let printed = world.run(&arguments);
    let history: Value =
        serde_json::from_str(&printed.stdout).unwrap_or_else(|_| panic!("{}", printed.stderr));
    let found: Vec<_> = history["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| (item["name"].as_str().unwrap(), item["change"].as_str().unwrap()))
        .collect();
    assert_eq!(found, expected);
}
