//! What paths mean, and that their text means the same again.

use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use super::{pattern::FieldPattern, *};

fn path(text: &str) -> FieldPath {
    FieldPath::parse(text).unwrap()
}

#[rstest]
#[case::fields("spec.replicas", "spec.replicas")]
#[case::leading_dot(".spec.replicas", "spec.replicas")]
#[case::quoted_field("data['app.conf']", "data['app.conf']")]
#[case::double_quotes("data[\"app.conf\"]", "data['app.conf']")]
#[case::escaped_dot("data.app\\.conf", "data['app.conf']")]
#[case::quoted_first_field("['a.b'].c", "['a.b'].c")]
#[case::leading_dot_before_quotes(".['a.b']", "['a.b']")]
#[case::index("spec.args[0]", "spec.args[0]")]
#[case::quoted_digits_are_a_field("data['0']", "data.0")]
#[case::annotation("metadata.annotations['a/b']", "metadata.annotations.a/b")]
#[case::as_the_server_writes_map_keys(
    "metadata.annotations[example.com/a]",
    "metadata.annotations['example.com/a']"
)]
#[case::item("spec.containers[name=web].image", "spec.containers[name=web].image")]
#[case::two_keys("spec.ports[port=80,protocol=TCP]", "spec.ports[port=80,protocol=TCP]")]
#[case::quoted_number_stays_text("env[name='80']", "env[name='80']")]
#[case::leading_zero_is_text("env[name=007]", "env[name=007]")]
#[case::element("metadata.finalizers[=a.b/c]", "metadata.finalizers[=a.b/c]")]
#[case::quote_in_a_name("data['it\\'s']", "data['it\\'s']")]
fn reads_and_writes(#[case] text: &str, #[case] written: &str) {
    assert_eq!(path(text).to_string(), written);
    assert_eq!(path(written), path(text));
}

#[rstest]
#[case::empty("", "expected a field name, found the end at character 1")]
#[case::only_a_dot(".", "expected a field name, found the end at character 2")]
#[case::two_dots("spec..image", "expected a field name, found `.` at character 6")]
#[case::open_bracket("a[name=web", "expected `,` or `]`, found the end at character 11")]
#[case::open_quote("a['b", "expected a closing ', found the end at character 5")]
#[case::empty_bracket("a[]", "expected a place, a field or KEY=VALUE, found `]` at character 3")]
#[case::no_value("a[name=]", "expected a value, found `]` at character 8")]
#[case::junk_after_bracket("a[0]b", "expected `.` or `[`, found `b` at character 5")]
#[case::space("a b", "expected a field name, found ` ` at character 2")]
#[case::equals("a.b=c", "expected a field name, found `=` at character 4")]
#[case::star("spec.*", "expected one field: put a name that has a `*` into quotes, at character 6")]
fn says_what_is_wrong(#[case] text: &str, #[case] expected: &str) {
    let error = FieldPath::parse(text).unwrap_err();
    assert_eq!(error.to_string(), format!("`{text}` is not a field path: {expected}"));
}

#[test]
fn is_bounded() {
    assert_eq!(FieldPath::parse(&"a".repeat(2000)), Err(FieldPathError::TooLong(2000)));
    assert_eq!(FieldPath::parse(&["a"; 65].join(".")), Err(FieldPathError::TooDeep));
    assert!(FieldPath::parse(&["a"; 64].join(".")).is_ok());
}

fn deployment() -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
           "spec": {"replicas": 2, "template": {"spec": {"containers": [
               {"name": "web", "image": "a", "args": ["x", "y"],
                "ports": [{"containerPort": 80, "name": "http"}]},
               {"name": "log", "image": "b"}]}}}})
}

#[rstest]
#[case::field("spec.replicas", Some(json!(2)))]
#[case::item("spec.template.spec.containers[name=log].image", Some(json!("b")))]
#[case::index("spec.template.spec.containers[0].args[1]", Some(json!("y")))]
#[case::element("spec.template.spec.containers[0].args[=x]", Some(json!("x")))]
#[case::number_as_text("spec.template.spec.containers[0].ports[containerPort='80'].name", Some(json!("http")))]
#[case::no_such_item("spec.template.spec.containers[name=db]", None)]
#[case::beyond_the_end("spec.template.spec.containers[2]", None)]
#[case::through_a_number("spec.replicas.x", None)]
fn gets(#[case] text: &str, #[case] expected: Option<Value>) {
    assert_eq!(path(text).get(&deployment()), expected.as_ref());
    let mut object = deployment();
    assert_eq!(path(text).remove(&mut object), expected);
    if expected.is_none() {
        assert_eq!(object, deployment());
    }
}

