//! Whole files: what they do, and what is said when they are wrong.

use proptest::prelude::*;
use rstest::rstest;
use serde_json::json;

use super::*;

fn file(entries: &str) -> String {
    format!("apiVersion: kubectl-backup.dev/v1alpha1\nkind: Transforms\ntransforms:\n{entries}")
}

fn parse(entries: &str) -> Transforms {
    Transforms::parse(&file(entries)).unwrap()
}

fn deployment() -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
           "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}, "uid": "1"},
           "spec": {"replicas": 3, "template": {"spec": {"containers": [{"name": "web", "image": "nginx"}]}}}})
}

#[test]
fn entries_run_in_their_order() {
    let mut transforms = parse("- {name: a, set: {spec.replicas: 1}}\n");
    transforms
        .extend(parse("- {name: b, match: {where: [{field: spec.replicas, equals: 1}]}, replicas: 7}\n"));
    let mut object = deployment();
    assert_eq!(transforms.apply(&mut object, &mut Tally::default()), Ok(true));
    assert_eq!(object["spec"]["replicas"], 7);
}

#[rstest]
#[case::kind("kinds: [deploy]", true)]
#[case::one_of_the_kinds("kinds: [secrets, deployments]", true)]
#[case::another_kind("kinds: [sts]", false)]
#[case::namespace("namespaces: ['sh*']", true)]
#[case::another_namespace("namespaces: [test]", false)]
#[case::name("names: [web, 'api-*']", true)]
#[case::another_name("names: ['api-*']", false)]
#[case::label("labels: 'app in (web, api)'", true)]
#[case::another_label("labels: app!=web", false)]
#[case::field_equals("where: [{field: spec.replicas, equals: 3}]", true)]
#[case::field_absent("where: [{field: spec.paused, exists: false}]", true)]
#[case::field_glob("where: [{field: 'spec.template.spec.containers[name=web].image', glob: 'ng*'}]", true)]
#[case::field_regex("where: [{field: metadata.name, regex: '^w.b$'}]", true)]
#[case::all_must_hold("kinds: [deploy], names: [api]", false)]
fn conditions(#[case] condition: &str, #[case] expected: bool) {
    let transforms = parse(&format!("- {{name: a, match: {{{condition}}}, set: {{spec.x: 1}}}}\n"));
    assert_eq!(transforms.apply(&mut deployment(), &mut Tally::default()), Ok(expected));
}

#[rstest]
#[case::name("mergePatch: {metadata: {name: api}}", "metadata.name")]
#[case::namespace("set: {metadata.namespace: x}", "metadata.namespace")]
#[case::kind("set: {kind: StatefulSet}", "kind")]
#[case::api_version("jsonPatch: [{op: replace, path: /apiVersion, value: v1}]", "apiVersion")]
#[case::uid("remove: [metadata.uid]", "metadata.uid")]
#[case::owners("set: {metadata.ownerReferences: []}", "metadata.ownerReferences")]
#[case::everything("jsonPatch: [{op: replace, path: '', value: {}}]", "apiVersion")]
fn identity_is_not_changed(#[case] operation: &str, #[case] field: &str) {
    let mut object = deployment();
    let error = parse(&format!("- {{name: bad, {operation}}}\n"))
        .apply(&mut object, &mut Tally::default())
        .unwrap_err();
    let expected = format!("transform `bad`: it would change `{field}`, by which the object is known");
    assert_eq!(error.to_string(), expected);
    assert_eq!(object, deployment());
}

#[test]
fn a_transform_that_fails_says_which_and_why() {
    let transforms = parse("- {name: a, replicas: 0}\n- {name: b, set: {spec.replicas.x: 1}}\n");
    let error = transforms.apply(&mut deployment(), &mut Tally::default()).unwrap_err();
    assert_eq!(error.to_string(), "transform `b`: `spec.replicas` is a number, not an object");
}

