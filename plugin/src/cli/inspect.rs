//! The verbs that look into a repository: `list`, `describe`, `ls`, `get`, `diff`, `history`.

use super::{
    output::{ColorChoice, DiffFormat, OutputFormat, RecordOutput},
    selection::NamespaceArgs,
};

/// Arguments of `list`.
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// Only restore points that hold one of these namespaces
    #[arg(short, long = "namespace", value_name = "NAMESPACE", value_delimiter = ',')]
    pub namespaces: Vec<String>,
    /// The restores that were made, instead: each with what undoes it
    #[arg(long)]
    pub restores: bool,
    /// How to print.
    #[command(flatten)]
    pub output: RecordOutput,
}

/// Arguments of `describe`.
#[derive(Debug, clap::Args)]
pub struct DescribeArgs {
    /// The restore point: id, name, `latest`, `latest:NAMESPACE`, age (`2h`) or date (`2026-11-20`)
    #[arg(value_name = "RESTORE-POINT", default_value = "latest")]
    pub restore_point: String,
    /// How to print.
    #[command(flatten)]
    pub output: OutputFormat,
}

/// Arguments of `ls`.
#[derive(Debug, clap::Args)]
pub struct LsArgs {
    /// The restore point: id, name, `latest`, `latest:NAMESPACE`, age (`2h`) or date (`2026-11-20`)
    #[arg(value_name = "RESTORE-POINT", default_value = "latest")]
    pub restore_point: String,
    /// Only these kinds
    #[arg(value_name = "KIND", value_delimiter = ',')]
    pub kinds: Vec<String>,
    /// Namespaces; all of the restore point by default.
    #[command(flatten)]
    pub namespaces: NamespaceArgs,
    /// Only objects with these labels
    #[arg(short = 'l', long, value_name = "SELECTOR", help_heading = "Selection")]
    pub selector: Option<String>,
    /// Group by namespace and kind
    #[arg(long)]
    pub tree: bool,
    /// How to print.
    #[command(flatten)]
    pub output: RecordOutput,
}

/// Arguments of `get`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  kubectl backup get latest deploy/web -n shop -o yaml
  kubectl backup get 3f2a9c01 secrets -n shop
  kubectl backup get latest cm web-config -n shop -o jsonpath='{.data.app\\.conf}'")]
pub struct GetArgs {
    /// The restore point: id, name, `latest`, `latest:NAMESPACE`, age (`2h`) or date (`2026-11-20`)
    #[arg(value_name = "RESTORE-POINT")]
    pub restore_point: String,
    /// `TYPE`, `TYPE/NAME`, or `TYPE NAME …`
    #[arg(value_name = "TYPE[/NAME]", required = true)]
    pub objects: Vec<String>,
    /// Namespaces; the context's by default, as in kubectl.
    #[command(flatten)]
    pub namespaces: NamespaceArgs,
    /// Only objects with these labels
    #[arg(short = 'l', long, value_name = "SELECTOR", help_heading = "Selection")]
    pub selector: Option<String>,
    /// The objects as they were saved at this version of their kind; `describe` lists the versions
    #[arg(long, value_name = "VERSION", help_heading = "Selection")]
    pub api_version: Option<String>,
    /// Output format: yaml, json, name, wide, jsonpath=TEMPLATE
    #[arg(short, long, value_name = "FORMAT", help_heading = "Output")]
    pub output: Option<String>,
    /// Leave the header line out
    #[arg(long, help_heading = "Output")]
    pub no_headers: bool,
    /// Keep `metadata.managedFields` in yaml and json
    #[arg(long, help_heading = "Output")]
    pub show_managed_fields: bool,
    /// Succeed with no output when an object is not there
    #[arg(long)]
    pub ignore_not_found: bool,
}

/// Arguments of `diff`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  # What changed in the cluster since the latest backup of shop
  kubectl backup diff latest:shop

  # What changed between two restore points, for one object
  kubectl backup diff 3f2a9c01 8b1d77e0 deploy/web -n shop")]
pub struct DiffArgs {
    /// The restore point to compare from
    #[arg(value_name = "RESTORE-POINT")]
    pub restore_point: String,
    /// A second restore point (default: the live cluster), and `TYPE/NAME` to compare only these
    #[arg(value_name = "RESTORE-POINT | TYPE/NAME")]
    pub others: Vec<String>,
    /// Namespaces; all of the restore point by default.
    #[command(flatten)]
    pub namespaces: NamespaceArgs,
    /// Only objects with these labels
    #[arg(short = 'l', long, value_name = "SELECTOR", help_heading = "Selection")]
    pub selector: Option<String>,
    /// Only these kinds
    #[arg(long = "include", value_name = "KINDS", value_delimiter = ',', help_heading = "Selection")]
    pub include_kinds: Vec<String>,
    /// All kinds but these
    #[arg(long = "exclude", value_name = "KINDS", value_delimiter = ',', help_heading = "Selection")]
    pub exclude_kinds: Vec<String>,
    /// Compare status too
    #[arg(long)]
    pub with_status: bool,
    /// Show the values of Secrets instead of masks
    #[arg(long)]
    pub show_secrets: bool,
    /// Name the objects that differ, without their lines
    #[arg(long)]
    pub brief: bool,
    /// Output format
    #[arg(
        short,
        long,
        value_name = "OUTPUT",
        value_enum,
        default_value = "text",
        hide_default_value = true,
        help_heading = "Output"
    )]
    pub output: DiffFormat,
    /// When to use colour
    #[arg(long, value_enum, default_value = "auto", help_heading = "Output")]
    pub color: ColorChoice,
}

/// Arguments of `history`.
#[derive(Debug, clap::Args)]
pub struct HistoryArgs {
    /// `TYPE/NAME` or `TYPE NAME`
    #[arg(value_name = "TYPE/NAME", required = true, num_args = 1..=2)]
    pub object: Vec<String>,
    /// Namespace of the object [default: the context's namespace]
    #[arg(short, long, value_name = "NAMESPACE", help_heading = "Selection")]
    pub namespace: Option<String>,
    /// Show every restore point, not only those in which the object changed
    #[arg(long)]
    pub all: bool,
    /// How to print.
    #[command(flatten)]
    pub output: RecordOutput,
}
