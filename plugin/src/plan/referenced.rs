//! Which cluster-scoped objects the objects of a backup refer to.
//!
//! Fed with objects as they stream by, it remembers names only. What it follows:
//! custom resources to their CRDs; claims and pods to volumes, storage, priority and runtime classes; ingresses,
//! gateways and volume snapshots to their classes and contents; role bindings to cluster roles; and cluster role
//! bindings whose subjects are service accounts of the backup, to their roles. Roles that an aggregated cluster
//! role collects by label are not followed.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use serde::Deserialize;

use crate::model::{facts::ObjectFacts, resource::GroupResource};

/// Kinds whose objects refer to cluster-scoped ones.
const REFERRING: &[(&str, &str)] = &[
    ("pods", ""),
    ("podtemplates", ""),
    ("replicationcontrollers", ""),
    ("persistentvolumeclaims", ""),
    ("persistentvolumes", ""),
    ("deployments", "apps"),
    ("replicasets", "apps"),
    ("statefulsets", "apps"),
    ("daemonsets", "apps"),
    ("jobs", "batch"),
    ("cronjobs", "batch"),
    ("ingresses", "networking.k8s.io"),
    ("rolebindings", RBAC),
    ("clusterrolebindings", RBAC),
    ("gateways", GATEWAY),
    ("volumesnapshots", SNAPSHOT),
    ("volumesnapshotcontents", SNAPSHOT),
];

const RBAC: &str = "rbac.authorization.k8s.io";
const GATEWAY: &str = "gateway.networking.k8s.io";
const SNAPSHOT: &str = "snapshot.storage.k8s.io";
const STORAGE: &str = "storage.k8s.io";

/// The names that objects seen so far refer to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    wanted: BTreeMap<GroupResource, BTreeSet<String>>,
    service_accounts: BTreeSet<(String, String)>,
}

impl References {
    /// Takes note of a saved object.
    ///
    /// # Errors
    /// The object has a shape that its kind cannot have; its references are then unknown.
    pub fn observe(
        &mut self,
        resource: &GroupResource,
        facts: &ObjectFacts,
        json: &[u8],
    ) -> Result<(), serde_json::Error> {
        if !resource.is_built_in() {
            self.want("customresourcedefinitions", "apiextensions.k8s.io", &resource.to_string());
        }
        let kind = (resource.plural.as_str(), resource.group.as_str());
        if kind == ("serviceaccounts", "") {
            let namespace = facts.namespace.clone().unwrap_or_default();
            self.service_accounts.insert((namespace, facts.name.clone()));
        }
        if !REFERRING.contains(&kind) {
            return Ok(());
        }
        let body: Body<'_> = serde_json::from_slice(json)?;
        self.follow(&body);
        if let Some(class) = facts.annotation("volume.beta.kubernetes.io/storage-class") {
            self.want("storageclasses", STORAGE, class);
        }
        if let Some(class) = facts.annotation("kubernetes.io/ingress.class") {
            self.want("ingressclasses", "networking.k8s.io", class);
        }
        Ok(())
    }

    /// Adds an object that is wanted for another reason.
    pub fn add(&mut self, resource: &GroupResource, name: &str) {
        self.want(&resource.plural, &resource.group, name);
    }

    /// The names wanted of a kind, sorted.
    pub fn wanted(&self, resource: &GroupResource) -> impl Iterator<Item = &str> {
        self.wanted.get(resource).into_iter().flatten().map(String::as_str)
    }

    /// Whether any service account was seen, so that cluster role bindings matter.
    pub fn has_service_accounts(&self) -> bool {
        !self.service_accounts.is_empty()
    }

    /// Whether a cluster role binding gives rights to a service account seen, or to all of its namespace.
    ///
    /// # Errors
    /// The JSON is not a binding.
    pub fn are_bound_by(&self, binding: &[u8]) -> Result<bool, serde_json::Error> {
        let body: Body<'_> = serde_json::from_slice(binding)?;
        Ok(body.subjects.unwrap_or_default().iter().any(|subject| match subject.kind.as_ref() {
            "ServiceAccount" => {
                let namespace = subject.namespace.as_deref().unwrap_or_default();
                self.service_accounts.contains(&(namespace.to_owned(), subject.name.clone().into_owned()))
            }
            "Group" => subject
                .name
                .strip_prefix("system:serviceaccounts:")
                .is_some_and(|bound| self.service_accounts.iter().any(|(namespace, _)| namespace == bound)),
            _ => false,
        }))
    }

    fn want(&mut self, plural: &str, group: &str, name: &str) {
        if !name.is_empty() {
            let resource = GroupResource::new(plural, group);
            self.wanted.entry(resource).or_default().insert(name.to_owned());
        }
    }