#[test]
fn what_does_nothing_is_told() {
    let transforms = parse(
        "- {name: typo, match: {names: [wbe]}, replicas: 0}\n- {name: other-kind, ingressHost: {a: b}}\n\
         - {name: same, replicas: 3}\n- {name: works, set: {spec.x: 1}}\n",
    );
    let mut tally = Tally::default();
    transforms.apply(&mut deployment(), &mut tally).unwrap();
    assert_eq!(
        transforms.warnings(&tally),
        [
            "transform `typo` matches none of the objects",
            "transform `other-kind` matches none of the objects",
            "transform `same` changes none of the objects it matches",
        ]
    );
    assert_eq!(transforms.warnings(&Tally::default()).len(), 4, "a run without objects");
}

#[test]
fn several_documents_are_one_file() {
    let text = format!("{}---\n{}", file("- {name: a, replicas: 0}\n"), file("- {name: b, replicas: 1}\n"));
    let mut object = deployment();
    Transforms::parse(&text).unwrap().apply(&mut object, &mut Tally::default()).unwrap();
    assert_eq!(object["spec"]["replicas"], 1);
}

#[rstest]
#[case::unknown_field(
    "- name: a\n  replica: 0\n",
    "line 5: there is no field `replica` here; perhaps `replicas`?"
)]
#[case::unknown_condition(
    "- name: a\n  match:\n    namespace: [x]\n  replicas: 0\n",
    "line 6: there is no field `namespace` here; perhaps `namespaces`?"
)]
#[case::nothing_like_it(
    "- name: a\n  match: {where: [{field: a, zzz: 1}]}\n  replicas: 0\n",
    "line 5: there is no field `zzz` here; known are field, equals, exists, glob, regex"
)]
#[case::broken_yaml(
    "- {name: a, set: {data['x']: y}}\n",
    "line 4: while parsing a flow mapping, did not find expected ',' or '}'"
)]
#[case::wrong_type("- name: a\n  replicas: many\n", "line 5: expected a whole number, 0 or more")]
#[case::no_truth_value("- name: a\n  suspendCronJobs: soon\n", "line 5: expected true or false")]
#[case::negative("- name: a\n  replicas: -1\n", "line 5: expected a whole number, 0 or more")]
#[case::no_name("- replicas: 0\n", "line 4: `name` is missing")]
#[case::no_operation(
    "- name: a\n",
    "line 4: transform `a`: it says nothing to do; state one operation, for example `set` or `replicas`"
)]
#[case::two_operations(
    "- name: a\n  replicas: 0\n  remove: [spec.x]\n",
    "line 4: transform `a`: it states several operations; make each a transform of its own"
)]
#[case::name_twice(
    "- {name: a, replicas: 0}\n- {name: a, replicas: 0}\n",
    "line 5: another transform has the name `a` too"
)]
#[case::field_twice("- name: a\n  replicas: 0\n  replicas: 1\n", "line 6: `replicas` is there twice")]
#[case::bad_path(
    "- {name: a, set: {spec..x: 1}}\n",
    "line 4: transform `a`: `spec..x` is not a field path: expected a field name, found `.` at character 6"
)]
#[case::bad_regex(
    "- name: a\n  replicas: 0\n  match:\n    where:\n    - {field: a, regex: '('}\n",
    "line 8: transform `a`: `(` is no regular expression: unclosed group"
)]
#[case::no_condition(
    "- name: a\n  replicas: 0\n  match:\n    where:\n    - field: a\n",
    "line 8: transform `a`: for `a` state one of equals, exists, glob, regex"
)]
#[case::bad_labels(
    "- {name: a, match: {labels: 'a b'}, replicas: 0}\n",
    "line 4: transform `a`: `a b` is not a label selector: expected =, !=, in or notin, found `b`"
)]
#[case::bad_node_selector(
    "- {name: a, nodeSelector: keep}\n",
    "line 4: transform `a`: nodeSelector is `remove` or a map of labels"
)]
#[case::bad_json_patch(
    "- {name: a, jsonPatch: [{op: add, path: spec}]}\n",
    "line 4: transform `a`: json pointer failed to parse; does not start with a slash ('/') and is not empty"
)]
fn says_what_is_wrong(#[case] entries: &str, #[case] expected: &str) {
    assert_eq!(Transforms::parse(&file(entries)).unwrap_err().to_string(), expected);
}

