//! Freezes that outlive everybody, on a real file system: whatever happens to the runtime, somebody can write again.

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use rustix::process::Signal;
use serde_json::json;
use tempfile::TempDir;

use crate::{application::Application, hook::granted, process::Runtime};

/// How long a write is watched before it counts as held up.
const HELD_UP: Duration = Duration::from_millis(500);

/// A file system of its own, as a volume is.
struct Volume {
    folder: TempDir,
}

impl Volume {
    /// None where file systems cannot be mounted; that is said.
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let image = folder.path().join("image");
        let file = std::fs::File::create(&image).expect("a file can be made");
        file.set_len(64 << 20).expect("it can be sparse");
        std::fs::create_dir(folder.path().join("mount")).expect("a folder can be made");
        let volume = Self { folder };
        let made = run("mkfs.ext4", &["-q", "-F", path(&image)])
            && run("mount", &["-o", "loop", path(&image), path(&volume.path())]);
        if !made {
            writeln!(io::stderr(), "SKIPPED: this test needs Linux, root, mkfs.ext4 and loop devices")
                .expect("stderr takes it");
            return None;
        }
        Some(volume)
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("mount")
    }

    /// Whether somebody who writes is held up. One who is writes on when the file system is thawed.
    fn is_frozen(&self) -> bool {
        let mut child = Command::new("touch").arg(self.path().join("written")).spawn().expect("touch starts");
        std::thread::sleep(HELD_UP);
        !matches!(child.try_wait(), Ok(Some(_)))
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        // A test that failed may have left it frozen, and then it could not be unmounted.
        if self.is_frozen() {
            run("fsfreeze", &["-u", path(&self.path())]);
        }
        run("umount", &[path(&self.path())]);
    }
}

fn path(path: &Path) -> &str {
    path.to_str().expect("it is plain")
}

fn run(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).status().is_ok_and(|status| status.success())
}

fn frozen(application: &Application, volume: &Volume) -> Runtime {
    let mut hook = granted(application, "mount");
    hook["mounts"] = json!({ "data": volume.path() });
    let runtime = Runtime::start(&hook);
    let mut client = runtime.connect();
    assert_eq!(client.prepare(&json!({})).0, 200);
    let (status, answer) = client.step("freeze");
    assert_eq!(status, 200, "{answer}");
    // It is let go of by a later test step, not by its end.
    std::mem::forget(client);
    assert!(volume.is_frozen());
    runtime
}

#[test]
fn a_file_system_that_a_killed_runtime_left_frozen_is_thawed_by_the_next() {
    let Some(volume) = Volume::mount() else { return };
    let application = Application::start();
    let mut runtime = frozen(&application, &volume);
    runtime.signal(Signal::KILL);
    runtime.wait();
    assert!(volume.is_frozen(), "nobody could thaw it");
    runtime.restart();
    runtime.wait_for_line("frozen for restore point rp when the runtime was killed");
    let last = runtime.last();
    assert_eq!((&last["broken"], &last["thawed"]), (&json!("runtime-killed"), &json!(true)), "{last}");
    assert!(!volume.is_frozen());
    // And the one after that has nothing to do.
    runtime.signal(Signal::TERM);
    assert!(runtime.wait().success());
    runtime.restart();
    assert_eq!(runtime.connect().get("/v1/hooks/guest").1["last"], json!(null));
}

#[test]
fn a_file_system_is_thawed_before_the_runtime_ends() {
    let Some(volume) = Volume::mount() else { return };
    let application = Application::start();
    let mut runtime = frozen(&application, &volume);
    runtime.signal(Signal::TERM);
    assert!(runtime.wait().success(), "{:?}", runtime.lines());
    assert!(!volume.is_frozen());
}

#[test]
fn a_freeze_that_cannot_be_recorded_is_not_begun() {
    let application = Application::start();
    let mut hook = granted(&application, "honest");
    hook["mounts"] = json!({ "data": "/" });
    let runtime = Runtime::start(&hook);
    let mut client = runtime.connect();
    assert_eq!(client.prepare(&json!({})).0, 200);
    // In the way of the record, whoever runs this.
    std::fs::create_dir(runtime.folder().join("guest.new")).unwrap();
    let (status, answer) = client.step("freeze");
    let message = answer["failure"]["message"].as_str().unwrap_or_default();
    assert_eq!(status, 502, "{answer}");
    assert!(message.contains("could not be recorded, so it was not begun"), "{message}");
    application.look(|state| assert!(!state.events.contains(&"1 freeze rp".to_owned())));
}
