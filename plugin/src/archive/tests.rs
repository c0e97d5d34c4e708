//! Restore points through the whole of rustic, in real folders.

mod damage;
#[cfg(target_os = "linux")]
mod disk;
mod faults;
mod hostile;
mod killed;
mod opening;
mod saving;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock},
};

use bytes::Bytes;
use rustic_core::repofile::MasterKey;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::model::{
    object::{CapturedObject, ObjectKey},
    repository::Secret,
    resource::{GroupResource, ResourceType, Scope},
    restore_point::{Completeness, FORMAT, KindEntry, Summary},
    selection::{Namespaces, Selection},
};

use super::*;

const PASSWORD: &str = "correct horse battery staple";

/// A repository in a folder of its own.
struct Fixture {
    folder: tempfile::TempDir,
    repository: Repository,
    warnings: Arc<Mutex<Vec<String>>>,
}

impl Fixture {
    /// An empty repository, copied from one that is made once: a key derivation for each test takes too long.
    fn new() -> Self {
        Self::on(|folder| Arc::new(store::local::LocalStore::new(folder)))
    }

    fn on(make_store: impl FnOnce(PathBuf) -> Arc<dyn Store>) -> Self {
        static TEMPLATE: OnceLock<(tempfile::TempDir, MasterKey)> = OnceLock::new();
        let (template, key) = TEMPLATE.get_or_init(|| {
            let folder = tempfile::tempdir().unwrap();
            let (created, opened) = open_or_create(&access(folder.path()), silent()).unwrap();
            assert_eq!(opened, Opened::Created);
            (folder, created.inner.key.clone())
        });
        let folder = tempfile::tempdir().unwrap();
        copy(template.path(), folder.path());
        let warnings: Arc<Mutex<Vec<String>>> = Arc::default();
        let heard = Arc::clone(&warnings);
        let warn: Warn = Arc::new(move |text| heard.lock().unwrap().push(text.to_owned()));
        let inner = Inner::new(make_store(folder.path().to_owned()), key.clone(), warn);
        Self { folder, repository: Repository::over(inner), warnings }
    }

    /// Forgets what was read, as a new process would.
    fn reopened(&self) -> Repository {
        let inner = &self.repository.inner;
        let inner = Inner::new(Arc::clone(&inner.store), inner.key.clone(), Arc::clone(&inner.warn));
        Repository::over(inner)
    }

    fn save(&self, objects: &[Sample]) -> RestorePoint {
        save(&self.repository, objects).unwrap()
    }

    fn warnings(&self) -> Vec<String> {
        self.warnings.lock().unwrap().clone()
    }

    /// The files of a folder of the repository.
    fn files(&self, folder: &str) -> Vec<PathBuf> {
        let mut files = Vec::new();
        collect(&self.folder.path().join(folder), &mut files);
        files.sort();
        files
    }
}

fn access(folder: &Path) -> Access {
    Access { location: Location::Folder(folder.into()), secret: Secret::new(PASSWORD) }
}

fn silent() -> Warn {
    Arc::new(|_| {})
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { collect(&path, files) } else { files.push(path) }
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// An object to save.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Sample {
    scope: Scope,
    resource: String,
    /// As the server sorts: `namespace/name`.
    place: String,
    key: ObjectKey,
    text: String,
}

impl Sample {
    fn new(resource: &str, namespace: Option<&str>, name: &str) -> Self {
        Self::with_text(resource, namespace, name, "text")
    }

    fn with_text(resource: &str, namespace: Option<&str>, name: &str, text: &str) -> Self {
        Self {
            scope: if namespace.is_some() { Scope::Namespaced } else { Scope::Cluster },
            resource: resource.to_owned(),
            place: format!("{}/{name}", namespace.unwrap_or_default()),
            key: ObjectKey::new(GroupResource::from(resource.to_owned()), namespace, name),
            text: text.to_owned(),
        }
    }

