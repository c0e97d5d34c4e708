//! What a new machine lacks: packages of the system and targets of the toolchain, installed where that can be done,
//! else named with what to install. The programs of a test cluster's node are installed by `test_cluster`.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

use crate::shell;

/// Makes sure that there is a `program`, which the package of this name brings. `why` says what needs it.
///
/// # Errors
///
/// Where only the user can install it: says what to install.
pub(crate) fn ensure_program(program: &str, package: &str, why: &str) -> Result<()> {
    if is_there(program) {
        return Ok(());
    }
    if !rustix::process::geteuid().is_root() || !is_there("apt-get") {
        bail!("{why}: install the package `{package}`");
    }
    // The lists of a new machine are empty or old.
    shell::run(Command::new("apt-get").args(["update", "--quiet=2"]))?;
    shell::run(Command::new("apt-get").args([
        "install",
        "--yes",
        "--quiet=2",
        "--no-install-recommends",
        package,
    ]))
}

/// Makes sure that the toolchain can build for `target`.
pub(crate) fn ensure_rust_target(target: &str) -> Result<()> {
    let folder = Command::new("rustc").args(["--print", "target-libdir", "--target", target]).output();
    let folder = folder.context("could not run rustc")?.stdout;
    if Path::new(String::from_utf8_lossy(&folder).trim()).is_dir() {
        return Ok(());
    }
    shell::run(Command::new("rustup").args(["target", "add", target]))
}

/// Whether the command runs and succeeds; what it prints is not shown.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// Whether the program can be started, whatever it then makes of its arguments.
fn is_there(program: &str) -> bool {
    let quiet = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    quiet.is_ok()
}
