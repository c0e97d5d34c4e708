//! `kubectl backup check`.

use crate::{cli::upkeep::CheckArgs, exit::ExitStatus};

use super::session::Session;

/// Runs `check`.
pub(crate) async fn run(_args: CheckArgs, _session: &Session) -> anyhow::Result<ExitStatus> {
    anyhow::bail!("`check` is not built yet")
}
