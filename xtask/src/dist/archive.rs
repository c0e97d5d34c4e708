//! A `.tar.gz` whose bytes depend on what is in it alone, not on when, where and by whom it was packed.

use std::{
    fs::{self, File},
    io::{BufWriter, Write as _},
    path::Path,
};

use anyhow::{Context, Result};
use flate2::{Compression, GzBuilder};
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

/// Packs files, each with its mode, side by side.
pub(super) fn write(path: &Path, files: &[(&Path, u32)]) -> Result<()> {
    pack(path, files).with_context(|| format!("could not pack `{}`", path.display()))
}

fn pack(path: &Path, files: &[(&Path, u32)]) -> Result<()> {
    let output = BufWriter::new(File::create(path)?);
    let mut archive = Builder::new(GzBuilder::new().mtime(0).write(output, Compression::best()));
    for (file, mode) in files {
        let content = fs::read(file).with_context(|| format!("could not read `{}`", file.display()))?;
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_size(content.len() as u64);
        header.set_mode(*mode);
        header.set_mtime(0);
        archive.append_data(
            &mut header,
            file.file_name().context("a folder cannot be packed")?,
            &content[..],
        )?;
    }
    archive.into_inner()?.finish()?.flush()?;
    Ok(())
}

/// Checksum of a file, in lower-case hexadecimal: Krew refuses upper case.
pub fn sha256_of(path: &Path) -> Result<String> {
    let content = fs::read(path).with_context(|| format!("could not read `{}`", path.display()))?;
    Ok(format!("{:x}", Sha256::digest(content)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_content_gives_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let (binary, one, two) = (
            folder.path().join("kubectl-backup"),
            folder.path().join("1.tar.gz"),
            folder.path().join("2.tar.gz"),
        );
        fs::write(&binary, "binary").unwrap();
        write(&one, &[(&binary, 0o755)]).unwrap();
        // Written anew: another time of modification.
        fs::remove_file(&binary).unwrap();
        fs::write(&binary, "binary").unwrap();
        write(&two, &[(&binary, 0o755)]).unwrap();
        assert_eq!(sha256_of(&one).unwrap(), sha256_of(&two).unwrap());

        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(File::open(&one).unwrap()));
        let entries: Vec<_> = archive.entries().unwrap().map(Result::unwrap).collect();
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].path().unwrap(), Path::new("kubectl-backup"));
        assert_eq!(entries[0].header().mode().unwrap(), 0o755);
    }
}
