//! A repository in a folder.
//!
//! A file is written under `tmp/`, synchronised, and only then given its name, so that a name never stands
//! for less than its whole content, whenever the process or the machine stops.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use bytes::Bytes;

use super::{Store, StoreError};

/// The folders of a restic repository, and `tmp`, which stock restic ignores.
const FOLDERS: [&str; 6] = ["data", "index", "keys", "locks", "snapshots", TEMPORARY];
const TEMPORARY: &str = "tmp";
const CONFIG: &str = "config";

/// A temporary file older than this belongs to no writer any more: the largest file takes minutes at worst,
/// and a day leaves room for clocks that disagree.
const ABANDONED_AFTER: Duration = Duration::from_hours(24);

/// A repository in a folder.
#[derive(Debug)]
pub(in crate::archive) struct LocalStore {
    root: PathBuf,
}

impl LocalStore {
    /// At `root`, which need not exist yet.
    pub(in crate::archive) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// For messages; the folder itself has the empty name.
    fn shown(&self, name: &str) -> String {
        let path = if name.is_empty() { self.root.clone() } else { self.path(name) };
        path.display().to_string()
    }

    fn failed(&self, attempt: &'static str, name: &str) -> impl FnOnce(io::Error) -> StoreError {
        let path = self.shown(name);
        move |error| StoreError::from_io(attempt, path, error)
    }

    fn list_into(&self, folder: &str, files: &mut Vec<(String, u64)>) -> Result<(), StoreError> {
        let entries = match fs::read_dir(self.path(folder)) {
            Ok(entries) => entries,
            // Folders appear with their first file.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(self.failed("list", folder)(error)),
        };
        for entry in entries {
            let entry = entry.map_err(self.failed("list", folder))?;
            // What is not valid text is not a repository's file.
            let Ok(name) = entry.file_name().into_string() else { continue };
            let kind = entry.file_type().map_err(self.failed("list", folder))?;
            if kind.is_dir() {
                self.list_into(&format!("{folder}/{name}"), files)?;
            } else if kind.is_file() {
                match entry.metadata() {
                    Ok(metadata) => files.push((name, metadata.len())),
                    // Removed since the folder was read.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(self.failed("list", folder)(error)),
                }
            }
        }
        Ok(())
    }

    fn write_temporary(&self, name: &str, parts: &[Bytes]) -> Result<tempfile::NamedTempFile, StoreError> {
        make_private_folder(&self.path(TEMPORARY)).map_err(self.failed("create", TEMPORARY))?;
        let mut file =
            tempfile::NamedTempFile::new_in(self.path(TEMPORARY)).map_err(self.failed("write", name))?;
        for part in parts {
            file.write_all(part).map_err(self.failed("write", name))?;
        }
        file.as_file().sync_all().map_err(self.failed("write", name))?;
        Ok(file)
    }
}

impl Store for LocalStore {
    fn location(&self) -> String {
        self.root.display().to_string()
    }

    fn list(&self, folder: &str) -> Result<Vec<(String, u64)>, StoreError> {
        let mut files = Vec::new();
        self.list_into(folder, &mut files)?;
        Ok(files)
    }