    fn follow(&mut self, body: &Body<'_>) {
        if let Some(role) = &body.role_ref
            && role.kind == "ClusterRole"
        {
            self.want("clusterroles", RBAC, &role.name);
        }
        if let Some(content) = body.status.as_ref().and_then(|status| status.bound_content.as_ref()) {
            self.want("volumesnapshotcontents", SNAPSHOT, content);
        }
        if let Some(template) = &body.template {
            self.follow(template);
        }
        if let Some(spec) = &body.spec {
            self.follow_spec(spec);
        }
    }

    fn follow_spec(&mut self, spec: &Spec<'_>) {
        let content = spec.source.as_ref().and_then(|source| source.content.as_ref());
        let named = [
            ("priorityclasses", "scheduling.k8s.io", &spec.priority_class_name),
            ("runtimeclasses", "node.k8s.io", &spec.runtime_class_name),
            ("persistentvolumes", "", &spec.volume_name),
            ("storageclasses", STORAGE, &spec.storage_class_name),
            ("volumeattributesclasses", STORAGE, &spec.volume_attributes_class_name),
            ("ingressclasses", "networking.k8s.io", &spec.ingress_class_name),
            ("gatewayclasses", GATEWAY, &spec.gateway_class_name),
            ("volumesnapshotclasses", SNAPSHOT, &spec.volume_snapshot_class_name),
        ];
        for (plural, group, name) in named {
            self.want(plural, group, name.as_deref().unwrap_or_default());
        }
        self.want("volumesnapshotcontents", SNAPSHOT, content.map(AsRef::as_ref).unwrap_or_default());
        for inner in [&spec.template, &spec.job_template].into_iter().flatten() {
            self.follow(inner);
        }
        for claim in spec.volume_claim_templates.iter().flatten() {
            self.follow(claim);
        }
        let ephemeral = spec.volumes.iter().flatten().filter_map(|volume| volume.ephemeral.as_ref());
        for claim in ephemeral.filter_map(|volume| volume.volume_claim_template.as_ref()) {
            self.follow(claim);
        }
    }
}

/// The parts of an object, a pod template or a claim template that refer to other objects.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(borrow)]
    spec: Option<Box<Spec<'a>>>,
    #[serde(borrow)]
    template: Option<Box<Body<'a>>>,
    #[serde(borrow)]
    role_ref: Option<Reference<'a>>,
    #[serde(borrow)]
    subjects: Option<Vec<Reference<'a>>>,
    #[serde(borrow)]
    status: Option<Status<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec<'a> {
    #[serde(borrow)]
    priority_class_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    runtime_class_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    volume_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    storage_class_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    volume_attributes_class_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    ingress_class_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    gateway_class_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    volume_snapshot_class_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    source: Option<Source<'a>>,
    #[serde(borrow)]
    template: Option<Box<Body<'a>>>,
    #[serde(borrow)]
    job_template: Option<Box<Body<'a>>>,
    #[serde(borrow)]
    volume_claim_templates: Option<Vec<Body<'a>>>,
    #[serde(borrow)]
    volumes: Option<Vec<Volume<'a>>>,
}

