//! `cargo xtask bench`: the benchmarks of `tests/bench`, with optimisation. They start a cluster for each size themselves.

use anyhow::Result;

use crate::shell::{self, cargo};

/// Arguments of `bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct BenchArgs {
    /// Passed to the benchmarks
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub arguments: Vec<String>,
}

pub(crate) fn run(args: &BenchArgs) -> Result<()> {
    build()?;
    let mut bench = cargo(["run", "--release", "--package", "bench", "--"]);
    shell::run(bench.args(&args.arguments))
}

/// The binary that is measured and the one that measures.
fn build() -> Result<()> {
    shell::run(&mut cargo(["build", "--release", "--package", "kubectl-backup", "--package", "bench"]))
}
