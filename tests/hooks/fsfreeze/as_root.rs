//! By the name of this module `cargo xtask test` leaves these tests out when it is not root.

use std::{
    fs,
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rustix::process::geteuid;
use serde_json::json;
use tempfile::TempDir;

use crate::{component::expect, machine, process::Runtime};

/// An ext4 in a file, mounted while this lives.
struct Volume(TempDir);

impl Volume {
    fn mount() -> Self {
        assert!(geteuid().is_root(), "freezing a file system needs root: run this test as root");
        let folder = tempfile::tempdir().unwrap();
        let (image, point) = (folder.path().join("image"), folder.path().join("mount"));
        fs::File::create(&image).unwrap().set_len(16 << 20).unwrap();
        fs::create_dir(&point).unwrap();
        machine::run(Command::new("mkfs.ext4").arg("-q").arg(&image));
        machine::run(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(&point));
        Self(folder)
    }

    fn point(&self) -> std::path::PathBuf {
        self.0.path().join("mount")
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        // One that is left frozen would hold whoever waits for it, this test included.
        let _ = Command::new("fsfreeze").arg("--unfreeze").arg(self.point()).output();
        let _ = Command::new("umount").arg("--lazy").arg(self.point()).output();
    }
}

fn runtime(mount: &Path) -> Runtime {
    Runtime::with_hook("fsfreeze", &json!({ "mounts": { "data": mount } }), "")
}

/// A write that is done when this is true.
fn write(volume: &Volume) -> Arc<AtomicBool> {
    let (file, done) = (volume.point().join("file"), Arc::new(AtomicBool::new(false)));
    let written = Arc::clone(&done);
    std::thread::spawn(move || {
        fs::write(file, "x").unwrap();
        written.store(true, Ordering::SeqCst);
    });
    done
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn writers_wait_from_freeze_to_thaw() {
    let volume = Volume::mount();
    let runtime = runtime(&volume.point());
    let mut client = runtime.connect();
    expect("done", client.prepare(&json!({})));
    let frozen = expect("done", client.step("freeze"));
    assert_eq!(frozen["receipt"]["consistency"], "filesystem");
    let done = write(&volume);
    std::thread::sleep(Duration::from_millis(300));
    assert!(!done.load(Ordering::SeqCst));
    expect("done", client.step("check"));
    expect("thawed", client.step("thaw"));
    machine::wait("the writer goes on", || done.load(Ordering::SeqCst));
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_client_that_goes_lets_the_writers_go_on() {
    let volume = Volume::mount();
    let runtime = runtime(&volume.point());
    let mut client = runtime.connect();
    expect("done", client.prepare(&json!({})));
    expect("done", client.step("freeze"));
    let done = write(&volume);
    drop(client);
    machine::wait("the writer goes on", || done.load(Ordering::SeqCst));
    assert_eq!(runtime.last()["broken"], "connection-lost");
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn one_that_somebody_else_thawed_is_told_and_stays_thawed() {
    let volume = Volume::mount();
    let runtime = runtime(&volume.point());
    let mut client = runtime.connect();
    expect("done", client.prepare(&json!({})));
    expect("done", client.step("freeze"));
    machine::run(Command::new("fsfreeze").arg("--unfreeze").arg(volume.point()));
    let (status, answer) = client.step("check");
    assert_eq!((status, &answer["failure"]["kind"]), (502, &json!("not-held")), "{answer}");
    runtime.last();
    let done = write(&volume);
    machine::wait("nobody waits", || done.load(Ordering::SeqCst));
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn the_file_system_of_the_machine_is_not_frozen() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = runtime(folder.path());
    let mut client = runtime.connect();
    expect("done", client.prepare(&json!({})));
    let (status, answer) = client.step("freeze");
    assert_eq!((status, &answer["failure"]["kind"]), (502, &json!("denied")), "{answer}");
}
