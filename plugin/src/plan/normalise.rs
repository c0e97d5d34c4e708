//! What counts as content when two states of an object are compared.
//!
//! Dropped is what the server or a controller writes by itself and would write differently for the same
//! manifest: identity, versions, allocation, bookkeeping. Fields that the server defaults stay, since they
//! are the same on both sides. `kubectl.kubernetes.io/last-applied-configuration` is dropped although a
//! person caused it: it repeats the other fields, and applying with another tool changes it and nothing else.
//!
//! Allocated fields of a Service (`clusterIP`, `nodePort`) are content only for the one who set them.
//! managedFields tell: the server allocates after it has recorded who set what (Velero uses the same trick).

use serde_json::{Map, Value};

use super::last_applied::LAST_APPLIED;

/// Whether `status` is content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Drop it.
    Ignore,
    /// Keep it.
    Compare,
}

/// Metadata that belongs to one life of an object in one cluster.
const METADATA: &[&str] = &[
    "managedFields",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "selfLink",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
];

/// Annotations that controllers and kubectl write for themselves.
const ANNOTATIONS: &[&str] = &[
    "autoscaling.alpha.kubernetes.io/behavior",
    "autoscaling.alpha.kubernetes.io/conditions",
    "autoscaling.alpha.kubernetes.io/current-metrics",
    "batch.kubernetes.io/cronjob-scheduled-timestamp",
    "batch.kubernetes.io/job-tracking",
    "control-plane.alpha.kubernetes.io/leader",
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
    "deployment.kubernetes.io/revision",
    "deployment.kubernetes.io/revision-history",
    "deprecated.daemonset.template.generation",
    "endpoints.kubernetes.io/last-change-trigger-time",
    LAST_APPLIED,
    "kubernetes.io/service-account.uid",
    "pv.kubernetes.io/bind-completed",
    "pv.kubernetes.io/bound-by-controller",
    "volume.beta.kubernetes.io/storage-provisioner",
    "volume.kubernetes.io/selected-node",
    "volume.kubernetes.io/storage-provisioner",
];

/// Finalizers that the control plane adds to every object of a kind, or while it deletes one.
const FINALIZERS: &[&str] = &[
    "batch.kubernetes.io/job-tracking",
    "customresourcecleanup.apiextensions.k8s.io",
    "foregroundDeletion",
    "kubernetes.io/pv-protection",
    "kubernetes.io/pvc-protection",
    "orphan",
    "service.kubernetes.io/load-balancer-cleanup",
];

/// The content of an object. Doing it twice changes nothing more.
pub fn normalise(mut content: Value, status: Status) -> Value {
    let group = group_of(&content).to_owned();
    let kind = content["kind"].as_str().unwrap_or_default().to_owned();
    // First, since it may leave metadata empty.
    drop_null_timestamps(&mut content);
    // Before the metadata that they read is gone.
    match (group.as_str(), kind.as_str()) {
        ("", "Service") => service(&mut content),
        ("", "PersistentVolumeClaim") => claim(&mut content),
        ("", "PersistentVolume") => {
            remove_at(&mut content, &["spec", "claimRef"], &["uid", "resourceVersion"]);
        }
        ("", "ServiceAccount") => service_account(&mut content),
        ("", "Secret") => secret(&mut content),
        ("", "Pod") => pod(&mut content),
        ("batch", "Job") => job(&mut content),
        // The controller fills the rules in from the roles that the aggregation rule selects.
        ("rbac.authorization.k8s.io", "ClusterRole") if content.get("aggregationRule").is_some() => {
            remove_at(&mut content, &[], &["rules"]);
        }
        _ => {}
    }
    metadata(&mut content);
    if status == Status::Ignore {
        remove_at(&mut content, &[], &["status"]);
    }
    content
}

fn group_of(object: &Value) -> &str {
    object["apiVersion"].as_str().and_then(|version| version.split_once('/')).map_or("", |(group, _)| group)
}

fn metadata(object: &mut Value) {
    let Some(Value::Object(metadata)) = object.get_mut("metadata") else { return };
    for field in METADATA {
        metadata.shift_remove(*field);
    }
    if let Some(Value::Object(annotations)) = metadata.get_mut("annotations") {
        annotations.retain(|name, _| !ANNOTATIONS.contains(&name.as_str()));
    }
    if let Some(Value::Array(finalizers)) = metadata.get_mut("finalizers") {
        finalizers.retain(|name| !name.as_str().is_some_and(|name| FINALIZERS.contains(&name)));
    }
    if let Some(Value::Array(owners)) = metadata.get_mut("ownerReferences") {
        // The owner of a restored object has the same name and another uid.
        for owner in owners {
            remove_at(owner, &[], &["uid"]);
        }
    }
    for field in ["annotations", "labels", "finalizers", "ownerReferences"] {
        drop_empty(metadata, field);
    }
}

