//! Whatever becomes of those who started a node, nothing of it stays on the machine.

use std::{fs, path::Path, time::Duration};

use test_cluster::{
    Lifetime, TestCluster,
    pods::Pods,
    process::ProcessIdentity,
    state::{Health, Record},
};

use super::pods::pod_with_sidecar;

/// All that a node is known by outside of its folder.
fn traces(node: &str) -> Vec<String> {
    let mut traces = Vec::new();
    if Path::new("/sys/class/net").join(node).exists() {
        traces.push(format!("bridge {node}"));
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let groups = mounts.lines().filter(|line| line.contains(" - cgroup")).map(|line| line.split(' ').nth(4));
    let groups = groups.map(|mount| Path::new(mount.unwrap()).join(node)).filter(|group| group.exists());
    traces.extend(groups.map(|group| format!("control group {}", group.display())));
    traces.extend(members(node).iter().map(|process| format!("process {}", process.executable.display())));
    traces
}

/// The processes in the node's control groups.
fn members(node: &str) -> Vec<ProcessIdentity> {
    let numbers = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str().and_then(|name| name.parse::<i32>().ok()));
    numbers
        .filter(|pid| {
            let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
            groups.lines().any(|line| line.contains(&format!(":/{node}/")))
        })
        .filter_map(ProcessIdentity::of)
        .collect()
}

#[test]
#[ignore = "needs a node: cargo xtask test"]
fn a_node_whose_keepers_were_all_killed_is_swept_away_and_another_is_not() {
    let other = TestCluster::of_tests_with_node().unwrap();
    let pods = Pods::of_new_namespace(&other).unwrap();
    pods.start(&pod_with_sidecar()).unwrap();

    let name = format!("killed-{}", std::process::id());
    let cluster = TestCluster::start_with_node(&name, Lifetime::OfThisProcess).unwrap();
    let record = Record::load(&name).unwrap().unwrap();
    let node = record.node.as_ref().unwrap().name();
    let victims = Pods::of_new_namespace(&cluster).unwrap();
    victims.start(&pod_with_sidecar()).unwrap();
    // containerd, kubelet; a pod's shim, pause, sidecar and main container.
    assert!(members(&node).len() >= 6, "{:?}", members(&node));
    // A second start takes the running node.
    TestCluster::start_with_node(&name, Lifetime::OfThisProcess).unwrap();
    assert_eq!(Record::load(&name).unwrap().unwrap().processes, record.processes);

    for process in &record.processes {
        process.kill().unwrap();
    }
    while record.health() != Health::Stale {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(!members(&node).is_empty(), "the containers went by themselves, so this proves nothing");
    TestCluster::sweep().unwrap();
    // A start elsewhere may have swept first: then this waits until it has ended.
    assert!(!TestCluster::stop(&name).unwrap());
    assert!(!record.folder.exists());
    assert_eq!(traces(&node), Vec::<String>::new());
    assert_eq!(pods.exec("pair", "main", &["echo", "alive"]).unwrap(), "alive\n");
}
