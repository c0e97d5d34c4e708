//! The record of freezes that outlive everybody: written before such a freeze begins, removed once it is thawed, and read
//! when the runtime starts, so that one which was killed leaves nothing frozen. It lies in a folder that outlives the
//! container and is not frozen itself, as an `emptyDir` of the pod.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use hook_protocol::message::{LARGEST_REQUEST, Terms, parse_terms};

/// The records of one runtime.
#[derive(Debug, Clone)]
pub(crate) struct Records {
    folder: PathBuf,
}

impl Records {
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// What a hook was frozen for when the runtime before this one was killed.
    ///
    /// # Errors
    /// When the record cannot be read. It is kept then: somebody must look.
    pub(crate) fn left(&self, hook: &str) -> io::Result<Option<Terms>> {
        let path = self.path(hook);
        match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Ok(found) if found.len() <= LARGEST_REQUEST as u64 => {}
            Ok(_) => return Err(io::Error::other("it is larger than a record is")),
            Err(error) => return Err(error),
        }
        parse_terms(&fs::read(&path)?).map(Some).map_err(io::Error::other)
    }

    /// The hooks that have a record.
    pub(crate) fn hooks(&self) -> io::Result<Vec<String>> {
        let mut hooks = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let name = entry?.file_name();
            hooks.extend(name.to_str().and_then(|name| name.strip_suffix(".frozen")).map(str::to_owned));
        }
        Ok(hooks)
    }

    /// Before a freeze. It is on the disk when this returns.
    pub(crate) fn write(&self, hook: &str, terms: &Terms) -> io::Result<()> {
        let (path, new) = (self.path(hook), self.folder.join(format!("{hook}.new")));
        let mut file = File::create(&new)?;
        file.write_all(&serde_json::to_vec(terms)?)?;
        file.sync_all()?;
        fs::rename(&new, &path)?;
        self.sync()
    }

    /// After a thaw.
    pub(crate) fn remove(&self, hook: &str) -> io::Result<()> {
        match fs::remove_file(self.path(hook)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => self.sync(),
        }
    }

    fn path(&self, hook: &str) -> PathBuf {
        self.folder.join(format!("{hook}.frozen"))
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use hook_protocol::message::{Cut, Limits, Pod};

    use super::*;

    fn terms() -> Terms {
        let text = |text: &str| text.to_owned();
        Terms {
            restore_point: text("rp"),
            pod: Pod { namespace: text("shop"), name: text("db-0"), uid: text("u") },
            volumes: Vec::new(),
            cut: Cut::Atomic,
            limits: Limits::default(),
        }
    }

    #[test]
    fn remembers_until_it_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let records = Records::new(folder.path());
        assert_eq!(records.left("db").unwrap(), None);
        records.write("db", &terms()).unwrap();
        assert_eq!(
            (records.left("db").unwrap(), records.hooks().unwrap()),
            (Some(terms()), vec!["db".into()])
        );
        records.remove("db").unwrap();
        records.remove("db").unwrap();
        assert_eq!(records.left("db").unwrap(), None);
    }

    #[test]
    fn a_record_that_cannot_be_read_is_no_missing_one() {
        let folder = tempfile::tempdir().unwrap();
        let records = Records::new(folder.path());
        fs::write(folder.path().join("db.frozen"), "half").unwrap();
        assert!(records.left("db").is_err());
        fs::write(folder.path().join("db.frozen"), vec![b' '; LARGEST_REQUEST + 1]).unwrap();
        assert!(records.left("db").unwrap_err().to_string().contains("larger than a record"));
    }
}
