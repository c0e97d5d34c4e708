use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use super::{
    SanitizeContext, give_up_allocations,
    owners::{owners, relink},
    sanitize,
};
use crate::model::resource::GroupResource;

fn cleaned(resource: &str, mut body: Value) -> Value {
    sanitize(&GroupResource::from(resource.to_owned()), &mut body, &SanitizeContext::default());
    body
}

#[test]
fn drops_what_the_server_gives_and_keeps_what_the_user_gave() {
    let saved = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {
            "name": "app", "namespace": "shop", "uid": "1", "resourceVersion": "2", "generation": 3,
            "creationTimestamp": "2026-01-01T00:00:00Z", "deletionTimestamp": "2026-01-01T00:00:00Z",
            "deletionGracePeriodSeconds": 30, "selfLink": "/x", "generateName": "app-", "managedFields": [{}],
            "labels": {"app": "web"}, "annotations": {"note": "mine"},
        },
        "data": {"a": "b"}, "status": {"phase": "old"},
    });
    let wanted = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "app", "namespace": "shop", "labels": {"app": "web"}, "annotations": {"note": "mine"}},
        "data": {"a": "b"},
    });
    assert_eq!(cleaned("configmaps", saved), wanted);
}

#[rstest]
#[case::allocated_address_goes(
    json!({"clusterIP": "10.0.0.7", "clusterIPs": ["10.0.0.7"], "type": "ClusterIP"}), json!({"type": "ClusterIP"}))]
#[case::headless_stays(
    json!({"clusterIP": "None", "clusterIPs": ["None"]}), json!({"clusterIP": "None", "clusterIPs": ["None"]}))]
#[case::allocated_node_port_goes(
    json!({"ports": [{"port": 80, "nodePort": 30080}]}), json!({"ports": [{"port": 80}]}))]
#[case::allocated_health_check_port_goes(json!({"healthCheckNodePort": 31000}), json!({}))]
fn service_loses_what_the_cluster_allocated(#[case] spec: Value, #[case] wanted: Value) {
    let body = json!({"metadata": {"name": "web", "uid": "1"}, "spec": spec});
    assert_eq!(cleaned("services", body)["spec"], wanted);
}

#[rstest]
#[case::by_last_applied(json!({"annotations": {"kubectl.kubernetes.io/last-applied-configuration":
    r#"{"spec":{"clusterIP":"10.0.0.7","healthCheckNodePort":31000,"ports":[{"port":80,"nodePort":30080}]}}"#}}))]
#[case::by_managed_fields(json!({"managedFields": [{"manager": "helm", "fieldsV1": {"f:spec": {
    "f:clusterIP": {}, "f:healthCheckNodePort": {}, "f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {"f:nodePort": {}}}}}}]}))]
fn service_keeps_what_the_user_chose(#[case] mut metadata: Value) {
    metadata["uid"] = json!("1");
    let spec = json!({"clusterIP": "10.0.0.7", "healthCheckNodePort": 31000, "ports": [
        {"port": 80, "protocol": "TCP", "nodePort": 30080}, {"port": 81, "protocol": "TCP", "nodePort": 30081}]});
    let body = json!({"metadata": metadata, "spec": spec});
    let wanted = json!({"clusterIP": "10.0.0.7", "healthCheckNodePort": 31000, "ports": [
        {"port": 80, "protocol": "TCP", "nodePort": 30080}, {"port": 81, "protocol": "TCP"}]});
    assert_eq!(cleaned("services", body)["spec"], wanted);
}

#[test]
fn a_copy_gives_up_only_the_ports_that_are_taken() {
    let mut body =
        json!({"spec": {"ports": [{"port": 80, "nodePort": 30080}, {"port": 81, "nodePort": 30081}]}});
    let note = give_up_allocations(&mut body, &["spec.ports[1].nodePort"]).unwrap();
    assert_eq!(note, "node port 30081 cannot be had here; it gets another");
    assert_eq!(body["spec"]["ports"], json!([{"port": 80, "nodePort": 30080}, {"port": 81}]));
    assert_eq!(give_up_allocations(&mut body, &["spec.other"]), None);
}

#[rstest]
#[case::built_in(json!(["foregroundDeletion", "kubernetes.io/pvc-protection", "snapshot.storage.kubernetes.io/x"]), None)]
#[case::of_an_operator(json!(["foregroundDeletion", "db.example.com/cleanup"]), Some(json!(["db.example.com/cleanup"])))]
#[case::of_cluster_api(json!(["machine.cluster.x-k8s.io"]), Some(json!(["machine.cluster.x-k8s.io"])))]
fn keeps_only_finalizers_of_others(#[case] finalizers: Value, #[case] wanted: Option<Value>) {
    let mut body = json!({"metadata": {"name": "a", "finalizers": finalizers}});
    let notes =
        sanitize(&GroupResource::new("widgets", "example.com"), &mut body, &SanitizeContext::default());
    assert_eq!(body["metadata"].get("finalizers"), wanted.as_ref());
    assert_eq!(notes, [""; 0]);
}

