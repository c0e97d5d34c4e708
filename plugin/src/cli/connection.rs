//! kubectl's own connection flags, with kubectl's own names.

use std::path::PathBuf;

/// How to reach the cluster.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ConnectionArgs {
    /// Path to the kubeconfig file
    #[arg(long, global = true, value_name = "FILE", help_heading = "Connection")]
    pub kubeconfig: Option<PathBuf>,
    /// The kubeconfig context to use
    #[arg(long, global = true, help_heading = "Connection")]
    pub context: Option<String>,
    /// The kubeconfig cluster to use
    #[arg(long, global = true, help_heading = "Connection")]
    pub cluster: Option<String>,
    /// The kubeconfig user to use
    #[arg(long, global = true, help_heading = "Connection")]
    pub user: Option<String>,
    /// Address and port of the API server
    #[arg(short = 's', long, global = true, value_name = "URL", help_heading = "Connection")]
    pub server: Option<String>,
    /// Username to impersonate
    #[arg(long = "as", global = true, value_name = "USER", help_heading = "Connection")]
    pub impersonate: Option<String>,
    /// Group to impersonate; repeat for several
    #[arg(long = "as-group", global = true, value_name = "GROUP", help_heading = "Connection")]
    pub impersonate_groups: Vec<String>,
    /// Give up on a single request after this time: `30s`, `2m`; 0 waits for ever
    #[arg(
        long,
        global = true,
        value_name = "DURATION",
        default_value = "0",
        hide_default_value = true,
        help_heading = "Connection"
    )]
    pub request_timeout: String,
    /// File with a certificate authority for the API server
    #[arg(long, global = true, value_name = "FILE", help_heading = "Connection")]
    pub certificate_authority: Option<PathBuf>,
    /// Do not check the API server's certificate
    #[arg(long, global = true, help_heading = "Connection")]
    pub insecure_skip_tls_verify: bool,
    /// Server name to expect in the API server's certificate
    #[arg(long, global = true, value_name = "NAME", help_heading = "Connection")]
    pub tls_server_name: Option<String>,
}
