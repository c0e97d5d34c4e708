//! `kubectl backup diff`.

use crate::{cli::inspect::DiffArgs, exit::ExitStatus};

use super::session::Session;

/// Runs `diff`.
pub(crate) async fn run(_args: DiffArgs, _session: &Session) -> anyhow::Result<ExitStatus> {
    anyhow::bail!("`diff` is not built yet")
}
