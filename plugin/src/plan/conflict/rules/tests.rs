use rstest::rstest;
use serde_json::{Value, json};

use super::{file::RuleFile, *};
use crate::{
    model::{
        resource::{GroupResource, ResourceType, Scope},
        restoration::DecidedBy,
    },
    plan::{conflict::ConflictPolicy, field_path::FieldPath},
};

fn kind(group: &str, kind: &str, plural: &str, short: &str, scope: Scope) -> ResourceType {
    ResourceType {
        singular: kind.to_lowercase(),
        short_names: vec![short.to_owned()],
        served_versions: vec!["v1".to_owned()],
        ..ResourceType::new(GroupResource::new(plural, group), "v1", kind, scope)
    }
}

fn kinds() -> Vec<ResourceType> {
    vec![
        kind("", "ConfigMap", "configmaps", "cm", Scope::Namespaced),
        kind("apps", "Deployment", "deployments", "deploy", Scope::Namespaced),
        kind("rbac.authorization.k8s.io", "ClusterRole", "clusterroles", "", Scope::Cluster),
    ]
}

/// The rules of a file with these entries, bound to the kinds above.
fn rules(entries: &str) -> (Rules, Vec<String>) {
    let text = format!("apiVersion: kubectl-backup.dev/v1alpha1\nkind: RestoreRules\nrules:\n{entries}");
    let file = RuleFile::parse("rules.yaml", &text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    file.bind(&kinds(), Resolution::default())
}

fn problem(text: &str) -> String {
    RuleFile::parse("rules.yaml", text).unwrap_err().to_string()
}

/// The Deployment `shop/web`: the autoscaler has set its replicas, Helm its image.
fn web() -> (ObjectKey, Value, Value) {
    let owned = |manager: &str, fields: Value| json!({"manager": manager, "fieldsType": "FieldsV1", "fieldsV1": fields});
    let body = |replicas: u32, image: &str| {
        json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web", "tier": "front"}, "managedFields": [
                owned("kube-controller-manager", json!({"f:spec": {"f:replicas": {}}})),
                owned("helm", json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {
                    "k:{\"name\":\"web\"}": {".": {}, "f:image": {}, "f:name": {}}}}}}}))]},
            "spec": {"replicas": replicas, "template": {"spec": {"containers": [{"name": "web", "image": image}]}}}})
    };
    let key = ObjectKey::new(GroupResource::new("deployments", "apps"), Some("shop"), "web");
    (key, body(2, "web:1"), body(5, "web:2"))
}

fn role() -> (ObjectKey, Value, Value) {
    let body = |verb: &str| {
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "reader"},
            "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": [verb]}]})
    };
    let resource = GroupResource::new("clusterroles", "rbac.authorization.k8s.io");
    (ObjectKey::new(resource, None, "reader"), body("get"), body("list"))
}

/// Who decides, and why the rule does not if it does not.
fn decided(rules: Rules, (target, saved, live): &(ObjectKey, Value, Value)) -> (DecidedBy, Vec<String>) {
    let found = rules.that_explain().compare(target, saved, live);
    (found.resolution.decided_by.clone(), found.passed_over.into_iter().map(|it| it.because).collect())
}

#[rstest]
#[case::nothing_stated("{}")]
#[case::short_kind("{kinds: [cm, deploy]}")]
#[case::plural("{kinds: [deployments]}")]
#[case::kind_with_group("{kinds: [Deployment.apps]}")]
#[case::group("{kinds: ['*.apps']}")]
#[case::namespace("{namespaces: ['test-*', 'sh?p']}")]
#[case::name("{names: ['w*']}")]
#[case::labels("{labels: 'app in (web, api),!legacy'}")]
#[case::field("{fields: [spec.replicas]}")]
#[case::field_above("{fields: [spec.template]}")]
#[case::field_in_a_list("{fields: ['spec.template.spec.containers[*].image']}")]
#[case::all_fields("{onlyFields: [spec.replicas, 'spec.template.**.image']}")]
#[case::scope("{scope: Namespaced}")]
#[case::manager("{managers: ['kube-*']}")]
#[case::all_at_once(
    "{kinds: [deploy], namespaces: [shop], names: [web], labels: tier=front, fields: [spec.replicas], managers: [helm]}"
)]
fn matches(#[case] matching: &str) {
    let (rules, warnings) = rules(&format!("- {{match: {matching}, policy: patch}}"));
    let (by, missed) = decided(rules, &web());
    assert!(matches!(by, DecidedBy::Rule { number: 1, .. }), "{by:?} {missed:?}");
    assert_eq!((missed, warnings), (vec![], vec![]));
}

