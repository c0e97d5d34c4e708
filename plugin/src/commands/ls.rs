//! `kubectl backup ls`.

use crate::{cli::inspect::LsArgs, exit::ExitStatus};

use super::session::Session;

/// Runs `ls`.
pub(crate) async fn run(_args: LsArgs, _session: &Session) -> anyhow::Result<ExitStatus> {
    anyhow::bail!("`ls` is not built yet")
}
