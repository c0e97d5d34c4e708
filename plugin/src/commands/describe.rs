//! `kubectl backup describe`.

use crate::{cli::inspect::DescribeArgs, exit::ExitStatus};

use super::session::Session;

/// Runs `describe`.
pub(crate) async fn run(_args: DescribeArgs, _session: &Session) -> anyhow::Result<ExitStatus> {
    anyhow::bail!("`describe` is not built yet")
}
