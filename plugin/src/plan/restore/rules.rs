//! Objects that are not restored by default, whatever the cluster holds: a controller makes them again, they are
//! finished, or they mean something only in the cluster they came from.

use serde_json::Value;

use crate::model::resource::GroupResource;
use crate::plan::sanitize::owners::{OwnerReference, owners};

/// What the rules say of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Restore it.
    Restore,
    /// Leave it, for this reason.
    Leave(String),
    /// It was asked for and cannot be prepared, for this reason.
    Refuse(String),
    /// Leave it if this owner is restored or alive, since the owner makes it again; else restore it.
    LeaveWithOwner {
        /// The owner.
        owner: OwnerReference,
        /// The reason.
        reason: String,
    },
}

/// Kinds that describe the cluster itself or the moment, with what they are.
const NEVER: [(&str, &str); 14] = [
    ("bindings", "a request, not an object"),
    ("certificatesigningrequests.certificates.k8s.io", "a request to this cluster's own authority"),
    ("componentstatuses", "a report on the control plane"),
    ("csinodes.storage.k8s.io", "a report on a node"),
    ("csistoragecapacities.storage.k8s.io", "a report of a storage driver"),
    ("events", "a report on the past"),
    ("events.events.k8s.io", "a report on the past"),
    ("ipaddresses.networking.k8s.io", "an allocation of this cluster"),
    (
        "leases.coordination.k8s.io",
        "a lock that its holder renews; a stale one would keep the next holder waiting",
    ),
    ("nodes.metrics.k8s.io", "a measurement"),
    ("nodes", "a machine registers itself"),
    ("pods.metrics.k8s.io", "a measurement"),
    ("resourceslices.resource.k8s.io", "a report of a driver"),
    ("volumeattachments.storage.k8s.io", "a state of a node"),
];

/// Dependants that the controller of their owner makes again: the dependant's kind, the owner's.
const MADE_BY: [(&str, &str); 10] = [
    ("pods", "ReplicaSet"),
    ("pods", "StatefulSet"),
    ("pods", "DaemonSet"),
    ("pods", "Job"),
    ("pods", "ReplicationController"),
    ("replicasets.apps", "Deployment"),
    ("jobs.batch", "CronJob"),
    ("controllerrevisions.apps", "StatefulSet"),
    ("controllerrevisions.apps", "DaemonSet"),
    ("endpointslices.discovery.k8s.io", "Service"),
];

/// What the rules say of a saved object; with `named` (by `TYPE/NAME`) only what could never work is left.
pub fn rule(resource: &GroupResource, body: &Value, named: bool) -> Rule {
    let kind = resource.to_string();
    if let Some((_, reason)) = NEVER.iter().find(|(never, _)| *never == kind) {
        return Rule::Leave(format!("means nothing elsewhere: {reason}"));
    }
    if let Some(reason) = impossible(&kind, body) {
        return Rule::Leave(reason);
    }
    if named {
        return Rule::Restore;
    }
    if let Some(reason) = automatic(&kind, body).or_else(|| finished(&kind, body)) {
        return Rule::Leave(reason);
    }
    made_by_owner(&kind, body).unwrap_or(Rule::Restore)
}

/// Whether the rules look at no more of an object of this kind than its metadata.
pub fn tells_by_metadata(resource: &GroupResource) -> bool {
    !matches!(
        resource.to_string().as_str(),
        "pods" | "secrets" | "jobs.batch" | "persistentvolumes" | "apiservices.apiregistration.k8s.io"
    )
}

/// What no API server would take, or would take and then undo.
fn impossible(kind: &str, body: &Value) -> Option<String> {
    let metadata = &body["metadata"];
    let reason = match kind {
        "pods" if metadata["annotations"].get("kubernetes.io/config.mirror").is_some() => {
            "a mirror of a static pod, which its node makes from a file"
        }
        "apiservices.apiregistration.k8s.io" if body["spec"].get("service").is_none_or(Value::is_null) => {
            "the API server registers its own groups"
        }
        _ => return None,
    };
    Some(reason.to_owned())
}

