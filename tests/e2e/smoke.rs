//! That the parts of these tests fit together: the binary runs, the API server answers, users are narrow.

use serde_json::json;

use crate::world::World;

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn the_binary_runs_and_the_cluster_answers() {
    let world = World::new();
    let version = world.kubectl_backup(&["--version"]).success();
    assert_eq!(world.kubectl(&["get", "--raw=/version"]).success().json()["major"], "1");
    assert!(version.stdout.contains(env!("CARGO_PKG_VERSION")), "{version:?}");
    world.apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: probe}\ndata: {key: value}\n");
    assert_eq!(world.object("configmap/probe").unwrap()["data"], json!({"key": "value"}));
    assert_eq!(world.object("configmap/absent"), None);
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn controllers_make_the_service_account_and_collect_garbage() {
    let world = World::new();
    world.wait_until("the default service account", || world.object("serviceaccount/default").is_some());
    world.apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: owner}\n");
    let uid = world.object("configmap/owner").unwrap()["metadata"]["uid"].clone();
    world.apply(&format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: dependant\n  ownerReferences:\n  \
         - {{apiVersion: v1, kind: ConfigMap, name: owner, uid: {uid}}}\n"
    ));
    world.kubectl(&["delete", "configmap/owner"]).success();
    world.wait_until("the dependant to go", || world.object("configmap/dependant").is_none());
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_narrow_user_can_do_what_its_role_says_and_no_more() {
    let world = World::new();
    let kubeconfig =
        world.user_with_role(&json!([{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list"]}]));
    world.kubectl_as(&kubeconfig, &["get", "configmaps"]).success();
    let refused = world.kubectl_as(&kubeconfig, &["get", "secrets"]).exits_with(1);
    assert!(refused.stderr.contains("forbidden"), "{refused:?}");
    let elsewhere = world.another_namespace();
    world.kubectl_as(&kubeconfig, &["get", "configmaps", "--namespace", &elsewhere]).exits_with(1);

    let everywhere = world.user_with_cluster_role(
        &json!([{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list"]}]),
    );
    world.kubectl_as(&everywhere, &["get", "configmaps", "--namespace", &elsewhere]).success();
    world.kubectl_as(&everywhere, &["get", "nodes"]).exits_with(1);
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_lost_namespace_is_gone_with_all_in_it_and_can_be_made_again() {
    let world = World::new();
    world.apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: probe}\n");
    world.lose_namespace();
    assert_eq!(world.cluster_object(&format!("namespace/{}", world.namespace())), None);
    world.kubectl(&["create", "namespace", world.namespace()]).success();
    assert_eq!(world.object("configmap/probe"), None);
    let reserved = world.reserve_namespace();
    assert_eq!(world.cluster_object(&format!("namespace/{reserved}")), None);
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn the_binary_sees_nothing_of_the_user() {
    let world = World::new();
    let command = world.command(&["--version"]);
    let set: Vec<_> = command.get_envs().filter_map(|(name, value)| Some((name, value?))).collect();
    assert!(set.contains(&("KUBECONFIG".as_ref(), world.kubeconfig().as_os_str())), "{set:?}");
    assert!(set.contains(&("KUBECTL_BACKUP_REPO".as_ref(), world.repository().as_os_str())), "{set:?}");
    assert!(set.contains(&("HOME".as_ref(), world.home().as_os_str())), "{set:?}");
    for (name, value) in set.iter().filter(|(name, _)| *name != "PATH") {
        assert!(std::path::Path::new(value).starts_with(world.folder()), "{name:?} leads outside: {value:?}");
    }
    world.kubectl_backup_as(world.kubeconfig(), &["--version"]).success();
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn two_worlds_share_nothing_and_a_second_cluster_is_another_one() {
    let (one, two) = (World::new(), World::new());
    assert_ne!(one.namespace(), two.namespace());
    assert_ne!(one.repository(), two.repository());
    let elsewhere = one.on_other_cluster();
    let uid =
        |world: &World| world.cluster_object("namespace/kube-system").unwrap()["metadata"]["uid"].clone();
    assert_eq!(uid(&one), uid(&two));
    assert_ne!(uid(&one), uid(&elsewhere));
    assert_eq!(one.repository(), elsewhere.repository());
}
