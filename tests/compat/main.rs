//! Stock restic reads what we write, and we write beside it.
//!
//! The promise is that a user who has lost this program still gets the objects back: `restic` lists, dumps and
//! checks a repository of ours with the generated key file as its password file.

#![allow(clippy::unwrap_used, reason = "a failed expectation shall end the test")]

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use bytes::Bytes;
use jiff::Timestamp;
use kubectl_backup::{
    archive::{self, Capture, Repository},
    model::{
        check::CheckDepth,
        object::{CapturedObject, ObjectKey},
        repository::{Access, Location, Secret},
        resource::{GroupResource, ResourceType, Scope},
        restore_point::{Completeness, FORMAT, KindEntry, Manifest, RestorePoint, Summary},
        selection::{Namespaces, Selection},
    },
};
use serde_json::{Value, json};

const OBJECTS: usize = 100;

/// As the first backup makes it.
fn key() -> String {
    "5a".repeat(32)
}

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::write(place.key_file(), format!("{}\n", key())).unwrap();
        place
    }

    fn repository(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    fn key_file(&self) -> PathBuf {
        self.folder.path().join("repository.key")
    }

    fn open(&self) -> Repository {
        let access =
            Access { location: Location::Folder(self.repository()), secret: Secret::generated(key()) };
        archive::open_or_create(&access, Arc::new(|text| panic!("{text}"))).unwrap().0
    }

    /// What restic prints; it must succeed.
    fn restic(&self, arguments: &[&str]) -> String {
        let output = Command::new("restic")
            .arg("--no-cache")
            .arg("--repo")
            .arg(self.repository())
            .arg("--password-file")
            .arg(self.key_file())
            .args(arguments)
            .output()
            .unwrap();
        let (stdout, stderr) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "restic {arguments:?}: {stdout}{stderr}");
        stdout.into_owned()
    }
}

fn name(number: usize) -> String {
    format!("map-{number:04}")
}

fn body(number: usize) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": name(number), "namespace": "shop", "uid": format!("uid-{number}") },
        "data": { "key": "value ".repeat(number) },
    })
}

fn kind(objects: u64) -> KindEntry {
    let kind = ResourceType {
        singular: "configmap".to_owned(),
        short_names: vec!["cm".to_owned()],
        ..ResourceType::new(GroupResource::new("configmaps", ""), "v1", "ConfigMap", Scope::Namespaced)
    };
    KindEntry { objects, ..KindEntry::new(kind) }
}

fn manifest() -> Manifest {
    Manifest {
        summary: Summary {
            format: FORMAT,
            name: "shop-20261125".to_owned(),
            completeness: Completeness::Complete,
            objects: OBJECTS as u64,
            bytes: 0,
            namespaces: vec!["shop".to_owned()],
            namespace_count: 1,
            cluster_uid: String::new(),
            context: "production".to_owned(),
            scope: "namespaces shop".to_owned(),
            is_narrowed: false,
            consistency: None,
            restore: None,
        },
        written_by: "test".to_owned(),
        server_version: String::new(),
        selection: Selection::of(Namespaces::Named(vec!["shop".to_owned()])),
        kinds: vec![kind(OBJECTS as u64)],
        missing: Vec::new(),
        left_out: Vec::new(),
        warnings: Vec::new(),
        freeze: None,
        record: None,
    }
}

fn save(repository: &Repository) -> RestorePoint {
    let (sender, receiver) = tokio::sync::mpsc::channel(2);
    let objects = (0..OBJECTS).map(|number| CapturedObject {
        namespace: Some("shop".to_owned()),
        name: name(number),
        json: Bytes::from(body(number).to_string()),
    });
    sender
        .try_send(Capture::Objects {
            resource: GroupResource::new("configmaps", ""),
            scope: Scope::Namespaced,
            objects: objects.collect(),
        })
        .unwrap();
    sender.try_send(Capture::Finish(Box::new(manifest()))).unwrap();
    repository.save(Timestamp::now(), receiver).unwrap()
}