/// What Kubernetes makes by itself.
fn automatic(kind: &str, body: &Value) -> Option<String> {
    let metadata = &body["metadata"];
    let name = metadata["name"].as_str().unwrap_or_default();
    let labels = &metadata["labels"];
    let annotations = &metadata["annotations"];
    let reason = match kind {
        "configmaps" if name == "kube-root-ca.crt" => "Kubernetes makes one in every namespace",
        "secrets" if is_automatic_token(body, name) => "a token that Kubernetes made for its service account",
        "endpointslices.discovery.k8s.io"
            if labels["endpointslice.kubernetes.io/managed-by"]
                .as_str()
                .is_some_and(|it| it.ends_with("controller.k8s.io")) =>
        {
            "the controller makes it from its Service"
        }
        "endpoints"
            if labels["endpoints.kubernetes.io/managed-by"] == "endpoint-controller"
                || annotations.get("endpoints.kubernetes.io/last-change-trigger-time").is_some() =>
        {
            "the controller makes it from its Service"
        }
        "clusterroles.rbac.authorization.k8s.io" | "clusterrolebindings.rbac.authorization.k8s.io"
            if labels["kubernetes.io/bootstrapping"] == "rbac-defaults" =>
        {
            "the API server keeps its own defaults"
        }
        "priorityclasses.scheduling.k8s.io" if name.starts_with("system-") => "the API server keeps its own",
        "flowschemas.flowcontrol.apiserver.k8s.io"
        | "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io"
            if annotations["apf.kubernetes.io/autoupdate-spec"] == "true" =>
        {
            "the API server keeps its own defaults"
        }
        "persistentvolumes"
            if body["spec"]["persistentVolumeReclaimPolicy"] == "Delete"
                && annotations.get("pv.kubernetes.io/provisioned-by").is_some() =>
        {
            "provisioned with reclaim policy Delete: its claim gets a new volume"
        }
        _ => return None,
    };
    Some(reason.to_owned())
}

/// `<service account>-token-xxxxx`, as Kubernetes named them before 1.24.
fn is_automatic_token(body: &Value, name: &str) -> bool {
    let account = body["metadata"]["annotations"]["kubernetes.io/service-account.name"].as_str();
    body["type"] == "kubernetes.io/service-account-token"
        && account.and_then(|account| name.strip_prefix(account)?.strip_prefix("-token-")).is_some_and(
            |suffix| suffix.len() == 5 && suffix.bytes().all(|byte| byte.is_ascii_alphanumeric()),
        )
}

fn finished(kind: &str, body: &Value) -> Option<String> {
    let status = &body["status"];
    match kind {
        "pods" => match status["phase"].as_str() {
            Some(phase @ ("Succeeded" | "Failed")) => {
                Some(format!("has ended ({phase}); it would run again"))
            }
            _ => None,
        },
        "jobs.batch" => {
            let ended = status["conditions"].as_array().into_iter().flatten().find(|condition| {
                condition["status"] == "True"
                    && (condition["type"] == "Complete" || condition["type"] == "Failed")
            });
            ended.map(|condition| {
                let state = condition["type"].as_str().unwrap_or_default();
                format!("has ended ({state}); it would run again")
            })
        }
        _ => None,
    }
}

/// Whether the controller of such an owner makes objects of this kind.
pub fn is_made_by(made: &GroupResource, owner_kind: &str) -> bool {
    let made = made.to_string();
    MADE_BY.iter().any(|(kind, maker)| *kind == made && *maker == owner_kind)
}