fn service(object: &mut Value) {
    if field_at(object, &["metadata", "managedFields"]).is_none() {
        return;
    }
    let headless = field_at(object, &["spec", "clusterIP"]).and_then(Value::as_str) == Some("None");
    let own_address = is_managed(object, &|fields| fields["f:spec"].get("f:clusterIP").is_some());
    if !headless && !own_address {
        remove_at(object, &["spec"], &["clusterIP", "clusterIPs"]);
    }
    if !is_managed(object, &|fields| fields["f:spec"].get("f:healthCheckNodePort").is_some()) {
        remove_at(object, &["spec"], &["healthCheckNodePort"]);
    }
    let own_port = is_managed(object, &|fields| {
        fields["f:spec"]["f:ports"]
            .as_object()
            .is_some_and(|ports| ports.values().any(|port| port.get("f:nodePort").is_some()))
    });
    if let (false, Some(Value::Array(ports))) = (own_port, field_at_mut(object, &["spec", "ports"])) {
        for port in ports {
            remove_at(port, &[], &["nodePort"]);
        }
    }
}

fn is_managed(object: &Value, owns: &dyn Fn(&Value) -> bool) -> bool {
    field_at(object, &["metadata", "managedFields"])
        .and_then(Value::as_array)
        .is_some_and(|entries| entries.iter().any(|entry| owns(&entry["fieldsV1"])))
}

fn claim(object: &mut Value) {
    let chosen = object["metadata"]["annotations"].get("pv.kubernetes.io/bound-by-controller").is_some();
    if chosen {
        remove_at(object, &["spec"], &["volumeName"]);
    }
}

/// The token Secrets that clusters before 1.24 made for every account.
fn service_account(object: &mut Value) {
    let prefix = format!("{}-token-", object["metadata"]["name"].as_str().unwrap_or_default());
    let Some(fields) = object.as_object_mut() else { return };
    if let Some(Value::Array(secrets)) = fields.get_mut("secrets") {
        secrets.retain(|secret| !secret["name"].as_str().is_some_and(|name| name.starts_with(&prefix)));
    }
    drop_empty(fields, "secrets");
}

/// A token belongs to one account of one cluster; the controller fills it in.
fn secret(object: &mut Value) {
    if object["type"] == "kubernetes.io/service-account-token" {
        remove_at(object, &[], &["data"]);
    }
}

/// Where the scheduler put it, and the token volume that admission added under a random name.
fn pod(object: &mut Value) {
    const TOKEN_VOLUME: &str = "kube-api-access-";
    remove_at(object, &["spec"], &["nodeName"]);
    let Some(Value::Object(spec)) = object.get_mut("spec") else { return };
    let without_token = |fields: &mut Map<String, Value>, list: &str| {
        if let Some(Value::Array(items)) = fields.get_mut(list) {
            items.retain(|item| !item["name"].as_str().is_some_and(|name| name.starts_with(TOKEN_VOLUME)));
        }
        drop_empty(fields, list);
    };
    without_token(spec, "volumes");
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        if let Some(Value::Array(containers)) = spec.get_mut(list) {
            for container in containers.iter_mut().filter_map(Value::as_object_mut) {
                without_token(container, "volumeMounts");
            }
        }
    }
}

/// The label by which a Job's controller finds its pods is made of the Job's uid.
fn job(object: &mut Value) {
    const LABELS: &[&str] = &["controller-uid", "batch.kubernetes.io/controller-uid"];
    if field_at(object, &["spec", "manualSelector"]) == Some(&Value::Bool(true)) {
        return;
    }
    remove_at(object, &["spec"], &["selector"]);
    remove_at(object, &["spec", "template", "metadata", "labels"], LABELS);
    remove_at(object, &["metadata", "labels"], LABELS);
}

/// `creationTimestamp: null` is how older clients write "none" into templates.
fn drop_null_timestamps(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, value| name != "creationTimestamp" || !value.is_null());
            fields.values_mut().for_each(drop_null_timestamps);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_null_timestamps),
        _ => {}
    }
}

fn field_at<'value>(value: &'value Value, path: &[&str]) -> Option<&'value Value> {
    path.iter().try_fold(value, |value, field| value.get(field))
}

fn field_at_mut<'value>(value: &'value mut Value, path: &[&str]) -> Option<&'value mut Value> {
    path.iter().try_fold(value, |value, field| value.get_mut(field))
}

fn remove_at(value: &mut Value, path: &[&str], fields: &[&str]) {
    if let Some(Value::Object(parent)) = field_at_mut(value, path) {
        for field in fields {
            parent.shift_remove(*field);
        }
    }
}

fn drop_empty(fields: &mut Map<String, Value>, name: &str) {
    let empty = match fields.get(name) {
        Some(Value::Object(value)) => value.is_empty(),
        Some(Value::Array(value)) => value.is_empty(),
        Some(Value::Null) => true,
        _ => false,
    };
    if empty {
        fields.shift_remove(name);
    }
}

#[cfg(test)]
mod tests;
