//! Folders that `recover` may read and write.

use std::path::PathBuf;

use crate::{Error, ErrorKind, Result, host};

/// A folder, as a constant of the hook.
#[derive(Debug)]
pub struct Folder(&'static str);

impl Folder {
    /// The folder granted under this name.
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// Where it is: an error of kind `denied` when it is not granted, and outside of `recover`.
    pub fn path(&self) -> Result<PathBuf> {
        host::folder(self.0).filter(|path| path.is_dir()).ok_or_else(|| {
            let message = format!("the folder `{}` is not there: name it in `folders` of this hook", self.0);
            Error::new(ErrorKind::Denied, message)
        })
    }
}