#[rstest]
#[case::existing(json!({"a": {"b": 1}}), "a.b", json!({"a": {"b": 9}}))]
#[case::parents_are_made(json!({}), "a.b.c", json!({"a": {"b": {"c": 9}}}))]
#[case::null_is_nothing(json!({"a": null}), "a.b", json!({"a": {"b": 9}}))]
#[case::item_is_made_with_its_keys(
    json!({"ports": [{"port": 1}]}), "ports[port=80,protocol=TCP].nodePort",
    json!({"ports": [{"port": 1}, {"port": 80, "protocol": "TCP", "nodePort": 9}]})
)]
#[case::place_after_the_last(json!({"args": [1]}), "args[1]", json!({"args": [1, 9]}))]
#[case::element_is_replaced(json!({"args": ["a"]}), "args[=a]", json!({"args": [9]}))]
fn sets(#[case] mut object: Value, #[case] text: &str, #[case] expected: Value) {
    path(text).set(&mut object, json!(9)).unwrap();
    assert_eq!(object, expected);
}

#[test]
fn a_whole_item_gets_its_key() {
    let mut object = json!({});
    path("env[name=A]").set(&mut object, json!({"value": "1"})).unwrap();
    assert_eq!(object, json!({"env": [{"value": "1", "name": "A"}]}));
}

#[rstest]
#[case::number("spec.replicas.x", "`spec.replicas` is a number, not an object")]
#[case::list_for_object("spec[0]", "`spec` is an object, not a list")]
#[case::object_for_list(
    "spec.template.spec.containers.web",
    "`spec.template.spec.containers` is a list, not an object"
)]
#[case::gap("spec.tolerations[1]", "`spec.tolerations` has 0 items: the next one is number 0")]
fn setting_that_fails_changes_nothing(#[case] text: &str, #[case] expected: &str) {
    let mut object = deployment();
    assert_eq!(path(text).set(&mut object, json!(1)).unwrap_err().to_string(), expected);
    assert_eq!(object, deployment());
}

#[test]
fn starts_with_counts_whole_steps() {
    assert!(path("spec.replicas").starts_with(&path("spec")));
    assert!(path("spec").starts_with(&path("spec")));
    assert!(!path("specs").starts_with(&path("spec")));
    assert!(!path("spec").starts_with(&path("spec.replicas")));
}

#[rstest]
#[case::same("spec.replicas", "spec.replicas", true, true)]
#[case::star_is_one_step("spec.*", "spec.a", true, true)]
#[case::deeper_is_covered("spec.*", "spec.a.b", false, true)]
#[case::star_needs_a_step("spec.*", "spec", false, false)]
#[case::annotations("metadata.annotations.*", "metadata.annotations['a.b/c']", true, true)]
#[case::glob_in_a_name("metadata.annotations['a.b/*']", "metadata.annotations['a.b/c']", true, true)]
#[case::glob_in_another_name("metadata.annotations['x/*']", "metadata.annotations['a.b/c']", false, false)]
#[case::any_depth("**.image", "spec.template.spec.containers[name=web].image", true, true)]
#[case::any_depth_is_also_none("spec.**", "spec", true, true)]
#[case::everything("**", "a.b", true, true)]
#[case::any_item("spec.containers[*].image", "spec.containers[name=web].image", true, true)]
#[case::any_place("spec.containers[*].image", "spec.containers[0].image", true, true)]
#[case::item_by_glob("spec.containers[name=we*]", "spec.containers[name=web]", true, true)]
#[case::one_of_two_keys("spec.ports[port=80]", "spec.ports[port=80,protocol=TCP]", true, true)]
#[case::many_depths_are_no_burden("**.a.**.a.**.a.**.b", "a.a.a.a.a.a.a.a.a.a.a.a.a.a.c", false, false)]
fn patterns(#[case] pattern: &str, #[case] text: &str, #[case] matches: bool, #[case] covers: bool) {
    let read = FieldPattern::parse(pattern).unwrap();
    assert_eq!(read.matches(&path(text)), matches);
    assert_eq!(read.covers(&path(text)), covers);
    assert_eq!(FieldPattern::parse(&read.to_string()), Ok(read));
}

