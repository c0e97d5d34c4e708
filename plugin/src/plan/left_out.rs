//! What a backup leaves out on purpose: objects that mean nothing outside the moment and the cluster they are in.
//!
//! `docs/left-out.md` has the same tables for users. A kind or object that the user names explicitly
//! (`TYPE/NAME`) is never left out by these rules. Pods and `ReplicaSets` that a controller made are saved, to be
//! looked at; whether they are made again is decided by a restore.

use crate::model::{
    facts::ObjectFacts,
    resource::{GroupResource, ResourceType},
};

/// Label and annotation by which a user keeps one object out of every backup, when its value is `true`.
pub const EXCLUDE: &str = "kubectl-backup.dev/exclude";

/// Kinds that are left out as a whole: plural, group, why.
const KINDS: &[(&str, &str, &str)] = &[
    ("events", "", EVENTS),
    ("events", "events.k8s.io", EVENTS),
    ("bindings", "", MOMENT),
    ("componentstatuses", "", MOMENT),
    ("nodes", "", NODES),
    ("csinodes", "storage.k8s.io", NODES),
    ("csistoragecapacities", "storage.k8s.io", NODES),
    ("volumeattachments", "storage.k8s.io", NODES),
    ("resourceslices", "resource.k8s.io", NODES),
    ("podcertificaterequests", "certificates.k8s.io", REQUESTS),
    ("certificatesigningrequests", "certificates.k8s.io", REQUESTS),
    ("leases", "coordination.k8s.io", LEASES),
    ("leasecandidates", "coordination.k8s.io", LEASES),
    ("ipaddresses", "networking.k8s.io", ADDRESSES),
    ("servicecidrs", "networking.k8s.io", ADDRESSES),
    ("storageversions", "internal.apiserver.k8s.io", MOMENT),
    ("storageversionmigrations", "storagemigration.k8s.io", MOMENT),
];

const EVENTS: &str = "events tell of the past and expire by themselves";
const MOMENT: &str = "it describes a moment of the running cluster";
const NODES: &str = "it describes the nodes of this cluster, which register themselves";
const REQUESTS: &str = "certificate requests are answered once and expire by themselves";
const LEASES: &str = "leases are held by running processes, which renew them";
const ADDRESSES: &str = "the cluster hands out its own service addresses";

/// API groups without stored objects: what they serve is measured at the moment of asking.
const MEASURED_GROUPS: &[&str] = &["metrics.k8s.io", "custom.metrics.k8s.io", "external.metrics.k8s.io"];

/// Groups that old servers serve a second time under their present name.
const RENAMED_GROUPS: &[(&str, &[&str])] = &[("extensions", &["apps", "networking.k8s.io", "policy"])];

/// Why no backup holds objects of `kind`; None if backups do.
pub fn kind_reason(kind: &ResourceType) -> Option<&'static str> {
    if is_measured_group(&kind.resource.group) {
        return Some("it is measured at the moment of asking");
    }
    if !kind.has_verb("list") {
        return Some("the server keeps no objects of it");
    }
    let resource = &kind.resource;
    KINDS
        .iter()
        .find(|(plural, group, _)| resource.plural == *plural && resource.group == *group)
        .map(|(_, _, reason)| *reason)
}

/// Whether a backup misses nothing when this group cannot be read.
pub fn is_measured_group(group: &str) -> bool {
    MEASURED_GROUPS.contains(&group)
}

/// Whether `resource` is served under another group's name too, which is the one to save.
pub fn is_old_name(resource: &GroupResource, served: &[ResourceType]) -> bool {
    RENAMED_GROUPS.iter().any(|(old, new)| {
        resource.group == *old
            && served.iter().any(|kind| {
                kind.resource.plural == resource.plural && new.contains(&kind.resource.group.as_str())
            })
    })
}