#[rstest]
#[case::kind("{kinds: [cm, clusterroles]}", "its kind `deployments.apps` is not `cm` or `clusterroles`")]
#[case::namespace("{namespaces: ['test-*']}", "its namespace `shop` is not `test-*`")]
#[case::name("{names: [db, 'we']}", "its name `web` is not `db` or `we`")]
#[case::labels("{labels: tier=back}", "the labels of the saved object do not match `tier=back`")]
#[case::field(
    "{fields: [spec.paused, 'metadata.*']}",
    "no field that differs is `spec.paused` or `metadata['*']`"
)]
#[case::not_all_fields(
    "{onlyFields: [spec.replicas]}",
    "`spec.template.spec.containers[name=web].image` differs too, which is not `spec.replicas`"
)]
#[case::scope("{scope: Cluster}", "it is in a namespace")]
#[case::manager(
    "{managers: ['argocd-*']}",
    "the fields that differ belong to `helm`, `kube-controller-manager`, not to `argocd-*`"
)]
#[case::one_of_several("{kinds: [deploy], names: [db]}", "its name `web` is not `db`")]
fn does_not_match(#[case] matching: &str, #[case] because: &str) {
    let (rules, _) = rules(&format!("- {{match: {matching}, policy: patch}}"));
    assert_eq!(decided(rules, &web()), (DecidedBy::Default, vec![because.to_owned()]));
}

#[rstest]
#[case::cluster_scoped("{scope: Cluster}", None)]
#[case::namespaced("{scope: Namespaced}", Some("it is cluster-scoped"))]
#[case::namespaces("{namespaces: ['*']}", Some("it is cluster-scoped, and the rule names namespaces"))]
#[case::nobody_owns_it("{managers: ['*']}", Some("the fields that differ belong to nobody, not to `*`"))]
fn objects_outside_namespaces(#[case] matching: &str, #[case] because: Option<&str>) {
    let (rules, _) = rules(&format!("- {{match: {matching}, policy: replace}}"));
    let (_, missed) = decided(rules, &role());
    assert_eq!(missed.first().map(String::as_str), because);
}

#[test]
fn the_first_rule_that_matches_decides() {
    let (rules, _) = rules(
        "- {match: {kinds: [cm]}, policy: replace}
- {name: scaled, match: {fields: [spec.replicas]}, policy: patch, keep: {fields: [spec.replicas]}, reason: it scales}
- {policy: fail}",
    );
    let (target, saved, live) = web();
    let found = rules.compare(&target, &saved, &live);
    assert_eq!(found.resolution.policy, ConflictPolicy::Patch);
    let by = DecidedBy::Rule {
        number: 2,
        name: Some("scaled".to_owned()),
        file: "rules.yaml".to_owned(),
        reason: Some("it scales".to_owned()),
    };
    assert_eq!(found.resolution.decided_by, by);
    let stays: Vec<_> = found.difference.unwrap().fields.into_iter().map(|it| (it.field, it.stays)).collect();
    let image = "spec.template.spec.containers[name=web].image".to_owned();
    assert_eq!(stays, [("spec.replicas".to_owned(), true), (image, false)]);
    let (target, saved, live) = role();
    assert_eq!(rules.compare(&target, &saved, &live).resolution.policy, ConflictPolicy::Fail);
}

