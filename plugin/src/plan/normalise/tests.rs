//! What is content and what is noise, kind by kind; and the law that cleaning twice is cleaning once.

use proptest::prelude::*;
use rstest::rstest;
use serde_json::json;

use super::*;

fn content(object: &Value) -> Value {
    normalise(object.clone(), Status::Ignore)
}

#[test]
fn identity_and_bookkeeping_are_noise() {
    let object = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {
            "name": "web", "namespace": "shop", "uid": "1", "resourceVersion": "2", "generation": 3,
            "creationTimestamp": "2026-11-20T10:00:00Z", "selfLink": "/x", "managedFields": [],
            "labels": {}, "annotations": {"deployment.kubernetes.io/revision": "4",
                "kubectl.kubernetes.io/last-applied-configuration": "{}"},
            "finalizers": ["foregroundDeletion", "example.com/mine"],
            "ownerReferences": [{"apiVersion": "example.com/v1", "kind": "App", "name": "app", "uid": "5"}]},
        "spec": {"replicas": 2, "template": {"metadata": {"creationTimestamp": null, "labels": {"app": "web"}}}},
        "status": {"replicas": 2}});
    assert_eq!(
        content(&object),
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "shop", "finalizers": ["example.com/mine"],
                "ownerReferences": [{"apiVersion": "example.com/v1", "kind": "App", "name": "app"}]},
            "spec": {"replicas": 2, "template": {"metadata": {"labels": {"app": "web"}}}}})
    );
    assert_eq!(normalise(object.clone(), Status::Compare)["status"], json!({"replicas": 2}));
}

#[rstest]
#[case::address_that_the_server_allocated(
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"managedFields": [{"fieldsV1": {"f:spec": {"f:ports": {"k:{}": {"f:port": {}}}}}}]},
        "spec": {"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"], "ports": [{"port": 80, "nodePort": 30123}]}}),
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {}, "spec": {"ports": [{"port": 80}]}}))]
#[case::address_that_someone_set(
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"managedFields": [{"fieldsV1": {"f:spec": {"f:clusterIP": {}, "f:ports": {"k:{}": {"f:nodePort": {}}}}}}]},
        "spec": {"clusterIP": "10.0.0.1", "ports": [{"port": 80, "nodePort": 30123}]}}),
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {}, "spec": {"clusterIP": "10.0.0.1", "ports": [{"port": 80, "nodePort": 30123}]}}))]
#[case::headless_is_content(
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"managedFields": []}, "spec": {"clusterIP": "None"}}),
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {}, "spec": {"clusterIP": "None"}}))]
#[case::volume_that_the_controller_chose(
    json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"annotations": {"pv.kubernetes.io/bound-by-controller": "yes", "pv.kubernetes.io/bind-completed": "yes"}}, "spec": {"volumeName": "pvc-1", "storageClassName": "fast"}}),
    json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {}, "spec": {"storageClassName": "fast"}}))]
#[case::volume_that_someone_named(
    json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {}, "spec": {"volumeName": "disk"}}),
    json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {}, "spec": {"volumeName": "disk"}}))]
#[case::bound_volume(
    json!({"apiVersion": "v1", "kind": "PersistentVolume", "spec": {"claimRef": {"name": "a", "uid": "1", "resourceVersion": "2"}}}),
    json!({"apiVersion": "v1", "kind": "PersistentVolume", "spec": {"claimRef": {"name": "a"}}}))]
#[case::generated_token_secret(
    json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "app"}, "secrets": [{"name": "app-token-x7k2p"}, {"name": "mine"}]}),
    json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "app"}, "secrets": [{"name": "mine"}]}))]
#[case::token(
    json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token", "data": {"token": "x"}}),
    json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token"}))]
#[case::scheduled_pod(
    json!({"apiVersion": "v1", "kind": "Pod", "spec": {"nodeName": "a", "volumes": [{"name": "kube-api-access-x"}, {"name": "data"}],
        "containers": [{"name": "c", "volumeMounts": [{"name": "kube-api-access-x"}]}]}}),
    json!({"apiVersion": "v1", "kind": "Pod", "spec": {"volumes": [{"name": "data"}], "containers": [{"name": "c"}]}}))]
