//! `kubectl backup get`.

use crate::{cli::inspect::GetArgs, exit::ExitStatus};

use super::session::Session;

/// Runs `get`.
pub(crate) async fn run(_args: GetArgs, _session: &Session) -> anyhow::Result<ExitStatus> {
    anyhow::bail!("`get` is not built yet")
}