/// Why one object is left out; None if it is saved.
pub fn object_reason(resource: &GroupResource, facts: &ObjectFacts) -> Option<&'static str> {
    if facts.is_terminating {
        return Some("it is being deleted");
    }
    if facts.label(EXCLUDE) == Some("true") || facts.annotation(EXCLUDE) == Some("true") {
        return Some("its label or annotation kubectl-backup.dev/exclude says so");
    }
    let namespace = facts.namespace.as_deref();
    match (resource.plural.as_str(), resource.group.as_str()) {
        ("configmaps", "") => config_map_reason(namespace, &facts.name),
        ("services", "") if namespace == Some("default") && facts.name == "kubernetes" => Some(API_SERVER),
        ("endpoints", "") => endpoints_reason(facts),
        ("endpointslices", "discovery.k8s.io") => endpoint_slice_reason(facts),
        ("pods", "") if facts.annotations.contains_key("kubernetes.io/config.mirror") => {
            Some("a node made it from its own manifest (mirror pod)")
        }
        ("secrets", "") => secret_reason(facts),
        ("apiservices", "apiregistration.k8s.io") => facts
            .labels
            .contains_key("kube-aggregator.kubernetes.io/automanaged")
            .then_some("the API server makes it by itself"),
        ("clusterroles" | "clusterrolebindings" | "roles" | "rolebindings", "rbac.authorization.k8s.io") => {
            bootstrap_rbac_reason(facts)
        }
        ("priorityclasses", "scheduling.k8s.io") if facts.name.starts_with("system-") => Some(API_SERVER),
        ("flowschemas" | "prioritylevelconfigurations", "flowcontrol.apiserver.k8s.io") => {
            (facts.annotation("apf.kubernetes.io/autoupdate-spec") == Some("true")).then_some(API_SERVER)
        }
        _ => None,
    }
}

const API_SERVER: &str = "the API server makes it in every cluster";
const CONTROLLER: &str = "a controller makes it from a Service and its pods";

fn config_map_reason(namespace: Option<&str>, name: &str) -> Option<&'static str> {
    match (namespace, name) {
        (_, "kube-root-ca.crt") => Some("a controller puts it into every namespace"),
        (Some("kube-system"), "extension-apiserver-authentication") => Some(API_SERVER),
        _ => None,
    }
}

fn endpoints_reason(facts: &ObjectFacts) -> Option<&'static str> {
    let is_managed = facts.label("endpoints.kubernetes.io/managed-by") == Some("endpoint-controller")
        // Before Kubernetes 1.33 the controller left only this trace.
        || facts.annotations.contains_key("endpoints.kubernetes.io/last-change-trigger-time");
    let is_api_server = facts.namespace.as_deref() == Some("default") && facts.name == "kubernetes";
    if is_api_server { Some(API_SERVER) } else { is_managed.then_some(CONTROLLER) }
}

fn endpoint_slice_reason(facts: &ObjectFacts) -> Option<&'static str> {
    match facts.label("endpointslice.kubernetes.io/managed-by") {
        Some("endpointslice-controller.k8s.io" | "endpointslicemirroring-controller.k8s.io") => {
            Some(CONTROLLER)
        }
        _ if facts.namespace.as_deref() == Some("default") && facts.name == "kubernetes" => Some(API_SERVER),
        _ => None,
    }
}

/// Tokens that the control plane made by itself are left out; one that a user asked for is kept.
fn secret_reason(facts: &ObjectFacts) -> Option<&'static str> {
    if facts.secret_type == "bootstrap.kubernetes.io/token" {
        return Some("bootstrap tokens let nodes join this cluster and expire by themselves");
    }
    if facts.secret_type != "kubernetes.io/service-account-token" {
        return None;
    }
    // Up to Kubernetes 1.23 a controller made `NAME-token-xxxxx` for every service account.
    let account = facts.annotation("kubernetes.io/service-account.name")?;
    let suffix = facts.name.strip_prefix(account)?.strip_prefix("-token-")?;
    (suffix.len() == 5).then_some("a controller made this token for a service account")
}

