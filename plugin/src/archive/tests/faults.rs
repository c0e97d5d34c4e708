//! A store that fails at any of its writes leaves no restore point and no damage.

use std::sync::atomic::{AtomicI64, Ordering};

use super::*;

/// A store whose writes fail after some that work.
#[derive(Debug)]
struct Faulty {
    below: store::local::LocalStore,
    writes_left: Arc<AtomicI64>,
    reads: Arc<Mutex<Vec<String>>>,
}

impl Store for Faulty {
    fn location(&self) -> String {
        self.below.location()
    }

    fn list(&self, folder: &str) -> Result<Vec<(String, u64)>, StoreError> {
        self.below.list(folder)
    }

    fn size(&self, name: &str) -> Result<Option<u64>, StoreError> {
        self.below.size(name)
    }

    fn read(&self, name: &str, limit: u64) -> Result<Bytes, StoreError> {
        self.reads.lock().unwrap().push(name.to_owned());
        self.below.read(name, limit)
    }

    fn read_range(&self, name: &str, offset: u64, length: usize) -> Result<Bytes, StoreError> {
        self.below.read_range(name, offset, length)
    }

    fn write(&self, name: &str, parts: &[Bytes]) -> Result<(), StoreError> {
        if self.writes_left.fetch_sub(1, Ordering::SeqCst) <= 0 {
            let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
            return Err(StoreError::from_io("write", name, full));
        }
        self.below.write(name, parts)
    }

    fn remove(&self, name: &str) -> Result<(), StoreError> {
        self.below.remove(name)
    }

    fn create(&self) -> Result<(), StoreError> {
        self.below.create()
    }

    fn exists(&self) -> Result<bool, StoreError> {
        self.below.exists()
    }

    fn stranger(&self) -> Result<Option<String>, StoreError> {
        self.below.stranger()
    }

    fn lock_creation(&self) -> Result<Box<dyn Send>, StoreError> {
        self.below.lock_creation()
    }

    fn room(&self) -> Result<Option<u64>, StoreError> {
        self.below.room()
    }

    fn tidy(&self) -> Result<(), StoreError> {
        self.below.tidy()
    }
}

#[test]
fn a_disk_that_fills_up_at_any_write_leaves_nothing_half_done() {
    let left = Arc::new(AtomicI64::new(i64::MAX));
    let shared = Arc::clone(&left);
    let fixture = Fixture::on(move |folder| {
        let below = store::local::LocalStore::new(folder);
        Arc::new(Faulty { below, writes_left: shared, reads: Arc::default() })
    });
    let first = fixture.save(&config_maps("shop", 100));
    let mut failures = 0;
    // New content each time: what an earlier failed run stored would not be written again.
    for writes in 0.. {
        left.store(writes, Ordering::SeqCst);
        let objects = config_maps(&format!("shop-{writes}"), 200);
        let outcome = save(&fixture.repository, &objects);
        left.store(i64::MAX, Ordering::SeqCst);
        assert_whole(&fixture.reopened());
        match outcome {
            Ok(point) => {
                assert_eq!(fixture.repository.restore_points().unwrap(), [point, first]);
                break;
            }
            Err(ArchiveError::Store { source: StoreError::NoSpace { .. }, .. }) => {
                assert_eq!(fixture.repository.restore_points().unwrap(), std::slice::from_ref(&first));
                failures += 1;
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    // A data pack, a tree pack, an index and a snapshot at least.
    assert!(failures >= 4, "{failures}");
}

#[test]
fn a_run_reads_each_index_file_once() {
    let reads: Arc<Mutex<Vec<String>>> = Arc::default();
    let shared = Arc::clone(&reads);
    let fixture = Fixture::on(move |folder| {
        let below = store::local::LocalStore::new(folder);
        Arc::new(Faulty { below, writes_left: Arc::new(AtomicI64::new(i64::MAX)), reads: shared })
    });
    fixture.save(&config_maps("shop", 10));
    fixture.save(&config_maps("web", 10));
    reads.lock().unwrap().clear();
    save(&fixture.reopened(), &config_maps("shop", 11)).unwrap();
    let mut read = reads.lock().unwrap().clone();
    read.retain(|name| name.starts_with("index/"));
    read.sort();
    let each = read.iter().collect::<std::collections::BTreeSet<_>>().len();
    assert_eq!((each, read.len()), (2, 2), "{read:?}");
}

#[test]
fn what_an_interrupted_write_left_is_ignored_and_cleared_away_later() {
    let fixture = Fixture::new();
    let recent = fixture.folder.path().join("tmp/.tmpRecent");
    let old = fixture.folder.path().join("tmp/.tmpOld");
    for path in [&recent, &old] {
        fs::write(path, "half a pack").unwrap();
    }
    let two_days_ago = std::time::SystemTime::now() - std::time::Duration::from_hours(48);
    fs::File::options().write(true).open(&old).unwrap().set_modified(two_days_ago).unwrap();
    fixture.save(&config_maps("shop", 3));
    assert!(recent.exists(), "it may belong to a writer that is still at work");
    assert!(!old.exists());
    assert_whole(&fixture.repository);
}

#[test]
fn a_file_is_never_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let store = store::local::LocalStore::new(folder.path().into());
    store.write("snapshots/a", &[Bytes::from_static(b"first")]).unwrap();
    let error = store.write("snapshots/a", &[Bytes::from_static(b"second")]).unwrap_err();
    assert!(matches!(error, StoreError::Exists { .. }), "{error:?}");
    assert_eq!(store.read("snapshots/a", 100).unwrap(), "first");
    assert_eq!(fs::read_dir(folder.path().join("tmp")).unwrap().count(), 0);
}

#[test]
fn a_folder_that_cannot_be_listed_is_an_error_and_not_an_empty_one() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("snapshots"), "a file").unwrap();
    let store = store::local::LocalStore::new(folder.path().into());
    assert!(store.list("snapshots").is_err());
}
