//! Real databases with writers, each with its hook, frozen as a group.

use std::{
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use test_cluster::{
    databases::{PASSWORD, mariadb_pod, mysql_pod, postgres_pod, redis_pod},
    hooks::{self, HookRuntime, SECRETS},
    mysql::MySql,
    pods::Pods,
};

use super::{PATIENCE, SLOWLY, build, ended};
use crate::world::World;

/// Enough that a cut with one object a page lasts for seconds.
const OBJECTS: usize = 1500;

/// Pods by the names of their hooks.
const DATABASES: [(&str, &str); 4] =
    [("postgres", "postgres"), ("mariadb", "root"), ("mysql", "root"), ("redis", "default")];

struct Stage {
    world: World,
    pods: Pods,
    writers: Vec<Child>,
}

impl Stage {
    fn set() -> Self {
        let world = World::on_a_node();
        let image = hooks::load(world.cluster(), &hooks::built().unwrap()).unwrap();
        let pods = Pods::of_namespace(world.cluster(), world.namespace());
        world.wait_until("the service account", || world.object("sa/default").is_some());
        let components = build::components("examples-hooks", "../hooks");
        for (name, user) in DATABASES {
            let mut pod = match name {
                "postgres" => postgres_pod(name),
                "mariadb" => mariadb_pod(name),
                "mysql" => mysql_pod(name, &MySql::find_or_fetch().unwrap()),
                _ => redis_pod(name),
            };
            let port = &pod["spec"]["containers"][0]["ports"][0]["containerPort"];
            let mut hook = json!({
                "component": format!("{name}.wasm"),
                "connect": [format!("127.0.0.1:{port}")],
                "settings": { "user": user },
                "secrets": { "password": format!("{SECRETS}/password") },
            });
            if name == "mysql" {
                hook["settings"]["sslmode"] = json!("require");
                hook["tls"] = json!({ "verify": "none" });
            }
            let runtime = HookRuntime {
                name: &format!("hooks-{name}"),
                hooks: json!({ name: hook }),
                components: &[&components.join(format!("{name}.wasm"))],
                secrets: &[("password", PASSWORD)],
            };
            pod["metadata"]["annotations"] = json!({ "kubectl-backup.dev/hooks": name });
            runtime.add_to(&mut pod, &image);
            pods.apply(&runtime.objects().unwrap()).unwrap();
            pods.apply(&pod).unwrap();
        }
        for (name, _) in DATABASES {
            pods.wait_ready(name).unwrap();
            hooks::wait_listening(&pods, name).unwrap();
        }
        let mut stage = Self { world, pods, writers: Vec::new() };
        stage.write();
        stage
    }

    /// Writers that go on for as long as the stage stands.
    fn write(&mut self) {
        let scripts = [
            (
                "postgres",
                "psql -qc 'CREATE TABLE rows (n serial)'",
                "psql -qc 'INSERT INTO rows DEFAULT VALUES'",
            ),
            (
                "mariadb",
                "mariadb -e 'CREATE DATABASE shop; CREATE TABLE shop.lines (n serial) ENGINE=InnoDB'",
                "mariadb -e 'INSERT INTO shop.lines VALUES ()'",
            ),
            (
                "mysql",
                "mariadb -e 'CREATE DATABASE shop; CREATE TABLE shop.lines (n serial)'",
                "mariadb -e 'INSERT INTO shop.lines VALUES ()'",
            ),
            ("redis", "redis-cli set rows 0", "redis-cli incr rows"),
        ];
        for (pod, first, again) in scripts {
            self.pods.exec(pod, pod, &["sh", "-c", first]).unwrap();
            let script = format!("while {again} > /tmp/written; do :; done");
            let mut command = self.pods.kubectl();
            command.args(["exec", pod, "--container", pod, "--", "sh", "-c", &script]);
            let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            self.writers.push(quiet.spawn().unwrap());
        }
    }

    fn rows(&self, pod: &str) -> u64 {
        let count = match pod {
            "postgres" => "psql -Atc 'SELECT count(*) FROM rows'",
            "mariadb" | "mysql" => "mariadb -Ne 'SELECT count(*) FROM shop.lines'",
            _ => "redis-cli get rows",
        };
        self.pods.exec(pod, pod, &["sh", "-c", count]).unwrap().trim().parse().unwrap()
    }

    fn wait_until_written(&self, pod: &str) {
        let before = self.rows(pod);
        self.world.wait_until(&format!("{pod} takes rows"), || self.rows(pod) > before);
    }

    fn states(&self) -> Vec<Value> {
        let status = self.world.kubectl_backup(&["hooks", "status", "-o", "json"]).success().json();
        let mut hooks = status["items"].as_array().unwrap().clone();
        hooks.sort_by_key(|hook| hook["name"].to_string());
        hooks
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for writer in &mut self.writers {
            // One that ended has nothing to be told.
            let _ = writer.kill();
            let _ = writer.wait();
        }
    }
}

#[test]
#[ignore = "needs a node: cargo xtask test"]
fn real_databases_are_frozen_as_a_group_while_they_are_written_to() {
    let stage = Stage::set();
    let world = &stage.world;
    for (pod, _) in DATABASES {
        stage.wait_until_written(pod);
    }
    world
        .kubectl_backup(&["hooks", "test", "pod/postgres", "pod/mariadb", "pod/mysql", "pod/redis"])
        .success();
    let made = world.kubectl_backup(&["create", "-o", "json"]).success().json();
    let freeze = &made["freeze"];
    assert_eq!(freeze["failure"], Value::Null, "{freeze}");
    assert_eq!(freeze["consistency"], "application", "{freeze}");
    let hooks = freeze["hooks"].as_array().unwrap();
    assert_eq!(hooks.len(), DATABASES.len(), "{freeze}");
    assert!(hooks.iter().all(|hook| hook["end"] == "thawed"), "{freeze}");
    let facts = |hook: &str, fact: &str| {
        let hook = hooks.iter().find(|it| it["hook"] == hook).unwrap();
        hook["facts"].as_array().unwrap().iter().any(|it| it["name"] == fact)
    };
    assert!(facts("postgres", "stop-lsn"), "what only the thaw knows is kept: {freeze}");
    assert!(facts("mysql", "binlog-position"), "{freeze}");
    let text = world.kubectl_backup(&["describe"]).success().stdout;
    assert!(text.contains("stop-lsn") && text.contains("Consistency: application"), "{text}");

    // The plugin is killed while all are held: they thaw, and take rows again.
    let object = |index: usize| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("many-{index}")}});
    let items: Vec<Value> = (0..OBJECTS).map(object).collect();
    world.apply(&json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string());
    let mut command = world.command(&SLOWLY);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + PATIENCE;
    while !stage.states().iter().all(|hook| hook["state"] == "frozen") {
        assert!(
            child.try_wait().unwrap().is_none(),
            "it ended before all were seen frozen: {:?}",
            ended(child)
        );
        assert!(Instant::now() < deadline, "{:?}", stage.states());
    }
    child.kill().unwrap();
    child.wait().unwrap();
    for (pod, _) in DATABASES {
        stage.wait_until_written(pod);
    }
    while !stage.states().iter().all(|hook| hook["state"] == "free") {
        assert!(Instant::now() < deadline, "{:?}", stage.states());
        thread::sleep(Duration::from_millis(100));
    }
    for hook in stage.states() {
        assert_eq!(
            (&hook["last"]["broken"], &hook["last"]["thawed"]),
            (&json!("connection-lost"), &json!(true))
        );
    }
    assert_eq!(world.restore_points(), 1);
    let log = stage.pods.logs("postgres", "postgres").unwrap();
    assert!(!log.contains("aborting backup"), "its session was not just dropped: {log}");
}