#[test]
fn an_answer_says_anew_what_stays() {
    let (rules, _) = rules("- {policy: ask, keep: {managers: ['kube-*']}}");
    let (target, saved, live) = web();
    let mut found = rules.compare(&target, &saved, &live);
    let stays = |found: &LiveObject| -> Vec<bool> {
        found.difference.as_ref().unwrap().fields.iter().map(|field| field.stays).collect()
    };
    assert_eq!((found.resolution.policy, stays(&found)), (ConflictPolicy::Ask, vec![false, false]));
    found.answered(ConflictPolicy::Skip, None);
    assert_eq!(stays(&found), [false, false]);
    found.answered(ConflictPolicy::Patch, None);
    assert_eq!((found.resolution.decided_by.clone(), stays(&found)), (DecidedBy::Answer, vec![true, false]));
    let mut only_kept = saved.clone();
    only_kept["spec"]["replicas"] = live["spec"]["replicas"].clone();
    for (edited, all_stay) in [(None, true), (Some(&saved), false)] {
        let mut found = rules.compare(&target, &saved, &only_kept);
        found.answered(ConflictPolicy::Patch, edited);
        assert_eq!(found.difference.unwrap().all_stay, all_stay, "edited: {edited:?}");
    }
}

#[test]
fn what_only_the_live_object_has_stays_unless_the_edited_one_states_it() {
    let map = |data: Value| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data});
    let (rules, _) = rules("- {policy: ask}");
    let target = ObjectKey::new(GroupResource::new("configmaps", ""), Some("shop"), "a");
    let (saved, live) = (map(json!({"key": "saved"})), map(json!({"key": "live", "new": "live"})));
    for (edited, stays) in [(json!({"key": "mine"}), true), (json!({"key": "mine", "new": "mine"}), false)] {
        let mut found = rules.compare(&target, &saved, &live);
        found.answered(ConflictPolicy::Patch, Some(&map(edited)));
        let fields = found.difference.unwrap().fields;
        let told: Vec<_> = fields.iter().map(|it| (it.field.as_str(), it.stays)).collect();
        assert_eq!(told, [("data.key", false), ("data.new", stays)]);
    }
}

#[test]
fn a_field_beyond_those_that_are_shown_still_counts() {
    let body = |value: &str| {
        let data: serde_json::Map<_, _> = (0..100).map(|n| (format!("k{n:03}"), json!(value))).collect();
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data})
    };
    let (rules, _) = rules("- {match: {fields: [data.k099]}, policy: patch}");
    let target = ObjectKey::new(GroupResource::new("configmaps", ""), Some("shop"), "a");
    let found = rules.compare(&target, &body("a"), &body("b"));
    assert_eq!(found.resolution.policy, ConflictPolicy::Patch);
    let difference = found.difference.unwrap();
    assert_eq!((difference.fields.len(), difference.more), (24, 76));
    assert!(
        difference.fields.iter().all(|it| it.field != FieldPath::parse("data.k099").unwrap().to_string())
    );
}

#[rstest]
#[case::of_the_rule("exact: true", false, true)]
#[case::against_the_run("exact: false", true, false)]
#[case::of_the_run("reason: x", true, true)]
fn a_rule_says_whether_it_is_exact_or_the_run_does(
    #[case] words: &str,
    #[case] run: bool,
    #[case] exact: bool,
) {
    let text = format!(
        "apiVersion: kubectl-backup.dev/v1alpha1\nkind: RestoreRules\nrules:\n- {{policy: patch, {words}}}"
    );
    let otherwise = Resolution { exact: run, ..Resolution::default() };
    let (rules, _) = RuleFile::parse("r", &text).unwrap().bind(&kinds(), otherwise);
    let (target, saved, live) = web();
    assert_eq!(rules.compare(&target, &saved, &live).resolution.exact, exact);
}

#[rstest]
#[case::unknown_kind(
    "- {match: {kinds: [deploymnets]}, policy: skip}",
    "rules.yaml, line 4: there is no kind `deploymnets`; did you mean `deployments.apps`?"
)]
#[case::no_kind_has_the_scope(
    "- {match: {kinds: [deploy], scope: Cluster}, policy: skip}",
    "rules.yaml, line 4: this rule never matches: none of its kinds has that scope"
)]
#[case::behind_everything(
    "- {name: all, policy: skip}\n- {match: {kinds: [cm]}, policy: patch}",
    "rules.yaml, line 5: this rule decides nothing, since rule 1 `all` matches everything"
)]
fn what_can_have_no_effect_is_told(#[case] entries: &str, #[case] warning: &str) {
    assert_eq!(rules(entries).1, [warning]);
}

