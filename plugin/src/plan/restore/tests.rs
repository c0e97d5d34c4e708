use std::sync::Arc;

use rstest::rstest;
use serde_json::{Value, json};

use super::{
    Candidate, Origin, OwnerLink, RestorePlan,
    collision::collisions,
    compare::Difference,
    content::Content,
    facts::{Facts, Kinds, LiveObject},
    rules::rule,
};
use crate::model::{
    object::ObjectKey,
    resource::{GroupResource, ResourceType, Scope},
    restoration::Action,
};
use crate::plan::{
    conflict::{ConflictPolicy, Resolution},
    map_namespace::NamespaceMap,
    sanitize::owners::owners,
    versions::Conversion,
};

fn kind(resource: &str, kind: &str, scope: Scope) -> ResourceType {
    ResourceType {
        singular: kind.to_lowercase(),
        served_versions: vec!["v1".to_owned()],
        ..ResourceType::new(GroupResource::from(resource.to_owned()), "v1", kind, scope)
    }
}

fn builtin() -> Vec<ResourceType> {
    vec![
        kind("namespaces", "Namespace", Scope::Cluster),
        kind("configmaps", "ConfigMap", Scope::Namespaced),
        kind("pods", "Pod", Scope::Namespaced),
        kind("persistentvolumes", "PersistentVolume", Scope::Cluster),
        kind("deployments.apps", "Deployment", Scope::Namespaced),
        kind("replicasets.apps", "ReplicaSet", Scope::Namespaced),
    ]
}

fn widgets() -> ResourceType {
    kind("widgets.example.com", "Widget", Scope::Namespaced)
}

fn kinds() -> Kinds {
    let served = builtin();
    Kinds::new(served.iter().cloned().chain([widgets()]), &served)
}

#[expect(clippy::needless_pass_by_value, reason = "reads better with `json!` at the call")]
fn candidate(resource: &str, name: &str, metadata: Value, map: &NamespaceMap) -> Candidate {
    let resource = GroupResource::from(resource.to_owned());
    let mut body = json!({"metadata": metadata});
    body["metadata"]["name"] = json!(name);
    body["metadata"]["namespace"] = json!("shop");
    let key = ObjectKey::new(resource.clone(), Some("shop"), name);
    let target = map.target_key(&key);
    Candidate {
        mapped: (target != key).then(|| Box::new(target)),
        origin: Origin::Selected,
        owners: owners(&body).into(),
        rule: rule(&resource, &body, false),
        renamed: None,
        content: Some(Content::of(&resource, body)),
        key,
    }
}

fn plain(resource: &str, name: &str) -> Candidate {
    candidate(resource, name, json!({}), &NamespaceMap::default())
}

fn owned(resource: &str, name: &str, owner_kind: &str, owner: &str) -> Candidate {
    let reference = json!({"apiVersion": "apps/v1", "kind": owner_kind, "name": owner, "controller": true});
    candidate(resource, name, json!({"ownerReferences": [reference]}), &NamespaceMap::default())
}

/// A live object that differs, with what the user wants done about it.
fn different(policy: ConflictPolicy) -> LiveObject {
    LiveObject {
        difference: Some(Difference::default()),
        resolution: Arc::new(Resolution { policy, ..Resolution::default() }),
        ..LiveObject::default()
    }
}

fn actions(plan: &RestorePlan) -> Vec<Action> {
    plan.objects.iter().map(|object| object.decision.action).collect()
}

fn plan(candidates: Vec<Candidate>, facts: &Facts) -> RestorePlan {
    RestorePlan::new(candidates, facts, &kinds())
}

#[test]
fn a_missing_object_is_created_and_an_equal_one_stays() {
    let candidates = vec![plain("configmaps", "a"), plain("configmaps", "b"), plain("configmaps", "c")];
    let mut facts = Facts::default();
    facts.live.insert(1, LiveObject::default());
    facts.live.insert(2, different(ConflictPolicy::Skip));
    let plan = plan(candidates, &facts);
    assert_eq!(actions(&plan), [Action::Create, Action::Unchanged, Action::Skip]);
    assert_eq!(plan.steps().values().flatten().count(), 1);
}

