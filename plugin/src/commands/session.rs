//! What every verb needs: the global flags, the printer, and the ways to a cluster and a repository.

use std::sync::Arc;

use anyhow::Context;

use crate::{
    archive::{self, ArchiveError, Opened, Repository, Warn},
    cli::GlobalArgs,
    cluster::{Cluster, ClusterError},
    config::{KeyFile, PasswordSource, Settings},
    model::repository::Location,
    report::printer::Printer,
};

/// One run of the plugin.
#[derive(Debug)]
pub(crate) struct Session {
    /// Flags that every verb takes.
    pub(crate) global: GlobalArgs,
    /// The way to stdout and stderr.
    pub(crate) printer: Printer,
}

impl Session {
    /// For the given flags.
    pub(crate) fn new(global: GlobalArgs, printer: Printer) -> Self {
        Self { global, printer }
    }

    /// The cluster that the connection flags mean. No request is made yet.
    pub(crate) async fn cluster(&self) -> Result<Cluster, ClusterError> {
        Cluster::connect(&self.global.connection).await
    }

    /// The repository, which has to be there.
    pub(crate) async fn repository(&self) -> anyhow::Result<Repository> {
        let settings = Settings::resolve(&self.global.repository)?;
        let warn = self.warn();
        blocking(move || {
            // A repository that is not there needs no password, and saying so helps more.
            archive::expect_repository(&settings.location)?;
            Ok(archive::open(&settings.access()?, warn)?)
        })
        .await
    }

    /// The repository, made if nothing is there yet.
    pub(crate) async fn repository_or_create(&self) -> anyhow::Result<Repository> {
        let settings = Settings::resolve(&self.global.repository)?;
        let warn = self.warn();
        let location = settings.location.clone();
        let password = settings.password.clone();
        let (repository, opened, key_file) = blocking(move || {
            match archive::expect_repository(&settings.location) {
                Ok(()) => {
                    let repository = archive::open(&settings.access()?, warn)?;
                    return Ok((repository, Opened::Existing, KeyFile::Existing));
                }
                Err(ArchiveError::NoRepository { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            let (access, key_file) = settings.access_or_create_key()?;
            let (repository, opened) = archive::open_or_create(&access, warn)?;
            Ok((repository, opened, key_file))
        })
        .await?;
        if opened == Opened::Created {
            self.announce(&location, &password, key_file);
        }
        Ok(repository)
    }

    /// The one moment at which the user must learn where the key is.
    fn announce(&self, location: &Location, password: &PasswordSource, key_file: KeyFile) {
        self.printer.note(&format!("created the repository {location}"));
        if let PasswordSource::KeyFile(path) = password {
            let word = match key_file {
                KeyFile::Created => "created its key file",
                KeyFile::Existing => "its key file is",
            };
            self.printer.note(&format!("{word} {}", path.display()));
            self.printer.note(
                "Keep a copy of the key file in another place: without it nobody can read the backups, not even you.",
            );
        }
    }

    fn warn(&self) -> Warn {
        let printer = self.printer.clone();
        Arc::new(move |text| printer.warning(text))
    }
}

/// Runs what blocks off the threads that serve the network.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(work).await.context("an internal task ended early")?
}
