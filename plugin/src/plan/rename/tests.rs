use std::sync::Arc;

use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::{
    model::resource::Scope,
    plan::{
        conflict::{ConflictPolicy, Resolution},
        restore::{Origin, compare::Difference, rules::Rule},
        sanitize::owners::owners,
    },
};

fn renames(objects: &[(&str, &str, Option<&str>)]) -> Renames {
    let referent = |(group, kind, namespace): &(&str, &str, Option<&str>)| Referent {
        group: (*group).to_owned(),
        kind: (*kind).to_owned(),
        namespace: namespace.map(str::to_owned),
        name: "a".to_owned(),
    };
    Renames { suffix: "-x".to_owned(), objects: objects.iter().map(referent).collect() }
}

fn pod(spec: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "shop"}, "spec": spec})
}

/// An object of `kind` in the namespace `shop`, with `fields` besides.
fn object(api_version: &str, kind: &str, fields: &Value) -> Value {
    let mut object =
        json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "o", "namespace": "shop"}});
    object.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    object
}

const RBAC: &str = "rbac.authorization.k8s.io";

#[rstest]
#[case::config_map_volume(pod(&json!({"volumes": [{"configMap": {"name": "a"}}]})), "", "ConfigMap", "/spec/volumes/0/configMap/name")]
#[case::secret_volume(pod(&json!({"volumes": [{"secret": {"secretName": "a"}}]})), "", "Secret", "/spec/volumes/0/secret/secretName")]
#[case::claim(
    pod(&json!({"volumes": [{"persistentVolumeClaim": {"claimName": "a"}}]})),
    "", "PersistentVolumeClaim", "/spec/volumes/0/persistentVolumeClaim/claimName"
)]
#[case::projected_map(
    pod(&json!({"volumes": [{"projected": {"sources": [{"configMap": {"name": "a"}}]}}]})),
    "", "ConfigMap", "/spec/volumes/0/projected/sources/0/configMap/name"
)]
#[case::projected_secret(
    pod(&json!({"volumes": [{"projected": {"sources": [{"secret": {"name": "a"}}]}}]})),
    "", "Secret", "/spec/volumes/0/projected/sources/0/secret/name"
)]
#[case::env_from_map(
    pod(&json!({"containers": [{"envFrom": [{"configMapRef": {"name": "a"}}]}]})),
    "", "ConfigMap", "/spec/containers/0/envFrom/0/configMapRef/name"
)]
#[case::env_from_secret(
    pod(&json!({"initContainers": [{"envFrom": [{"secretRef": {"name": "a"}}]}]})),
    "", "Secret", "/spec/initContainers/0/envFrom/0/secretRef/name"
)]
#[case::variable_of_a_map(
    pod(&json!({"containers": [{"env": [{"valueFrom": {"configMapKeyRef": {"name": "a"}}}]}]})),
    "", "ConfigMap", "/spec/containers/0/env/0/valueFrom/configMapKeyRef/name"
)]
#[case::variable_of_a_secret(
    pod(&json!({"containers": [{"env": [{"valueFrom": {"secretKeyRef": {"name": "a"}}}]}]})),
    "", "Secret", "/spec/containers/0/env/0/valueFrom/secretKeyRef/name"
)]
#[case::pull_secret(pod(&json!({"imagePullSecrets": [{"name": "a"}]})), "", "Secret", "/spec/imagePullSecrets/0/name")]
#[case::account(pod(&json!({"serviceAccountName": "a"})), "", "ServiceAccount", "/spec/serviceAccountName")]
#[case::template(
    object("apps/v1", "Deployment", &json!({"spec": {"template": {"spec": {"serviceAccountName": "a"}}}})),
    "", "ServiceAccount", "/spec/template/spec/serviceAccountName"
)]
#[case::ingress_path(
    object("networking.k8s.io/v1", "Ingress", &json!({"spec": {"rules": [{"http": {"paths": [
        {"backend": {"service": {"name": "a"}}}]}}]}})),
    "", "Service", "/spec/rules/0/http/paths/0/backend/service/name"
)]
#[case::ingress_default(
    object("networking.k8s.io/v1", "Ingress", &json!({"spec": {"defaultBackend": {"service": {"name": "a"}}}})),
    "", "Service", "/spec/defaultBackend/service/name"
)]
#[case::ingress_certificate(
    object("networking.k8s.io/v1", "Ingress", &json!({"spec": {"tls": [{"secretName": "a"}]}})),
    "", "Secret", "/spec/tls/0/secretName"
)]
#[case::autoscaler(
    object("autoscaling/v2", "HorizontalPodAutoscaler", &json!({"spec": {"scaleTargetRef":
        {"apiVersion": "apps/v1", "kind": "Deployment", "name": "a"}}})),
    "apps", "Deployment", "/spec/scaleTargetRef/name"
)]
#[case::role(
    object("rbac.authorization.k8s.io/v1", "RoleBinding", &json!({"roleRef": {"kind": "Role", "name": "a"}})),
    RBAC, "Role", "/roleRef/name"
)]
#[case::subject(
    object("rbac.authorization.k8s.io/v1", "RoleBinding", &json!({"subjects": [{"kind": "ServiceAccount", "name": "a"}]})),
    "", "ServiceAccount", "/subjects/0/name"
)]
#[case::governing_service(
    object("apps/v1", "StatefulSet", &json!({"spec": {"serviceName": "a"}})),
    "", "Service", "/spec/serviceName"
)]
#[case::secret_of_an_account(
    object("v1", "ServiceAccount", &json!({"secrets": [{"name": "a"}]})),
    "", "Secret", "/secrets/0/name"
)]
#[case::volume_of_a_claim(
    object("v1", "PersistentVolume", &json!({"spec": {"claimRef": {"namespace": "shop", "name": "a"}}})),
    "", "PersistentVolumeClaim", "/spec/claimRef/name"
)]
#[case::route(
    object("gateway.networking.k8s.io/v1", "HTTPRoute", &json!({"spec": {"rules": [{"backendRefs": [{"name": "a"}]}]}})),
    "", "Service", "/spec/rules/0/backendRefs/0/name"
)]
fn a_reference_follows(#[case] body: Value, #[case] group: &str, #[case] kind: &str, #[case] place: &str) {
    let mut renamed = body.clone();
    renames(&[(group, kind, Some("shop"))]).apply(&mut renamed);
    assert_eq!(renamed.pointer(place), Some(&json!("a-x")));
    *renamed.pointer_mut(place).unwrap() = json!("a");
    assert_eq!(renamed, body, "and nothing else");
    for other in [("", "Node", Some("shop")), (group, kind, Some("elsewhere"))] {
        let mut same = body.clone();
        renames(&[other]).apply(&mut same);
        assert_eq!(same, body, "another object of that name");
    }
}

