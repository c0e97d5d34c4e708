//! `cargo xtask ci`: what must hold before anything lands.

use std::{path::PathBuf, process::Command};

use anyhow::{Context, Result};
use test_cluster::folders;

use crate::{
    hooks,
    shell::{cargo, run, say, wait},
    test::{self, TestArgs},
};

/// Built from source once for each version; a newer one may know rules that this tree does not meet yet.
const CARGO_DENY_VERSION: &str = "0.20.2";

pub(crate) fn run_all() -> Result<()> {
    run(&mut cargo(["fmt", "--all", "--check"]))?;
    // A workspace of its own, because it is built for another target.
    run(&mut cargo(["fmt", "--manifest-path", "hook-runtime/tests/guests/Cargo.toml", "--check"]))?;
    hooks::check()?;
    run(&mut cargo(["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]))?;
    // The build that no other command makes.
    let without_compiler = ["clippy", "-p", "hook-runtime", "--no-default-features", "--locked", "--"];
    run(cargo(without_compiler).args(["-D", "warnings"]))?;
    run(cargo(["doc", "--workspace", "--no-deps", "--locked"]).env("RUSTDOCFLAGS", "-D warnings"))?;
    check_dependencies()?;
    // Last, so that its summary closes the output.
    test::run(&TestArgs { filter: Vec::new() })
}

/// Licences, sources and bans always; advisories where their database can be fetched.
fn check_dependencies() -> Result<()> {
    let cargo_deny = cargo_deny()?;
    let deny = |arguments: &[&str]| {
        let mut command = Command::new(&cargo_deny);
        command.current_dir(crate::shell::workspace()).args(arguments);
        command
    };
    run(&mut deny(&["--locked", "check", "bans", "licenses", "sources"]))?;
    let of_hooks = ["--locked", "--manifest-path", hooks::MANIFEST, "check", "bans", "licenses", "sources"];
    run(&mut deny(&of_hooks))?;
    // A fetch that fails and a vulnerable dependency end alike, so the fetch is a step of its own.
    if wait(&mut deny(&["--locked", "fetch", "db"]))?.success() {
        run(&mut deny(&[
            "--locked",
            "--manifest-path",
            hooks::MANIFEST,
            "check",
            "--disable-fetch",
            "advisories",
        ]))?;
        return run(&mut deny(&["--locked", "check", "--disable-fetch", "advisories"]));
    }
    say("\nSKIPPED: `cargo deny check advisories`: the advisory database cannot be fetched from this machine")
}

/// cargo-deny in the user's cache, which outlives a checkout.
fn cargo_deny() -> Result<PathBuf> {
    let root = folders::cache()?.join(format!("cargo-deny-{CARGO_DENY_VERSION}"));
    let program = root.join("bin/cargo-deny");
    if !program.is_file() {
        let root = root.to_str().context("the cache folder's name is not UTF-8")?;
        let version = format!("={CARGO_DENY_VERSION}");
        run(&mut cargo(["install", "--locked", "--root", root, "--version", &version, "cargo-deny"]))?;
    }
    Ok(program)
}
