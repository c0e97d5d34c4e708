//! Repositories made to mislead: by someone who may write files, and by someone who has the key too.

use std::path::Path;

use bytes::{Buf, buf::Reader};
use rustic_core::{
    BackupOptions, ReadSource, ReadSourceEntry, RusticResult,
    repofile::{Metadata, Node, NodeType, SnapshotFile},
};

use super::{opening::add_file, *};

#[test]
fn files_added_by_a_stranger_keep_nothing_from_being_read() {
    let fixture = Fixture::new();
    let point = fixture.save(&config_maps("shop", 5));
    for folder in ["index", "snapshots"] {
        add_file(&fixture, folder, b"");
        add_file(&fixture, folder, &[7; 100]);
        // Too large to be one; a sparse file costs its maker nothing.
        let huge = fixture.folder.path().join(folder).join("f".repeat(64));
        fs::File::create(huge).unwrap().set_len(1 << 40).unwrap();
        fs::write(fixture.folder.path().join(folder).join("readme.txt"), "no id").unwrap();
    }
    let repository = fixture.reopened();
    assert_eq!(repository.restore_points().unwrap(), std::slice::from_ref(&point));
    assert_eq!(read_all(&repository, &point.id, &ReadFilter::default()).len(), 5);
    save(&repository, &config_maps("shop", 6)).unwrap();
    assert!(repository.check(CheckDepth::Data).unwrap().is_damaged());
}

/// Writes a snapshot of `files` that passes for a restore point, by rustic's own means and our key.
fn forge(fixture: &Fixture, files: &[(&str, &str)], summary: &str) -> RestorePointId {
    let (repository, backend) = fixture.repository.inner.connect(false).unwrap();
    let repository = repository.to_indexed_ids().unwrap();
    let source = Forged(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect());
    let mut snapshot = SnapshotFile::default();
    super::snapshots::describe(&mut snapshot, Timestamp::now(), &manifest(&[]).summary).unwrap();
    snapshot.description = Some(summary.to_owned());
    repository
        .archive(&BackupOptions::default().no_scan(true), &source, snapshot, &[PathBuf::from("x")])
        .unwrap();
    RestorePointId(backend.written().snapshots.remove(0))
}

struct Forged(Vec<(String, String)>);

impl ReadSource for Forged {
    type Open = Reader<Bytes>;
    type Iter = std::vec::IntoIter<RusticResult<ReadSourceEntry<Reader<Bytes>>>>;

    fn size(&self) -> RusticResult<Option<u64>> {
        Ok(None)
    }

    fn entries(&self) -> Self::Iter {
        let entries = self.0.iter().map(|(path, text)| {
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
            let metadata = Metadata { size: text.len() as u64, ..Metadata::default() };
            // The name of the node, not the path, is what the tree records.
            let node = Node::new_node(name.replace('|', "/").as_ref(), NodeType::File, metadata);
            let path = Path::new(folder).join("any");
            Ok(ReadSourceEntry { path, node, open: Some(Bytes::from(text.clone()).reader()) })
        });
        entries.collect::<Vec<_>>().into_iter()
    }
}

fn list(name: &str, namespace: &str) -> String {
    let object = Sample::new("configmaps", Some(namespace), name);
    json!({ "apiVersion": "v1", "kind": "List", "items": [object.body()] }).to_string()
}

fn forged_summary() -> String {
    serde_json::to_string(&manifest(&[]).summary).unwrap()
}

/// What reading everything in a forged restore point comes to.
fn read_forged(files: &[(&str, &str)]) -> Result<usize, ArchiveError> {
    let fixture = Fixture::new();
    let id = forge(&fixture, files, &forged_summary());
    let (mut count, mut unreadable) = (0, None);
    let mut visit = |object: Result<SavedObject, Unreadable>| {
        match object {
            Ok(_) => count += 1,
            Err(range) => unreadable = Some(range),
        }
        ControlFlow::Continue(())
    };
    let result = fixture.repository.each_object(&id, &ReadFilter::default(), &mut visit);
    let report = fixture.repository.check(CheckDepth::Data).unwrap();
    assert!(report.is_damaged(), "{:#?}", report.findings);
    match unreadable {
        Some(range) => Err(ArchiveError::damage(range.to_string())),
        None => result.map(|()| count),
    }
}

#[test]
fn a_forged_restore_point_that_is_well_formed_is_read() {
    // Otherwise the refusals below would prove nothing.
    let count = read_forged(&[("namespaced/configmaps/shop.ns/a", &list("a", "shop"))]).unwrap();
    assert_eq!(count, 1);
}

