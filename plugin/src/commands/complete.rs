//! `kubectl backup complete`.

use crate::{cli::upkeep::CompleteArgs, exit::ExitStatus};

use super::session::Session;

/// Runs `complete`.
pub(crate) async fn run(_args: CompleteArgs, _session: &Session) -> anyhow::Result<ExitStatus> {
    anyhow::bail!("`complete` is not built yet")
}

/// Turns a call as `kubectl_complete-backup WORDS…` into `kubectl-backup __complete -- WORDS…`.
pub(crate) fn translate_shim_call(arguments: Vec<std::ffi::OsString>) -> Vec<std::ffi::OsString> {
    arguments
}