    fn body(&self) -> Value {
        let group = &self.key.resource.group;
        let api_version = if group.is_empty() { "v1".to_owned() } else { format!("{group}/v1") };
        let mut metadata = json!({ "name": self.key.name });
        if let Some(namespace) = &self.key.namespace {
            metadata["namespace"] = json!(namespace);
        }
        json!({ "apiVersion": api_version, "kind": "Sample", "metadata": metadata, "data": { "text": self.text } })
    }

    fn captured(&self) -> CapturedObject {
        CapturedObject {
            namespace: self.key.namespace.clone(),
            name: self.key.name.clone(),
            json: Bytes::from(self.body().to_string()),
        }
    }

    fn capture(&self) -> Capture {
        Capture::Objects {
            resource: self.key.resource.clone(),
            scope: self.scope,
            objects: vec![self.captured()],
        }
    }
}

/// `count` objects of one kind in one namespace.
fn config_maps(namespace: &str, count: usize) -> Vec<Sample> {
    (0..count).map(|number| Sample::new("configmaps", Some(namespace), &format!("map-{number:05}"))).collect()
}

fn manifest(objects: &[Sample]) -> Manifest {
    let mut counts = std::collections::BTreeMap::<GroupResource, u64>::new();
    for object in objects {
        *counts.entry(object.key.resource.clone()).or_default() += 1;
    }
    let kinds = counts.into_iter().map(|(resource, objects)| KindEntry {
        objects,
        ..KindEntry::new(ResourceType::new(resource, "v1", "Sample", Scope::Namespaced))
    });
    Manifest {
        summary: Summary {
            format: FORMAT,
            name: "sample".to_owned(),
            completeness: Completeness::Complete,
            objects: objects.len() as u64,
            bytes: 0,
            namespaces: Vec::new(),
            namespace_count: 0,
            cluster_uid: String::new(),
            context: "test".to_owned(),
            scope: "all namespaces".to_owned(),
            is_narrowed: false,
            consistency: None,
            restore: None,
        },
        written_by: "test".to_owned(),
        server_version: "v1.36.3".to_owned(),
        selection: Selection::of(Namespaces::All),
        kinds: kinds.collect(),
        missing: Vec::new(),
        left_out: Vec::new(),
        warnings: Vec::new(),
        freeze: None,
        record: None,
    }
}

/// In the order in which a server lists.
fn ordered(objects: &[Sample]) -> Vec<Sample> {
    let mut objects = objects.to_vec();
    objects.sort();
    objects
}

fn stream(captures: Vec<Capture>) -> mpsc::Receiver<Capture> {
    let (sender, receiver) = mpsc::channel(captures.len().max(1));
    for capture in captures {
        sender.try_send(capture).unwrap();
    }
    receiver
}

fn save(repository: &Repository, objects: &[Sample]) -> Result<RestorePoint, ArchiveError> {
    let mut captures: Vec<Capture> = ordered(objects).iter().map(Sample::capture).collect();
    captures.push(Capture::Finish(Box::new(manifest(objects))));
    repository.save(Timestamp::now(), stream(captures))
}

fn read_all(repository: &Repository, id: &RestorePointId, filter: &ReadFilter) -> Vec<(ObjectKey, Value)> {
    let (objects, unreadable) = read_readable(repository, id, filter);
    assert_eq!(unreadable, []);
    objects
}

/// What can be read, and what cannot.
fn read_readable(
    repository: &Repository,
    id: &RestorePointId,
    filter: &ReadFilter,
) -> (Vec<(ObjectKey, Value)>, Vec<Unreadable>) {
    let (mut objects, mut unreadable) = (Vec::new(), Vec::new());
    let mut visit = |object: Result<SavedObject, Unreadable>| {
        match object {
            Ok(object) => objects.push((object.key, object.body)),
            Err(range) => unreadable.push(range),
        }
        ControlFlow::Continue(())
    };
    repository.each_object(id, filter, &mut visit).unwrap();
    (objects, unreadable)
}

/// Everything in the repository is as it should be.
fn assert_whole(repository: &Repository) {
    let report = repository.check(CheckDepth::Data).unwrap();
    assert!(!report.is_damaged(), "{:#?}", report.findings);
}