#[rstest]
#[case::plain("spec.replicas", "spec.replicas", json!({"spec": {"replicas": 2}}))]
#[case::item_keeps_its_key(
    "spec.template.spec.containers[name=web].image",
    "spec.template.spec.containers[name=web].image",
    json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "a"}]}}}})
)]
#[case::all_keys_are_stated(
    "spec.template.spec.containers[name=web].ports[containerPort=80].name",
    "spec.template.spec.containers[name=web].ports[containerPort=80].name",
    json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "ports": [
        {"containerPort": 80, "protocol": "TCP", "name": "http"}]}]}}}})
)]
#[case::list_without_keys_comes_whole(
    "spec.template.spec.containers[name=web].args[0]",
    "spec.template.spec.containers[name=web].args",
    json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "args": ["x", "y"]}]}}}})
)]
fn skeletons(#[case] text: &str, #[case] applied: &str, #[case] fields: Value) {
    let mut expected = fields;
    expected["apiVersion"] = json!("apps/v1");
    expected["kind"] = json!("Deployment");
    expected["metadata"] = json!({"name": "web", "namespace": "shop"});
    assert_eq!(path(text).skeleton(&deployment()), Some(expected));
    assert_eq!(path(text).applied_in(&deployment()).to_string(), applied);
}

#[test]
fn skeleton_by_place_has_the_whole_list() {
    let skeleton = path("spec.template.spec.containers[1].image").skeleton(&deployment()).unwrap();
    assert_eq!(skeleton["spec"], json!({"template": deployment()["spec"]["template"]}));
}

#[test]
fn skeleton_of_a_custom_kind_has_the_whole_list() {
    let saved = json!({"apiVersion": "example.com/v1", "kind": "Shop", "metadata": {"name": "a", "finalizers": ["x", "y"]},
                       "spec": {"containers": [{"name": "a", "x": 1}, {"name": "b"}]}});
    assert_eq!(path("spec.containers[name=a].x").applied_in(&saved), path("spec.containers"));
    let skeleton = path("metadata.finalizers[=x]").skeleton(&saved).unwrap();
    assert_eq!(skeleton["metadata"], json!({"finalizers": ["x"], "name": "a"}));
}

#[test]
fn skeleton_of_nothing_is_none() {
    assert_eq!(path("spec.paused").skeleton(&deployment()), None);
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<String>().prop_map(Value::from),
        "[-0-9.eE+]{1,6}".prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let name = || prop_oneof!["[a-zA-Z0-9./*$-]{1,12}", ".{1,6}"];
    prop_oneof![
        name().prop_map(Step::Field),
        (0..1000_usize).prop_map(Step::Index),
        proptest::collection::vec((name(), value()), 1..4).prop_map(Step::Item),
        value().prop_map(Step::Element),
    ]
}

proptest! {
    #[test]
    fn text_of_a_path_means_the_same_path(steps in proptest::collection::vec(step(), 1..8)) {
        let path = FieldPath::new(steps);
        let text = path.to_string();
        prop_assume!(text.len() <= MAX_TEXT);
        prop_assert_eq!(FieldPath::parse(&text), Ok(path));
    }

    #[test]
    fn reading_never_panics(text in "[a-z.\\[\\]'\"=,*\\\\ é0-9]{0,40}") {
        let _ = FieldPath::parse(&text);
        let _ = FieldPattern::parse(&text);
    }

    #[test]
    fn what_was_set_is_there(steps in proptest::collection::vec(step(), 1..6)) {
        let path = FieldPath::new(steps);
        let mut object = json!({});
        // Null as a key is no key, and an element that is replaced is gone.
        let findable = path.steps().iter().all(|step| match step {
            Step::Item(keys) => {
                let names: std::collections::BTreeSet<_> = keys.iter().map(|(key, _)| key).collect();
                names.len() == keys.len()
            }
            Step::Element(_) => false,
            _ => true,
        });
        if findable && path.set(&mut object, json!({"set": true})).is_ok() {
            let found = path.get(&object).cloned();
            prop_assert_eq!(found.map(|found| found["set"].clone()), Some(json!(true)));
        }
    }
}
