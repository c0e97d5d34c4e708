//! The project's chores: test clusters, tests, what CI checks, release archives, benchmarks, the demonstration.
//!
//! One module a verb. Programs are run through [`shell`], which also hears Ctrl-C, so that a cluster started here is
//! always torn down.

mod bench;
mod ci;
mod cluster;
mod demo;
pub mod dist;
mod hook_tools;
mod hooks;
mod image;
mod install;
pub mod shell;
mod test;

use std::{io::Write as _, process::ExitCode};

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask", about = "The chores of kubectl backup", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Start, stop or show Kubernetes control planes for tests
    #[command(subcommand)]
    Cluster(cluster::ClusterVerb),
    /// Run every test there is, on a cluster of their own
    Test(test::TestArgs),
    /// Check all that CI checks
    Ci,
    /// Build the example hooks
    Hooks,
    /// Build an image of the hook runtime with the example hooks in it, to be pushed to a registry of yours
    Image(image::ImageArgs),
    /// Build release archives, their checksums and the Krew manifest
    Dist(dist::DistArgs),
    /// Measure against the floors of the same run
    Bench(bench::BenchArgs),
    /// Show a backup, a disaster and two restores, step by step
    Demo(demo::DemoArgs),
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    match run(Cli::parse().verb) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing to do when even stderr is closed.
            drop(writeln!(std::io::stderr(), "error: {error:#}"));
            ExitCode::from(if shell::interrupted() { 130 } else { 1 })
        }
    }
}

fn run(verb: Verb) -> Result<()> {
    shell::listen()?;
    match verb {
        Verb::Cluster(verb) => cluster::run(verb),
        Verb::Test(args) => test::run(&args),
        Verb::Ci => ci::run_all(),
        Verb::Hooks => hooks::build(),
        Verb::Image(args) => image::run(&args),
        Verb::Dist(args) => dist::run(&args),
        Verb::Bench(args) => bench::run(&args),
        Verb::Demo(args) => demo::run(&args),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn definition_is_consistent() {
        Cli::command().debug_assert();
    }
}
