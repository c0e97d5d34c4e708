//! `kubectl backup hooks inspect` and `push`: components before they are in a pod. No cluster is asked.

use std::{
    env, fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use anyhow::Context;
use hook_artifact::{
    component::{Inspected, LARGEST},
    credentials::Credentials,
    registry::{Image, push},
};

use crate::{
    cli::{
        hooks::component::{InspectArgs, PushArgs},
        output::RecordFormat,
    },
    commands::{
        failure::{Failure, UsageError},
        session::{Session, blocking},
    },
    exit::ExitStatus,
    report::{component, document},
};

/// Runs `hooks inspect`.
pub(super) async fn inspect(args: InspectArgs, session: &Session) -> anyhow::Result<ExitStatus> {
    let (_, inspected) = read(args.file.clone()).await?;
    let printer = &session.printer;
    match args.output.format {
        RecordFormat::Json => printer.exact(&document::to_json(&component::record(&inspected))?)?,
        RecordFormat::Yaml => printer.exact(&document::to_yaml(&component::record(&inspected))?)?,
        RecordFormat::Name => printer.data(&inspected.digest)?,
        RecordFormat::Table | RecordFormat::Wide => printer.data(&component::show(&inspected))?,
    }
    Ok(ExitStatus::Done)
}

/// Runs `hooks push`. What it prints is what a configuration names.
pub(super) async fn run_push(args: PushArgs, session: &Session) -> anyhow::Result<ExitStatus> {
    let image = Image::parse(&args.image).map_err(|error| UsageError::new(error.to_string()))?;
    let credentials = match args.registry_credentials.or_else(of_docker) {
        Some(file) => Credentials::read(&file)?,
        None => Credentials::default(),
    };
    let (bytes, _) = read(args.file).await?;
    let pinned = push(&image, bytes, &credentials).await?;
    session.printer.data(&pinned.to_string())?;
    session
        .printer
        .note("Name it in the configuration of a hook runtime: `image:` in the place of `component:`.");
    Ok(ExitStatus::Done)
}

/// A hook's bytes, and what it is.
pub(super) async fn read(file: PathBuf) -> anyhow::Result<(Vec<u8>, Inspected)> {
    blocking(move || {
        let bytes = bounded(&file).with_context(|| format!("could not read `{}`", file.display()))?;
        let inspected = Inspected::of(&bytes).map_err(|error| {
            let text = format!("`{}` is no hook: {error}", file.display());
            Failure::new(text, "docs/writing-hooks.md says how one is built")
        })?;
        Ok((bytes, inspected))
    })
    .await
}

/// No more than a byte beyond what a hook may have, which is told as too much then.
fn bounded(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(file)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The file that `docker login` writes, if there is one.
fn of_docker() -> Option<PathBuf> {
    let folder = match env::var_os("DOCKER_CONFIG") {
        Some(folder) => PathBuf::from(folder),
        None => env::home_dir()?.join(".docker"),
    };
    Some(folder.join("config.json")).filter(|file| file.is_file())
}
