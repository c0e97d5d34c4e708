//! Freezes through the API server in real pods. By the name of this module `cargo xtask test` leaves these tests out where
//! no node can be.

mod author;
#[path = "../../../hook-runtime/tests/it/build.rs"]
mod build;
mod databases;
mod stuck;

use std::{
    path::{Path, PathBuf},
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use test_cluster::{
    hooks::{self, CONTAINER, HookRuntime, LINE_SERVER, SECRETS},
    node::images::{BUSYBOX, USER},
    pods::Pods,
};

use crate::world::World;

use super::relay::Relay;

/// Far beyond what is waited for, so that a busy machine fails nothing.
const PATIENCE: Duration = Duration::from_mins(2);
/// Objects in the namespace, read one a page: so the cut lasts for seconds, and something can happen in it.
const OBJECTS: usize = 2500;
/// What makes a cut slow.
const SLOWLY: [&str; 5] =
    ["create", "--chunk-size=1", "--parallel=1", "--freeze-budget=5m", "--exclude=events"];

/// The component of the runtime's tests.
fn component() -> PathBuf {
    build::components("hook-runtime/tests/guests", "guests").join("guest.wasm")
}

/// Applications, each with a runtime beside it, in a namespace with many objects.
struct Stage {
    world: World,
    pods: Pods,
}

impl Stage {
    fn set(names: &[&str]) -> Self {
        let world = World::on_a_node();
        let image = hooks::load(world.cluster(), &hooks::built().unwrap()).unwrap();
        let pods = Pods::of_namespace(world.cluster(), world.namespace());
        world.wait_until("the service account", || world.object("sa/default").is_some());
        let component = component();
        let runtime = HookRuntime {
            name: "hooks",
            hooks: json!({"guest": {
                "component": "guest.wasm",
                "connect": ["127.0.0.1:7000"],
                "settings": {"address": "127.0.0.1:7000"},
                "secrets": {"password": format!("{SECRETS}/password")},
            }}),
            components: &[&component],
            secrets: &[("password", "secret")],
        };
        pods.apply(&runtime.objects().unwrap()).unwrap();
        let stage = Self { world, pods };
        for name in names {
            let mut pod = application(name);
            runtime.add_to(&mut pod, &image);
            stage.pods.apply(&pod).unwrap();
        }
        for name in names {
            stage.pods.wait_ready(name).unwrap();
            hooks::wait_listening(&stage.pods, name).unwrap();
        }
        stage
    }

    fn fill(&self) {
        let object = |index: usize| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("many-{index}")}});
        let items: Vec<Value> = (0..OBJECTS).map(object).collect();
        self.world.apply(&json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string());
    }

    /// As its administrator sees it. A pod that is about to go may not be asked any more.
    fn is_frozen(&self, pod: &str) -> bool {
        let look = "if [ -e /tmp/frozen ]; then echo frozen; fi";
        self.pods.exec(pod, "application", &["sh", "-c", look]).is_ok_and(|answer| answer == "frozen\n")
    }

    fn wait_frozen(&self, pod: &str, expected: bool) {
        let deadline = Instant::now() + PATIENCE;
        while self.is_frozen(pod) != expected {
            assert!(Instant::now() < deadline, "{pod} does not become frozen: {expected}");
        }
    }

    /// A slow backup whose applications are frozen now.
    fn begin(&self, more: &[&str]) -> Child {
        self.begin_through(self.world.kubeconfig(), more)
    }

    fn begin_through(&self, kubeconfig: &Path, more: &[&str]) -> Child {
        let arguments: Vec<&str> = SLOWLY.iter().chain(more).copied().collect();
        let mut command = self.world.command(&arguments);
        command.env("KUBECONFIG", kubeconfig);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        self.wait_frozen("db-0", true);
        child
    }

    /// How the last lease of a pod's hook ended.
    fn last(&self, pod: &str) -> Value {
        let status = ["hooks", "status", &format!("pod/{pod}"), "-o", "json"];
        let status = self.world.kubectl_backup(&status).success().json();
        assert_eq!(status["items"][0]["state"], "free", "{status}");
        status["items"][0]["last"].clone()
    }
}

