//! What servers need of the machine: a user that is not root, ports, and ends of processes.

use std::{
    net::TcpListener,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command, Output},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, geteuid, kill_process};

/// Far beyond what is waited for, so that a busy machine fails nothing.
const PATIENCE: Duration = Duration::from_mins(1);

/// Who runs servers when the tests run as root, which they refuse to: a user that every machine has.
const USER: &str = "nobody";

/// As a user that is not root.
pub(crate) fn as_user(command: &mut Command) -> &mut Command {
    if geteuid().is_root() {
        command.uid(id("-u")).gid(id("-g"));
    }
    command
}

/// Gives a folder to that user.
pub(crate) fn give(folder: &Path) {
    if geteuid().is_root() {
        run(Command::new("chown").arg("-R").arg(format!("{USER}:")).arg(folder));
    }
}

fn id(option: &str) -> u32 {
    text(&run(Command::new("id").args([option, USER]))).parse().unwrap()
}

/// Runs a program that must succeed.
pub(crate) fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{stderr}", output.status);
    output
}

/// What it printed.
pub(crate) fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A port that nobody has just now.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Waits until this is so.
pub(crate) fn wait(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Signals a process.
pub(crate) fn signal(id: u32, signal: Signal) {
    // It may be gone.
    let _ = kill_process(Pid::from_raw(i32::try_from(id).unwrap()).unwrap(), signal);
}

/// Ends a server, at once if it does not end by itself.
pub(crate) fn end(child: &mut Child, by: Signal) {
    signal(child.id(), by);
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if child.try_wait().is_ok_and(|status| status.is_some()) {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// The processes that this one started.
pub(crate) fn children(parent: u32) -> Vec<u32> {
    let stat = |id: u32| std::fs::read_to_string(format!("/proc/{id}/stat")).ok();
    let parent_of = |stat: String| -> Option<u32> {
        // `pid (name) state ppid …`, and the name may have anything in it.
        stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
    };
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter(|id| stat(*id).and_then(parent_of) == Some(parent)).collect()
}
