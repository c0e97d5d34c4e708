//! `kubectl backup undo`.

use super::{output::OutputFormat, restore::DryRun};

/// Arguments of `undo`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  # Which restores there were, and how they ended
  kubectl backup list --restores

  # Take the newest one back, after a look at the plan
  kubectl backup undo")]
pub struct UndoArgs {
    /// The restore: the id of its undo point, or `latest`
    #[arg(value_name = "RESTORE", default_value = "latest")]
    pub restore: String,
    /// Take back also what somebody else changed since
    #[arg(long)]
    pub force: bool,
    /// Show what would happen and change nothing
    #[arg(long, value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "client")]
    pub dry_run: Option<DryRun>,
    /// Do not ask before changing the cluster
    #[arg(short, long)]
    pub yes: bool,
    /// Do not save what will be overwritten first: the undo cannot be undone then
    #[arg(long)]
    pub no_undo: bool,
    /// How to print.
    #[command(flatten)]
    pub output: OutputFormat,
    /// Writes under way at the same time
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u16).range(1..=256), hide_default_value = true, help_heading = "Tuning")]
    pub parallel: u16,
}
