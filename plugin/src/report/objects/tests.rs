//! Tables and lists as kubectl prints them.

use rstest::rstest;
use serde_json::json;

use super::*;
use crate::model::resource::{GroupResource, Scope};

fn kind(plural: &str, group: &str, kind: &str) -> ResourceType {
    ResourceType::new(GroupResource::new(plural, group), "v1", kind, Scope::Namespaced)
}

fn options(width: Width) -> TableOptions {
    let now = "2026-11-25T12:00:00Z".parse().unwrap();
    TableOptions { width, with_namespace: false, with_kind: false, headers: true, now }
}

fn table(kind: ResourceType, extra: &[PrinterColumn], width: Width, object: &Value) -> String {
    let mut table = ObjectTable::new(kind, extra, options(width));
    assert_eq!(table.push(object), None);
    table.finish()
}

fn metadata() -> Value {
    json!({"name": "web", "namespace": "shop", "creationTimestamp": "2026-11-25T11:00:00Z"})
}

#[test]
fn deployment_looks_as_in_kubectl() {
    let object = json!({"metadata": metadata(), "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "web"}},
        "template": {"spec": {"containers": [{"name": "c", "image": "nginx:1"}, {"name": "d", "image": "e"}]}}},
        "status": {"readyReplicas": 2, "updatedReplicas": 3, "availableReplicas": 2}});
    insta::assert_snapshot!(table(kind("deployments", "apps", "Deployment"), &[], Width::Wide, &object), @r"
    NAME   READY   UP-TO-DATE   AVAILABLE   AGE   CONTAINERS   IMAGES      SELECTOR
    web    2/3     3            2           60m   c,d          nginx:1,e   app=web
    ");
}

#[rstest]
#[case::claim("persistentvolumeclaims", "", json!({"spec": {"volumeMode": "Block"}}), "AGE VOLUMEMODE", "60m Block")]
#[case::cron_job("cronjobs", "batch", json!({"spec": {"jobTemplate": {"spec": {"template": {"spec": {"containers": [
    {"name": "c", "image": "i:1"}]}}}}}}), "AGE CONTAINERS IMAGES SELECTOR", "60m c i:1 <none>")]
#[case::binding("clusterrolebindings", "rbac.authorization.k8s.io", json!({"subjects": [{"kind": "User", "name": "ada"},
    {"kind": "User", "name": "bob"}, {"kind": "ServiceAccount", "namespace": "shop", "name": "web"}]}),
    "AGE USERS GROUPS SERVICEACCOUNTS", "60m ada, bob shop/web")]
#[case::pod("pods", "", json!({"spec": {"nodeName": "n1", "readinessGates": [{"conditionType": "a"}, {"conditionType": "b"}]},
    "status": {"conditions": [{"type": "b", "status": "True"}]}}), "AGE IP NODE NOMINATED NODE READINESS GATES", "60m <none> n1 <none> 1/2")]
fn wide_adds_what_kubectl_adds(
    #[case] plural: &str,
    #[case] group: &str,
    #[case] rest: Value,
    #[case] header: &str,
    #[case] row: &str,
) {
    let mut object = json!({"metadata": metadata()});
    object.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    let text = table(kind(plural, group, "Any"), &[], Width::Wide, &object);
    let lines: Vec<String> = text
        .lines()
        .map(|line| {
            line.split("   ").map(str::trim).filter(|cell| !cell.is_empty()).collect::<Vec<_>>().join(" ")
        })
        .collect();
    assert!(lines[0].ends_with(header) && lines[1].ends_with(row), "{text}");
}

#[rstest]
#[case::pod("pods", "", json!({"spec": {"containers": [{}, {}]}, "status": {"phase": "Running", "containerStatuses": [
    {"ready": true, "restartCount": 2}, {"ready": false, "restartCount": 1, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]}}),
    "web 1/2 CrashLoopBackOff 3 60m")]
#[case::service("services", "", json!({"spec": {"type": "LoadBalancer", "clusterIP": "10.0.0.1", "ports": [{"port": 80, "nodePort": 30080, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}]}}),
    "web LoadBalancer 10.0.0.1 <pending> 80:30080/TCP,53/UDP 60m")]
#[case::config_map("configmaps", "", json!({"data": {"a": "1"}, "binaryData": {"b": "", "c": ""}}), "web 3 60m")]
#[case::secret("secrets", "", json!({"type": "Opaque", "data": {"a": "1"}}), "web Opaque 1 60m")]
#[case::stateful_set("statefulsets", "apps", json!({"spec": {"replicas": 0}}), "web 0/0 60m")]
#[case::daemon_set("daemonsets", "apps", json!({"status": {"desiredNumberScheduled": 4}}), "web 4 0 0 0 0 <none> 60m")]
#[case::job("jobs", "batch", json!({"spec": {"completions": 2}, "status": {"succeeded": 2, "startTime": "2026-11-25T11:00:00Z",
    "completionTime": "2026-11-25T11:00:09Z", "conditions": [{"type": "Complete", "status": "True"}]}}), "web Complete 2/2 9s 60m")]