#[test]
fn what_a_patch_would_leave_as_it_is_needs_no_patch() {
    let mut facts = Facts::default();
    let mut live = different(ConflictPolicy::Patch);
    live.difference = Some(Difference { all_stay: true, ..Difference::default() });
    facts.live.insert(0, live);
    facts.live.insert(1, different(ConflictPolicy::Patch));
    let planned = plan(vec![plain("configmaps", "a"), plain("configmaps", "b")], &facts);
    assert_eq!(actions(&planned), [Action::Unchanged, Action::Patch]);
}

#[test]
fn a_namespace_is_never_replaced() {
    let mut facts = Facts::default();
    facts.live.insert(0, different(ConflictPolicy::Replace));
    facts.live.insert(1, different(ConflictPolicy::Replace));
    let mut namespace = plain("namespaces", "shop");
    namespace.key.namespace = None;
    let plan = plan(vec![plain("configmaps", "a"), namespace], &facts);
    assert_eq!(actions(&plan), [Action::Replace, Action::Refuse]);
}

#[test]
fn what_a_restored_owner_makes_again_is_left_all_the_way_down() {
    let candidates = vec![
        plain("deployments.apps", "web"),
        owned("replicasets.apps", "web-1", "Deployment", "web"),
        owned("pods", "web-1-x", "ReplicaSet", "web-1"),
    ];
    assert_eq!(actions(&plan(candidates, &Facts::default())), [Action::Create, Action::Leave, Action::Leave]);
}

#[test]
fn an_object_whose_owner_is_nowhere_is_restored() {
    let planned = plan(vec![owned("pods", "web-1-x", "ReplicaSet", "web-1")], &Facts::default());
    assert_eq!(actions(&planned), [Action::Create]);
    assert_eq!(planned.objects[0].owners[0].1, OwnerLink::Gone);
}

#[test]
fn a_live_owner_counts() {
    let mut facts = Facts::default();
    let owner = ObjectKey::new(GroupResource::new("replicasets", "apps"), Some("shop"), "web-1");
    facts.owner_uids.insert(owner, "u1".to_owned());
    let planned = plan(vec![owned("pods", "web-1-x", "ReplicaSet", "web-1")], &facts);
    assert_eq!(actions(&planned), [Action::Leave]);
    assert_eq!(planned.objects[0].owners[0].1, OwnerLink::Live("u1".to_owned()));
}

#[test]
fn an_owner_comes_first_and_its_uid_is_remembered() {
    let planned = plan(
        vec![owned("configmaps", "settings", "Deployment", "web"), plain("deployments.apps", "web")],
        &Facts::default(),
    );
    assert!(planned.objects[1].position < planned.objects[0].position);
    assert!(planned.objects[1].owns && !planned.objects[0].owns);
}

#[rstest]
#[case::alone(false, Action::Refuse)]
#[case::with_its_definition(true, Action::Create)]
fn a_custom_object_needs_its_definition(#[case] defined: bool, #[case] wanted: Action) {
    let mut kinds = kinds();
    if defined {
        kinds.define("widgets.example.com");
    }
    let plan = RestorePlan::new(vec![plain("widgets.example.com", "w")], &Facts::default(), &kinds);
    assert_eq!(actions(&plan), [wanted]);
}

#[test]
fn a_version_that_is_not_served_is_refused_with_both_versions() {
    let mut saved = widgets();
    saved.version = "v1alpha1".to_owned();
    let mut kinds = Kinds::new([saved], &[widgets()]);
    let resource = GroupResource::new("widgets", "example.com");
    assert_eq!(kinds.skewed(), std::slice::from_ref(&resource));
    kinds.resolve_skew(&resource, Conversion::Webhook);
    assert_eq!(
        kinds.unserved(&resource).unwrap(),
        "saved as example.com/v1alpha1, which the cluster does not serve (it has v1); a webhook converts its \
         versions, and is asked only about those that are served; serve that one for the time of the restore, or take \
         a restore point made with `create --api-versions all`"
    );
}

