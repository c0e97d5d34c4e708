use rstest::rstest;
use serde_json::{Value, json};

use super::{MapNamespaceError, NamespaceMap, keep_live_subjects};
use crate::model::{object::ObjectKey, resource::GroupResource};

fn map() -> NamespaceMap {
    NamespaceMap::parse(&["shop=shop-test".to_owned()]).unwrap()
}

#[rstest]
#[case::no_equals_sign("shop", MapNamespaceError::Malformed("shop".to_owned()))]
#[case::empty_target("shop=", MapNamespaceError::NotAName(String::new()))]
#[case::upper_case("shop=Shop", MapNamespaceError::NotAName("Shop".to_owned()))]
#[case::three_parts("a=b=c", MapNamespaceError::NotAName("b=c".to_owned()))]
fn refuses_words_that_name_no_mapping(#[case] word: &str, #[case] wanted: MapNamespaceError) {
    assert_eq!(NamespaceMap::parse(&[word.to_owned()]), Err(wanted));
}

#[test]
fn one_namespace_cannot_go_to_two() {
    let parsed = NamespaceMap::parse(&["a=b".to_owned(), "a=c".to_owned()]);
    assert!(matches!(parsed, Err(MapNamespaceError::Ambiguous { .. })));
}

#[rstest]
#[case::inside_it("configmaps", Some("shop"), "app", Some("shop-test"), "app")]
#[case::elsewhere("configmaps", Some("other"), "app", Some("other"), "app")]
#[case::the_namespace("namespaces", None, "shop", None, "shop-test")]
#[case::same_word_other_kind("storageclasses.storage.k8s.io", None, "shop", None, "shop")]
fn maps_identities(
    #[case] resource: &str,
    #[case] namespace: Option<&str>,
    #[case] name: &str,
    #[case] to_namespace: Option<&str>,
    #[case] to_name: &str,
) {
    let resource = GroupResource::from(resource.to_owned());
    let target = map().target_key(&ObjectKey::new(resource.clone(), namespace, name));
    assert_eq!(target, ObjectKey::new(resource, to_namespace, to_name));
}

#[rstest]
#[case::namespace("namespaces",
    json!({"metadata": {"name": "shop", "labels": {"kubernetes.io/metadata.name": "shop", "team": "shop"}}}),
    json!({"metadata": {"name": "shop-test", "labels": {"kubernetes.io/metadata.name": "shop-test", "team": "shop"}}}))]
#[case::role_binding("rolebindings.rbac.authorization.k8s.io",
    json!({"metadata": {"namespace": "shop"}, "subjects": [
        {"kind": "ServiceAccount", "name": "web", "namespace": "shop"},
        {"kind": "ServiceAccount", "name": "ci", "namespace": "build"},
        {"kind": "Group", "name": "system:serviceaccounts:shop"},
        {"kind": "User", "name": "system:serviceaccount:shop:web"}, {"kind": "User", "name": "shop"}]}),
    json!({"metadata": {"namespace": "shop-test"}, "subjects": [
        {"kind": "ServiceAccount", "name": "web", "namespace": "shop-test"},
        {"kind": "ServiceAccount", "name": "ci", "namespace": "build"},
        {"kind": "Group", "name": "system:serviceaccounts:shop-test"},
        {"kind": "User", "name": "system:serviceaccount:shop-test:web"}, {"kind": "User", "name": "shop"}]}))]
#[case::volume("persistentvolumes",
    json!({"spec": {"claimRef": {"namespace": "shop", "name": "shop"}}}),
    json!({"spec": {"claimRef": {"namespace": "shop-test", "name": "shop"}}}))]
#[case::webhook("validatingwebhookconfigurations.admissionregistration.k8s.io",
    json!({"webhooks": [{"clientConfig": {"service": {"namespace": "shop", "name": "hook"}},
        "namespaceSelector": {"matchExpressions": [
            {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["shop", "x"]},
            {"key": "team", "operator": "In", "values": ["shop"]}]}}]}),
    json!({"webhooks": [{"clientConfig": {"service": {"namespace": "shop-test", "name": "hook"}},
        "namespaceSelector": {"matchExpressions": [
            {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["shop-test", "x"]},
            {"key": "team", "operator": "In", "values": ["shop"]}]}}]}))]
#[case::conversion("customresourcedefinitions.apiextensions.k8s.io",
    json!({"spec": {"conversion": {"webhook": {"clientConfig": {"service": {"namespace": "shop"}}}}}}),
    json!({"spec": {"conversion": {"webhook": {"clientConfig": {"service": {"namespace": "shop-test"}}}}}}))]
#[case::api_service("apiservices.apiregistration.k8s.io",
    json!({"spec": {"service": {"namespace": "shop"}}}), json!({"spec": {"service": {"namespace": "shop-test"}}}))]
#[case::network_policy("networkpolicies.networking.k8s.io",
    json!({"spec": {"ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}}]}]}}),
    json!({"spec": {"ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "shop-test"}}}]}]}}))]
#[case::content_is_left("configmaps",
    json!({"metadata": {"namespace": "shop"}, "data": {"host": "db.shop.svc", "namespace": "shop"}}),
    json!({"metadata": {"namespace": "shop-test"}, "data": {"host": "db.shop.svc", "namespace": "shop"}}))]
fn follows_references_to_the_namespace(
    #[case] resource: &str,
    #[case] mut body: Value,
    #[case] wanted: Value,
) {
    map().apply(&GroupResource::from(resource.to_owned()), &mut body);
    assert_eq!(body, wanted);
}

#[test]
fn last_applied_configuration_follows() {
    let key = "kubectl.kubernetes.io/last-applied-configuration";
    let mut body = json!({"metadata": {"namespace": "shop", "annotations": {key: r#"{"metadata":{"namespace":"shop"}}"#}}});
    map().apply(&GroupResource::new("configmaps", ""), &mut body);
    assert_eq!(body["metadata"]["annotations"][key], "{\"metadata\":{\"namespace\":\"shop-test\"}}\n");
}

#[test]
fn binding_the_copy_leaves_the_original_bound() {
    let subject = |namespace: &str| json!({"kind": "ServiceAccount", "name": "web", "namespace": namespace});
    let mut wanted = json!({"subjects": [subject("shop-test")]});
    keep_live_subjects(&mut wanted, &json!({"subjects": [subject("shop"), subject("shop-test")]}));
    assert_eq!(wanted["subjects"], json!([subject("shop-test"), subject("shop")]));
}
