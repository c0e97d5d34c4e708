//! The verbs that keep things in order: `delete`, `check`, `doctor`, `completion`.

use clap::ValueEnum;

use super::{
    output::OutputFormat,
    selection::{FilterArgs, NamespaceArgs},
};

/// Arguments of `delete`.
#[derive(Debug, clap::Args)]
pub struct DeleteArgs {
    /// The restore points: ids or names
    #[arg(value_name = "RESTORE-POINT", required = true)]
    pub restore_points: Vec<String>,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Name what would be deleted and delete nothing
    #[arg(long)]
    pub dry_run: bool,
    /// How to print.
    #[command(flatten)]
    pub output: OutputFormat,
}

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    /// Read and verify every byte of data too
    #[arg(long)]
    pub read_data: bool,
    /// How to print.
    #[command(flatten)]
    pub output: OutputFormat,
}

/// Arguments of `doctor`.
#[derive(Debug, clap::Args)]
pub struct DoctorArgs {
    /// Namespaces that would be backed up.
    #[command(flatten)]
    pub namespaces: NamespaceArgs,
    /// What of them.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// How to print.
    #[command(flatten)]
    pub output: OutputFormat,
}

/// The shells that completion exists for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// bash.
    Bash,
    /// zsh.
    Zsh,
    /// fish.
    Fish,
    /// PowerShell.
    Powershell,
}

/// Arguments of `completion`.
#[derive(Debug, clap::Args)]
pub struct CompletionArgs {
    /// Print the script for this shell, for calling `kubectl-backup` directly
    #[arg(value_enum, required_unless_present = "install")]
    pub shell: Option<Shell>,
    /// Put `kubectl_complete-backup` beside `kubectl-backup`, so that kubectl completes `kubectl backup …`
    #[arg(long, conflicts_with = "shell")]
    pub install: bool,
}

/// The documents that `version` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum VersionFormat {
    /// One JSON document.
    Json,
    /// One YAML document.
    Yaml,
}

/// Arguments of `version`.
#[derive(Debug, clap::Args)]
pub struct VersionArgs {
    /// Output format
    #[arg(short, long, value_enum, help_heading = "Output")]
    pub output: Option<VersionFormat>,
    /// The version of this program only, which is all there is: nothing of it runs in the cluster
    #[arg(long, hide = true)]
    pub client: bool,
}

/// Arguments of the hidden `__complete`.
#[derive(Debug, clap::Args)]
pub struct CompleteArgs {
    /// The words typed after `kubectl backup`; the last may be empty
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub words: Vec<String>,
}
