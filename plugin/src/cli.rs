//! The command line: every verb, flag and help text. No logic beyond what clap checks by itself.
//!
//! Turning these words into requests is the business of each file in `commands`.

pub mod connection;
pub mod create;
pub mod hooks;
pub mod inspect;
pub mod output;
pub mod repository;
pub mod restore;
pub mod selection;
pub mod transform;
pub mod undo;
pub mod upkeep;

use clap::{ArgAction, Parser, Subcommand};

use connection::ConnectionArgs;
use repository::RepositoryArgs;

/// Back up Kubernetes applications and restore any part of them
///
/// A backup is a restore point in an encrypted, deduplicating repository of the restic format. With no
/// configuration at all the repository is a folder of your own user; see `--repo`.
#[derive(Debug, Parser)]
#[command(
    name = "kubectl-backup",
    bin_name = "kubectl backup",
    version,
    propagate_version = true,
    max_term_width = 110,
    after_help = "Examples:
  kubectl backup create -n shop
  kubectl backup list
  kubectl backup restore latest deploy/web -n shop"
)]
pub struct Cli {
    /// Flags that every verb takes.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// The verb.
    #[command(subcommand)]
    pub command: Command,
}

/// Flags that every verb takes, before or after it.
#[derive(Clone, Debug, clap::Args)]
pub struct GlobalArgs {
    /// How to reach the cluster.
    #[command(flatten)]
    pub connection: ConnectionArgs,
    /// Which repository, and its password.
    #[command(flatten)]
    pub repository: RepositoryArgs,
    /// Say more on stderr: `-v`, `-vv` or `-v=2` for every request, `-v=3` for everything
    ///
    /// The level needs its `=`: in `-v 2` the 2 could as well be a restore point.
    #[arg(short = 'v', long = "v", visible_alias = "verbose", global = true, value_name = "LEVEL", num_args = 0..=1, require_equals = true,
          default_missing_value = "1", action = ArgAction::Append, help_heading = "Output")]
    verbosity: Vec<u8>,
    /// Say nothing but results and errors
    #[arg(short, long, global = true, help_heading = "Output")]
    pub quiet: bool,
}

impl GlobalArgs {
    /// How much to say: each `-v` adds its level.
    pub fn verbosity(&self) -> u8 {
        self.verbosity.iter().fold(0, |sum, level| sum.saturating_add(*level))
    }
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Save a namespace, or any selection of objects, as a restore point
    Create(create::CreateArgs),
    /// Bring objects of a restore point back into a cluster
    Restore(restore::RestoreArgs),
    /// Take a restore back: delete what it made, and set back what it changed
    Undo(undo::UndoArgs),
    /// List restore points, newest first
    List(inspect::ListArgs),
    /// Show all there is to know about a restore point
    Describe(inspect::DescribeArgs),
    /// List the objects in a restore point
    Ls(inspect::LsArgs),
    /// Print objects of a restore point as kubectl would
    Get(inspect::GetArgs),
    /// Compare a restore point with the cluster or with another one
    ///
    /// Objects that a controller makes from others, such as the pods of a Deployment, are compared only by name.
    ///
    /// Exits 0 when there is no difference, 1 when there is one, and above 1 when comparing failed.
    Diff(inspect::DiffArgs),
    /// Show what transforms would do to objects, without a cluster
    Transform(transform::TransformArgs),
    /// Show in which restore points an object changed
    History(inspect::HistoryArgs),
    /// Look at the hooks that freeze applications for a backup, and try them
    Hooks(hooks::HooksArgs),
    /// Delete restore points
    Delete(upkeep::DeleteArgs),
    /// Check that the repository is whole
    Check(upkeep::CheckArgs),
    /// Look for what would keep a backup or restore from working, and name the remedy
    Doctor(upkeep::DoctorArgs),
    /// Print or install shell completion
    Completion(upkeep::CompletionArgs),
    /// Print the version of this program
    Version(upkeep::VersionArgs),
    /// Candidates for the word being typed; called by `kubectl_complete-backup`
    #[command(name = "__complete", hide = true)]
    Complete(upkeep::CompleteArgs),
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};
    use rstest::rstest;

    use super::Cli;

    #[test]
    fn definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[rstest]
    #[case::silent(&[], 0)]
    #[case::once(&["-v"], 1)]
    #[case::twice(&["-vv"], 2)]
    #[case::level(&["-v=3"], 3)]
    #[case::kubectls_long_form(&["--v=4"], 4)]
    #[case::before_and_after_the_verb(&["--verbose", "-v"], 2)]
    fn verbosity_is_the_sum_of_its_flags(#[case] flags: &[&str], #[case] expected: u8) {
        let words = ["kubectl-backup", "list"].into_iter().chain(flags.iter().copied());
        assert_eq!(Cli::try_parse_from(words).unwrap().global.verbosity(), expected);
    }
}
