//! `kubectl backup history`.

use crate::{cli::inspect::HistoryArgs, exit::ExitStatus};

use super::session::Session;

/// Runs `history`.
pub(crate) async fn run(_args: HistoryArgs, _session: &Session) -> anyhow::Result<ExitStatus> {
    anyhow::bail!("`history` is not built yet")
}
