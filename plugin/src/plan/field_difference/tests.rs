//! Which fields are named for which two states.

use rstest::rstest;
use serde_json::{Value, json};

use super::*;

fn shown(saved: &Value, live: &Value) -> Vec<String> {
    let found = differences(saved, live, 100);
    assert_eq!(found.more, 0);
    found
        .fields
        .iter()
        .map(|field| {
            let sign = match field.change {
                FieldChange::Set => '~',
                FieldChange::OnlySaved => '+',
                FieldChange::OnlyLive => '-',
            };
            format!("{sign} {}", field.path)
        })
        .collect()
}

#[rstest]
#[case::same(json!({"a": {"b": 1}}), json!({"a": {"b": 1}}), &[])]
#[case::value(json!({"a": {"b": 1}}), json!({"a": {"b": 2}}), &["~ a.b"])]
#[case::kind_of_value(json!({"a": {"b": 1}}), json!({"a": [1]}), &["~ a"])]
#[case::one_side_goes_down_to_values(
    json!({"metadata": {"labels": {"x": "1", "y": "2"}}}),
    json!({"metadata": {"annotations": {"a.b/c": "d"}}}),
    &["+ metadata.labels.x", "+ metadata.labels.y", "- metadata.annotations['a.b/c']"]
)]
#[case::empty_map_is_a_value(json!({"a": {}}), json!({}), &["+ a"])]
#[case::containers_by_name(
    json!({"containers": [{"name": "a", "image": "x"}, {"name": "b"}]}),
    json!({"containers": [{"name": "a", "image": "y"}, {"name": "c"}]}),
    &["~ containers[name=a].image", "+ containers[name=b]", "- containers[name=c]"]
)]
#[case::service_ports_by_port_and_protocol(
    json!({"spec": {"ports": [{"port": 53, "protocol": "UDP", "name": "a"}, {"port": 53, "name": "b"}]}}),
    json!({"spec": {"ports": [{"port": 53, "protocol": "UDP", "name": "a"},
                              {"port": 53, "protocol": "TCP", "name": "c"}]}}),
    &["~ spec.ports[port=53,protocol=TCP].name"]
)]
#[case::unknown_list_by_name(
    json!({"spec": {"endpoints": [{"name": "a", "x": 1}]}}),
    json!({"spec": {"endpoints": [{"name": "a", "x": 2}]}}),
    &["~ spec.endpoints[name=a].x"]
)]
#[case::repeated_key_makes_it_one_value(
    json!({"env": [{"name": "a", "value": "1"}, {"name": "a", "value": "2"}]}),
    json!({"env": [{"name": "a", "value": "1"}]}),
    &["~ env"]
)]
#[case::list_without_keys_is_one_value(json!({"args": ["a"]}), json!({"args": ["a", "b"]}), &["~ args"])]
#[case::finalizers_are_a_set(
    json!({"metadata": {"finalizers": ["a", "b"]}}),
    json!({"metadata": {"finalizers": ["c", "b"]}}),
    &["+ metadata.finalizers[=a]", "- metadata.finalizers[=c]"]
)]
#[case::order_of_items(
    json!({"initContainers": [{"name": "a"}, {"name": "b"}]}),
    json!({"initContainers": [{"name": "b"}, {"name": "a"}]}),
    &["~ initContainers"]
)]
#[case::new_item_in_front_is_no_other_order(
    json!({"containers": [{"name": "a"}, {"name": "b"}]}),
    json!({"containers": [{"name": "injected"}, {"name": "a"}, {"name": "b"}]}),
    &["- containers[name=injected]"]
)]
fn names_the_fields(#[case] saved: Value, #[case] live: Value, #[case] expected: &[&str]) {
    assert_eq!(shown(&saved, &live), expected);
}

#[test]
fn the_rest_is_counted() {
    let saved = json!({"a": 1, "b": 2, "c": 3});
    let found = differences(&saved, &json!({}), 2);
    assert_eq!((found.fields.len(), found.more), (2, 1));
}

#[test]
fn nests_deeper_than_a_path_are_one_value() {
    let nest = |inner: Value| (0..100).fold(inner, |value, _| json!({"a": value}));
    let found = differences(&nest(json!(1)), &nest(json!(2)), 10);
    assert_eq!(found.fields[0].path.steps().len(), MAX_STEPS);
}
