//! Runs that must not end in a restore point: interrupted, or with nothing that may be read.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{self, Receiver, Sender},
    },
    thread,
};

use serde_json::json;

use super::{count, missing};
use crate::world::World;

/// A way to the API server that says nothing more after a number of bytes.
pub(crate) struct Stalling {
    pub(crate) address: String,
    pub(crate) stalled: Receiver<()>,
}

impl Stalling {
    pub(crate) fn after(bytes: usize, world: &World) -> Self {
        let server =
            world.kubectl(&["config", "view", "--output=jsonpath={.clusters[0].cluster.server}"]).success();
        let server = server.stdout.trim_start_matches("https://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("https://{}", listener.local_addr().unwrap());
        let (stall, stalled) = mpsc::channel();
        let passed = Arc::new(AtomicUsize::new(0));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let upstream = TcpStream::connect(&server).unwrap();
                let (mut requests, mut sent) = (client.try_clone().unwrap(), upstream.try_clone().unwrap());
                thread::spawn(move || {
                    drop(io::copy(&mut requests, &mut sent));
                    drop(sent.shutdown(Shutdown::Write));
                });
                let (passed, stall) = (Arc::clone(&passed), stall.clone());
                thread::spawn(move || pass_on(upstream, client, bytes, &passed, &stall));
            }
        });
        Self { address, stalled }
    }
}

/// Hands answers on until the limit of all connections together is reached; then keeps the connection and is silent.
fn pass_on(mut from: TcpStream, mut to: TcpStream, limit: usize, passed: &AtomicUsize, stall: &Sender<()>) {
    let mut buffer = [0; 16 << 10];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if passed.fetch_add(length, Ordering::SeqCst) > limit {
            stall.send(()).ok();
            thread::park();
        }
        if to.write_all(&buffer[..length]).is_err() {
            return;
        }
    }
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn an_interrupted_run_saves_nothing_and_does_no_damage() {
    let world = World::new();
    world.kubectl_backup(&["create"]).success();
    for name in ["a", "b", "c", "d", "e", "f"] {
        let value = name.repeat(1_000_000);
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"value": value}});
        world.apply(&object.to_string());
    }
    for signal in ["INT", "TERM"] {
        // Discovery is far smaller than this, and the objects are larger: it stalls in the midst of a list.
        let way = Stalling::after(3 << 20, &world);
        let mut child = world
            .command(&["create", "--server", &way.address])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        if way.stalled.recv_timeout(crate::world::PATIENCE).is_err() {
            drop(child.kill());
            panic!("the run never stalled: {:?}", child.wait_with_output());
        }
        let kill = format!("kill -{signal} {}", child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), &b""[..]), "{stderr}");
        assert!(stderr.contains("interrupted: nothing was saved"), "{stderr}");
        assert_eq!(world.restore_points(), 1);
    }
    world.kubectl_backup(&["check", "--read-data"]).success();
    world.kubectl_backup(&["create"]).success();
    assert_eq!(world.restore_points(), 2);
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn who_may_list_nothing_is_told_so() {
    let world = World::new();
    let user = world
        .user_with_role(&json!([{"apiGroups": ["example.com"], "resources": ["none"], "verbs": ["get"]}]));
    for arguments in [vec!["create", "-n", world.namespace()], vec!["create", "-A"]] {
        let output = world.kubectl_backup_as(&user, &arguments).exits_with(1);
        assert!(output.stderr.contains("listing is forbidden"), "{}", output.stderr);
        assert!(output.stderr.contains("hint: ask for the right to list"), "{}", output.stderr);
        assert!(output.stderr.lines().count() < 15, "{}", output.stderr);
    }
    assert_eq!(world.restore_points(), 0);
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn all_namespaces_are_gone_through_by_who_may_not_list_across_them() {
    let world = World::new();
    world.apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\n");
    let user =
        world.user_with_role(&json!([{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list"]}]));
    let arguments = ["create", "-A", "--include", "configmaps", "-o", "json"];
    // Without the right to list namespaces there is nothing to go through.
    world.kubectl_backup_as(&user, &arguments).exits_with(1);

    let name = user.file_stem().unwrap().to_str().unwrap();
    let account = format!("--serviceaccount={}:{name}", world.namespace());
    world.kubectl(&["create", "clusterrole", name, "--verb=list,get", "--resource=namespaces"]).success();
    world.kubectl(&["create", "clusterrolebinding", name, "--clusterrole", name, &account]).success();
    let report = world.kubectl_backup_as(&user, &arguments).exits_with(3).json();
    world.kubectl(&["delete", "clusterrole,clusterrolebinding", name]).success();
    assert_eq!((count(&report, "configmaps"), missing(&report)), (1, vec!["configmaps"]), "{report}");
    let namespaces = report["missing"][0]["namespaces"].as_array().unwrap();
    assert!(
        namespaces.contains(&json!("kube-system")) && !namespaces.contains(&json!(world.namespace())),
        "{report}"
    );
}