#[case::job_selector(
    json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"labels": {"controller-uid": "1"}}, "spec": {"selector": {"matchLabels": {"controller-uid": "1"}},
        "template": {"metadata": {"labels": {"batch.kubernetes.io/controller-uid": "1", "job-name": "a"}}}}}),
    json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {}, "spec": {"template": {"metadata": {"labels": {"job-name": "a"}}}}}))]
#[case::aggregated_role(
    json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "aggregationRule": {}, "rules": [{}]}),
    json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "aggregationRule": {}}))]
#[case::annotations_that_are_empty_but_for_a_null_timestamp(
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"annotations": {"creationTimestamp": null}}, "spec": {}}),
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {}, "spec": {}}))]
#[case::custom_resource_of_the_same_name_is_left_alone(
    json!({"apiVersion": "example.com/v1", "kind": "Pod", "spec": {"nodeName": "a"}}),
    json!({"apiVersion": "example.com/v1", "kind": "Pod", "spec": {"nodeName": "a"}}))]
fn kind_specific_noise(#[case] object: Value, #[case] expected: Value) {
    assert_eq!(content(&object), expected);
}

#[rstest]
#[case::no_object(json!([1, 2]))]
#[case::odd_types(json!({"apiVersion": 1, "kind": {}, "metadata": "x", "spec": [], "status": null}))]
#[case::odd_service(json!({"apiVersion": "v1", "kind": "Service", "metadata": {"managedFields": {}}, "spec": 1}))]
#[case::odd_pod(json!({"apiVersion": "v1", "kind": "Pod", "spec": {"volumes": {}, "containers": [1, null]}}))]
fn hostile_shapes_do_no_harm(#[case] object: Value) {
    assert_eq!(content(&content(&object)), content(&object));
}

const FIELDS: &[&str] = &[
    "metadata",
    "spec",
    "status",
    "annotations",
    "labels",
    "finalizers",
    "ownerReferences",
    "managedFields",
    "fieldsV1",
    "f:spec",
    "f:ports",
    "clusterIP",
    "clusterIPs",
    "ports",
    "nodePort",
    "volumeName",
    "claimRef",
    "secrets",
    "data",
    "volumes",
    "containers",
    "volumeMounts",
    "name",
    "uid",
    "template",
    "selector",
    "creationTimestamp",
    "rules",
    "aggregationRule",
    "pv.kubernetes.io/bound-by-controller",
    "type",
    "controller-uid",
];

/// Objects made of the very fields that the rules look at, in all sorts of wrong and right places.
fn any_object() -> impl Strategy<Value = Value> {
    let field = proptest::sample::select(FIELDS);
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        Just(json!("None")),
        Just(json!("kube-api-access-x")),
        Just(json!("foregroundDeletion")),
        Just(json!("kubernetes.io/service-account-token")),
        any::<u8>().prop_map(Value::from),
    ];
    let tree = scalar.prop_recursive(5, 60, 5, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((field.clone(), inner), 0..6).prop_map(|fields| {
                Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
            }),
        ]
    });
    let kinds = proptest::sample::select(vec![
        ("v1", "Service"),
        ("v1", "PersistentVolumeClaim"),
        ("v1", "PersistentVolume"),
        ("v1", "Pod"),
        ("v1", "ServiceAccount"),
        ("v1", "Secret"),
        ("batch/v1", "Job"),
        ("apps/v1", "Deployment"),
        ("rbac.authorization.k8s.io/v1", "ClusterRole"),
    ]);
    (kinds, tree.clone(), tree.clone(), tree).prop_map(|((version, kind), metadata, spec, rest)| {
        let mut object = json!({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec});
        if let (Some(object), Value::Object(rest)) = (object.as_object_mut(), rest) {
            object.extend(rest.into_iter().filter(|(name, _)| name != "kind"));
        }
        object
    })
}

proptest! {
    #[test]
    fn normalising_twice_is_normalising_once(object in any_object()) {
        for status in [Status::Ignore, Status::Compare] {
            let once = normalise(object.clone(), status);
            prop_assert_eq!(normalise(once.clone(), status), once);
        }
    }
}