#[test]
fn an_unknown_kind_matches_nothing_and_the_others_of_its_rule_still_do() {
    let (some, _) = rules("- {match: {kinds: [certificates, deploy]}, policy: patch}");
    assert!(matches!(decided(some, &web()).0, DecidedBy::Rule { .. }));
    let (none, _) = rules("- {match: {kinds: [certificates]}, policy: patch}");
    assert_eq!(decided(none, &web()).0, DecidedBy::Default);
}

#[rstest]
#[case::field_of_a_rule(
    "- {matches: {}, policy: skip}",
    "line 4: there is no field `matches` here; perhaps `match`?"
)]
#[case::field_of_match(
    "- match:\n    kind: [cm]\n  policy: skip",
    "line 5: there is no field `kind` here; perhaps `kinds`?"
)]
#[case::policy("- {policy: pach}", "line 4: there is no value `pach` here; perhaps `patch`?")]
#[case::scope(
    "- {match: {scope: cluster}, policy: skip}",
    "line 4: there is no value `cluster` here; perhaps `Cluster`?"
)]
#[case::no_policy("- {name: a}", "line 4: `policy` is missing")]
#[case::pattern(
    "- policy: skip\n  match:\n    fields:\n    - spec.[",
    "line 7: `spec.[` is not a field path: expected a field name, found `[` at character 6"
)]
#[case::selector(
    "- {match: {labels: 'a=('}, policy: skip}",
    "line 4: `a=(` is not a label selector: expected a comma before `(`"
)]
#[case::keep_without_patch(
    "- {policy: skip, keep: {fields: [spec]}}",
    "line 4: `exact` and `keep` say how to patch; the policy is another one"
)]
#[case::exact_without_patch(
    "- {policy: replace, exact: true}",
    "line 4: `exact` and `keep` say how to patch; the policy is another one"
)]
#[case::cluster_scoped_in_a_namespace(
    "- {match: {scope: Cluster, namespaces: [a]}, policy: skip}",
    "line 4: what is cluster-scoped has no namespace: it never matches"
)]
#[case::twice("- {policy: skip, policy: patch}", "line 4: `policy` is there twice")]
fn a_wrong_entry_is_told_with_its_line(#[case] entries: &str, #[case] expected: &str) {
    let text = format!("apiVersion: kubectl-backup.dev/v1alpha1\nkind: RestoreRules\nrules:\n{entries}");
    assert_eq!(problem(&text), expected);
}

#[rstest]
#[case::version(
    "apiVersion: kubectl-backup.dev/v2\nkind: RestoreRules\nrules: []",
    "line 1: apiVersion is `kubectl-backup.dev/v2`, and this version knows `kubectl-backup.dev/v1alpha1` only"
)]
#[case::kind(
    "apiVersion: kubectl-backup.dev/v1alpha1\nkind: Rules\nrules: []",
    "line 2: kind is `Rules`, and this version knows `RestoreRules` only"
)]
#[case::no_rule(
    "apiVersion: kubectl-backup.dev/v1alpha1\nkind: RestoreRules\nrules: []",
    "it holds no rule of kind RestoreRules"
)]
#[case::nothing("", "it holds no rule of kind RestoreRules")]
fn a_file_of_another_kind_is_told(#[case] text: &str, #[case] expected: &str) {
    assert_eq!(problem(text), expected);
}

#[test]
fn documents_of_a_file_count_on() {
    let header = "apiVersion: kubectl-backup.dev/v1alpha1\nkind: RestoreRules\nrules:\n";
    let text =
        format!("{header}- {{match: {{names: [a]}}, policy: skip}}\n---\n{header}- {{policy: patch}}\n");
    let (rules, _) = RuleFile::parse("r", &text).unwrap().bind(&kinds(), Resolution::default());
    assert!(matches!(decided(rules, &web()).0, DecidedBy::Rule { number: 2, .. }));
}

#[test]
fn every_example_of_the_manual_is_right() {
    let manual = include_str!("../../../../../docs/rules.md");
    let examples: Vec<&str> =
        manual.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(examples.len() >= 4);
    for example in examples {
        RuleFile::parse("docs/rules.md", example).unwrap_or_else(|error| panic!("{error}\n{example}"));
    }
}