#[rstest]
#[case::empty("", "it holds no document of kind Transforms")]
#[case::another_version(
    "apiVersion: v1\nkind: Transforms\ntransforms: []\n",
    "line 1: apiVersion is `v1`, and this version knows `kubectl-backup.dev/v1alpha1` only"
)]
#[case::another_kind(
    "apiVersion: kubectl-backup.dev/v1alpha1\nkind: Rules\ntransforms: []\n",
    "line 2: kind is `Rules`, and this version knows `Transforms` only"
)]
fn documents_of_another_kind(#[case] text: &str, #[case] expected: &str) {
    assert_eq!(Transforms::parse(text).unwrap_err().to_string(), expected);
}

/// Every example of the documentation, with an object that it changes.
#[test]
fn examples_of_the_documentation_work() {
    let text = include_str!("../../../../docs/transforms.md");
    let examples: Vec<&str> = text
        .split("```yaml\n")
        .skip(1)
        .filter_map(|rest| rest.split_once("```").map(|(code, _)| code))
        .collect();
    let mut words = Vec::new();
    for example in &examples {
        let transforms = Transforms::parse(example).unwrap_or_else(|error| panic!("{error} in\n{example}"));
        let mut tally = Tally::default();
        for mut object in objects_of_the_documentation() {
            transforms.apply(&mut object, &mut tally).unwrap();
        }
        assert_eq!(transforms.warnings(&tally), [""; 0], "in\n{example}");
        words.extend(example.split_whitespace());
    }
    for operation in [
        "set:",
        "remove:",
        "jsonPatch:",
        "mergePatch:",
        "strategicMergePatch:",
        "storageClass:",
        "imageRegistry:",
        "ingressHost:",
        "replicas:",
        "nodeSelector:",
        "suspendCronJobs:",
    ] {
        assert!(words.contains(&operation), "no example of `{operation}`");
    }
}

fn objects_of_the_documentation() -> Vec<Value> {
    let pods = json!({"spec": {"nodeName": "n", "containers": [
        {"name": "web", "image": "docker.io/library/nginx"}, {"name": "agent", "image": "quay.io/acme/agent:1"}]}});
    vec![
        json!({"apiVersion": "apps/v1", "kind": "Deployment",
               "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}},
               "spec": {"replicas": 2, "template": pods}}),
        json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "database"},
               "spec": {"replicas": 1, "template": pods}}),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web-config"}, "data": {}}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
               "spec": {"type": "LoadBalancer", "loadBalancerIP": "192.0.2.1"}}),
        json!({"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": {"name": "web"},
               "spec": {"renewBefore": "1h", "issuerRef": {"name": "real"}}}),
        json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"},
               "spec": {"storageClassName": "managed-premium"}}),
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "web"},
               "spec": {"rules": [{"host": "www.shop.example"}]}}),
        json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "mails"},
               "spec": {"jobTemplate": {"spec": {"template": pods}}}}),
    ]
}

proptest! {
    #[test]
    fn reading_never_panics(text in ".{0,200}") {
        let _ = Transforms::parse(&text);
        let _ = Transforms::parse(&file(&text));
    }

    #[test]
    fn reading_pieces_of_files_never_panics(words in proptest::collection::vec(proptest::sample::select(vec![
        "- ", "name: ", "a", "\n", "  ", "match:", "where:", "set:", "{", "}", "[", "]", ": ", ", ", "spec.x", "$patch",
        "jsonPatch:", "op: add", "path: /a", "replicas: ", "0", "-1", "nodeSelector: ", "remove", "&x ", "*x", "!!str ",
        "---\n", "imageRegistry: ", "ingressHost: ", "'*.a'", "\"", "regex: ", "(", "strategicMergePatch:", "null",
    ]), 0..40)) {
        let entries = words.concat();
        if let Ok(transforms) = Transforms::parse(&file(&entries)) {
            let _ = transforms.apply(&mut deployment(), &mut Tally::default());
        }
    }
}