#[test]
fn pod_is_free_to_be_scheduled_and_gets_a_fresh_token() {
    let mounts = json!([
        {"name": "kube-api-access-x2v4z", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"},
        {"name": "data", "mountPath": "/data"}]);
    let body = json!({"metadata": {"name": "p"}, "spec": {
        "nodeName": "n1", "priority": 1000, "preemptionPolicy": "Never", "priorityClassName": "high",
        "ephemeralContainers": [{"name": "debug"}],
        "volumes": [{"name": "kube-api-access-x2v4z", "projected": {}}, {"name": "data", "emptyDir": {}},
            {"name": "default-token-abcde", "secret": {}}],
        "containers": [{"name": "c", "volumeMounts": mounts}],
        "initContainers": [{"name": "i", "volumeMounts": [
            {"name": "default-token-abcde", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}]}]}});
    let wanted = json!({
        "priorityClassName": "high",
        "volumes": [{"name": "data", "emptyDir": {}}],
        "containers": [{"name": "c", "volumeMounts": [{"name": "data", "mountPath": "/data"}]}],
        "initContainers": [{"name": "i"}]});
    assert_eq!(cleaned("pods", body)["spec"], wanted);
}

#[test]
fn claim_keeps_its_volume_only_when_that_is_there() {
    let body = json!({"metadata": {"name": "data", "annotations": {
        "pv.kubernetes.io/bind-completed": "yes", "volume.kubernetes.io/selected-node": "n1", "mine": "x"}},
        "spec": {"volumeName": "pv-1"}});
    let claims = GroupResource::new("persistentvolumeclaims", "");
    let kept = SanitizeContext { kept_volumes: ["pv-1".to_owned()].into(), ..SanitizeContext::default() };
    let mut with_volume = body.clone();
    assert!(sanitize(&claims, &mut with_volume, &kept).is_empty());
    assert_eq!(with_volume["spec"]["volumeName"], "pv-1");
    assert_eq!(with_volume["metadata"]["annotations"], json!({"mine": "x"}));
    let mut without = body;
    assert_eq!(sanitize(&claims, &mut without, &SanitizeContext::default()).len(), 1);
    assert_eq!(without["spec"], json!({}));
}

#[test]
fn volume_names_its_claim_without_the_old_uid() {
    let body = json!({"spec": {"claimRef": {"namespace": "shop", "name": "data", "uid": "1", "resourceVersion": "2"}}});
    assert_eq!(
        cleaned("persistentvolumes", body)["spec"]["claimRef"],
        json!({"namespace": "shop", "name": "data"})
    );
}

#[rstest]
#[case::both_spellings(json!({"controller-uid": "1", "batch.kubernetes.io/controller-uid": "1", "job-name": "j",
    "batch.kubernetes.io/job-name": "j", "app": "x"}), json!({"app": "x"}))]
#[case::nothing_left(json!({"controller-uid": "1"}), json!(null))]
fn job_loses_generated_selector_and_labels(#[case] labels: Value, #[case] wanted: Value) {
    let body = json!({"metadata": {"name": "j", "labels": labels}, "spec": {
        "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": "1"}},
        "template": {"metadata": {"labels": labels}}}});
    let job = cleaned("jobs.batch", body);
    assert_eq!(job["metadata"]["labels"], wanted);
    assert_eq!(job["spec"]["template"]["metadata"]["labels"], wanted);
    assert!(job["spec"].get("selector").is_none());
}

#[test]
fn what_goes_back_where_it_was_keeps_what_the_cluster_allocated() {
    let service = json!({"metadata": {"name": "a", "uid": "1"}, "spec": {"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"],
        "ports": [{"port": 80, "nodePort": 30080}]}});
    let resource = GroupResource::new("services", "");
    let (mut elsewhere, mut back) = (service.clone(), service.clone());
    sanitize(&resource, &mut elsewhere, &SanitizeContext::default());
    assert_eq!(elsewhere["spec"], json!({"ports": [{"port": 80}]}));
    let context = SanitizeContext { keep_allocations: true, ..SanitizeContext::default() };
    sanitize(&resource, &mut back, &context);
    assert_eq!(back["spec"], service["spec"]);
}

#[test]
fn job_that_got_another_name_loses_the_labels_of_the_old_one() {
    let labels = json!({"batch.kubernetes.io/job-name": "j", "job-name": "j", "app": "x"});
    let body = json!({"metadata": {"name": "j-restored", "labels": labels}, "spec": {
        "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": "1"}},
        "template": {"metadata": {"labels": labels}}}});
    let job = cleaned("jobs.batch", body);
    assert_eq!(job["metadata"]["labels"], json!({"app": "x"}));
    assert_eq!(job["spec"]["template"]["metadata"]["labels"], json!({"app": "x"}));
}