#[test]
fn a_version_that_is_not_served_is_moved_where_the_name_is_all_that_changes() {
    let mut saved = widgets();
    saved.version = "v1alpha1".to_owned();
    let mut kinds = Kinds::new([saved], &[widgets()]);
    let resource = GroupResource::new("widgets", "example.com");
    kinds.resolve_skew(&resource, Conversion::ByName);
    assert_eq!(kinds.unserved(&resource), None);
    assert_eq!(
        kinds.saved(&resource).unwrap().version,
        "v1",
        "read and written at the version that is served"
    );
    assert!(kinds.skewed().is_empty());
    assert_eq!(kinds.moves().note(&resource).unwrap(), "moved from example.com/v1alpha1 to example.com/v1");
}

#[test]
fn two_namespaces_into_one_collide_only_where_they_differ() {
    let map = NamespaceMap::parse(&["shop=all".to_owned(), "web=all".to_owned()]).unwrap();
    let mut from_web = candidate("configmaps", "same", json!({}), &map);
    from_web.key.namespace = Some("web".to_owned());
    let same = vec![candidate("configmaps", "same", json!({}), &map), from_web.clone()];
    assert_eq!(collisions(&same), []);
    assert_eq!(actions(&plan(same, &Facts::default())), [Action::Create, Action::Leave]);

    let differing = candidate("configmaps", "same", json!({"labels": {"a": "b"}}), &map);
    let found = collisions(&[differing, from_web]);
    assert_eq!(
        found[0].to_string(),
        "`shop/configmaps/same` and `web/configmaps/same` would both become `all/configmaps/same`, and they differ"
    );
}

#[test]
fn a_needed_namespace_that_exists_is_no_conflict() {
    let mut needed = plain("namespaces", "shop");
    needed.origin = Origin::Needed;
    let mut facts = Facts::default();
    facts.live.insert(0, different(ConflictPolicy::Fail));
    let plan = RestorePlan::new(vec![needed], &facts, &kinds());
    assert_eq!(actions(&plan), [Action::Unchanged]);
}

#[test]
fn a_namespace_that_may_not_be_read_is_not_known_to_be_made() {
    let mut facts = Facts::default();
    let made = |facts: &Facts| {
        let plan = RestorePlan::new(vec![plain("namespaces", "shop")], facts, &kinds());
        assert_eq!(actions(&plan), [Action::Create]);
        plan.made_namespaces.len()
    };
    assert_eq!(made(&facts), 1);
    facts.unreadable.insert(0);
    assert_eq!(made(&facts), 0);
}

#[rstest]
#[case::something_is_in_it("namespaces", "shop", false, Action::Skip)]
#[case::something_is_in_another_one("namespaces", "web", false, Action::Create)]
#[case::it_is_only_needed("namespaces", "shop", true, Action::Unchanged)]
#[case::it_is_of_a_custom_kind("namespaces.example.com", "shop", false, Action::Create)]
fn a_namespace_that_may_not_be_read_is_there_when_something_is_in_it(
    #[case] resource: &str,
    #[case] name: &str,
    #[case] is_needed: bool,
    #[case] expected: Action,
) {
    let custom = GroupResource::new("namespaces", "example.com");
    let mut served = builtin();
    served.push(ResourceType::new(custom, "v1", "Namespace", Scope::Cluster));
    let mut namespace = plain(resource, name);
    if is_needed {
        namespace.origin = Origin::Needed;
    }
    let mut facts = Facts::default();
    facts.unreadable.insert(0);
    facts.live.insert(1, LiveObject::default());
    let candidates = vec![namespace, plain("configmaps", "app")];
    let plan = RestorePlan::new(candidates, &facts, &Kinds::new(served.clone(), &served));
    assert_eq!(actions(&plan), [expected, Action::Unchanged]);
}
