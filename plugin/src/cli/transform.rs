//! `kubectl backup transform`.

use std::path::PathBuf;

use clap::{ValueEnum, ValueHint};

use super::{output::ColorChoice, selection::NamespaceArgs};

/// Output of `transform`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TransformOutput {
    /// What changes, object by object; the default.
    Diff,
    /// All objects as they would be written.
    Yaml,
    /// All objects as they would be written.
    Json,
    /// The names of the objects that change.
    Name,
}

/// Arguments of `transform`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  # What the transforms would do to the latest backup of shop
  kubectl backup transform -f staging.yaml latest:shop

  # The same for one object
  kubectl backup transform -f staging.yaml latest deploy/web -n shop

  # Change a manifest on its way into a cluster
  kubectl backup transform -f staging.yaml --from app.yaml -o yaml | kubectl apply -f -")]
pub struct TransformArgs {
    /// File of transforms; repeat for several, which run in this order
    #[arg(short = 'f', long = "transform", value_name = "FILE", required = true, value_hint = ValueHint::FilePath)]
    pub files: Vec<PathBuf>,
    /// The restore point: id, name, `latest`, `latest:NAMESPACE`, age (`2h`) or date (`2026-11-20`)
    #[arg(value_name = "RESTORE-POINT", default_value = "latest")]
    pub restore_point: String,
    /// Only these objects: `TYPE/NAME …` or `TYPE NAME …`
    #[arg(value_name = "TYPE/NAME")]
    pub objects: Vec<String>,
    /// Read the objects from a manifest instead; `-` for stdin
    #[arg(long, value_name = "MANIFEST", value_hint = ValueHint::FilePath,
          conflicts_with_all = ["restore_point", "objects", "namespaces", "all_namespaces", "map_namespace"])]
    pub from: Option<PathBuf>,
    /// Namespaces; all of the restore point by default.
    #[command(flatten)]
    pub namespaces: NamespaceArgs,
    /// Only objects with these labels
    #[arg(short = 'l', long, value_name = "SELECTOR", help_heading = "Selection")]
    pub selector: Option<String>,
    /// Map namespaces first, as the restore will: `shop=shop-test`
    #[arg(long, value_name = "FROM=TO", value_delimiter = ',')]
    pub map_namespace: Vec<String>,
    /// Show the values of Secrets instead of masks
    #[arg(long, help_heading = "Output")]
    pub show_secrets: bool,
    /// Output format
    #[arg(
        short,
        long,
        value_enum,
        default_value = "diff",
        hide_default_value = true,
        help_heading = "Output"
    )]
    pub output: TransformOutput,
    /// When to use colour
    #[arg(long, value_enum, default_value = "auto", help_heading = "Output")]
    pub color: ColorChoice,
}