fn application(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": "lines"}, "annotations": {"kubectl-backup.dev/hooks": "guest"}},
        "spec": pod_spec(),
    })
}

fn pod_spec() -> Value {
    json!({
        "terminationGracePeriodSeconds": 2,
        "securityContext": {"runAsUser": USER, "runAsGroup": USER, "fsGroup": USER},
        "containers": [{
            "name": "application", "image": BUSYBOX, "command": ["sh", "-c", LINE_SERVER],
            "readinessProbe": {"tcpSocket": {"port": 7000}, "periodSeconds": 1},
        }],
    })
}

/// Its exit code and what it said on stderr.
fn ended(child: Child) -> (Option<i32>, String) {
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn signal(child: &Child, signal: Signal) {
    let id = i32::try_from(child.id()).unwrap();
    kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
}

#[test]
#[ignore = "needs a node: cargo xtask test"]
fn a_backup_freezes_all_applications_and_tells_how() {
    let stage = Stage::set(&["db-0", "db-1"]);
    let world = &stage.world;
    let listed = world.kubectl_backup(&["hooks", "list", "-o", "json"]).success().json();
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(2), "{listed}");
    let tested =
        world.kubectl_backup(&["hooks", "test", "pod/db-0", "pod/db-1", "-o", "json"]).success().json();
    assert_eq!(
        (&tested["consistency"], &tested["hooks"][1]["end"]),
        (&json!("application"), &json!("thawed"))
    );
    let dry = world.kubectl_backup(&["create", "--dry-run"]).success();
    assert!(dry.stderr.contains("would freeze: guest of pod"), "{}", dry.stderr);
    assert_eq!(stage.last("db-0")["restorePoint"].as_str().map(|it| it.starts_with("test-")), Some(true));
    let made = world.kubectl_backup(&["create"]).success();
    assert!(made.stdout.contains("application-consistent"), "{}", made.stdout);
    let saved = world.kubectl_backup(&["describe", "-o", "json"]).success().json();
    let freeze = &saved["freeze"];
    assert_eq!(freeze["consistency"], "application", "{freeze}");
    assert_eq!(freeze["namespaces"], json!([world.namespace()]));
    for hook in freeze["hooks"].as_array().unwrap() {
        assert_eq!((&hook["end"], &hook["consistency"]), (&json!("thawed"), &json!("application")), "{hook}");
        assert!(hook["session"].as_str().is_some_and(|session| session.starts_with("session-")), "{hook}");
        assert_eq!(hook["steps"].as_array().map(Vec::len), Some(5), "{hook}");
    }
    assert!(freeze["frozenMs"].as_u64() >= freeze["cutMs"].as_u64(), "{freeze}");
    assert_eq!((stage.is_frozen("db-0"), stage.is_frozen("db-1")), (false, false));
    // What was read while all stood still is all there, each object once.
    let kinds = ["pods", "configmaps", "secrets", "serviceaccounts"];
    for kind in kinds {
        let live = world.kubectl(&["get", kind, "-o", "name"]).success().stdout.lines().count();
        let saved = world.kubectl_backup(&["ls", "latest", kind, "-o", "json"]).success().json();
        let saved = saved["items"].as_array().map_or(0, Vec::len);
        // Those that every namespace gets are left out.
        assert!(saved + 1 >= live && saved <= live, "{kind}: {live} are there, {saved} are saved");
    }
    world.kubectl_backup(&["check", "--read-data"]).success();
}

