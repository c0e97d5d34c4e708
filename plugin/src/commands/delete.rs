//! `kubectl backup delete`.

use crate::{cli::upkeep::DeleteArgs, exit::ExitStatus};

use super::session::Session;

/// Runs `delete`.
pub(crate) async fn run(_args: DeleteArgs, _session: &Session) -> anyhow::Result<ExitStatus> {
    anyhow::bail!("`delete` is not built yet")
}
