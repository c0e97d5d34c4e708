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
    if args.arguments.first().is_some_and(|first| first == "hooks") {
        return hooks();
    }
    build()?;
    let mut bench = cargo(["run", "--release", "--package", "bench", "--"]);
    shell::run(bench.args(&args.arguments))
}

/// The runtime, and the hooks beside the databases' own clients.
fn hooks() -> Result<()> {
    let folder = shell::target_folder().join("without-compiler");
    let mut build = cargo(["build", "--package", "hook-runtime", "--no-default-features", "--release"]);
    shell::run(build.arg("--target-dir").arg(&folder))?;
    let mut bench = cargo(["bench", "--package", "hook-runtime", "--bench", "hooks", "--profile", "release"]);
    shell::run(bench.env("KUBECTL_BACKUP_RUNTIME_WITHOUT_COMPILER", folder.join("release/hook-runtime")))
}

/// The binary that is measured and the one that measures.
fn build() -> Result<()> {
    shell::run(&mut cargo(["build", "--release", "--package", "kubectl-backup", "--package", "bench"]))
}
