//! `ask` on a pseudo terminal: what a person sees, what the answers do, and what an end to the questions leaves.

use std::{
    io::{Read, Write},
    process::{Command, Stdio},
    thread,
};

use serde_json::{Value, json};
use test_cluster::webhook::Webhook;

use super::{reason, state};
use crate::world::{Output, World, unique};

impl World {
    /// Runs the binary with a terminal of its own (`script` of util-linux), on which `typed` is typed.
    pub(crate) fn on_a_terminal(&self, arguments: &[&str], editor: &str, typed: &[u8]) -> Output {
        let binary = self.command::<&str>(&[]);
        let words = [binary.get_program().to_str().unwrap()].into_iter().chain(arguments.iter().copied());
        let line: Vec<_> = words.map(|word| format!("'{word}'")).collect();
        let mut command = Command::new("script");
        command
            // No shell stays in between, which Ctrl-C would end as well.
            .args([
                "--quiet",
                "--return",
                "--flush",
                "--command",
                &format!("exec {}", line.join(" ")),
                "/dev/null",
            ])
            .env_clear();
        for (name, value) in binary.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        command.env("TERM", "dumb").env("SHELL", "/bin/sh").env("EDITOR", editor);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let mut shown = child.stdout.take().unwrap();
        let typed = typed.to_vec();
        // Ctrl-C must meet the question, not the shell that starts.
        let (tell, told) = std::sync::mpsc::channel();
        let reader = thread::spawn(move || {
            let (mut all, mut part, mut told) = (Vec::new(), [0; 4096], false);
            while let Ok(length @ 1..) = shown.read(&mut part) {
                all.extend_from_slice(&part[..length]);
                if !told && String::from_utf8_lossy(&all).contains("1 of ") {
                    told = true;
                    tell.send(()).unwrap();
                }
            }
            String::from_utf8_lossy(&all).replace("\r\n", "\n")
        });
        let writer = thread::spawn(move || {
            if told.recv().is_ok() {
                stdin.write_all(&typed).unwrap();
            }
            stdin
        });
        let stdout = reader.join().unwrap();
        drop(writer.join().unwrap());
        let code = child.wait().unwrap().code().unwrap_or(-1);
        Output { stdout, stderr: String::new(), code }
    }

    /// `restore` with `ask`, `typed` as its answers.
    pub(crate) fn asked(&self, editor: &str, typed: &str) -> Output {
        let latest = format!("latest:{}", self.namespace());
        self.on_a_terminal(&["restore", &latest, "--yes", "--on-conflict=ask"], editor, typed.as_bytes())
    }

    fn value(&self, map: &str) -> Value {
        self.object(&format!("configmap/{map}")).map_or(Value::Null, |map| map["data"]["key"].clone())
    }
}

