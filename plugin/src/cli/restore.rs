//! `kubectl backup restore`.

use std::path::PathBuf;

use clap::{ValueEnum, ValueHint};

use crate::model::{conflict_policy::ConflictPolicy, restore_record::RestoreRequest};

use super::{
    output::OutputFormat,
    selection::{FilterArgs, NamespaceArgs},
};

/// The suffix without `--rename-suffix`.
const DEFAULT_SUFFIX: &str = "-restored";

/// How far a dry run goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DryRun {
    /// Print the plan.
    Client,
    /// Print the plan after the API server has checked each write without doing it.
    Server,
}

/// Arguments of `restore`.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  # Bring a namespace back, after a look at the plan
  kubectl backup restore latest:shop

  # One object
  kubectl backup restore latest deploy/web -n shop

  # One key of a ConfigMap, and nothing else of it
  kubectl backup restore latest cm/app -n shop --field \"data['app.conf']\"

  # What would become of one object, and why
  kubectl backup restore latest deploy/web -n shop --rules rules.yaml --explain

  # A copy of the namespace beside the original
  kubectl backup restore latest:shop --map-namespace shop=shop-test")]
pub struct RestoreArgs {
    /// The restore point: id, name, `latest`, `latest:NAMESPACE`, age (`2h`) or date (`2026-11-20`)
    #[arg(value_name = "RESTORE-POINT", required_unless_present = "resume")]
    pub restore_point: Option<String>,
    /// Only these objects: `TYPE/NAME …` or `TYPE NAME …`
    #[arg(value_name = "TYPE/NAME")]
    pub objects: Vec<String>,
    /// Namespaces of the restore point; all of it by default.
    #[command(flatten)]
    pub namespaces: NamespaceArgs,
    /// What of them.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// Restore the objects of one namespace into another: `shop=shop-test`; repeat for several
    #[arg(long, value_name = "FROM=TO", value_delimiter = ',')]
    pub map_namespace: Vec<String>,
    /// With the objects named also what they need: configuration, secrets, accounts, claims, services, …
    #[arg(long, requires = "objects", conflicts_with = "fields")]
    pub with_dependencies: bool,
    /// Of the objects named, only this field: `spec.replicas`, `data['app.conf']`,
    /// `spec.template.spec.containers[name=web].image`; repeat for several
    #[arg(long = "field", value_name = "PATH", requires = "objects", conflicts_with = "rules")]
    pub fields: Vec<String>,
    /// Change the objects as this file says before they are written; repeat for several, which run in this order
    #[arg(long = "transform", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub transforms: Vec<PathBuf>,
    /// Restore what is named earlier before what is named later, on top of the order of kinds and owners:
    /// `secrets,deploy/db,deploy`
    #[arg(long, value_name = "TYPE[/NAME]", value_delimiter = ',')]
    pub order: Vec<String>,
    /// Keep workloads from running until everything is back: Deployments and the like at no replicas, Jobs and their
    /// schedules suspended, also those that are there; then give them back what they had, in order
    #[arg(long, conflicts_with = "fields")]
    pub hold: bool,
    /// Keep the finalizers of all objects, also where no live object shows that their controller is there
    #[arg(long)]
    pub keep_finalizers: bool,
    /// What to do with an object that exists and differs
    #[arg(long, value_enum)]
    pub on_conflict: Option<ConflictPolicy>,
    /// File of rules that say what to do with which object; the first that matches decides (docs/rules.md)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub rules: Option<PathBuf>,
    /// With `rename`: what ends the new name [default: -restored]
    #[arg(long, value_name = "SUFFIX", default_value = DEFAULT_SUFFIX, hide_default_value = true, allow_hyphen_values = true)]
    pub rename_suffix: String,
    /// With `patch`: also remove what only the live object has
    #[arg(long)]
    pub exact: bool,
    /// Delete what was made in the selection since: bring it back to exactly the saved state, together with
    /// `--on-conflict=patch --exact`
    #[arg(long, conflicts_with_all = ["objects", "map_namespace"])]
    pub prune: bool,
    /// Show what would happen and change nothing
    #[arg(long, value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "client")]
    pub dry_run: Option<DryRun>,
    /// Say for each object what would be done and which rule or option decided that; changes nothing
    #[arg(long)]
    pub explain: bool,
    /// Do not ask before changing the cluster
    #[arg(short, long)]
    pub yes: bool,
    /// Do not save what will be overwritten first: there is no way back then
    #[arg(long)]
    pub no_undo: bool,
    /// Go on with a restore that was interrupted or killed: the same request again (the id of its undo point, or the
    /// latest)
    #[arg(long, value_name = "RESTORE", num_args = 0..=1, default_missing_value = "latest", conflicts_with_all = [
        "restore_point", "objects", "namespaces", "all_namespaces", "selector", "include_kinds", "exclude_kinds",
        "map_namespace", "with_dependencies", "fields", "transforms", "order", "hold", "keep_finalizers", "on_conflict",
        "rules", "exact", "prune",
    ])]
    pub resume: Option<String>,
    /// What was asked for when the restore began that is resumed.
    #[arg(skip)]
    pub recorded: Option<Box<RestoreRequest>>,
    /// Restore from an incomplete restore point, knowing that something is missing in it
    #[arg(long)]
    pub allow_incomplete: bool,
    /// How to print.
    #[command(flatten)]
    pub output: OutputFormat,
    /// Writes under way at the same time
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u16).range(1..=256), hide_default_value = true, help_heading = "Tuning")]
    pub parallel: u16,
}
