//! `--hold`: nothing runs before everything is back, and nothing stays held.

use std::{
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use super::state;
use crate::world::World;

const MAPS: usize = 300;
const HELD: &str = "kubectl-backup.dev/held";

/// A Deployment, a `CronJob` and enough beside them to take a while.
fn stage() -> World {
    let world = World::new();
    world.wait_until("the default service account", || world.object("serviceaccount/default").is_some());
    let pod = json!({"containers": [{"name": "web", "image": "example.com/web"}]});
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": pod}}});
    let job = json!({"restartPolicy": "Never", "containers": pod["containers"]});
    let cron_job = json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "tick"},
        "spec": {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": {"spec": job}}}}});
    let daemon_set = json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "agent"},
        "spec": {"selector": {"matchLabels": {"app": "agent"}},
            "template": {"metadata": {"labels": {"app": "agent"}}, "spec": pod}}});
    let maps = (0..MAPS).map(|index| {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("map-{index}")},
            "data": {"index": index.to_string()}})
    });
    let items: Vec<Value> = [deployment, cron_job, daemon_set].into_iter().chain(maps).collect();
    world.apply(&json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string());
    world.back_up();
    world
}

/// What the Deployment and the `CronJob` do: replicas, suspended, and whether one of them bears the mark.
fn running(world: &World) -> (Value, Value, bool) {
    let web = world.object("deployment/web").unwrap();
    let tick = world.object("cronjob/tick").unwrap();
    let marked = [&web, &tick].iter().any(|it| it["metadata"]["annotations"].get(HELD).is_some());
    (web["spec"]["replicas"].clone(), tick["spec"]["suspend"].clone(), marked)
}

/// A restore that writes one object at a time, the workloads first.
fn restore_slowly(world: &World) -> Child {
    let latest = format!("latest:{}", world.namespace());
    world
        .command(&["restore", &latest, "--yes", "--hold", "--parallel=1", "--order=deploy,cj,cm", "-q"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn lose_maps(world: &World) {
    // As one request: kubectl would send one for each map, a few at a time.
    let all = format!("/api/v1/namespaces/{}/configmaps", world.namespace());
    world.kubectl(&["delete", "--raw", &all]).success();
}

fn is_held(world: &World) -> bool {
    let web = world.object("deployment/web");
    web.is_some_and(|web| web["metadata"]["annotations"].get(HELD).is_some() && web["spec"]["replicas"] == 0)
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn no_workload_runs_before_the_last_object_is_back() {
    let world = stage();
    world.lose_namespace();
    let mut restore = restore_slowly(&world);
    let path = format!("/apis/apps/v1/namespaces/{}/deployments", world.namespace());
    let revision =
        |object: &Value| -> u64 { object["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap() };
    let (mut seen_held, mut first_running) = (false, None);
    let status = loop {
        let ended = restore.try_wait().unwrap();
        let deployments = world.kubectl(&["get", "--raw", &path]).success().json();
        for deployment in deployments["items"].as_array().unwrap() {
            match deployment["spec"]["replicas"].as_u64() {
                Some(0) => seen_held = true,
                _ => first_running = first_running.or(Some(revision(deployment))),
            }
        }
        if let Some(status) = ended {
            break status;
        }
    };
    assert!(status.success());
    assert!(seen_held, "it was never seen held: the test proves nothing");
    let maps = world.kubectl(&["get", "configmaps", "-o", "json"]).success().json();
    let own =
        maps["items"].as_array().unwrap().iter().filter(|it| it["metadata"]["name"] != "kube-root-ca.crt");
    let last_map = own.map(revision).max().unwrap();
    assert!(first_running.unwrap() > last_map, "it ran before everything was back");
    assert_eq!(running(&world), (json!(2), json!(false), false));
    // What was held is what was saved.
    let again = world.restore(&["--hold"]).success().json();
    assert_eq!(state(&again, "deployment.apps/web"), "unchanged");
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn what_lives_is_held_and_an_interruption_releases_it() {
    let world = stage();
    lose_maps(&world);
    let restore = restore_slowly(&world);
    world.wait_until("the live deployment to be held", || is_held(&world));
    let interrupt = format!("kill -INT {}", restore.id());
    assert!(Command::new("sh").args(["-c", &interrupt]).status().unwrap().success());
    let output = restore.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let maps = world.kubectl(&["get", "configmaps", "-o", "name"]).success().stdout.lines().count();
    assert!(maps < MAPS, "it was not interrupted but came to its end: the test proves nothing");
    assert_eq!(running(&world), (json!(2), json!(false), false));
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn what_a_killed_run_left_held_is_released_by_the_next_with_what_it_had() {
    let world = stage();
    world.kubectl(&["scale", "deployment/web", "--replicas=5"]).success();
    lose_maps(&world);
    let mut restore = restore_slowly(&world);
    world.wait_until("the live deployment to be held", || is_held(&world));
    restore.kill().unwrap();
    restore.wait().unwrap();
    thread::sleep(Duration::from_millis(200));
    assert!(is_held(&world), "it was released before it was killed: the test proves nothing");

    let planned = world.restore(&["--dry-run"]).success().json();
    let entry =
        planned["objects"].as_array().unwrap().iter().find(|it| it["object"] == "deployment.apps/web");
    let fields: Vec<_> =
        entry.unwrap()["differences"].as_array().unwrap().iter().map(|it| &it["field"]).collect();
    assert_eq!(fields, ["spec.replicas"], "compared as if it were not held");
    world.restore(&[]).success();
    assert_eq!(running(&world), (json!(5), json!(false), false));

    let result = world.restore(&["--on-conflict=patch", "--hold"]).success().json();
    assert_eq!(state(&result, "deployment.apps/web"), "patched");
    assert_eq!(running(&world), (json!(2), json!(false), false));
    world.kubectl(&["delete", "daemonset/agent"]).success();
    let result = world.restore(&["--hold"]).success().json();
    let agent =
        result["objects"].as_array().unwrap().iter().find(|it| it["object"] == "daemonset.apps/agent");
    assert!(agent.unwrap()["notes"].to_string().contains("not held"), "{agent:#?}");
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn what_a_killed_run_left_held_is_released_by_undo_also_where_nothing_else_of_it_changed() {
    let world = stage();
    lose_maps(&world);
    let mut restore = restore_slowly(&world);
    world.wait_until("the live deployment to be held", || is_held(&world));
    restore.kill().unwrap();
    restore.wait().unwrap();
    assert!(is_held(&world), "it was released before it was killed: the test proves nothing");

    let undone = world.kubectl_backup(&["undo", "--yes", "-o", "json"]).success().json();
    assert_eq!(state(&undone, "deployment.apps/web"), "unchanged", "{undone:#}");
    assert_eq!(running(&world), (json!(2), json!(false), false));
    let maps = world.kubectl(&["get", "configmaps", "-o", "name"]).success().stdout;
    assert_eq!(maps.lines().filter(|name| !name.ends_with("kube-root-ca.crt")).count(), 0);
}
