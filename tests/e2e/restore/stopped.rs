//! Restores that are interrupted while they check, and while they wait.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Command, Stdio},
};

use serde_json::json;

use crate::{
    create::stopped::Stalling,
    world::{PATIENCE, World},
};

fn interrupt(child: &Child) {
    let kill = format!("kill -INT {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_check_that_is_interrupted_does_not_pass_for_one_that_was_done() {
    let world = World::new();
    for name in ["a", "b", "c", "d"] {
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name},
            "data": {"value": name.repeat(1_000_000)}});
        world.apply(&object.to_string());
    }
    world.kubectl_backup(&["create", "-q"]).success();
    world.kubectl(&["delete", "configmap", "a", "b", "c", "d"]).success();
    // Nothing large is there to be listed: it stalls in the answers to the writes that are checked.
    let way = Stalling::after(1 << 20, &world);
    let point = format!("latest:{}", world.namespace());
    let child = world
        .command(&[
            "restore",
            &point,
            "--dry-run=server",
            "--parallel=1",
            "--request-timeout=2s",
            "--server",
            &way.address,
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    assert!(way.stalled.recv_timeout(PATIENCE).is_ok(), "it never stalled");
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("the check was interrupted before its end"), "{stderr}");
}

#[test]
#[ignore = "needs cluster: cargo xtask test"]
fn a_wait_for_a_namespace_that_is_being_deleted_ends_with_an_interrupt() {
    let world = World::new();
    world
        .apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: stuck, finalizers: [example.com/stuck]}}");
    world.kubectl_backup(&["create", "-q"]).success();
    world.kubectl(&["delete", "namespace", world.namespace(), "--wait=false"]).success();
    let point = format!("latest:{}", world.namespace());
    let mut child = world
        .command(&["restore", &point, "--yes"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("to be deleted") {
        line.clear();
        assert_ne!(said.read_line(&mut line).unwrap(), 0, "it ended without waiting");
    }
    interrupt(&child);
    let status = child.wait().unwrap();
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert_eq!(status.code(), Some(1), "{rest}");
    assert!(rest.contains("the restore was interrupted before its end"), "{rest}");
    let free = r#"{"metadata":{"finalizers":[]}}"#;
    world.kubectl(&["patch", "configmap/stuck", "--type=merge", "-p", free]).success();
}
