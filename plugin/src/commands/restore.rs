//! `kubectl backup restore`.

use crate::{cli::restore::RestoreArgs, exit::ExitStatus};

use super::session::Session;

/// Runs `restore`.
pub(crate) async fn run(_args: RestoreArgs, _session: &Session) -> anyhow::Result<ExitStatus> {
    anyhow::bail!("`restore` is not built yet")
}