#[test]
#[ignore = "needs a node: cargo xtask test"]
fn whatever_happens_in_the_cut_everything_thaws_and_the_restore_point_is_honest() {
    let stage = Stage::set(&["db-0", "db-1"]);
    stage.fill();
    let world = &stage.world;

    // The program is killed: nobody says anything, and the runtimes thaw.
    let mut child = stage.begin(&[]);
    child.kill().unwrap();
    child.wait().unwrap();
    for pod in ["db-0", "db-1"] {
        stage.wait_frozen(pod, false);
        assert_eq!(stage.last(pod)["broken"], "connection-lost");
    }
    assert_eq!(world.restore_points(), 0);

    // Ctrl-C: thawed before it ends, as asked.
    let child = stage.begin(&[]);
    signal(&child, Signal::INT);
    let (code, said) = ended(child);
    assert_eq!((stage.is_frozen("db-0"), stage.is_frozen("db-1")), (false, false));
    assert_eq!((code, stage.last("db-0")["broken"].is_null()), (Some(1), true), "{said}");
    assert!(said.contains("what was frozen is thawed"), "{said}");
    assert_eq!(world.restore_points(), 0);

    // The budget: the cut is given up.
    let over = [&SLOWLY[..3], &["--freeze-budget=1s"]].concat();
    let required = world.kubectl_backup(&over).exits_with(1);
    assert!(required.stderr.contains("within the budget of 1 s"), "{}", required.stderr);
    assert!(!stage.is_frozen("db-0") && stage.last("db-0")["broken"].is_null());
    assert_eq!(world.restore_points(), 0);
    let preferred = world.kubectl_backup(&[&over[..], &["--hooks=prefer"]].concat()).exits_with(3);
    assert!(preferred.stdout.contains("crash-consistent"), "{}", preferred.stdout);
    assert_eq!(world.restore_points(), 1);
    let saved = world.kubectl_backup(&["describe", "-o", "json"]).success().json();
    assert_eq!(
        (&saved["freeze"]["consistency"], &saved["freeze"]["hooks"][0]["end"]),
        (&json!("crash"), &json!("thawed"))
    );

    // A runtime is killed: its session goes, and the other thaws.
    let child = stage.begin(&[]);
    stage.pods.kill_container("db-1", CONTAINER).unwrap();
    let (code, said) = ended(child);
    assert_eq!(code, Some(1), "{said}");
    // It may be found out by a check that is under way.
    assert!(said.contains("/db-1 was lost") || said.contains("/db-1 could not check"), "{said}");
    assert_eq!((stage.is_frozen("db-0"), stage.is_frozen("db-1")), (false, false));
    assert_eq!(world.restore_points(), 1);
    stage.pods.wait_ready("db-1").unwrap();
    wait_answering(world, "pod/db-1");

    // A pod is deleted: the restore point says that its hook cannot be asked.
    let child = stage.begin(&["--hooks=prefer"]);
    stage.world.kubectl(&["delete", "pod", "db-1", "--wait=false", "--grace-period=1"]).success();
    let (code, said) = ended(child);
    assert_eq!(code, Some(3), "{said}");
    assert!(!stage.is_frozen("db-0"));
    assert_eq!(world.restore_points(), 2);
    let saved = world.kubectl_backup(&["describe", "-o", "json"]).success().json();
    assert_eq!(saved["freeze"]["consistency"], "crash", "{}", saved["freeze"]);
    world.kubectl_backup(&["check", "--read-data"]).success();
}