/// The objects of every shard that `restic ls` shows, as `restic dump` gives them.
fn dumped(place: &Place) -> Vec<Value> {
    let listed = place.restic(&["ls", "latest", "/namespaced/configmaps/shop.ns"]);
    let shards = listed.lines().filter(|line| {
        line.starts_with('/') && Path::new(line).parent().is_some_and(|parent| parent.ends_with("shop.ns"))
    });
    let mut objects = Vec::new();
    for shard in shards {
        let mut list: Value = serde_json::from_str(&place.restic(&["dump", "latest", shard])).unwrap();
        assert_eq!((&list["apiVersion"], &list["kind"]), (&json!("v1"), &json!("List")));
        objects.append(list["items"].as_array_mut().unwrap());
    }
    objects
}

#[test]
#[ignore = "needs restic: cargo xtask test"]
fn restic_lists_dumps_and_checks_a_repository_of_ours() {
    let place = Place::new();
    let repository = place.open();
    let point = save(&repository);

    let snapshots: Value = serde_json::from_str(&place.restic(&["snapshots", "--json"])).unwrap();
    let snapshot = &snapshots[0];
    assert_eq!(snapshot["id"], json!(point.id.0));
    assert_eq!(snapshot["hostname"], json!("production"));
    assert_eq!(snapshot["tags"], json!(["kubectl-backup"]));
    assert_eq!(snapshot["time"].as_str().unwrap().parse::<Timestamp>().unwrap(), point.created);

    let found: Value =
        serde_json::from_str(&place.restic(&["dump", "latest", "/restore-point.json"])).unwrap();
    assert_eq!(found["objects"], json!(OBJECTS));
    assert_eq!(dumped(&place), (0..OBJECTS).map(body).collect::<Vec<_>>());
    assert!(place.restic(&["check", "--read-data"]).contains("no errors were found"));
    // restic's locks and whatever else it leaves do not disturb us.
    assert!(!repository.check(CheckDepth::Data).unwrap().is_damaged());
}

#[test]
#[ignore = "needs restic: cargo xtask test"]
fn restore_points_share_a_repository_with_backups_of_restic() {
    let place = Place::new();
    place.restic(&["init"]);
    let key_file = place.key_file();
    place.restic(&["backup", key_file.to_str().unwrap()]);
    let repository = place.open();
    assert_eq!(repository.restore_points().unwrap(), []);
    let point = save(&repository);
    place.restic(&["backup", key_file.to_str().unwrap()]);
    assert_eq!(repository.restore_points().unwrap(), std::slice::from_ref(&point));
    let key = ObjectKey::new(GroupResource::new("configmaps", ""), Some("shop"), &name(42));
    assert_eq!(repository.object(&point.id, &key).unwrap().unwrap().body, body(42));
    assert!(place.restic(&["check", "--read-data"]).contains("no errors were found"));
    assert!(!place.open().check(CheckDepth::Data).unwrap().is_damaged());
}

/// What every message about a lost index names as its remedy.
#[test]
#[ignore = "needs restic: cargo xtask test"]
fn restic_makes_a_lost_index_again() {
    let place = Place::new();
    let point = save(&place.open());
    for index in std::fs::read_dir(place.repository().join("index")).unwrap() {
        std::fs::remove_file(index.unwrap().path()).unwrap();
    }
    let key = ObjectKey::new(GroupResource::new("configmaps", ""), Some("shop"), &name(42));
    assert!(place.open().object(&point.id, &key).unwrap_err().is_damage());
    // Debian's restic is older than `repair index`.
    place.restic(&["rebuild-index"]);
    assert_eq!(place.open().object(&point.id, &key).unwrap().unwrap().body, body(42));
    assert!(!place.open().check(CheckDepth::Data).unwrap().is_damaged());
}