#[rstest::rstest]
#[case::traversal("namespaced/configmaps/shop.ns/..|..|etc", "..|..|etc")]
#[case::parent("namespaced/configmaps/shop.ns/..", "..")]
#[case::other_name("namespaced/configmaps/shop.ns/b", "a")]
#[case::no_namespace("namespaced/configmaps/shop/a", "a")]
#[case::empty_namespace("namespaced/configmaps/.ns/a", "a")]
#[case::other_kind("namespaced/deployments.apps/shop.ns/a", "a")]
#[case::without_namespace("non-namespaced/configmaps/a", "a")]
#[case::file_as_kind("namespaced/a", "a")]
fn objects_that_do_not_agree_with_their_place_are_damage(#[case] path: &str, #[case] name: &str) {
    let error = read_forged(&[(path, &list(name, "shop"))]).unwrap_err();
    assert!(error.is_damage(), "{error:?}");
}

#[test]
fn a_name_twice_in_a_folder_is_damage() {
    let content = list("a", "shop");
    let files =
        [("namespaced/configmaps/shop.ns/a", &*content), ("namespaced/configmaps/shop.ns/a", &*content)];
    assert!(read_forged(&files).unwrap_err().is_damage());
}

#[rstest::rstest]
#[case::no_list("{}")]
#[case::no_json("hello")]
#[case::empty(r#"{"items":[]}"#)]
#[case::null_item(r#"{"items":[null]}"#)]
fn a_shard_that_is_no_list_is_damage(#[case] content: &str) {
    assert!(read_forged(&[("namespaced/configmaps/shop.ns/a", content)]).unwrap_err().is_damage());
}

#[test]
fn a_deeply_nested_shard_is_damage_and_not_a_stack_overflow() {
    let content = format!(r#"{{"items":[{}"#, "[".repeat(1_000_000));
    assert!(read_forged(&[("namespaced/configmaps/shop.ns/a", &content)]).unwrap_err().is_damage());
}

#[test]
fn a_shard_that_decompresses_to_more_than_any_writer_makes_is_refused_before_that() {
    let mut content = list("a", "shop");
    content.push_str(&" ".repeat(shard::LARGEST_READ));
    let error = read_forged(&[("namespaced/configmaps/shop.ns/a", &content)]).unwrap_err();
    assert!(error.is_damage(), "{error:?}");
}

#[test]
fn a_newer_format_is_refused_by_name() {
    let fixture = Fixture::new();
    let summary = forged_summary().replace("\"format\":1", "\"format\":2");
    let id = forge(&fixture, &[("restore-point.json", "{}")], &summary);
    let error = fixture.repository.manifest(&id).unwrap_err();
    assert!(matches!(error, ArchiveError::NewerFormat { format: 2, .. }), "{error:?}");
    // One that does not even parse is named in the list and leaves the others.
    let unknown = forge(&fixture, &[("restore-point.json", "{}")], r#"{"format":3,"shape":"new"}"#);
    assert_eq!(fixture.repository.restore_points().unwrap().len(), 1);
    assert!(fixture.warnings().pop().unwrap().contains(unknown.short()));
    fixture.repository.delete(&[id]).unwrap();
}

#[test]
fn a_manifest_of_a_newer_format_is_refused_by_name() {
    let fixture = Fixture::new();
    let id = forge(&fixture, &[("restore-point.json", r#"{"format":7}"#)], &forged_summary());
    let error = fixture.repository.manifest(&id).unwrap_err();
    assert!(matches!(error, ArchiveError::NewerFormat { format: 7, .. }), "{error:?}");
}

#[test]
fn snapshots_of_other_programs_are_no_restore_points() {
    let fixture = Fixture::new();
    let (repository, backend) = fixture.repository.inner.connect(false).unwrap();
    let source = Forged(vec![("etc/hosts".to_owned(), "127.0.0.1".to_owned())]);
    repository
        .to_indexed_ids()
        .unwrap()
        .archive(
            &BackupOptions::default().no_scan(true),
            &source,
            SnapshotFile::default(),
            &[PathBuf::from("etc")],
        )
        .unwrap();
    let id = RestorePointId(backend.written().snapshots.remove(0));
    assert_eq!(fixture.repository.restore_points().unwrap(), []);
    assert!(fixture.repository.delete(&[id]).is_err());
    assert_whole(&fixture.repository);
}
