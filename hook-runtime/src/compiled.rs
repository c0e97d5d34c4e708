//! Compiled components. Compiling takes a fifth of a second for a Rust hook and half a minute for one in Python, and
//! leaves memory behind, so it is done once, in a process of its own, and kept.
//!
//! A compiled component is native code that the sandbox trusts. So it is read from one folder only, which is the
//! runtime's own: made by it, with its user as the owner, and closed to all others.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use wasmtime::{Engine, component::Component};

/// The folder of the runtime's own within the one that the configuration names.
const FOLDER: &str = "compiled";
/// What the name of a compiled component ends with.
const SUFFIX: &str = "cwasm";

/// The compiled components of this build of the runtime.
#[derive(Debug, Clone)]
pub(crate) struct Compiled {
    folder: PathBuf,
}

impl Compiled {
    /// Opens the folder of the runtime's own within `parent`, and makes it when it is not there.
    ///
    /// # Errors
    /// When it cannot be made, or when others than this user could write to it.
    pub(crate) fn open(parent: &Path) -> io::Result<Self> {
        let folder = parent.join(FOLDER);
        match fs::DirBuilder::new().mode(0o700).create(&folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
            // A group that the parent hands on (`fsGroup`) sets bits of its own.
            Ok(()) => fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?,
        }
        let found = fs::symlink_metadata(&folder)?;
        let own = found.is_dir() && found.uid() == rustix::process::geteuid().as_raw();
        if own && found.mode() & 0o022 == 0 {
            return Ok(Self { folder });
        }
        Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!("`{}` is not a folder that only this user can write to", folder.display()),
        ))
    }

    /// The component whose source has this digest, when this build has compiled it before.
    pub(crate) fn load(&self, engine: &Engine, digest: &str) -> Option<Component> {
        let path = self.path(digest);
        if !path.is_file() {
            return None;
        }
        #[expect(
            unsafe_code,
            reason = "native code is loaded; it comes from a folder that `open` found to be writable by this user alone, \
                      and files come into it complete, by a rename in `store`"
        )]
        let loaded = unsafe { Component::deserialize_file(engine, &path) };
        match loaded {
            Ok(component) => Some(component),
            Err(error) => {
                tracing::warn!("`{}` cannot be used and is compiled again: {error:#}", path.display());
                None
            }
        }
    }

    /// Keeps a compiled component.
    #[cfg(feature = "compiler")]
    pub(crate) fn store(&self, digest: &str, component: &[u8]) -> io::Result<()> {
        let path = self.path(digest);
        let new = path.with_extension(format!("{}.new", std::process::id()));
        let mut file = fs::File::create(&new)?;
        io::Write::write_all(&mut file, component)?;
        file.sync_all()?;
        fs::rename(&new, &path)
    }

    /// Named by what it was made from and for which runtime. What this processor cannot run the engine refuses by itself.
    fn path(&self, digest: &str) -> PathBuf {
        let (version, architecture) = (env!("CARGO_PKG_VERSION"), std::env::consts::ARCH);
        self.folder.join(format!("{digest}-{version}-{architecture}.{SUFFIX}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makes_a_folder_that_nobody_else_can_write_to() {
        let parent = tempfile::tempdir().unwrap();
        fs::set_permissions(parent.path(), fs::Permissions::from_mode(0o2777)).unwrap();
        Compiled::open(parent.path()).unwrap();
        let made = fs::metadata(parent.path().join(FOLDER)).unwrap();
        assert_eq!(made.mode() & 0o7777, 0o700);
        Compiled::open(parent.path()).unwrap();
    }

    #[test]
    fn refuses_a_folder_that_others_can_write_to() {
        let parent = tempfile::tempdir().unwrap();
        fs::create_dir(parent.path().join(FOLDER)).unwrap();
        fs::set_permissions(parent.path().join(FOLDER), fs::Permissions::from_mode(0o770)).unwrap();
        assert!(Compiled::open(parent.path()).unwrap_err().to_string().contains("only this user can write"));
    }

    #[test]
    fn follows_no_link() {
        let (parent, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::os::unix::fs::symlink(elsewhere.path(), parent.path().join(FOLDER)).unwrap();
        assert_eq!(Compiled::open(parent.path()).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    }
}