#[rstest]
#[case::cluster_role(
    object("rbac.authorization.k8s.io/v1", "RoleBinding", &json!({"roleRef": {"kind": "ClusterRole", "name": "a"}})),
    (RBAC, "ClusterRole", None), "/roleRef/name"
)]
#[case::subject_elsewhere(
    json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "o"},
        "subjects": [{"kind": "ServiceAccount", "name": "a", "namespace": "other"}]}),
    ("", "ServiceAccount", Some("other")), "/subjects/0/name"
)]
#[case::volume(
    object("v1", "PersistentVolumeClaim", &json!({"spec": {"volumeName": "a"}})),
    ("", "PersistentVolume", None), "/spec/volumeName"
)]
fn references_cross_namespaces(
    #[case] mut body: Value,
    #[case] referent: (&str, &str, Option<&str>),
    #[case] place: &str,
) {
    renames(&[referent]).apply(&mut body);
    assert_eq!(body.pointer(place), Some(&json!("a-x")));
}

#[test]
fn the_object_itself_gets_the_name_and_its_owners_follow_apart() {
    let owner = json!([{"apiVersion": "apps/v1", "kind": "Deployment", "name": "a", "uid": "1"}]);
    let mut body = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "a", "namespace": "shop", "ownerReferences": owner}});
    let renames = renames(&[("", "ConfigMap", Some("shop")), ("apps", "Deployment", Some("shop"))]);
    renames.apply(&mut body);
    assert_eq!(body["metadata"]["name"], "a-x");
    assert_eq!(body["metadata"]["ownerReferences"], owner, "by this name it is linked");
    renames.apply_to_owners(&mut body);
    assert_eq!(body["metadata"]["ownerReferences"][0]["name"], "a-x");
}

#[rstest]
#[case::namespace("", "namespaces", "a", Some("--map-namespace"))]
#[case::definition("apiextensions.k8s.io", "customresourcedefinitions", "a", Some("define the same"))]
#[case::api_service("apiregistration.k8s.io", "apiservices", "a", Some("what it serves"))]
#[case::volume("", "persistentvolumes", "a", Some("one disk"))]
#[case::long_service("", "services", &"a".repeat(62), Some("64 characters, of which 63"))]
#[case::long_map("", "configmaps", &"a".repeat(252), Some("254 characters, of which 253"))]
#[case::map("", "configmaps", &"a".repeat(62), None)]
fn what_cannot_be_renamed_says_why(
    #[case] group: &str,
    #[case] plural: &str,
    #[case] name: &str,
    #[case] reason: Option<&str>,
) {
    let refused = refusal(&ObjectKey::new(GroupResource::new(plural, group), None, &format!("{name}-x")));
    assert_eq!(refused.is_some(), reason.is_some(), "{refused:?}");
    assert!(refused.unwrap_or_default().contains(reason.unwrap_or_default()));
}

