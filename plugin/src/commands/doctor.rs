//! `kubectl backup doctor`.

use crate::{cli::upkeep::DoctorArgs, exit::ExitStatus};

use super::session::Session;

/// Runs `doctor`.
pub(crate) async fn run(_args: DoctorArgs, _session: &Session) -> anyhow::Result<ExitStatus> {
    anyhow::bail!("`doctor` is not built yet")
}