#[test]
#[ignore = "needs a node: cargo xtask test"]
fn a_lost_api_server_thaws_everything_and_nothing_is_saved() {
    let stage = Stage::set(&["db-0", "db-1"]);
    stage.fill();
    let (relay, kubeconfig) = Relay::start(&stage.world);

    // Every connection breaks, and the next ones are carried: the runtimes can be asked how it ended.
    let child = stage.begin_through(&kubeconfig, &[]);
    relay.cut();
    let (code, said) = ended(child);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("was lost: the connection to the hook runtime ended"), "{said}");
    assert_eq!((stage.is_frozen("db-0"), stage.is_frozen("db-1")), (false, false));
    assert_eq!(stage.last("db-0")["broken"], "connection-lost");
    let child = stage.begin_through(&kubeconfig, &["--hooks=prefer"]);
    relay.cut();
    let (code, said) = ended(child);
    assert_eq!(code, Some(3), "{said}");
    let saved = stage.world.kubectl_backup(&["describe", "-o", "json"]).success().json();
    let ends: Vec<_> = saved["freeze"]["hooks"].as_array().unwrap().iter().map(|it| &it["broken"]).collect();
    assert_eq!(ends, ["connection-lost", "connection-lost"], "{}", saved["freeze"]);

    // The server is gone for good: nobody can be asked, and nobody waits for it.
    let child = stage.begin_through(&kubeconfig, &[]);
    relay.take_down();
    let (code, said) = ended(child);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("cannot be asked whether it is thawed"), "{said}");
    stage.wait_frozen("db-0", false);
    stage.wait_frozen("db-1", false);
    assert_eq!(stage.world.restore_points(), 1);
}

#[test]
#[ignore = "needs a node: cargo xtask test"]
fn an_attached_runtime_freezes_without_a_restart() {
    let (world, image) = stocked();
    let mut pod = application("db-0");
    pod["metadata"]["annotations"] = json!({});
    pod["spec"]["volumes"] = json!([{"name": "hooks", "configMap": {"name": "hooks"}}, {"name": "passwords", "secret": {"secretName": "hooks"}}]);
    let pods = Pods::of_namespace(world.cluster(), world.namespace());
    pods.start(&pod).unwrap();
    let attach = [
        "hooks",
        "attach",
        "pod/db-0",
        "--hook=guest",
        "--connect=127.0.0.1:7000",
        "--image",
        &image,
        "--setting=address=127.0.0.1:7000",
        "--secret=password=passwords/password",
        "--components-from=hooks",
    ];
    let with = |more: &str| world.kubectl_backup(&attach.iter().copied().chain([more]).collect::<Vec<_>>());
    let shown = with("--dry-run=server").success().stdout;
    assert!(shown.contains("ephemeralContainers"), "{shown}");
    let began = with("--yes").success();
    assert!(began.stderr.contains("cannot be changed or removed"), "{}", began.stderr);
    assert!(!began.stderr.contains("warning"), "{}", began.stderr);
    let again = with("--yes").exits_with(1);
    assert!(again.stderr.contains("has a hook runtime already"), "{}", again.stderr);
    wait_answering(&world, "pod/db-0");
    let tested = world.kubectl_backup(&["hooks", "test", "pod/db-0", "-o", "json"]).success().json();
    assert_eq!(tested["consistency"], "application", "{tested}");
    let live = world.object("pod/db-0").unwrap();
    assert_eq!(live["status"]["containerStatuses"][0]["restartCount"], 0);
    let made = world.kubectl_backup(&["create"]).success();
    assert!(made.stdout.contains("application-consistent"), "{}", made.stdout);
}

#[test]
#[ignore = "needs a node: cargo xtask test"]
fn who_may_not_forward_ports_is_told_by_doctor_and_freezes_nothing() {
    let stage = Stage::set(&["db-0"]);
    let rules = json!([{"apiGroups": ["*"], "resources": ["*"], "verbs": ["list"]},
        {"apiGroups": [""], "resources": ["namespaces", "pods"], "verbs": ["get"]}]);
    let user = stage.world.user_with_role(&rules);
    let doctor = stage.world.kubectl_backup_as(&user, &["doctor"]).exits_with(1);
    assert!(doctor.stdout.contains("you may not get and create pods/portforward"), "{}", doctor.stdout);
    let refused = stage.world.kubectl_backup_as(&user, &["create"]).exits_with(1);
    assert!(
        refused.stderr.contains("hook guest of pod") && refused.stderr.contains("forbidden"),
        "{}",
        refused.stderr
    );
    assert_eq!(stage.world.restore_points(), 0);
    // With both rights, as docs/hooks.md says, it works.
    let more = json!([{"apiGroups": ["*"], "resources": ["*"], "verbs": ["list"]},
        {"apiGroups": [""], "resources": ["namespaces", "pods"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["pods/portforward"], "verbs": ["get", "create"]}]);
    let user = stage.world.user_with_role(&more);
    let made = stage.world.kubectl_backup_as(&user, &["hooks", "test", "pod/db-0", "-o", "json"]).success();
    assert_eq!(made.json()["consistency"], "application");
}

/// A runtime that was started anew compiles its component first.
fn wait_answering(world: &World, what: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let status = world.kubectl_backup(&["hooks", "status", what]);
        if status.code == 0 {
            return;
        }
        assert!(Instant::now() < deadline, "{}\n{}", status.stderr, said_in(world, what));
        thread::sleep(Duration::from_millis(500));
    }
}

