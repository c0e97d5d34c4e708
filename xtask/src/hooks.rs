//! `cargo xtask hooks`: the example hooks, built for the sandbox. Their workspace is one of its own, so what is checked of
//! the others is checked of it here.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context as _, Result};

use crate::{
    install,
    shell::{cargo, run, say, target_folder},
};

/// What hooks are built for.
pub(crate) const TARGET: &str = "wasm32-wasip2";
/// Their workspace.
pub(crate) const MANIFEST: &str = "examples-hooks/Cargo.toml";

/// Builds them and says where they are.
pub(crate) fn build() -> Result<()> {
    install::ensure_rust_target(TARGET)?;
    run(in_workspace("build").args(["--release", "--target", TARGET]))?;
    let folder = folder().join(TARGET).join("release");
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .with_context(|| format!("could not read `{}`", folder.display()))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "wasm"))
        .collect();
    files.sort();
    for file in files {
        let bytes = fs::metadata(&file).map_or(0, |metadata| metadata.len());
        say(&format!("{} ({bytes} bytes)", file.display()))?;
    }
    Ok(())
}

/// The component of a hook that [`build`] has built.
pub(crate) fn component(hook: &str) -> PathBuf {
    folder().join(TARGET).join("release").join(format!("{hook}.wasm"))
}

/// Formatting and lints.
pub(crate) fn check() -> Result<()> {
    run(&mut cargo(["fmt", "--manifest-path", MANIFEST, "--all", "--check"]))?;
    run(in_workspace("clippy").args(["--all-targets", "--", "-D", "warnings"]))
}

/// Their unit tests, on this machine.
pub(crate) fn tests() -> Command {
    in_workspace("test")
}

fn in_workspace(verb: &str) -> Command {
    let mut command = cargo([verb, "--workspace", "--locked", "--manifest-path", MANIFEST, "--target-dir"]);
    command.arg(folder());
    command
}

/// Beside what cargo builds for this machine, where the tests of the runtime look for it too.
fn folder() -> PathBuf {
    target_folder().join("hooks")
}