    fn size(&self, name: &str) -> Result<Option<u64>, StoreError> {
        match fs::metadata(self.path(name)) {
            Ok(metadata) if metadata.is_file() => Ok(Some(metadata.len())),
            Ok(_) => Ok(None),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Ok(None)
            }
            Err(error) => Err(self.failed("read", name)(error)),
        }
    }

    fn read(&self, name: &str, limit: u64) -> Result<Bytes, StoreError> {
        let file = File::open(self.path(name)).map_err(self.failed("read", name))?;
        let size = file.metadata().map_err(self.failed("read", name))?.len();
        if size > limit {
            return Err(StoreError::TooLarge { path: self.shown(name), size, limit });
        }
        let mut content = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
        // The file may grow while it is read; the limit holds all the same.
        file.take(limit).read_to_end(&mut content).map_err(self.failed("read", name))?;
        Ok(content.into())
    }

    fn read_range(&self, name: &str, offset: u64, length: usize) -> Result<Bytes, StoreError> {
        let mut file = File::open(self.path(name)).map_err(self.failed("read", name))?;
        let size = file.metadata().map_err(self.failed("read", name))?.len();
        // Checked before memory is reserved: the length comes from an index that may be damaged.
        if offset.saturating_add(length as u64) > size {
            return Err(StoreError::TooShort { path: self.shown(name) });
        }
        file.seek(SeekFrom::Start(offset)).map_err(self.failed("read", name))?;
        let mut content = vec![0; length];
        file.read_exact(&mut content).map_err(self.failed("read", name))?;
        Ok(content.into())
    }

    fn write(&self, name: &str, parts: &[Bytes]) -> Result<(), StoreError> {
        let temporary = self.write_temporary(name, parts)?;
        let target = self.path(name);
        let folder = target.parent().unwrap_or(&self.root);
        make_private_folder(folder).map_err(self.failed("create", name))?;
        temporary.persist_noclobber(&target).map_err(|refused| self.failed("write", name)(refused.error))?;
        synchronise_folder(folder).map_err(self.failed("write", name))
    }

    fn remove(&self, name: &str) -> Result<(), StoreError> {
        let path = self.path(name);
        fs::remove_file(&path).map_err(self.failed("remove", name))?;
        synchronise_folder(path.parent().unwrap_or(&self.root)).map_err(self.failed("remove", name))
    }

    fn create(&self) -> Result<(), StoreError> {
        make_private_folder(&self.root).map_err(|error| match error.kind() {
            // Of a folder to be made: it cannot be, as under /proc. It is no file that was lost.
            io::ErrorKind::NotFound => {
                StoreError::Other { attempt: "create", path: self.shown(""), source: error.into() }
            }
            _ => self.failed("create", "")(error),
        })?;
        for folder in FOLDERS {
            make_private_folder(&self.path(folder)).map_err(self.failed("create", folder))?;
        }
        Ok(())
    }

    fn exists(&self) -> Result<bool, StoreError> {
        match fs::metadata(&self.root) {
            Ok(metadata) if metadata.is_dir() => Ok(true),
            Ok(_) => Err(self.failed("open", "")(io::Error::from(io::ErrorKind::NotADirectory))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(self.failed("open", "")(error)),
        }
    }

    fn stranger(&self) -> Result<Option<String>, StoreError> {
        for entry in fs::read_dir(&self.root).map_err(self.failed("list", ""))? {
            let name = entry.map_err(self.failed("list", ""))?.file_name().to_string_lossy().into_owned();
            // `lost+found` is in the root of a fresh ext file system, a natural place for a repository.
            if name != CONFIG && name != "lost+found" && !FOLDERS.contains(&name.as_str()) {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    fn lock_creation(&self) -> Result<Box<dyn Send>, StoreError> {
        make_private_folder(&self.path(TEMPORARY)).map_err(self.failed("create", TEMPORARY))?;
        let name = "tmp/creation.lock";
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(self.path(name))
            .map_err(self.failed("write", name))?;
        // The system gives the lock back when the process ends, however it ends.
        file.lock().map_err(self.failed("lock", name))?;
        Ok(Box::new(file))
    }

    fn room(&self) -> Result<Option<u64>, StoreError> {
        let above = self.root.ancestors().find(|folder| folder.is_dir());
        // A relative path of one part lies in the current folder.
        let folder = above.unwrap_or(Path::new("."));
        if self.exists()? {
            // A file without a name, gone with its handle.
            let mut file = tempfile::tempfile_in(folder).map_err(self.failed("write", TEMPORARY))?;
            file.write_all(&[0]).map_err(self.failed("write", TEMPORARY))?;
        } else {
            let path = folder.display().to_string();
            may_write(folder).map_err(|error| StoreError::from_io("write", path, error))?;
        }
        free_bytes(folder).map_err(self.failed("look at", ""))
    }

    fn tidy(&self) -> Result<(), StoreError> {
        let Ok(entries) = fs::read_dir(self.path(TEMPORARY)) else { return Ok(()) };
        for entry in entries.flatten() {
            let age = entry
                .metadata()
                .and_then(|metadata| metadata.modified())
                .ok()
                .and_then(|modified| SystemTime::now().duration_since(modified).ok());
            if age.is_some_and(|age| age > ABANDONED_AFTER) {
                fs::remove_file(entry.path()).map_err(self.failed("remove", TEMPORARY))?;
            }
        }
        Ok(())
    }
}

/// Creates a folder and its parents, only for the user, and makes their names durable.
fn make_private_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        make_private_folder(parent)?;
    }
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        // Another writer was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(error),
        Ok(()) => match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => synchronise_folder(parent),
            _ => Ok(()),
        },
    }
}

/// Whether the user may make files in a folder that is not ours to try it in.
#[cfg(unix)]
fn may_write(folder: &Path) -> io::Result<()> {
    Ok(rustix::fs::access(folder, rustix::fs::Access::WRITE_OK)?)
}

/// Elsewhere the creation itself tells.
#[cfg(not(unix))]
fn may_write(_folder: &Path) -> io::Result<()> {
    Ok(())
}

/// Bytes that this user may still use up.
#[cfg(unix)]
fn free_bytes(folder: &Path) -> io::Result<Option<u64>> {
    let system = rustix::fs::statvfs(folder)?;
    Ok(Some(system.f_bavail.saturating_mul(system.f_frsize)))
}

/// The standard library cannot tell.
#[cfg(not(unix))]
fn free_bytes(_folder: &Path) -> io::Result<Option<u64>> {
    Ok(None)
}

/// Makes the names in a folder durable. Windows offers no such call and does it by itself.
fn synchronise_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}