#[derive(Deserialize)]
struct Reference<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    namespace: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Source<'a> {
    #[serde(borrow, rename = "volumeSnapshotContentName")]
    content: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Status<'a> {
    #[serde(borrow, rename = "boundVolumeSnapshotContentName")]
    bound_content: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Volume<'a> {
    #[serde(borrow)]
    ephemeral: Option<Ephemeral<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ephemeral<'a> {
    #[serde(borrow)]
    volume_claim_template: Option<Box<Body<'a>>>,
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn observed(resource: &str, object: &Value) -> References {
        let mut references = References::default();
        let text = object.to_string();
        let facts = ObjectFacts::read(&text).unwrap();
        references.observe(&GroupResource::from(resource.to_owned()), &facts, text.as_bytes()).unwrap();
        references
    }

    fn all(references: &References) -> Vec<String> {
        let names = |(resource, names): (&GroupResource, &BTreeSet<String>)| {
            names.iter().map(|name| format!("{resource}/{name}")).collect::<Vec<_>>()
        };
        references.wanted.iter().flat_map(names).collect()
    }

    #[rstest]
    #[case::claim("persistentvolumeclaims",
        json!({"volumeName": "pv-1", "storageClassName": "fast", "volumeAttributesClassName": "gold"}),
        &["persistentvolumes/pv-1", "storageclasses.storage.k8s.io/fast", "volumeattributesclasses.storage.k8s.io/gold"])]
    #[case::pod("pods", json!({"priorityClassName": "high", "runtimeClassName": "gvisor"}),
        &["priorityclasses.scheduling.k8s.io/high", "runtimeclasses.node.k8s.io/gvisor"])]
    #[case::pod_with_a_claim_of_its_own("pods",
        json!({"volumes": [{"name": "x", "emptyDir": {}},
            {"ephemeral": {"volumeClaimTemplate": {"spec": {"storageClassName": "scratch"}}}}]}),
        &["storageclasses.storage.k8s.io/scratch"])]
    #[case::deployment("deployments.apps", json!({"template": {"spec": {"priorityClassName": "high"}}}),
        &["priorityclasses.scheduling.k8s.io/high"])]
    #[case::cron_job("cronjobs.batch",
        json!({"jobTemplate": {"spec": {"template": {"spec": {"priorityClassName": "low"}}}}}),
        &["priorityclasses.scheduling.k8s.io/low"])]
    #[case::stateful_set("statefulsets.apps", json!({"volumeClaimTemplates": [{"spec": {"storageClassName": "fast"}}]}),
        &["storageclasses.storage.k8s.io/fast"])]
    #[case::ingress("ingresses.networking.k8s.io", json!({"ingressClassName": "nginx"}),
        &["ingressclasses.networking.k8s.io/nginx"])]
    #[case::empty_class_means_none("persistentvolumeclaims", json!({"storageClassName": ""}), &[])]
    #[case::unrelated_kind("configmaps", json!({"storageClassName": "fast"}), &[])]
    #[case::custom_resource("certificates.cert-manager.io", json!({"storageClassName": 5}),
        &["customresourcedefinitions.apiextensions.k8s.io/certificates.cert-manager.io"])]
    #[case::volume_snapshot("volumesnapshots.snapshot.storage.k8s.io",
        json!({"volumeSnapshotClassName": "csi", "source": {"volumeSnapshotContentName": "c1"}}),
        &["customresourcedefinitions.apiextensions.k8s.io/volumesnapshots.snapshot.storage.k8s.io",
          "volumesnapshotclasses.snapshot.storage.k8s.io/csi", "volumesnapshotcontents.snapshot.storage.k8s.io/c1"])]
    fn follows_names(#[case] resource: &str, #[case] spec: Value, #[case] expected: &[&str]) {
        let object = json!({"metadata": {"name": "x", "namespace": "shop"}, "spec": spec});
        assert_eq!(all(&observed(resource, &object)), expected);
    }

    #[rstest]
    #[case::cluster_role("ClusterRole", &["clusterroles.rbac.authorization.k8s.io/edit"])]
    #[case::role_of_the_namespace("Role", &[])]
    fn follows_role_bindings(#[case] kind: &str, #[case] expected: &[&str]) {
        let object = json!({"metadata": {"name": "x", "namespace": "shop"}, "roleRef": {"kind": kind, "name": "edit"}});
        assert_eq!(all(&observed("rolebindings.rbac.authorization.k8s.io", &object)), expected);
    }

    #[test]
    fn the_snapshot_content_of_a_bound_snapshot_goes_along() {
        let object = json!({"metadata": {"name": "x"}, "status": {"boundVolumeSnapshotContentName": "c9"}});
        let references = observed("volumesnapshots.snapshot.storage.k8s.io", &object);
        let contents = GroupResource::new("volumesnapshotcontents", SNAPSHOT);
        assert_eq!(references.wanted(&contents).collect::<Vec<_>>(), ["c9"]);
    }

    #[rstest]
    #[case::the_account(json!([{"kind": "ServiceAccount", "namespace": "shop", "name": "bot"}]), true)]
    #[case::another_account(json!([{"kind": "ServiceAccount", "namespace": "shop", "name": "cat"}]), false)]
    #[case::the_same_name_elsewhere(json!([{"kind": "ServiceAccount", "namespace": "web", "name": "bot"}]), false)]
    #[case::all_accounts_of_the_namespace(json!([{"kind": "Group", "name": "system:serviceaccounts:shop"}]), true)]
    #[case::all_accounts_of_another(json!([{"kind": "Group", "name": "system:serviceaccounts:web"}]), false)]
    #[case::everybody(json!([{"kind": "Group", "name": "system:serviceaccounts"}]), false)]
    #[case::nobody(json!(null), false)]
    fn knows_which_bindings_matter(#[case] subjects: Value, #[case] expected: bool) {
        let account = json!({"metadata": {"name": "bot", "namespace": "shop"}});
        let references = observed("serviceaccounts", &account);
        let binding = json!({"metadata": {"name": "b"}, "subjects": subjects, "roleRef": {"kind": "ClusterRole", "name": "r"}});
        assert_eq!(references.are_bound_by(binding.to_string().as_bytes()).unwrap(), expected);
    }
}
