//! `kubectl backup list`.

use crate::{cli::inspect::ListArgs, exit::ExitStatus};

use super::session::Session;

/// Runs `list`.
pub(crate) async fn run(_args: ListArgs, _session: &Session) -> anyhow::Result<ExitStatus> {
    anyhow::bail!("`list` is not built yet")
}
