//! `kubectl backup completion`.

use crate::{cli::upkeep::CompletionArgs, exit::ExitStatus};

use super::session::Session;

/// Runs `completion`.
pub(crate) async fn run(_args: CompletionArgs, _session: &Session) -> anyhow::Result<ExitStatus> {
    anyhow::bail!("`completion` is not built yet")
}
