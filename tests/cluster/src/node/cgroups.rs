//! The control groups of one node: all its containers and what runs them are in one tree, so that they are found and
//! ended even when everything that knew of them is gone.

use std::{
    fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// A killed process is gone in milliseconds, unless it waits for a disk.
const PATIENCE: Duration = Duration::from_secs(20);
/// Where containerd and the kubelet are, beside the groups that the kubelet makes.
const RUNTIME: &str = "runtime";

/// The tree of one node, in each hierarchy of this machine: one in version 2, one for each controller in version 1.
#[derive(Debug)]
pub(super) struct ControlGroups {
    name: String,
    hierarchies: Vec<PathBuf>,
}

impl ControlGroups {
    /// The tree `name`, which need not exist.
    pub(super) fn of(name: &str) -> Result<Self> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").context("could not read the mount points")?;
        Ok(Self { name: name.to_owned(), hierarchies: hierarchies(&mounts) })
    }

    /// Makes it.
    pub(super) fn make(&self) -> Result<()> {
        if self.hierarchies.is_empty() {
            bail!("no control groups are mounted: a node needs /sys/fs/cgroup");
        }
        for hierarchy in &self.hierarchies {
            let group = hierarchy.join(&self.name);
            fs::create_dir_all(group.join(RUNTIME))
                .and_then(|()| inherit_processors(hierarchy, &group))
                .and_then(|()| inherit_processors(&group, &group.join(RUNTIME)))
                .with_context(|| format!("could not make the control group `{}`", group.display()))?;
        }
        Ok(())
    }

    /// The files to which a process writes its id to be in the tree.
    pub(super) fn entrances(&self) -> impl Iterator<Item = PathBuf> {
        self.hierarchies.iter().map(|hierarchy| hierarchy.join(&self.name).join(RUNTIME).join("cgroup.procs"))
    }

    /// Ends all processes in the tree and removes it. Does nothing when there is none.
    pub(super) fn remove(&self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let processes = self.processes()?;
            if processes.is_empty() {
                break;
            }
            if Instant::now() > deadline {
                bail!("processes of the control group `{}` do not end: {processes:?}", self.name);
            }
            // Again and again, because they may start others meanwhile.
            for process in processes {
                self.kill(process)?;
            }
            thread::sleep(Duration::from_millis(20));
        }
        for hierarchy in &self.hierarchies {
            remove_tree(&hierarchy.join(&self.name), deadline)?;
        }
        Ok(())
    }

    fn processes(&self) -> Result<Vec<i32>> {
        let mut found = Vec::new();
        for hierarchy in &self.hierarchies {
            let group = hierarchy.join(&self.name);
            find_processes(&group, &mut found)
                .with_context(|| format!("could not read the control group `{}`", group.display()))?;
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    fn kill(&self, process: i32) -> Result<()> {
        let Some(pid) = Some(process).filter(|pid| *pid > 0).and_then(Pid::from_raw) else { return Ok(()) };
        let Ok(handle) = pidfd_open(pid, PidfdFlags::empty()) else { return Ok(()) };
        // Looked up after the handle was taken: the id may be another's since it was read.
        let groups = fs::read_to_string(format!("/proc/{process}/cgroup")).unwrap_or_default();
        if !is_member(&groups, &self.name) {
            return Ok(());
        }
        match pidfd_send_signal(&handle, Signal::KILL) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => {
                Err(io::Error::from(error)).with_context(|| format!("could not end process {process}"))
            }
        }
    }
}

/// Mount points of control groups; see `proc_pid_mountinfo(5)`.
fn hierarchies(mounts: &str) -> Vec<PathBuf> {
    let of_line = |line: &str| {
        let (mount, filesystem) = line.split_once(" - ")?;
        let kind = filesystem.split(' ').next()?;
        matches!(kind, "cgroup" | "cgroup2").then(|| mount.split(' ').nth(4).map(PathBuf::from))?
    };
    mounts.lines().filter_map(of_line).collect()
}

/// Whether a `/proc/PID/cgroup` says that the process is in the tree `name` of some hierarchy.
fn is_member(groups: &str, name: &str) -> bool {
    groups
        .lines()
        .filter_map(|line| line.splitn(3, ':').nth(2))
        .any(|path| path.split('/').nth(1) == Some(name))
}

/// In version 1 a group has no processors until it is given some, and no process can enter it.
fn inherit_processors(parent: &Path, group: &Path) -> io::Result<()> {
    for file in ["cpuset.cpus", "cpuset.mems"] {
        if parent.join(file).is_file() && fs::read_to_string(group.join(file))?.trim().is_empty() {
            // Empty in version 2 too, where it means all of the parent's.
            let all = fs::read_to_string(parent.join(file))?;
            if !all.trim().is_empty() {
                fs::write(group.join(file), all)?;
            }
        }
    }
    Ok(())
}

fn find_processes(group: &Path, found: &mut Vec<i32>) -> io::Result<()> {
    // Groups come and go while they are walked.
    let Some(processes) = existing(fs::read_to_string(group.join("cgroup.procs")))? else { return Ok(()) };
    found.extend(processes.lines().filter_map(|line| line.parse::<i32>().ok()));
    for child in children(group)? {
        find_processes(&child, found)?;
    }
    Ok(())
}

fn children(group: &Path) -> io::Result<Vec<PathBuf>> {
    let Some(entries) = existing(fs::read_dir(group))? else { return Ok(Vec::new()) };
    Ok(entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_dir()).collect())
}

fn existing<T>(outcome: io::Result<T>) -> io::Result<Option<T>> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        // ENODEV: a group that is being removed.
        Err(error) if error.kind() == ErrorKind::NotFound || error.raw_os_error() == Some(19) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Groups are folders whose files cannot be removed and need not be.
fn remove_tree(group: &Path, deadline: Instant) -> Result<()> {
    let failed = || format!("could not remove the control group `{}`", group.display());
    for child in children(group).with_context(failed)? {
        remove_tree(&child, deadline)?;
    }
    loop {
        match existing(fs::remove_dir(group)) {
            Ok(_) => return Ok(()),
            // The last process has ended and is not yet accounted for.
            Err(error) if error.kind() == ErrorKind::ResourceBusy && Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(20));
            }
            Err(error) => return Err(error).with_context(failed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_hierarchies_of_both_versions() {
        let mounts = "30 29 0:26 / /sys/fs/cgroup/pids rw,relatime shared:9 - cgroup cgroup rw,pids\n\
                      31 29 0:27 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n\
                      32 29 0:28 / /sys/fs/cgroup ro - tmpfs tmpfs ro\n";
        let found = hierarchies(mounts);
        assert_eq!(found, ["/sys/fs/cgroup/pids", "/sys/fs/cgroup/unified"].map(PathBuf::from));
    }

    #[test]
    fn a_member_is_below_the_tree_not_beside_it() {
        for inside in ["8:pids:/kbt-7/kubepods/pod1/c1\n0::/\n", "0::/kbt-7/runtime\n", "0::/kbt-7\n"] {
            assert!(is_member(inside, "kbt-7"), "{inside}");
        }
        for outside in ["8:pids:/kbt-70/runtime\n0::/\n", "0::/other/kbt-7\n", "0::/\n", ""] {
            assert!(!is_member(outside, "kbt-7"), "{outside}");
        }
    }
}