/// The default roles are in every cluster, and the API server keeps them up to date unless told not to.
fn bootstrap_rbac_reason(facts: &ObjectFacts) -> Option<&'static str> {
    let is_default = facts.label("kubernetes.io/bootstrapping") == Some("rbac-defaults");
    let is_kept_by_hand = facts.annotation("rbac.authorization.kubernetes.io/autoupdate") == Some("false");
    (is_default && !is_kept_by_hand).then_some(API_SERVER)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use crate::model::resource::Scope;

    use super::*;

    fn kind(plural: &str, group: &str, verbs: &[&str]) -> ResourceType {
        ResourceType {
            verbs: verbs.iter().map(|&verb| verb.to_owned()).collect(),
            ..ResourceType::new(GroupResource::new(plural, group), "v1", "", Scope::Namespaced)
        }
    }

    #[rstest]
    #[case::events("events", "", true)]
    #[case::events_by_their_new_name("events", "events.k8s.io", true)]
    #[case::events_of_someone_else("events", "zoo.example", false)]
    #[case::leases("leases", "coordination.k8s.io", true)]
    #[case::nodes("nodes", "", true)]
    #[case::measurements("pods", "metrics.k8s.io", true)]
    #[case::pods("pods", "", false)]
    #[case::replica_sets("replicasets", "apps", false)]
    #[case::rollout_history("controllerrevisions", "apps", false)]
    fn kinds(#[case] plural: &str, #[case] group: &str, #[case] is_left_out: bool) {
        assert_eq!(kind_reason(&kind(plural, group, &["list"])).is_some(), is_left_out);
    }

    #[test]
    fn what_cannot_be_listed_has_no_objects() {
        assert!(kind_reason(&kind("tokenreviews", "authentication.k8s.io", &["create"])).is_some());
    }

    #[rstest]
    #[case::plain("configmaps", json!({"metadata": {"name": "a", "namespace": "shop"}}), false)]
    #[case::being_deleted("configmaps", json!({"metadata": {"name": "a", "deletionTimestamp": "now"}}), true)]
    #[case::excluded_by_label("configmaps", json!({"metadata": {"name": "a", "labels": {EXCLUDE: "true"}}}), true)]
    #[case::excluded_by_annotation("configmaps", json!({"metadata": {"name": "a", "annotations": {EXCLUDE: "true"}}}), true)]
    #[case::not_excluded("configmaps", json!({"metadata": {"name": "a", "labels": {EXCLUDE: "false"}}}), false)]
    #[case::root_ca("configmaps", json!({"metadata": {"name": "kube-root-ca.crt", "namespace": "shop"}}), true)]
    #[case::api_service("services", json!({"metadata": {"name": "kubernetes", "namespace": "default"}}), true)]
    #[case::service_called_kubernetes("services", json!({"metadata": {"name": "kubernetes", "namespace": "shop"}}), false)]
    #[case::controllers_endpoints("endpoints", json!({"metadata": {"name": "web", "namespace": "shop",
        "labels": {"endpoints.kubernetes.io/managed-by": "endpoint-controller"}}}), true)]
    #[case::users_endpoints("endpoints", json!({"metadata": {"name": "db", "namespace": "shop"}}), false)]
    #[case::controllers_slice("endpointslices.discovery.k8s.io", json!({"metadata": {"name": "web-x",
        "labels": {"endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"}}}), true)]
    #[case::users_slice("endpointslices.discovery.k8s.io", json!({"metadata": {"name": "db-1",
        "labels": {"endpointslice.kubernetes.io/managed-by": "me"}}}), false)]
    #[case::mirror_pod("pods", json!({"metadata": {"name": "etcd", "annotations": {"kubernetes.io/config.mirror": "x"}}}), true)]
    #[case::controllers_pod("pods", json!({"metadata": {"name": "web-1", "ownerReferences": [{"controller": true}]}}), false)]
    #[case::made_token("secrets", json!({"metadata": {"name": "bot-token-x7f9d",
        "annotations": {"kubernetes.io/service-account.name": "bot"}}, "type": "kubernetes.io/service-account-token"}), true)]
    #[case::users_token("secrets", json!({"metadata": {"name": "bot-login",
        "annotations": {"kubernetes.io/service-account.name": "bot"}}, "type": "kubernetes.io/service-account-token"}), false)]
    #[case::secret_with_such_a_name("secrets", json!({"metadata": {"name": "bot-token-x7f9d"}, "type": "Opaque"}), false)]
    #[case::automanaged("apiservices.apiregistration.k8s.io", json!({"metadata": {"name": "v1.apps",
        "labels": {"kube-aggregator.kubernetes.io/automanaged": "onstart"}}}), true)]
    #[case::default_role("clusterroles.rbac.authorization.k8s.io", json!({"metadata": {"name": "system:node-proxier",
        "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"}}}), true)]
    #[case::default_role_kept_by_hand("clusterroles.rbac.authorization.k8s.io", json!({"metadata": {"name": "view",
        "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"},
        "annotations": {"rbac.authorization.kubernetes.io/autoupdate": "false"}}}), false)]
    #[case::own_role("clusterroles.rbac.authorization.k8s.io", json!({"metadata": {"name": "system:own"}}), false)]
    fn objects(#[case] resource: &str, #[case] object: Value, #[case] is_left_out: bool) {
        let facts = ObjectFacts::read(&object.to_string()).unwrap();
        let resource = GroupResource::from(resource.to_owned());
        assert_eq!(object_reason(&resource, &facts).is_some(), is_left_out);
    }

    #[test]
    fn an_old_name_gives_way_to_the_present_one() {
        let served = [kind("ingresses", "networking.k8s.io", &["list"])];
        assert!(is_old_name(&GroupResource::new("ingresses", "extensions"), &served));
        assert!(!is_old_name(&GroupResource::new("podsecuritypolicies", "extensions"), &served));
    }
}
