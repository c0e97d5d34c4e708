//! Reading the files that `--transform` names.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use crate::{commands::failure::UsageError, model::restore_record::RequestFile, plan::transform::Transforms};

/// More is no file that a person wrote, in bytes.
const LARGEST: u64 = 1 << 20;

/// All of them, in their order.
pub(crate) fn read(paths: &[PathBuf]) -> anyhow::Result<Transforms> {
    parse(&texts(paths)?)
}

/// What the files say, for a record that outlives them.
pub(crate) fn texts(paths: &[PathBuf]) -> anyhow::Result<Vec<RequestFile>> {
    paths.iter().map(|path| read_one(path)).collect()
}

/// What they mean.
pub(crate) fn parse(files: &[RequestFile]) -> anyhow::Result<Transforms> {
    let mut transforms = Transforms::default();
    for RequestFile { name, text } in files {
        transforms.extend(Transforms::parse(text).map_err(|error| {
            UsageError::with_hint(
                format!("`{name}` is no file of transforms: {error}"),
                "docs/transforms.md has an example of each",
            )
        })?);
    }
    Ok(transforms)
}

fn read_one(path: &Path) -> anyhow::Result<RequestFile> {
    let shown = path.display();
    if path == Path::new("-") {
        return Err(UsageError::with_hint(
            "transforms are read from a file, not from stdin",
            "name the file; `transform --from -` takes a manifest from stdin",
        )
        .into());
    }
    let text = text_of(path).map_err(|error| {
        UsageError::with_hint(
            format!("could not read transforms from `{shown}`: {error}"),
            "docs/transforms.md shows such a file",
        )
    })?;
    Ok(RequestFile { name: shown.to_string(), text })
}

fn text_of(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let read = File::open(path)?.take(LARGEST + 1).read_to_string(&mut text)?;
    if read as u64 > LARGEST {
        return Err(io::Error::other("it is larger than 1 MiB"));
    }
    Ok(text)
}
