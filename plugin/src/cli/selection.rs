//! The flags that select objects; the same words in every verb that takes a selection.

use crate::model::selection::ClusterScoped;

/// Namespaces: `-n` and `-A`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct NamespaceArgs {
    /// Namespace; repeat or separate by commas for several
    #[arg(
        short,
        long = "namespace",
        value_name = "NAMESPACE",
        value_delimiter = ',',
        help_heading = "Selection"
    )]
    pub namespaces: Vec<String>,
    /// All namespaces
    #[arg(short = 'A', long, help_heading = "Selection", conflicts_with = "namespaces")]
    pub all_namespaces: bool,
}

/// Everything that narrows the objects of those namespaces down.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct FilterArgs {
    /// Only objects with these labels, in kubectl's syntax: `app=web,tier!=cache`
    #[arg(short = 'l', long, value_name = "SELECTOR", help_heading = "Selection")]
    pub selector: Option<String>,
    /// Only these kinds: `deployments`, `deploy`, `*.apps`, `certificates.cert-manager.io`; repeat or use commas
    #[arg(long = "include", value_name = "KINDS", value_delimiter = ',', help_heading = "Selection")]
    pub include_kinds: Vec<String>,
    /// All kinds but these
    #[arg(long = "exclude", value_name = "KINDS", value_delimiter = ',', help_heading = "Selection")]
    pub exclude_kinds: Vec<String>,
    /// Which objects outside namespaces go along
    #[arg(long, value_enum, default_value_t = ClusterScoped::Referenced, help_heading = "Selection")]
    pub cluster_scoped: ClusterScoped,
}
