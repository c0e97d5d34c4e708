//! `cargo xtask bench`: the benchmarks of `tests/bench`, with optimisation, on a cluster of their own.

use anyhow::Result;

use crate::shell::{self, cargo, with_cluster};

/// Arguments of `bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct BenchArgs {
    /// Passed to the benchmarks
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub arguments: Vec<String>,
}

pub(crate) fn run(args: &BenchArgs) -> Result<()> {
    build()?;
    with_cluster("bench", |cluster| {
        let mut bench = cargo(["run", "--release", "--package", "bench", "--"]);
        bench.args(&args.arguments).env("BENCH_KUBECONFIG", cluster.kubeconfig());
        shell::run(&mut bench)
    })
}

/// The binary that is measured and the one that measures.
fn build() -> Result<()> {
    shell::run(&mut cargo(["build", "--release", "--package", "kubectl-backup", "--package", "bench"]))
}