fn made_by_owner(kind: &str, body: &Value) -> Option<Rule> {
    let owner = owners(body).into_iter().find(|owner| {
        let controls = owner.controller || kind == "endpointslices.discovery.k8s.io";
        controls && MADE_BY.iter().any(|(made, maker)| *made == kind && *maker == owner.kind)
    })?;
    let reason = format!("{} `{}` makes it again", owner.kind, owner.name);
    Some(Rule::LeaveWithOwner { owner, reason })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::{Rule, rule};
    use crate::model::resource::GroupResource;

    fn of(resource: &str, body: &Value, named: bool) -> Rule {
        rule(&GroupResource::from(resource.to_owned()), body, named)
    }

    #[rstest]
    #[case::lease("leases.coordination.k8s.io", json!({}), true)]
    #[case::node("nodes", json!({}), true)]
    #[case::mirror_pod("pods", json!({"metadata": {"annotations": {"kubernetes.io/config.mirror": "x"}}}), true)]
    #[case::own_api_service("apiservices.apiregistration.k8s.io", json!({"spec": {}}), true)]
    #[case::root_certificates("configmaps", json!({"metadata": {"name": "kube-root-ca.crt"}}), false)]
    #[case::ended_pod("pods", json!({"status": {"phase": "Succeeded"}}), false)]
    #[case::ended_job("jobs.batch", json!({"status": {"conditions": [{"type": "Failed", "status": "True"}]}}), false)]
    #[case::provisioned_volume("persistentvolumes", json!({
        "metadata": {"annotations": {"pv.kubernetes.io/provisioned-by": "csi"}},
        "spec": {"persistentVolumeReclaimPolicy": "Delete"}}), false)]
    #[case::automatic_token("secrets", json!({"type": "kubernetes.io/service-account-token",
        "metadata": {"name": "ci-token-x7k2p", "annotations": {"kubernetes.io/service-account.name": "ci"}}}), false)]
    #[case::default_role("clusterroles.rbac.authorization.k8s.io",
        json!({"metadata": {"labels": {"kubernetes.io/bootstrapping": "rbac-defaults"}}}), false)]
    #[case::managed_slice("endpointslices.discovery.k8s.io", json!({"metadata": {"labels":
        {"endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"}}}), false)]
    fn is_left(#[case] resource: &str, #[case] body: Value, #[case] also_when_named: bool) {
        assert!(matches!(of(resource, &body, false), Rule::Leave(_)));
        assert_eq!(matches!(of(resource, &body, true), Rule::Leave(_)), also_when_named);
    }

    #[rstest]
    #[case::retained_volume("persistentvolumes", json!({
        "metadata": {"annotations": {"pv.kubernetes.io/provisioned-by": "csi"}},
        "spec": {"persistentVolumeReclaimPolicy": "Retain"}}))]
    #[case::token_made_by_hand("secrets", json!({"type": "kubernetes.io/service-account-token",
        "metadata": {"name": "ci-token", "annotations": {"kubernetes.io/service-account.name": "ci"}}}))]
    #[case::running_job("jobs.batch", json!({"status": {"active": 1}}))]
    #[case::endpoints_by_hand("endpoints", json!({"metadata": {"name": "db"}}))]
    #[case::owned_by_no_controller("pods", json!({"metadata": {"ownerReferences": [
        {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web"}]}}))]
    #[case::owned_by_an_operator("pods", json!({"metadata": {"ownerReferences": [
        {"apiVersion": "db.example.com/v1", "kind": "Cluster", "name": "db", "controller": true}]}}))]
    fn is_restored(#[case] resource: &str, #[case] body: Value) {
        assert_eq!(of(resource, &body, false), Rule::Restore);
    }

    #[rstest]
    #[case("pods", "ReplicaSet")]
    #[case("replicasets.apps", "Deployment")]
    #[case("jobs.batch", "CronJob")]
    #[case("controllerrevisions.apps", "StatefulSet")]
    fn is_left_to_its_owner(#[case] resource: &str, #[case] owner: &str) {
        let body = json!({"metadata": {"ownerReferences": [
            {"apiVersion": "apps/v1", "kind": owner, "name": "web", "controller": true}]}});
        assert!(matches!(of(resource, &body, false), Rule::LeaveWithOwner { .. }));
        assert_eq!(of(resource, &body, true), Rule::Restore);
    }
}
