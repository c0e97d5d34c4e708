//! `kubectl backup create`.

use crate::model::selection::ApiVersions;

use super::{
    hooks::FreezeArgs,
    output::OutputFormat,
    selection::{FilterArgs, NamespaceArgs},
};

/// Arguments of `create`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  # Save the namespace shop
  kubectl backup create -n shop

  # Save everything but Secrets, and see first what that would be
  kubectl backup create -A --exclude secrets --dry-run

  # Save two objects
  kubectl backup create -n shop deploy/web configmap/web-config")]
pub struct CreateArgs {
    /// Only these objects: `TYPE/NAME …` or `TYPE NAME …`
    #[arg(value_name = "TYPE/NAME")]
    pub objects: Vec<String>,
    /// Namespaces.
    #[command(flatten)]
    pub namespaces: NamespaceArgs,
    /// What of them.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// Only objects with these fields, for the kinds that support it: `metadata.name=web`
    #[arg(long, value_name = "SELECTOR", help_heading = "Selection")]
    pub field_selector: Option<String>,
    /// At which versions of its kind to save an object that the cluster serves at several: the one it prefers and those
    /// that may differ from it in more than their name (auto), that one alone (preferred), or all of them
    #[arg(
        long,
        value_name = "WHICH",
        value_enum,
        default_value_t,
        hide_possible_values = true,
        help_heading = "Selection"
    )]
    pub api_versions: ApiVersions,
    /// The freeze of its hooks.
    #[command(flatten)]
    pub freeze: FreezeArgs,
    /// Name of the restore point [default: made from scope and time]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Save nothing if anything asked for cannot be read, instead of saving an incomplete restore point
    #[arg(long)]
    pub require_complete: bool,
    /// Show what would be saved and what would not, and save nothing
    #[arg(long)]
    pub dry_run: bool,
    /// How to print.
    #[command(flatten)]
    pub output: OutputFormat,
    /// Objects per page of a list
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=10_000), hide_default_value = true, help_heading = "Tuning")]
    pub chunk_size: u32,
    /// Lists under way at the same time
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u16).range(1..=64), hide_default_value = true, help_heading = "Tuning")]
    pub parallel: u16,
}
