//! kubectl's dialect, case by case; the expected texts are what kubectl prints for the same list.

use rstest::rstest;
use serde_json::json;

use super::*;

fn list() -> Value {
    json!({
        "kind": "List",
        "items": [
            {"kind": "None", "metadata": {"name": "127.0.0.1", "labels": {"kubernetes.io/hostname": "127.0.0.1"}},
             "status": {"capacity": {"cpu": "4"}, "addresses": [{"type": "LegacyHostIP", "address": "127.0.0.1"}]}},
            {"kind": "None", "metadata": {"name": "127.0.0.2"},
             "status": {"capacity": {"cpu": "8"}, "addresses": [
                {"type": "LegacyHostIP", "address": "127.0.0.2"}, {"type": "another", "address": "127.0.0.3"}]}}
        ],
        "data": {"app.conf": "a=1\n", "odd name": "x", "with-dash": "y", "a/b": "z"},
        "users": [{"name": "myself", "user": {}}, {"name": "e2e", "user": {"username": "admin", "password": "secret"}}],
        "count": 3, "on": true, "nothing": null
    })
}

#[rstest]
#[case::text_and_field("kind is {.kind}", "kind is List")]
#[case::current_object("{@.kind}{$.kind}", "ListList")]
#[case::bracket_name("{['kind']}{[\"kind\"]}", "ListList")]
#[case::recursive("{..name}", "127.0.0.1 127.0.0.2 myself e2e")]
#[case::all_items("{.items[*].metadata.name}", "127.0.0.1 127.0.0.2")]
#[case::one_item("{.items[0].metadata.name}", "127.0.0.1")]
#[case::last_item("{.items[-1].metadata.name}{.items[-1:].metadata.name}", "127.0.0.2127.0.0.2")]
#[case::slice("{.users[0:1].name}", "myself")]
#[case::several_places("{.users[0,1].name}", "myself e2e")]
#[case::filter("{.users[?(@.name==\"e2e\")].user.password}", "secret")]
#[case::filter_in_single_quotes("{.users[?(@.name=='e2e')].user.password}", "secret")]
#[case::filter_with_blanks("{.users[?( @.name != 'e2e' )].name}", "myself")]
#[case::filter_exists("{.users[?(@.user.username)].name}", "e2e")]
#[case::filter_number("{.items[?(@.status.addresses[1])].metadata.name}", "127.0.0.2")]
#[case::filter_escaped_dot(
    "{.items[?(@.metadata.labels.kubernetes\\.io/hostname)].metadata.name}",
    "127.0.0.1"
)]
#[case::range(
    "{range .items[*]}[{.metadata.name}, {.status.capacity.cpu}] {end}",
    "[127.0.0.1, 4] [127.0.0.2, 8] "
)]
#[case::range_without_dot("{range items[*]}{.metadata.name};{end}", "127.0.0.1;127.0.0.2;")]
#[case::nested_range(
    "{range .items[*]}{range .status.addresses[*]}{.address} {end}|{end}",
    "127.0.0.1 |127.0.0.2 127.0.0.3 |"
)]
#[case::newline("{.kind}{\"\\n\"}{.count}{'\\t'}", "List\n3\t")]
#[case::brace_in_quotes("{\"}\"}{.kind}{'{'}", "}List{")]
#[case::escaped_dot("{.data.app\\.conf}", "a=1\n")]
#[case::dash_and_slash("{.data.with-dash}{.data.a/b}", "yz")]
#[case::bracket_with_escaped_dot("{.data['app\\.conf']}", "a=1\n")]
#[case::bracket_in_double_quotes_takes_all_as_it_is("{.data[\"app.conf\"]}{.data[\"odd name\"]}", "a=1\nx")]
#[case::union_of_paths(
    "{.items[*]['metadata.name', 'status.capacity']}",
    "127.0.0.1 {\"cpu\":\"4\"} 127.0.0.2 {\"cpu\":\"8\"}"
)]
#[case::wildcard("{.items[0].status.capacity.*}", "4")]
#[case::scalars("{.count} {.on} {.nothing}", "3 true null")]
#[case::composite_as_json(
    "{.items[0].status.addresses}",
    "[{\"address\":\"127.0.0.1\",\"type\":\"LegacyHostIP\"}]"
)]
#[case::missing_is_nothing("<{.not.there}{.items[9].kind}>", "<>")]
#[case::text_is_taken_as_it_is("a\\n{.kind}", "a\\nList")]
#[case::two_in_one_brace("{.kind \"-\" .count}", "List-3")]
#[case::relaxed(".items[*].metadata.name", "127.0.0.1 127.0.0.2")]
#[case::more_relaxed("kind", "List")]
#[case::unicode("{\"\\u00e9\"}", "é")]
fn renders_as_kubectl(#[case] template: &str, #[case] expected: &str) {
    assert_eq!(Template::parse(template).unwrap().render(&list()), expected);
}

#[test]
fn whole_object() {
    let object = json!({"b": 1, "a": [2]});
    for template in ["{@}", "{$}", "{.}"] {
        assert_eq!(Template::parse(template).unwrap().render(&object), r#"{"a":[2],"b":1}"#);
    }
}

#[rstest]
#[case::empty("", "the jsonpath template is wrong at ``: it is empty")]
#[case::open_brace("{.kind", "the jsonpath template is wrong at `{.kind`: the brace is not closed")]
#[case::nothing("a{ }", "the jsonpath template is wrong at `{ }`: there is nothing between the braces")]
#[case::no_end("{range .items[*]}{.kind}", "the jsonpath template is wrong at `{range`: it has no `{end}`")]
#[case::no_range(
    "{.kind}{end}",
    "the jsonpath template is wrong at `{end}`: there is no `{range …}` that it could end"
)]
#[case::open_bracket("{.items[0}", "the jsonpath template is wrong at `[0`: the bracket is not closed")]
#[case::empty_bracket(
    "{.items[]}",
    "the jsonpath template is wrong at `[]`: expected a number, a range, `*`, a name in quotes or a filter"
)]
#[case::open_quote("{\"a}", "the jsonpath template is wrong at `{\"a}`: the brace is not closed")]
#[case::escape(
    "{\"\\q\"}",
    "the jsonpath template is wrong at `\"\\q\"`: unknown escape; known are \\n \\t \\r \\\\ \\\" \\u"
)]
#[case::after_dots("{..}", "the jsonpath template is wrong at `..`: expected a name after `..`")]
fn refusal_names_the_place(#[case] template: &str, #[case] message: &str) {
    assert_eq!(Template::parse(template).unwrap_err().to_string(), message);
}

#[test]
fn hostile_depth_is_refused() {
    let ranges = format!("{}{}", "{range .a[*]}".repeat(10_000), "{end}".repeat(10_000));
    assert!(Template::parse(&ranges).is_err());
    let filters = format!("{{.a{}}}", "[?(@".repeat(10_000));
    assert!(Template::parse(&filters).is_err());
}

proptest::proptest! {
    #[test]
    fn no_template_does_harm(template in "[-{}\\[\\].*'\"\\\\@$?()=a-c0-2 ,:]{0,40}") {
        if let Ok(template) = Template::parse(&template) {
            template.render(&list());
        }
    }
}
