//! `kubectl backup create`.

use crate::{cli::create::CreateArgs, exit::ExitStatus};

use super::session::Session;

/// Runs `create`.
pub(crate) async fn run(_args: CreateArgs, _session: &Session) -> anyhow::Result<ExitStatus> {
    anyhow::bail!("`create` is not built yet")
}
