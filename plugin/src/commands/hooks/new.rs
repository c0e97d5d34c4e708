//! `kubectl backup hooks new`: a folder with a hook in it that builds and whose tests run.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use crate::{
    cli::hooks::project::{Language, NewArgs},
    commands::{
        failure::{Failure, UsageError},
        session::{Session, blocking},
    },
    exit::ExitStatus,
};

use super::project::{files, refuse_name};

/// Runs `hooks new`. It prints the folder.
pub(super) async fn run(args: NewArgs, session: &Session) -> anyhow::Result<ExitStatus> {
    if let Some(reason) = refuse_name(&args.name) {
        return Err(UsageError::new(format!("a hook cannot be named `{}`: {reason}", args.name)).into());
    }
    if args.sdk.is_some() && args.language != Language::Rust {
        return Err(UsageError::new("`--sdk` is for hooks in Rust: others have no dependency on it").into());
    }
    let (name, language) = (args.name, args.language);
    let folder = blocking(move || {
        let sdk = args.sdk.as_deref().map(sdk).transpose()?;
        write(&name, &files(&name, language, sdk.as_deref()))
    })
    .await?;
    session.printer.data(&folder.display().to_string())?;
    session.printer.note(next(language));
    Ok(ExitStatus::Done)
}

/// The next things to do, as its language has them.
fn next(language: Language) -> &'static str {
    match language {
        Language::Rust => "Its tests: `cargo test`. The component: `kubectl backup hooks build FOLDER`.",
        Language::Python => {
            "Its tests: see the head of `test_hook.py`. The component: `pip install componentize-py`, then \
             `kubectl backup hooks build FOLDER`."
        }
        Language::Js => {
            "Its tests: `npm test`. The component: `npm install`, then `kubectl backup hooks build FOLDER`."
        }
    }
}

/// The manifest lies elsewhere than the caller.
fn sdk(folder: &Path) -> anyhow::Result<PathBuf> {
    let absolute = folder
        .canonicalize()
        .with_context(|| format!("could not find the folder of `hooks-sdk`, `{}`", folder.display()))?;
    if absolute.join("Cargo.toml").is_file() {
        return Ok(absolute);
    }
    let message = format!("`{}` is not the folder of `hooks-sdk`: it has no Cargo.toml", folder.display());
    Err(Failure::new(message, "name the folder `hooks-sdk` of a checkout").into())
}

fn write(name: &str, files: &[(&str, String)]) -> anyhow::Result<PathBuf> {
    let folder = PathBuf::from(name);
    match fs::create_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let message = format!("could not make the hook: `{name}` is there already");
            return Err(Failure::new(message, "choose another name, or go to another folder").into());
        }
        other => other.with_context(|| format!("could not make the folder `{name}`"))?,
    }
    for (path, content) in files {
        let path = folder.join(path);
        let parent = path.parent().unwrap_or(&folder);
        fs::create_dir_all(parent)
            .with_context(|| format!("could not make the folder `{}`", parent.display()))?;
        fs::write(&path, content).with_context(|| format!("could not write `{}`", path.display()))?;
    }
    Ok(folder)
}