#[rstest]
#[case::default("-restored", true)]
#[case::dots(".old.2", true)]
#[case::empty("", false)]
#[case::capitals("-Old", false)]
#[case::open_end("old-", false)]
fn a_suffix_ends_a_name(#[case] suffix: &str, #[case] right: bool) {
    assert_eq!(wrong_suffix(suffix).is_none(), right);
}

#[test]
fn a_live_object_that_refers_to_the_renamed_one_is_the_same() {
    let body =
        |name: &str| pod(&json!({"imagePullSecrets": [{"name": name}, {"name": "b"}], "hostname": name}));
    let (aligned, needed) = aligned(&body("a"), &body("a-x"), "-x").unwrap();
    assert_eq!(aligned.pointer("/spec/imagePullSecrets"), Some(&json!([{"name": "a-x"}, {"name": "b"}])));
    assert_eq!(aligned["spec"]["hostname"], "a", "which is no reference");
    assert_eq!(needed.into_iter().map(|it| it.name).collect::<Vec<_>>(), ["a"]);
    assert!(super::aligned(&body("a"), &body("c"), "-x").is_none());
}

#[test]
fn a_volume_does_not_wait_for_a_claim_beside_its_own() {
    let claims = GroupResource::new("persistentvolumeclaims", "");
    let volume = |name: &str| LiveObject {
        claim: Some(("shop".to_owned(), name.to_owned())),
        claim_is_planned: true,
        ..LiveObject::default()
    };
    let mut facts = Facts { live: HashMap::from([(0, volume("a")), (1, volume("b"))]), ..Facts::default() };
    forget_claim(&ObjectKey::new(claims, Some("shop"), "a"), &mut facts);
    assert_eq!([facts.live[&0].claim_is_planned, facts.live[&1].claim_is_planned], [false, true]);
}

/// For each `NAME` a candidate whose live object differs, to be renamed; for `NAME:OTHER` it is the same if `OTHER` is.
fn planned(objects: &str) -> (RestorePlan, Facts, Kinds) {
    let resource = GroupResource::new("configmaps", "");
    let kind = ResourceType {
        resource: resource.clone(),
        version: "v1".to_owned(),
        kind: "ConfigMap".to_owned(),
        singular: "configmap".to_owned(),
        short_names: Vec::new(),
        categories: Vec::new(),
        scope: Scope::Namespaced,
        verbs: Vec::new(),
        served_versions: vec!["v1".to_owned()],
    };
    let kinds = Kinds::new([kind.clone()], std::slice::from_ref(&kind));
    let mut facts = Facts::default();
    let mut candidates = Vec::new();
    for (index, word) in objects.split(' ').enumerate() {
        let (name, same_if) = word.split_once(':').map_or((word, None), |(name, other)| (name, Some(other)));
        let key = ObjectKey::new(resource.clone(), Some("shop"), name);
        let needed: BTreeSet<_> = same_if
            .iter()
            .map(|name| referent(&kind, &ObjectKey::new(resource.clone(), Some("shop"), name)))
            .collect();
        let resolution = Resolution { policy: ConflictPolicy::Rename, ..Resolution::default() };
        facts.live.insert(
            index,
            LiveObject {
                difference: Some(Difference::default()),
                same_if: (!needed.is_empty()).then_some(needed),
                resolution: Arc::new(resolution),
                ..LiveObject::default()
            },
        );
        candidates.push(Candidate {
            key,
            mapped: None,
            origin: Origin::Selected,
            owners: owners(&Value::Null).into(),
            content: None,
            renamed: None,
            rule: Rule::Restore,
        });
    }
    (RestorePlan::new(candidates, &facts, &kinds), facts, kinds)
}

#[rstest]
#[case::each("a b", "a-x rename, b-x rename")]
#[case::same_but_for_a_renamed_one("a b:a", "a-x rename, b unchanged")]
#[case::same_but_for_one_that_is_not("a:z b:a", "a-x rename, b unchanged")]
#[case::same_but_for_one_that_is_the_same("a b:a c:b", "a-x rename, b unchanged, c-x rename")]
#[case::taken_by_another("a a-x", "a refuse, a-x-x rename")]
fn the_run_decides_who_is_renamed(#[case] objects: &str, #[case] expected: &str) {
    let (plan, mut facts, kinds) = planned(objects);
    let choice = Choice::of(&plan, &facts, &kinds, "-x");
    let mut candidates: Vec<_> = plan.objects.into_iter().map(|object| object.candidate).collect();
    choice.apply(&mut candidates, &mut facts);
    let plan = RestorePlan::new(candidates, &facts, &kinds);
    let found: Vec<_> = plan
        .objects
        .iter()
        .map(|it| format!("{} {}", it.target().name, format!("{:?}", it.decision.action).to_lowercase()))
        .collect();
    assert_eq!(found.join(", "), expected);
}
