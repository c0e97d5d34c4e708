//! Files that hold a password in their first line, and the one that the first backup makes.
//!
//! The same form that `restic --password-file` reads.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::Path,
};

use crate::model::repository::Secret;

use super::ConfigError;

/// A longer first line is no password, in bytes.
const LONGEST: usize = 4096;

/// The password in a file.
pub(super) fn read(path: &Path) -> Result<Secret, ConfigError> {
    let file = File::open(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => ConfigError::NoPasswordFile { path: path.into(), source },
        _ => ConfigError::PasswordFile { path: path.into(), source },
    })?;
    let mut content = Vec::new();
    file.take(LONGEST as u64 + 2)
        .read_to_end(&mut content)
        .map_err(|source| ConfigError::PasswordFile { path: path.into(), source })?;
    first_line(&content)
        .ok_or_else(|| ConfigError::NoPassword { origin: format!("the password file `{}`", path.display()) })
}

/// The first line of `content` without its end, unless it is empty, too long or not text.
pub(super) fn first_line(content: &[u8]) -> Option<Secret> {
    let line = content.split(|byte| *byte == b'\n').next()?;
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let text = std::str::from_utf8(line).ok()?;
    (!text.is_empty() && text.len() <= LONGEST).then(|| Secret::new(text))
}

/// Makes a key file with 256 random bits, for the user alone. Returns whether it was made; one that is there
/// stays as it is.
pub(super) fn create(path: &Path) -> Result<bool, ConfigError> {
    if path.exists() {
        return Ok(false);
    }
    let failed = |source| ConfigError::CreateKeyFile { path: path.into(), source };
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder).map_err(failed)?;
    let mut bits = [0_u8; 32];
    getrandom::fill(&mut bits).map_err(|_| ConfigError::Random)?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    let text = bits.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    writeln!(file, "{text}").map_err(failed)?;
    // The repository is made next; it must not outlive its key in a power failure.
    file.as_file().sync_all().map_err(failed)?;
    match file.persist_noclobber(path) {
        Ok(_) => {}
        // Another first run was faster; its key is as good.
        Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
        Err(refused) => return Err(failed(refused.error)),
    }
    if cfg!(unix) {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    }
    Ok(true)
}