/// Four maps and a Secret, saved with `saved` and then changed to `live`.
fn changed() -> World {
    let world = World::new();
    world.wait_until("the default service account", || world.object("serviceaccount/default").is_some());
    for (value, encoded) in [("saved", "c2F2ZWQ="), ("live", "bGl2ZQ==")] {
        for name in ["a", "b", "c", "d"] {
            let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"key": value}});
            world.apply(&map.to_string());
        }
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"key": encoded}});
        world.apply(&secret.to_string());
        if value == "saved" {
            world.back_up();
        }
    }
    world
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn each_answer_does_what_it_says() {
    let world = changed();
    let uid = |map: &str| world.object(&format!("configmap/{map}")).unwrap()["metadata"]["uid"].clone();
    let before = uid("c");
    let said = world.asked("false", "what\ns\np\nr\nn\nd\ns\n").success().stdout;
    assert!(said.contains("`what` is no answer"), "{said}");
    assert!(said.contains("1 of 5: configmap/a in namespace"), "{said}");
    assert!(said.contains("-  key: live\n+  key: saved"), "the difference: {said}");
    assert!(said.contains("*** (after)") && !said.contains("c2F2ZWQ="), "a Secret is masked: {said}");
    assert_eq!(world.value("a"), "live", "skipped");
    assert_eq!(world.value("b"), "saved", "patched");
    assert_eq!(world.value("c"), "saved");
    assert_ne!(uid("c"), before, "replaced");
    assert_eq!((world.value("d"), world.value("d-restored")), (json!("live"), json!("saved")), "renamed");
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn one_answer_can_be_for_all_of_a_kind() {
    let world = changed();
    let said = world.asked("false", "s\npatch kind\nskip all\n").success().stdout;
    assert!(said.contains("2 of 5") && !said.contains("3 of 5"), "{said}");
    let values: Vec<_> = ["a", "b", "c", "d"].iter().map(|map| world.value(map)).collect();
    assert_eq!(values, ["live", "saved", "saved", "saved"]);
    assert_eq!(world.object("secret/s").unwrap()["data"]["key"], "bGl2ZQ==");
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn an_edited_object_is_restored_in_place_of_the_saved_one() {
    let world = changed();
    let said = world.asked("sed -i s/saved$/mine/", "e\nskip all\n").success().stdout;
    assert_eq!(world.value("a"), "mine", "{said}");
    // An editor that renames it, then one that changes nothing.
    let said = world.asked("sed -i 's/name: a$/name: z/'", "e\nq\n").exits_with(1).stdout;
    assert!(said.contains("nothing was edited") && said.contains("nothing was changed"), "{said}");
    let said = world.asked("true", "e\nskip kind\ne\ns\n").success().stdout;
    assert!(said.contains("nothing was edited") && said.contains("a Secret is not edited"), "{said}");
    assert_eq!(world.object("configmap/z"), None);
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn an_end_to_the_questions_changes_nothing() {
    let world = changed();
    world.kubectl(&["delete", "configmap/a"]).success();
    for typed in ["p\nq\n", "p\n\x03", "p\n\x04", "p\n\n\n\n"] {
        let said = world.asked("false", typed).exits_with(1).stdout;
        assert!(said.contains("nothing was changed"), "{typed:?}: {said}");
        assert_eq!(said.contains("the input ended without an answer"), typed.ends_with('\x04'), "{said}");
        assert_eq!((world.value("a"), world.value("b")), (Value::Null, json!("live")), "{typed:?}");
    }
}

/// Refuses updates of the map `b` while it exists.
struct Guard<'world> {
    world: &'world World,
    name: String,
    _webhook: Webhook,
}

impl<'world> Guard<'world> {
    fn of_b(world: &'world World) -> Self {
        let webhook = Webhook::start(|review| {
            let request = &review["request"];
            json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
                "response": {"uid": request["uid"], "allowed": request["name"] != "b"}})
        });
        let webhook = webhook.unwrap();
        let name = unique("guard");
        let configuration = json!({"apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration", "metadata": {"name": name},
            "webhooks": [{"name": "guard.example.com", "clientConfig": webhook.client_config(),
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": world.namespace()}},
                "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"], "operations": ["UPDATE"]}],
                "sideEffects": "None", "admissionReviewVersions": ["v1"]}]});
        world.apply(&configuration.to_string());
        let guard = Self { world, name, _webhook: webhook };
        world.wait_until("the webhook to be asked", || {
            let change = ["patch", "configmap/b", "--dry-run=server", "-p", r#"{"data":{"probe":"x"}}"#];
            world.kubectl(&change).code != 0
        });
        guard
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        let world = self.world;
        world.kubectl(&["delete", "validatingwebhookconfiguration", &self.name]);
        world.wait_until("the webhook to be asked no more", || {
            let change = ["patch", "configmap/b", "--dry-run=server", "-p", r#"{"data":{"probe":"x"}}"#];
            world.kubectl(&change).code == 0
        });
    }
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_restore_goes_on_with_the_answers_and_edits_of_the_first_run() {
    let world = changed();
    let guard = Guard::of_b(&world);
    let said = world.asked("sed -i s/saved$/mine/", "e\ne\np\nskip all\n").exits_with(3).stdout;
    assert_eq!((world.value("a"), world.value("b")), (json!("mine"), json!("live")), "{said}");
    drop(guard);
    let runs = world.kubectl_backup(&["list", "--restores", "-o", "name"]).success().stdout;
    let resume = format!("--resume={}", runs.lines().next().unwrap());
    world.kubectl_backup(&["restore", &resume, "--yes"]).success();
    let values: Vec<_> = ["a", "b", "c", "d"].iter().map(|map| world.value(map)).collect();
    assert_eq!(values, ["mine", "mine", "saved", "live"], "nobody was asked again");
    world.kubectl_backup(&["undo", "--yes"]).success();
    let values: Vec<_> = ["a", "b", "c", "d"].iter().map(|map| world.value(map)).collect();
    assert_eq!(values, ["live"; 4]);
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn without_a_terminal_nobody_is_asked() {
    let world = changed();
    let refused = world.restore(&["--on-conflict=ask"]).exits_with(2);
    assert!(refused.stderr.contains("needs a terminal") && refused.stderr.contains("--rules"), "{refused:?}");
    let rules = world.folder().join("rules.yaml");
    let text = "apiVersion: kubectl-backup.dev/v1alpha1\nkind: RestoreRules\nrules: [{policy: ask}]\n";
    std::fs::write(&rules, text).unwrap();
    world.restore(&["--rules", &rules.display().to_string()]).exits_with(2);
    let plan = world.restore(&["--on-conflict=ask", "--dry-run"]).success().json();
    assert_eq!((state(&plan, "configmap/a"), reason(&plan, "configmap/a")), ("ask", "exists and differs"));
    world.restore(&["--on-conflict=ask", "--dry-run=server"]).success();
    assert_eq!(world.value("a"), "live");
}
