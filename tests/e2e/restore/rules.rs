//! Rules on a real API server: who owns what, which rule decides, and what stays.

use serde_json::{Value, json};

use super::{reason, shop, state};
use crate::world::World;

const RULES: &str = "apiVersion: kubectl-backup.dev/v1alpha1
kind: RestoreRules
rules:
- name: guarded
  match: {names: ['guard*']}
  policy: skip
- name: scaled
  match: {kinds: [deploy], fields: [spec.replicas]}
  policy: patch
  keep: {managers: [kubectl]}
  reason: whoever scaled it had a reason
- name: released
  match: {kinds: [cm], managers: [helm]}
  policy: patch
  keep: {managers: [helm]}
- match: {kinds: [services], onlyFields: ['spec.ports.**']}
  policy: replace
";

impl World {
    /// Writes a rules file; its path.
    fn rules(&self, text: &str) -> String {
        let path = self.folder().join("rules.yaml");
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// Applies a `ConfigMap` as a field manager.
    fn release(&self, manager: &str, name: &str, data: &Value) {
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data});
        let path = self.folder().join("release.json");
        std::fs::write(&path, map.to_string()).unwrap();
        let manager = format!("--field-manager={manager}");
        let path = path.display().to_string();
        self.kubectl(&["apply", "--server-side", "--force-conflicts", &manager, "-f", &path]).success();
    }
}

/// The shop, saved and then changed by several hands.
fn changed_shop() -> World {
    let world = shop();
    world.release("seed", "release", &json!({"theirs": "saved", "ours": "saved"}));
    world.release("seed", "guarded", &json!({"a": "saved"}));
    world.back_up();
    world.release("helm", "release", &json!({"theirs": "helm"}));
    world.kubectl(&["patch", "configmap/release", "-p", r#"{"data":{"ours":"changed"}}"#]).success();
    world.kubectl(&["patch", "configmap/guarded", "-p", r#"{"data":{"a":"changed"}}"#]).success();
    world.kubectl(&["patch", "configmap/app", "-p", r#"{"data":{"key":"changed"}}"#]).success();
    world.kubectl(&["scale", "deployment/web", "--replicas=5"]).success();
    world.kubectl(&["set", "image", "deployment/web", "web=example.com/other"]).success();
    world
        .kubectl(&[
            "patch",
            "service/web",
            "--type=json",
            "-p",
            r#"[{"op":"replace","path":"/spec/ports/0/port","value":81}]"#,
        ])
        .success();
    world
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn each_object_gets_what_the_first_matching_rule_says() {
    let world = changed_shop();
    let rules = world.rules(RULES);
    let uid = |object: &str| world.object(object).unwrap()["metadata"]["uid"].clone();
    let (service, map) = (uid("service/web"), uid("configmap/release"));
    let result = world.restore(&["--rules", &rules, "--on-conflict=patch"]).success().json();

    let web = world.object("deployment/web").unwrap();
    assert_eq!(web["spec"]["replicas"], 5, "scaled by `kubectl`, whose fields stay");
    assert_eq!(web["spec"]["template"]["spec"]["containers"][0]["image"], "example.com/web");
    let release = world.object("configmap/release").unwrap();
    assert_eq!(release["data"], json!({"theirs": "helm", "ours": "saved"}));
    assert_eq!(uid("configmap/release"), map);
    assert_eq!(world.object("configmap/guarded").unwrap()["data"]["a"], "changed");
    assert_eq!(world.object("configmap/app").unwrap()["data"]["key"], "value", "no rule speaks of it");
    assert_eq!(world.object("service/web").unwrap()["spec"]["ports"][0]["port"], 80);
    assert_ne!(uid("service/web"), service, "replaced");

    let expected = [
        (
            "configmap/guarded",
            "skipped",
            json!({"by": "rule", "number": 1, "name": "guarded", "file": rules}),
        ),
        (
            "deployment.apps/web",
            "patched",
            json!({"by": "rule", "number": 2, "name": "scaled", "file": rules,
            "reason": "whoever scaled it had a reason"}),
        ),
        (
            "configmap/release",
            "patched",
            json!({"by": "rule", "number": 3, "name": "released", "file": rules}),
        ),
        ("service/web", "replaced", json!({"by": "rule", "number": 4, "file": rules})),
        ("configmap/app", "patched", json!({"by": "commandLine"})),
    ];
    for (object, outcome, by) in expected {
        assert_eq!(state(&result, object), outcome, "{object}: {}", reason(&result, object));
        let objects = result["objects"].as_array().unwrap();
        assert_eq!(objects.iter().find(|it| it["object"] == object).unwrap()["decidedBy"], by);
    }
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_run_explains_itself_and_changes_nothing() {
    let world = changed_shop();
    let rules = world.rules(RULES);
    let before = world.content(world.namespace());
    let latest = format!("latest:{}", world.namespace());
    let explain = |object: &str, more: &[&str]| {
        let words = ["restore", &latest, object, "--rules", &rules, "--explain"];
        world.kubectl_backup(&[&words, more].concat())
    };
    let text = explain("deploy/web", &[]).success().stdout;
    for line in [
        "  action   patch",
        &format!("  decided  by rule 2 `scaled` of {rules}: whoever scaled it had a reason"),
        &format!("  not      rule 1 `guarded` of {rules}: its name `web` is not `guard*`"),
        "  differs  spec.replicas: saved value of kubectl, live value of kubectl; stays as it is",
        "  differs  spec.template.spec.containers[name=web].image: saved value of kubectl, live value of kubectl-set",
    ] {
        assert!(text.lines().any(|it| it == line), "no {line:?} in\n{text}");
    }
    let document = explain("service/web", &["-o", "json"]).success().json();
    assert_eq!(document["dryRun"], "client");
    assert_eq!(document["objects"][0]["decidedBy"]["number"], 4);
    assert_eq!(document["objects"][0]["passedOver"].as_array().unwrap().len(), 3);
    let skipped = explain("configmap/guarded", &[]).success().stdout;
    assert!(skipped.contains("action   skip"), "a rule says so, which is no miss: {skipped}");
    assert_eq!(world.content(world.namespace()), before);
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn an_exact_patch_takes_nothing_from_those_whose_fields_stay() {
    let world = shop();
    world.back_up();
    world.release("helm", "app", &json!({"of-helm": "1"}));
    world
        .kubectl(&["patch", "configmap/app", "-p", r#"{"data":{"key":"changed","of-nobody":"1"}}"#])
        .success();
    let rules = world.rules(
        "{apiVersion: kubectl-backup.dev/v1alpha1, kind: RestoreRules, rules: [{policy: patch, exact: true, \
         keep: {managers: [helm]}}]}",
    );
    world.restore(&["configmap/app", "--rules", &rules]).success();
    assert_eq!(world.object("configmap/app").unwrap()["data"], json!({"key": "value", "of-helm": "1"}));
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_rule_that_forbids_is_named_and_nothing_is_changed() {
    let world = changed_shop();
    let before = world.content(world.namespace());
    let rules = world.rules(&format!("{RULES}- {{name: closed, policy: fail}}\n"));
    let failed = world.restore(&["--rules", &rules]).exits_with(1);
    assert!(failed.stderr.contains("rule 5 `closed` of"), "{failed:?}");
    assert_eq!(world.content(world.namespace()), before);
    let wrong = world.rules(&RULES.replace("policy: skip", "policy: skipp"));
    let wrong = world.restore(&["--rules", &wrong]).exits_with(2);
    assert!(wrong.stderr.contains("line 6: there is no value `skipp` here; perhaps `skip`?"), "{wrong:?}");
}