/// What the containers of its pods log.
fn said_in(world: &World, what: &str) -> String {
    world.kubectl(&["logs", what, "--all-containers", "--prefix", "--tail=20"]).stdout
}

#[test]
#[ignore = "needs a node: cargo xtask test"]
fn an_injected_runtime_freezes_and_an_ejected_one_is_gone() {
    let (world, image) = deployed();
    rolled_out(&world);
    world
        .kubectl_backup(&[
            "hooks",
            "inject",
            "deploy/lines",
            "--hook=guest",
            "--connect=127.0.0.1:7000",
            "--setting=address=127.0.0.1:7000",
            "--secret=password=hooks/password",
            "--components-from=hooks",
            "--image",
            &image,
            "--yes",
        ])
        .success();
    rolled_out(&world);
    wait_answering(&world, "deploy/lines");
    let name = world.kubectl(&["get", "pods", "-l", "app=lines", "-o", "jsonpath={.items[0].metadata.name}"]);
    let name = name.success().stdout;
    // It has the token of no service account, and runs as nobody that matters.
    let live = world.object(&format!("pod/{name}")).unwrap();
    let sidecar = &live["spec"]["initContainers"][0];
    let mounts = sidecar["volumeMounts"].as_array().unwrap();
    assert!(
        mounts.iter().all(|mount| !mount["name"].as_str().unwrap().starts_with("kube-api-access")),
        "{mounts:?}"
    );
    let tested = world.kubectl_backup(&["hooks", "test", "deploy/lines", "-o", "json"]).success().json();
    assert_eq!(tested["consistency"], "application", "{tested}");
    let made = world.kubectl_backup(&["create"]).success();
    assert!(made.stdout.contains("application-consistent"), "{}", made.stdout);
    world.kubectl_backup(&["hooks", "eject", "deploy/lines", "--yes"]).success();
    rolled_out(&world);
    world.wait_until("its pods are replaced", || {
        world.kubectl_backup(&["hooks", "list", "-o", "json"]).json()["items"] == json!([])
    });
    world.kubectl_backup(&["create"]).success();
}

/// A namespace with the component and the secret of a hook, and the image of the runtime.
fn stocked() -> (World, String) {
    let world = World::on_a_node();
    let image = hooks::load(world.cluster(), &hooks::built().unwrap()).unwrap();
    world.wait_until("the service account", || world.object("sa/default").is_some());
    let component = component();
    let objects = HookRuntime {
        name: "hooks",
        hooks: json!({}),
        components: &[&component],
        secrets: &[("password", "secret")],
    };
    Pods::of_namespace(world.cluster(), world.namespace()).apply(&objects.objects().unwrap()).unwrap();
    (world, image)
}

/// The same with an application in a Deployment.
fn deployed() -> (World, String) {
    let (world, image) = stocked();
    world.apply(
        &json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "lines"},
            "spec": {
                "selector": {"matchLabels": {"app": "lines"}},
                "strategy": {"type": "Recreate"},
                "template": {"metadata": {"labels": {"app": "lines"}}, "spec": pod_spec()},
            },
        })
        .to_string(),
    );
    (world, image)
}

fn rolled_out(world: &World) {
    world.kubectl(&["rollout", "status", "deploy/lines", "--timeout=180s"]).success();
}
