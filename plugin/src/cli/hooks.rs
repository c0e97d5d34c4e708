//! `kubectl backup hooks`, and the flags of other verbs that have to do with hooks.

pub mod component;
pub mod place;
pub mod project;

use std::{path::PathBuf, time::Duration};

use clap::Subcommand;

use crate::model::freeze::HookPolicy;

use super::{
    output::{OutputFormat, RecordOutput},
    selection::NamespaceArgs,
};

/// Arguments of `hooks`.
#[derive(Debug, clap::Args)]
pub struct HooksArgs {
    /// What is wanted.
    #[command(subcommand)]
    pub command: HooksCommand,
}

/// The verbs of `hooks`.
#[derive(Debug, Subcommand)]
pub enum HooksCommand {
    /// List the hooks that pods say they have; nothing in the pods is asked
    List(SelectedArgs),
    /// Ask the hook runtimes where their leases are and how the last ones ended
    Status(SelectedArgs),
    /// Show all that the hook runtime of a pod says of its hooks
    Show(ShowArgs),
    /// Freeze, check and thaw without a backup, and tell how long it took
    #[command(after_help = "Examples:
  kubectl backup hooks test pod/db-0
  kubectl backup hooks test sts/db -n shop --freeze-budget 5s")]
    Test(TestArgs),
    /// Put a hook runtime into the pods of a workload, as a native sidecar; the workload rolls
    ///
    /// It runs as an ordinary user on a read-only root, without capabilities and without a token of the service account.
    /// Freezing a file system needs more than that, and is not set up by this command.
    #[command(after_help = "Examples:
  kubectl backup hooks inject sts/db -n shop --hook postgres --setting user=backup \\
    --secret password=db-backup/password --image registry.example/hook-runtime:1
  kubectl backup hooks inject deploy/db --config hooks.yaml --image registry.example/hook-runtime:1 --dry-run=server")]
    Inject(place::InjectArgs),
    /// Take the hook runtime out of a workload again; the workload rolls
    Eject(place::EjectArgs),
    /// Put a hook runtime into a running pod, as an ephemeral container, without a restart
    ///
    /// It goes when the pod does, and not before: an ephemeral container cannot be changed or removed. It mounts no volume
    /// that the pod does not have, has no resource limits of its own, and is not started again when it ends.
    Attach(place::AttachArgs),
    /// Make a folder with a hook in it that builds and whose tests run
    #[command(after_help = "Examples:
  kubectl backup hooks new till
  kubectl backup hooks new till --lang python")]
    New(project::NewArgs),
    /// Build the component of a hook, and show what it is
    Build(project::BuildArgs),
    /// Show what a hook is without running it: its digest, and what it can ask of the runtime
    Inspect(component::InspectArgs),
    /// Push a hook to a registry, and print the reference that pins it
    #[command(after_help = "Examples:
  kubectl backup hooks push target/wasm32-wasip2/release/shop_hook.wasm registry.example/hooks/shop:1.0.0")]
    Push(component::PushArgs),
}

/// Arguments of `hooks list` and `hooks status`.
#[derive(Debug, clap::Args)]
pub struct SelectedArgs {
    /// Only these pods, or those of these workloads: `pod/db-0`, `sts/db`
    #[arg(value_name = "TYPE/NAME")]
    pub objects: Vec<String>,
    /// Namespaces.
    #[command(flatten)]
    pub namespaces: NamespaceArgs,
    /// Only pods with these labels
    #[arg(
        short = 'l',
        long,
        value_name = "SELECTOR",
        help_heading = "Selection",
        conflicts_with = "objects"
    )]
    pub selector: Option<String>,
    /// The file.
    #[command(flatten)]
    pub file: HookFileArgs,
    /// How to print.
    #[command(flatten)]
    pub output: RecordOutput,
}

/// Arguments of `hooks show`.
#[derive(Debug, clap::Args)]
pub struct ShowArgs {
    /// The pod, or a workload whose pods are meant: `pod/db-0`, `sts/db`
    #[arg(value_name = "TYPE/NAME", required = true)]
    pub object: String,
    /// Namespace
    #[arg(short, long = "namespace", value_name = "NAMESPACE", help_heading = "Selection")]
    pub namespace: Option<String>,
    /// The file.
    #[command(flatten)]
    pub file: HookFileArgs,
    /// How to print.
    #[command(flatten)]
    pub output: OutputFormat,
}

/// Arguments of `hooks test`.
#[derive(Debug, clap::Args)]
pub struct TestArgs {
    /// The pods, or workloads whose pods are meant: `pod/db-0`, `sts/db`
    #[arg(value_name = "TYPE/NAME", required = true)]
    pub objects: Vec<String>,
    /// Namespace
    #[arg(short, long = "namespace", value_name = "NAMESPACE", help_heading = "Selection")]
    pub namespace: Option<String>,
    /// The file.
    #[command(flatten)]
    pub file: HookFileArgs,
    /// The budget.
    #[command(flatten)]
    pub budget: BudgetArgs,
    /// How to print.
    #[command(flatten)]
    pub output: OutputFormat,
}

/// Which hooks a selection has.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct HookFileArgs {
    /// Take the hooks of pods from this file instead of from their annotations
    #[arg(long, value_name = "FILE", help_heading = "Hooks")]
    pub hooks_file: Option<PathBuf>,
}

/// How long a freeze may last.
#[derive(Clone, Debug, clap::Args)]
pub struct BudgetArgs {
    /// Longest time from the first freeze to the last thaw: `10s`, `1m`
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = budget, help_heading = "Hooks")]
    pub freeze_budget: Duration,
}

/// The freeze of `create`.
#[derive(Clone, Debug, clap::Args)]
pub struct FreezeArgs {
    /// What happens when a hook fails [default: require; off where objects or kinds are named]
    #[arg(long, value_enum, value_name = "POLICY", help_heading = "Hooks")]
    pub hooks: Option<HookPolicy>,
    /// The file.
    #[command(flatten)]
    pub file: HookFileArgs,
    /// The budget.
    #[command(flatten)]
    pub budget: BudgetArgs,
}

/// A second to ten minutes, which is the most that a runtime allows.
fn budget(text: &str) -> Result<Duration, String> {
    let span: jiff::SignedDuration = text.parse().map_err(|_| "write for example 10s or 1m".to_owned())?;
    let budget = Duration::try_from(span).map_err(|_| "it is negative".to_owned())?;
    if (Duration::from_secs(1)..=Duration::from_mins(10)).contains(&budget) {
        Ok(budget)
    } else {
        Err("it must be 1s to 10m".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("30s", Some(30))]
    #[case("1m30s", Some(90))]
    #[case("10m", Some(600))]
    #[case("11m", None)]
    #[case("0s", None)]
    #[case("-5s", None)]
    #[case("soon", None)]
    fn a_budget_is_a_second_to_ten_minutes(#[case] text: &str, #[case] seconds: Option<u64>) {
        assert_eq!(budget(text).ok(), seconds.map(Duration::from_secs));
    }
}