#[case::cron_job("cronjobs", "batch", json!({"spec": {"schedule": "0 * * * *", "suspend": false}, "status": {"lastScheduleTime": "2026-11-25T11:59:00Z"}}),
    "web 0 * * * * <none> False 0 60s 60m")]
#[case::claim("persistentvolumeclaims", "", json!({"spec": {"volumeName": "pv", "storageClassName": "fast"}, "status": {"phase": "Bound", "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"]}}),
    "web Bound pv 1Gi RWO fast <unset> 60m")]
#[case::ingress("ingresses", "networking.k8s.io", json!({"spec": {"rules": [{"host": "a"}, {"host": "b"}, {"host": "c"}, {"host": "d"}], "tls": [{}]}}),
    "web <none> a,b,c + 1 more... 80, 443 60m")]
#[case::running_job("jobs", "batch", json!({"spec": {"completions": 1}, "status": {"startTime": "2026-11-25T11:59:00Z"}}), "web Running 0/1 60s 60m")]
#[case::waiting_job("jobs", "batch", json!({"spec": {"completions": 1}}), "web Running 0/1 60m")]
#[case::service_account("serviceaccounts", "", json!({}), "web 60m")]
#[case::role_binding("rolebindings", "rbac.authorization.k8s.io", json!({"roleRef": {"kind": "Role", "name": "r"}}), "web Role/r 60m")]
#[case::role("roles", "rbac.authorization.k8s.io", json!({}), "web 2026-11-25T11:00:00Z")]
#[case::anything_else("widgets", "example.com", json!({}), "web 60m")]
#[case::hostile_shapes("pods", "", json!({"spec": "x", "status": [1]}), "web 0/0 <none> 0 60m")]
fn row_says_what_kubectl_says(
    #[case] plural: &str,
    #[case] group: &str,
    #[case] rest: Value,
    #[case] row: &str,
) {
    let mut object = json!({"metadata": metadata()});
    object.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    let text = table(kind(plural, group, "Any"), &[], Width::Default, &object);
    let last = text.lines().last().unwrap().split("   ").map(str::trim).filter(|cell| !cell.is_empty());
    assert_eq!(last.collect::<Vec<_>>().join(" "), row);
}

#[test]
fn custom_resource_has_the_columns_that_its_definition_declares() {
    let definition = json!({"spec": {"versions": [{"name": "v1", "additionalPrinterColumns": [
        {"name": "Phase", "type": "string", "jsonPath": ".status.phase"},
        {"name": "Ready", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Ready\")].status"},
        {"name": "Secret", "type": "string", "jsonPath": ".spec.secretName", "priority": 1},
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}]}]}});
    let object = json!({"metadata": metadata(), "spec": {"secretName": "tls"},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]}});
    let columns = printer_columns(&definition, "v1");
    let certificates = kind("certificates", "cert-manager.io", "Certificate");
    insta::assert_snapshot!(table(certificates.clone(), &columns, Width::Default, &object), @r"
    NAME   PHASE   READY   AGE
    web            True    60m
    ");
    insta::assert_snapshot!(table(certificates, &columns, Width::Wide, &object), @r"
    NAME   PHASE   READY   SECRET   AGE
    web            True    tls      60m
    ");
}

#[test]
fn several_kinds_and_namespaces_say_so() {
    let options =
        TableOptions { with_namespace: true, with_kind: true, headers: false, ..options(Width::Default) };
    let mut table = ObjectTable::new(kind("deployments", "apps", "Deployment"), &[], options);
    table.push(&json!({"metadata": metadata()}));
    assert_eq!(table.finish(), "shop   deployment.apps/web   0/1   0   0   60m\n");
}

#[rstest]
#[case::none(0)]
#[case::one(1)]
#[case::several(3)]
fn streamed_list_is_the_list(#[case] count: usize) {
    let items: Vec<Value> =
        (0..count).map(|index| json!({"a": index, "text": "x\ny\n", "list": [{}]})).collect();
    let whole = list(&items);
    for format in [DocumentFormat::Json, DocumentFormat::Yaml] {
        let mut stream = ItemStream::of_objects(format);
        let mut text = String::new();
        for item in &items {
            text.push_str(&stream.push(item).unwrap());
        }
        text.push_str(&stream.finish());
        let expected = match format {
            DocumentFormat::Json => document::to_json(&whole).unwrap(),
            DocumentFormat::Yaml => document::to_yaml(&whole).unwrap(),
        };
        assert_eq!(text, expected);
    }
}
