//! `cargo xtask test`: every test there is.

use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use crate::shell::{self, cargo, with_cluster};

/// Arguments of `test`.
#[derive(Debug, clap::Args)]
pub(crate) struct TestArgs {
    /// Only tests whose names contain this, and what else the test programs take
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub filter: Vec<String>,
}

pub(crate) fn run(args: &TestArgs) -> Result<()> {
    ensure_restic()?;
    // Built first, so that no cluster idles beside the compiler.
    shell::run(&mut cargo(["test", "--workspace", "--no-run"]))?;
    with_cluster("test", |cluster| {
        // One failure shall not hide another.
        let mut tests = cargo(["test", "--workspace", "--no-fail-fast", "--", "--include-ignored"]);
        tests.args(&args.filter).env("KUBECTL_BACKUP_TEST_CLUSTER", cluster.name());
        shell::run(&mut tests)
    })
}

/// Stock restic reads our repositories in the compatibility tests.
fn ensure_restic() -> Result<()> {
    if succeeds(Command::new("restic").arg("version")) {
        return Ok(());
    }
    if !rustix::process::geteuid().is_root() || !succeeds(Command::new("apt-get").arg("--version")) {
        bail!("the compatibility tests need restic: install the package `restic`");
    }
    // The lists of a new machine are empty or old.
    shell::run(Command::new("apt-get").args(["update", "--quiet=2"]))?;
    shell::run(Command::new("apt-get").args([
        "install",
        "--yes",
        "--quiet=2",
        "--no-install-recommends",
        "restic",
    ]))
}

fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}
