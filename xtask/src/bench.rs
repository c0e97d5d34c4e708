//! `cargo xtask bench`: the benchmarks of `tests/bench`, with optimisation. They start a cluster for each size themselves.

use std::path::Path;

use anyhow::Result;

use crate::{
    image::PROFILE as RUNTIME_PROFILE,
    shell::{self, cargo},
};

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
    let (target, without_compiler) =
        (shell::target_folder(), shell::target_folder().join("without-compiler"));
    let build = || cargo(["build", "--package", "hook-runtime", "--profile", RUNTIME_PROFILE]);
    shell::run(&mut build())?;
    shell::run(build().arg("--no-default-features").arg("--target-dir").arg(&without_compiler))?;
    let program = |folder: &Path| folder.join(RUNTIME_PROFILE).join("hook-runtime");
    let mut bench = cargo(["bench", "--package", "hook-runtime", "--bench", "hooks", "--profile", "release"]);
    bench.env("KUBECTL_BACKUP_RUNTIME", program(&target));
    shell::run(bench.env("KUBECTL_BACKUP_RUNTIME_WITHOUT_COMPILER", program(&without_compiler)))
}

/// The binary that is measured and the one that measures.
fn build() -> Result<()> {
    shell::run(&mut cargo(["build", "--release", "--package", "kubectl-backup", "--package", "bench"]))
}
