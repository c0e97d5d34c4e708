//! The verbs of `hooks` that bring a runtime into pods: `inject`, `eject`, `attach`.

use std::{net::SocketAddr, path::PathBuf};

use clap::ValueEnum;

use crate::{cli::restore::DryRun, plan::hooks::sidecar::TlsVerify};

/// The documents that `-o` can print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PlaceFormat {
    /// One JSON List.
    Json,
    /// YAML documents.
    Yaml,
}

/// What a runtime is to run.
#[derive(Clone, Debug, clap::Args)]
pub struct RuntimeArgs {
    /// The hook, by the name of its component: `postgres`
    #[arg(long, value_name = "NAME", required_unless_present = "config", help_heading = "Hook")]
    pub hook: Option<String>,
    /// File of the component in its folder [default: NAME.wasm]
    #[arg(long, value_name = "FILE", requires = "hook", help_heading = "Hook")]
    pub component: Option<String>,
    /// Instead of a file an artifact in a registry, pinned by its digest
    #[arg(
        long,
        value_name = "IMAGE@sha256:DIGEST",
        requires = "hook",
        conflicts_with = "component",
        help_heading = "Hook"
    )]
    pub hook_image: Option<String>,
    /// Address that the hook may connect to [default: the usual one of its database, on 127.0.0.1]
    #[arg(long, value_name = "ADDRESS:PORT", requires = "hook", help_heading = "Hook")]
    pub connect: Vec<SocketAddr>,
    /// A setting of the hook
    #[arg(long = "setting", value_name = "NAME=VALUE", requires = "hook", help_heading = "Hook")]
    pub settings: Vec<String>,
    /// Let the hook speak TLS with servers whose certificate is verified with its name, or less
    #[arg(
        long,
        value_enum,
        value_name = "VERIFY",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "full",
        requires = "hook",
        help_heading = "Hook"
    )]
    pub tls: Option<TlsVerify>,
    /// Trust this authority alone: a key of a Secret in the namespace, of `attach` a file in a volume of the pod
    #[arg(long, value_name = "SECRET/KEY", requires = "tls", help_heading = "Hook")]
    pub tls_ca: Option<String>,
    /// Configuration of the runtime, instead of one made from the other flags
    #[arg(long, value_name = "FILE", conflicts_with = "hook", help_heading = "Hook")]
    pub config: Option<PathBuf>,
    /// Image of the runtime, of your own (docs/hooks.md); it has the components in /hooks, unless they come from elsewhere
    #[arg(long, value_name = "IMAGE", env = "KUBECTL_BACKUP_HOOK_IMAGE", help_heading = "Hook")]
    pub image: Option<String>,
    /// Port on the loopback of the pod
    #[arg(long, value_name = "PORT", default_value_t = 9911, value_parser = clap::value_parser!(u16).range(1..), help_heading = "Hook")]
    pub port: u16,
}

/// Whether a change is made.
#[derive(Clone, Debug, clap::Args)]
pub struct ChangeArgs {
    /// Namespace
    #[arg(short, long = "namespace", value_name = "NAMESPACE")]
    pub namespace: Option<String>,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Show the change and make none; `server` has the API server check it
    #[arg(long, value_enum, value_name = "WHO", num_args = 0..=1, require_equals = true, default_missing_value = "client")]
    pub dry_run: Option<DryRun>,
    /// Print the objects instead of their difference; only with --dry-run
    #[arg(short, long, value_enum, value_name = "FORMAT", requires = "dry_run", help_heading = "Output")]
    pub output: Option<PlaceFormat>,
}

/// Arguments of `hooks inject`.
#[derive(Debug, clap::Args)]
pub struct InjectArgs {
    /// The workload: `deploy/db`, `sts/db`, `ds/db`
    #[arg(value_name = "TYPE/NAME", required = true)]
    pub workload: String,
    /// What it runs.
    #[command(flatten)]
    pub runtime: RuntimeArgs,
    /// A secret of the hook: a key of a Secret in the namespace of the workload; with --config the file /secrets/SECRET/KEY
    #[arg(long = "secret", value_name = "NAME=SECRET/KEY", help_heading = "Hook")]
    pub secrets: Vec<String>,
    /// Take the components from this config map instead of from the image
    #[arg(long, value_name = "CONFIGMAP", help_heading = "Hook")]
    pub components_from: Option<String>,
    /// What is done.
    #[command(flatten)]
    pub change: ChangeArgs,
}

/// Arguments of `hooks eject`.
#[derive(Debug, clap::Args)]
pub struct EjectArgs {
    /// The workload: `deploy/db`, `sts/db`, `ds/db`
    #[arg(value_name = "TYPE/NAME", required = true)]
    pub workload: String,
    /// What is done.
    #[command(flatten)]
    pub change: ChangeArgs,
}

/// Arguments of `hooks attach`.
#[derive(Debug, clap::Args)]
pub struct AttachArgs {
    /// The pod: `pod/db-0`
    #[arg(value_name = "TYPE/NAME", required = true)]
    pub pod: String,
    /// What it runs.
    #[command(flatten)]
    pub runtime: RuntimeArgs,
    /// A secret of the hook: a file in a volume of the pod; with --config the file /secrets/VOLUME/FILE
    #[arg(long = "secret", value_name = "NAME=VOLUME/FILE", help_heading = "Hook")]
    pub secrets: Vec<String>,
    /// Take the components from this volume of the pod instead of from the image
    #[arg(long, value_name = "VOLUME", help_heading = "Hook")]
    pub components_from: Option<String>,
    /// What is done.
    #[command(flatten)]
    pub change: ChangeArgs,
}