#[test]
fn job_with_manual_selector_keeps_it() {
    let spec = json!({"manualSelector": true, "selector": {"matchLabels": {"controller-uid": "mine"}}});
    assert_eq!(cleaned("jobs.batch", json!({"metadata": {"name": "j"}, "spec": spec}))["spec"], spec);
}

#[test]
fn token_secret_comes_back_empty_for_the_new_cluster_to_fill() {
    let body = json!({"type": "kubernetes.io/service-account-token",
        "metadata": {"name": "t", "annotations": {"kubernetes.io/service-account.name": "robot",
            "kubernetes.io/service-account.uid": "1"}},
        "data": {"token": "x", "ca.crt": "y", "namespace": "z", "extra": "w"}});
    let wanted = json!({"type": "kubernetes.io/service-account-token",
        "metadata": {"name": "t", "annotations": {"kubernetes.io/service-account.name": "robot"}},
        "data": {"extra": "w"}});
    assert_eq!(cleaned("secrets", body), wanted);
}

#[rstest]
#[case::service_account("serviceaccounts",
    json!({"metadata": {"name": "robot"}, "secrets": [{"name": "robot-token-x"}], "imagePullSecrets": [{"name": "pull"}]}),
    json!({"metadata": {"name": "robot"}, "imagePullSecrets": [{"name": "pull"}]}))]
#[case::namespace("namespaces",
    json!({"metadata": {"name": "shop"}, "spec": {"finalizers": ["kubernetes"]}}),
    json!({"metadata": {"name": "shop"}, "spec": {}}))]
#[case::deployment("deployments.apps",
    json!({"metadata": {"name": "w", "annotations": {"deployment.kubernetes.io/revision": "3"}}}),
    json!({"metadata": {"name": "w"}}))]
#[case::stale_leader("endpoints",
    json!({"metadata": {"name": "w", "annotations": {"control-plane.alpha.kubernetes.io/leader": "{}"}}}),
    json!({"metadata": {"name": "w"}}))]
#[case::definition("customresourcedefinitions.apiextensions.k8s.io",
    json!({"spec": {"preserveUnknownFields": true, "versions": [{"schema": {"openAPIV3Schema": {"type": "object"}}}]}}),
    json!({"spec": {"versions": [{"schema": {"openAPIV3Schema":
        {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}}))]
fn cleans_by_kind(#[case] resource: &str, #[case] body: Value, #[case] wanted: Value) {
    assert_eq!(cleaned(resource, body), wanted);
}

#[test]
fn owners_get_the_uids_they_have_now_and_vanished_ones_go() {
    let reference =
        |name: &str| json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": name, "uid": "old"});
    let mut body = json!({"metadata": {"ownerReferences": [reference("web"), reference("gone")]}});
    assert_eq!(owners(&body).len(), 2);
    let notes = relink(&mut body, |owner| (owner.name == "web").then(|| "new".to_owned()));
    assert_eq!(notes, ["loses its owner Deployment `gone`, which is nowhere"]);
    let mut wanted = reference("web");
    wanted["uid"] = json!("new");
    assert_eq!(body["metadata"]["ownerReferences"], json!([wanted]));
    relink(&mut body, |_| None);
    assert_eq!(body, json!({"metadata": {}}));
}

const KINDS: [&str; 12] = [
    "services",
    "pods",
    "jobs.batch",
    "secrets",
    "serviceaccounts",
    "persistentvolumes",
    "persistentvolumeclaims",
    "namespaces",
    "deployments.apps",
    "customresourcedefinitions.apiextensions.k8s.io",
    "endpoints",
    "widgets.example.com",
];

/// The words that the rules know, so that random documents meet them.
const WORDS: &str = "metadata|spec|status|data|uid|name|labels|annotations|finalizers|ownerReferences|managedFields|ports|\
    nodePort|port|clusterIP|clusterIPs|volumes|containers|volumeMounts|selector|matchLabels|controller-uid|template|\
    claimRef|volumeName|secrets|type|versions|schema|preserveUnknownFields|manualSelector|healthCheckNodePort";

fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u16>().prop_map(Value::from),
        WORDS.prop_map(Value::from)
    ];
    leaf.prop_recursive(6, 96, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(WORDS, inner, 0..8)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn sanitising_twice_is_sanitising_once(
        kind in prop::sample::select(KINDS.to_vec()), metadata in document(), spec in document(), rest in document()
    ) {
        let once = cleaned(kind, json!({"metadata": metadata, "spec": spec, "status": {}, "data": rest, "type": rest}));
        prop_assert_eq!(cleaned(kind, once.clone()), once);
    }
}
