//! `mounts`: freezing of file systems. The ioctl acts on the whole file system, also on the part of it that others have
//! mounted, so one that the node or another pod uses too must be told from one that belongs to this pod's volume.

use std::{collections::BTreeMap, fs::File, path::Path, path::PathBuf, sync::Arc};

use rustix::{io::Errno, ioctl};
use tokio::sync::Mutex;

use super::{State, denied};
use crate::bindings::kubectl_backup::hook::{
    mounts::Host,
    types::{Error, ErrorKind},
};

const FIFREEZE: ioctl::Opcode = ioctl::opcode::read_write::<i32>(b'X', 119);
const FITHAW: ioctl::Opcode = ioctl::opcode::read_write::<i32>(b'X', 120);
/// What the container runtime puts into every container from the node's own file system.
const FROM_THE_NODE: [&str; 5] =
    ["/", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/dev/termination-log"];

/// The mount points that a hook may have frozen.
#[derive(Debug, Default)]
pub(crate) struct Mounts(BTreeMap<String, Mount>);

#[derive(Debug, Clone)]
struct Mount {
    path: PathBuf,
    /// One change at a time: a freeze goes on when its hook is interrupted, and the thaw must come after it.
    turn: Arc<Mutex<()>>,
}

impl Mounts {
    pub(super) fn new(paths: &BTreeMap<String, PathBuf>) -> Self {
        let mount = |path: &PathBuf| Mount { path: path.clone(), turn: Arc::default() };
        Self(paths.iter().map(|(name, path)| (name.clone(), mount(path))).collect())
    }

    async fn change(&self, name: &str, change: fn(&Path) -> Result<(), Error>) -> Result<(), Error> {
        let Some(mount) = self.0.get(name).cloned() else {
            return Err(denied("no mount of this name is granted".to_owned()));
        };
        let turn = mount.turn.lock_owned().await;
        // A freeze waits until all is written.
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            change(&mount.path)
        });
        done.await.unwrap_or_else(|error| Err(failed(error.to_string())))
    }
}

impl Host for State {
    async fn freeze(&mut self, name: String) -> Result<(), Error> {
        self.grants.mounts.change(&name, freeze).await
    }

    async fn thaw(&mut self, name: String) -> Result<(), Error> {
        self.grants.mounts.change(&name, thaw).await
    }
}

fn freeze(path: &Path) -> Result<(), Error> {
    let table = std::fs::read_to_string("/proc/self/mountinfo")
        .map_err(|error| failed(format!("could not read the table of mounts: {error}")))?;
    is_of_this_pod(&table, path).map_err(denied)?;
    control::<FIFREEZE>(path, "freeze")
}

fn thaw(path: &Path) -> Result<(), Error> {
    control::<FITHAW>(path, "thaw")
}

fn control<const OPCODE: ioctl::Opcode>(path: &Path, verb: &str) -> Result<(), Error> {
    let file =
        File::open(path).map_err(|error| failed(format!("could not open `{}`: {error}", path.display())))?;
    #[expect(
        unsafe_code,
        reason = "FIFREEZE and FITHAW read and write no memory: the kernel ignores their argument"
    )]
    let outcome = unsafe { ioctl::ioctl(file, ioctl::NoArg::<OPCODE>::new()) };
    let kind = match outcome {
        Ok(()) => return Ok(()),
        // Not frozen: then nothing is to be thawed.
        Err(Errno::INVAL) if OPCODE == FITHAW => return Ok(()),
        Err(Errno::BUSY) => ErrorKind::Busy,
        Err(Errno::PERM) => ErrorKind::Denied,
        Err(Errno::OPNOTSUPP | Errno::NOTTY) => ErrorKind::Unsupported,
        Err(_) => ErrorKind::Failed,
    };
    let why = outcome.map_or_else(|error| error.to_string(), |()| String::new());
    Err(Error { kind, message: format!("could not {verb} the file system at `{}`: {why}", path.display()) })
}

fn failed(message: String) -> Error {
    Error { kind: ErrorKind::Failed, message }
}

/// Refuses what others than this pod write to: a part of a file system (a folder of the node, a `subPath`), and one
/// that the node's own files in this container lie on (`emptyDir`, local volumes).
fn is_of_this_pod(table: &str, path: &Path) -> Result<(), String> {
    let mounts: Vec<(&str, &str, &str)> = table.lines().filter_map(mount).collect();
    let shown = path.display();
    let at = |point: &str| mounts.iter().rev().find(|(_, _, mounted)| *mounted == point).copied();
    let Some((device, root, _)) = path.to_str().and_then(at) else {
        return Err(format!("`{shown}` is not a mount point, so its file system is not that of a volume"));
    };
    if root != "/" {
        return Err(format!(
            "`{shown}` is a part of a file system, `{root}`; freezing it would freeze all of it"
        ));
    }
    let shared = FROM_THE_NODE.into_iter().filter_map(at).find(|(other, ..)| *other == device);
    match shared {
        Some((_, _, other)) => {
            Err(format!("`{shown}` lies on the file system of the node, as `{other}` does"))
        }
        None => Ok(()),
    }
}

/// Device, root within the file system, and mount point: `36 35 98:0 /root /point …`.
fn mount(line: &str) -> Option<(&str, &str, &str)> {
    let mut fields = line.split(' ').skip(2);
    Some((fields.next()?, fields.next()?, fields.next()?))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const TABLE: &str = "\
        600 500 0:90 / / rw,relatime - overlay overlay rw,lowerdir=/l\n\
        601 600 8:1 /var/lib/kubelet/pods/u/etc-hosts /etc/hosts rw - ext4 /dev/sda1 rw\n\
        602 600 8:1 /var/lib/kubelet/pods/u/volumes/kubernetes.io~empty-dir/tmp /scratch rw - ext4 /dev/sda1 rw\n\
        603 600 8:1 / /whole-node rw - ext4 /dev/sda1 rw\n\
        604 600 8:32 / /data rw - ext4 /dev/sdc rw\n\
        605 600 8:32 /db /part rw - ext4 /dev/sdc rw\n";

    #[rstest]
    #[case::volume("/data", None)]
    #[case::empty_dir("/scratch", Some("is a part of a file system"))]
    #[case::disk_of_the_node(
        "/whole-node",
        Some("lies on the file system of the node, as `/etc/hosts` does")
    )]
    #[case::sub_path("/part", Some("is a part of a file system"))]
    #[case::root("/", Some("lies on the file system of the node"))]
    #[case::folder_of_a_volume("/data/pg", Some("is not a mount point"))]
    fn freezes_only_what_belongs_to_the_pod(#[case] path: &str, #[case] refusal: Option<&str>) {
        match (is_of_this_pod(TABLE, Path::new(path)), refusal) {
            (Ok(()), None) => {}
            (Err(text), Some(expected)) => assert!(text.contains(expected), "{text}"),
            (outcome, _) => panic!("{outcome:?}"),
        }
    }

    #[test]
    fn the_numbers_are_those_of_the_kernel() {
        assert_eq!((FIFREEZE, FITHAW), (0xc004_5877, 0xc004_5878));
    }
}
