//! Real file systems that are full or read-only, each mounted for one test.

use std::process::Command;

use super::{opening::rendered, *};

/// A file system in memory, unmounted when dropped.
struct Mounted {
    folder: tempfile::TempDir,
}

impl Mounted {
    fn new(options: &str) -> Self {
        let mounted = Self { folder: tempfile::tempdir().unwrap() };
        mount(&["-t", "tmpfs", "-o", options, "tmpfs"], mounted.path());
        mounted
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn remount(&self, options: &str) {
        mount(&["-o", &format!("remount,{options}")], self.path());
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.path()).status();
    }
}

fn mount(arguments: &[&str], folder: &Path) {
    assert!(Command::new("mount").args(arguments).arg(folder).status().unwrap().success());
}

/// Objects that compress badly.
fn bulky(namespace: &str, count: usize) -> Vec<Sample> {
    use sha2::{Digest, Sha256};
    let mut objects = config_maps(namespace, count);
    for object in &mut objects {
        let digest = |part: u32| backend::hexadecimal(&Sha256::digest(format!("{}{part}", object.key)));
        object.text = (0..32).map(digest).collect();
    }
    objects
}

#[test]
#[ignore = "needs root on Linux: cargo xtask test"]
fn a_full_disk_is_named_and_costs_no_restore_point() {
    let disk = Mounted::new("size=1m");
    let (repository, _) = open_or_create(&access(disk.path()), silent()).unwrap();
    let first = save(&repository, &config_maps("shop", 20)).unwrap();
    let error = save(&repository, &bulky("web", 3000)).unwrap_err();
    let text = rendered(&error, disk.path());
    assert!(
        text.starts_with("could not save the restore point\n  caused by: no space is left to write"),
        "{text}"
    );
    assert!(text.contains("hint: free some space"), "{text}");
    assert_eq!(repository.restore_points().unwrap(), std::slice::from_ref(&first));
    assert_whole(&repository);
    disk.remount("size=64m");
    let second = save(&repository, &bulky("web", 3000)).unwrap();
    assert_eq!(repository.restore_points().unwrap(), [second, first]);
    assert_whole(&repository);
}

#[test]
#[ignore = "needs root on Linux: cargo xtask test"]
fn a_disk_too_full_for_a_repository_leaves_none_behind() {
    // Enough for the folders, not for key and configuration.
    let disk = Mounted::new("size=1m,nr_inodes=9");
    let error = open_or_create(&access(disk.path()), silent()).unwrap_err();
    assert!(matches!(error, ArchiveError::Store { source: StoreError::NoSpace { .. }, .. }), "{error:?}");
    assert!(matches!(open(&access(disk.path()), silent()), Err(ArchiveError::NoRepository { .. })));
    disk.remount("nr_inodes=0");
    let (_, opened) = open_or_create(&access(disk.path()), silent()).unwrap();
    assert_eq!(opened, Opened::Created);
}

#[test]
#[ignore = "needs root on Linux: cargo xtask test"]
fn a_read_only_repository_is_read_and_refuses_to_be_written() {
    let disk = Mounted::new("size=16m");
    let (repository, _) = open_or_create(&access(disk.path()), silent()).unwrap();
    let point = save(&repository, &config_maps("shop", 20)).unwrap();
    disk.remount("ro");
    let repository = open_or_create(&access(disk.path()), silent()).unwrap().0;
    assert_eq!(read_all(&repository, &point.id, &ReadFilter::default()).len(), 20);
    assert_whole(&repository);
    let error = save(&repository, &config_maps("shop", 30)).unwrap_err();
    assert!(matches!(error, ArchiveError::Store { source: StoreError::ReadOnly { .. }, .. }), "{error:?}");
    let error = repository.delete(std::slice::from_ref(&point.id)).unwrap_err();
    assert!(matches!(error, ArchiveError::Store { source: StoreError::ReadOnly { .. }, .. }), "{error:?}");
    assert_eq!(repository.restore_points().unwrap(), [point]);
    let new = open_or_create(&access(&disk.path().join("new")), silent()).unwrap_err();
    insta::assert_snapshot!(rendered(&new, disk.path()), @r"
    could not create the repository
      caused by: `FOLDER/new` is on a read-only file system
      caused by: Read-only file system (os error 30)
    hint: mount the file system for writing, or choose another repository with --repo
    ");
}
