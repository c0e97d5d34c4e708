//! The life of a real cluster: found again, replaced when broken, swept when nobody wants it, gone when stopped.

use std::{process::Command, time::Duration};

use test_cluster::{
    Lifetime, TestCluster,
    folders::Lock,
    process::{ProcessIdentity, spawn},
    state::{Health, Record},
};

fn name(purpose: &str) -> String {
    format!("{purpose}-{}", std::process::id())
}

#[test]
#[ignore = "needs the control plane's binaries: cargo xtask test"]
fn a_cluster_is_found_replaced_when_broken_and_stopped() {
    let name = name("lifecycle");
    assert!(TestCluster::find(&name).unwrap().is_none());
    let first = TestCluster::start(&name, Lifetime::OfThisProcess).unwrap();
    assert!(first.is_ready());
    let record = Record::load(&name).unwrap().unwrap();
    assert_eq!(record.health(), Health::Running);

    // A second start takes the running one.
    TestCluster::start(&name, Lifetime::OfThisProcess).unwrap();
    assert_eq!(Record::load(&name).unwrap().unwrap().processes, record.processes);
    assert_eq!(TestCluster::find(&name).unwrap().unwrap().kubeconfig(), first.kubeconfig());

    record.processes[1].stop(Duration::from_secs(10)).unwrap();
    assert_eq!(record.health(), Health::Broken);
    assert!(TestCluster::find(&name).unwrap().is_none());
    let second = TestCluster::start(&name, Lifetime::OfThisProcess).unwrap();
    assert!(second.is_ready());
    assert_eq!(record.health(), Health::Stale, "processes of the broken cluster were left behind");

    let record = Record::load(&name).unwrap().unwrap();
    assert!(TestCluster::stop(&name).unwrap());
    assert_eq!(record.health(), Health::Stale);
    assert!(!record.folder.exists());
    assert!(!TestCluster::stop(&name).unwrap());
}

#[test]
#[ignore = "needs Linux: cargo xtask test"]
fn a_cluster_whose_owner_was_killed_is_swept_away() {
    let folder = tempfile::tempdir().unwrap();
    let (mut owner, identity) =
        spawn(Command::new("sleep").arg("600"), &folder.path().join("owner.log")).unwrap();
    let (mut server, process) =
        spawn(Command::new("sleep").arg("600"), &folder.path().join("server.log")).unwrap();
    let name = name("swept");
    let record = Record {
        name: name.clone(),
        folder: test_cluster::folders::clusters().unwrap().join(&name),
        server: String::new(),
        kubectl: "/nonexistent".into(),
        processes: vec![process],
        owner: Some(identity),
        node: None,
        complete: true,
    };
    std::fs::create_dir_all(&record.folder).unwrap();
    record.save().unwrap();
    assert!(!TestCluster::sweep().unwrap().contains(&name), "swept away while its owner lives");

    owner.kill().unwrap();
    owner.wait().unwrap();
    // A start elsewhere sweeps too, and we pass over what it has in hand: first let one end that found the owner alive,
    // then one that found it dead.
    drop(Lock::take(&name).unwrap());
    TestCluster::sweep().unwrap();
    drop(Lock::take(&name).unwrap());
    assert_eq!(record.health(), Health::Stale);
    assert!(!record.folder.exists());
    server.wait().unwrap();
}

#[test]
#[ignore = "needs user namespaces: cargo xtask test"]
fn nobody_sweeps_away_a_cluster_whose_processes_it_may_not_look_into() {
    let folder = tempfile::tempdir().unwrap();
    let (mut server, process) =
        spawn(Command::new("sleep").arg("600"), &folder.path().join("server.log")).unwrap();
    let record = folder.path().join("process.json");
    std::fs::write(&record, serde_json::to_vec(&process).unwrap()).unwrap();
    // As root of a user namespace of its own, which is nobody to the process.
    let status = Command::new("unshare")
        .args(["--user", "--map-root-user"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "tells_whether_a_process_lives", "--include-ignored"])
        .env("PROCESS_TO_LOOK_AT", &record)
        .status()
        .unwrap();
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(status.success(), "it was called dead");
}

/// What the test above runs as somebody else.
#[test]
#[ignore = "is run by another test"]
fn tells_whether_a_process_lives() {
    let Some(record) = std::env::var_os("PROCESS_TO_LOOK_AT") else { return };
    let process: ProcessIdentity = serde_json::from_slice(&std::fs::read(record).unwrap()).unwrap();
    assert!(process.is_alive());
}
