//! `cargo xtask test`: every test there is.

use std::{
    fmt,
    io::{self, Write as _},
    path::PathBuf,
    process::Command,
};

use anyhow::{Context as _, Result};

use test_cluster::{NAME_VARIABLE, node};

use crate::{
    hook_tools,
    hooks::{self, TARGET},
    install,
    shell::{self, cargo, with_cluster},
};

/// Part of the path of all tests that need a node.
const ON_A_NODE: &str = "on_a_node";

/// Part of the path of all tests that need root alone.
const AS_ROOT: &str = "as_root";

/// Part of the path of all tests that build a hook in Python.
const WITH_PYTHON: &str = "with_python";

/// Part of the path of all tests that build one in JavaScript.
const WITH_JAVASCRIPT: &str = "with_javascript";

/// Part of the path of all tests that run other releases of a database than the machine has.
const OTHER_RELEASES: &str = "other_releases";

/// Tells the tests where the packages of npm are: those that build a hook, and PostgreSQL.
const NODE_MODULES: &str = "KUBECTL_BACKUP_NODE_MODULES";
const POSTGRESQL: &str = "KUBECTL_BACKUP_POSTGRESQL";

/// Tells them where the runtime without a compiler is.
const WITHOUT_COMPILER: &str = "KUBECTL_BACKUP_RUNTIME_WITHOUT_COMPILER";

/// Arguments of `test`.
#[derive(Debug, clap::Args)]
pub(crate) struct TestArgs {
    /// Only tests whose names contain this, and what else the test programs take
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub filter: Vec<String>,
}

pub(crate) fn run(args: &TestArgs) -> Result<()> {
    install::ensure_program("restic", "restic", "the compatibility tests need stock restic")?;
    install::ensure_rust_target(TARGET)?;
    let tools = Tools::install()?;
    let skipped = skipped(&tools)?;
    // Built first, so that no cluster idles beside the compiler.
    shell::run(&mut cargo(["test", "--workspace", "--no-run"]))?;
    shell::run(hooks::tests().arg("--no-run"))?;
    let without_compiler = runtime_without_compiler()?;
    with_cluster("test", |cluster| {
        // One failure shall not hide another.
        let mut tests = cargo(["test", "--workspace", "--no-fail-fast", "--", "--include-ignored"]);
        tests.args(&args.filter).env(NAME_VARIABLE, cluster.name());
        tools.give(&mut tests)?;
        tests.env(WITHOUT_COMPILER, &without_compiler);
        for (module, _) in &skipped {
            tests.args(["--skip", module]);
        }
        let mut tally = Tally::default();
        let of_hooks =
            shell::run_and_look(hooks::tests().arg("--").args(&args.filter), |line| tally.take(line));
        let outcome = shell::run_and_look(&mut tests, |line| tally.take(line)).and(of_hooks);
        for (module, reason) in &skipped {
            writeln!(io::stdout(), "\nSKIPPED: every test in a module named `{module}`: {reason}")
                .context("could not write to stdout")?;
        }
        writeln!(io::stdout(), "\n{tally}").context("could not write to stdout")?;
        outcome
    })
}

/// Builds it, in a folder of its own: its dependencies have fewer features.
fn runtime_without_compiler() -> Result<PathBuf> {
    let folder = shell::target_folder().join("without-compiler");
    let mut build = cargo(["build", "--package", "hook-runtime", "--no-default-features", "--locked"]);
    shell::run(build.arg("--target-dir").arg(&folder))?;
    Ok(folder.join("debug").join("hook-runtime"))
}

/// What tests of hooks need, where it could be installed.
struct Tools {
    python: Option<PathBuf>,
    javascript: Option<PathBuf>,
    postgresql: Option<PathBuf>,
}

impl Tools {
    fn install() -> Result<Self> {
        Ok(Self {
            python: hook_tools::python()?,
            javascript: hook_tools::javascript()?,
            postgresql: hook_tools::postgresql()?,
        })
    }

    fn give(&self, tests: &mut Command) -> Result<()> {
        if let Some(programs) = &self.python {
            tests.env("PATH", hook_tools::path_with(programs)?);
        }
        for (variable, packages) in [(NODE_MODULES, &self.javascript), (POSTGRESQL, &self.postgresql)] {
            tests.envs(packages.iter().map(|folder| (variable, folder)));
        }
        Ok(())
    }
}

/// Modules whose tests cannot be run on this machine, and why. What a node needs is installed where there can be one.
fn skipped(tools: &Tools) -> Result<Vec<(&'static str, String)>> {
    let mut skipped = Vec::new();
    match node::unavailable() {
        Some(reason) => skipped.push((ON_A_NODE, reason)),
        None => node::install_missing()?,
    }
    if !rustix::process::geteuid().is_root() {
        skipped.push((AS_ROOT, "you are not root".to_owned()));
    }
    if tools.python.is_none() {
        skipped.push((WITH_PYTHON, "there is no python3 with venv and pip".to_owned()));
    }
    if tools.javascript.is_none() {
        skipped.push((WITH_JAVASCRIPT, "there is no Node.js with npm".to_owned()));
    }
    if tools.postgresql.is_none() {
        skipped.push((OTHER_RELEASES, "npm brings PostgreSQL for Linux on x86-64".to_owned()));
    }
    Ok(skipped)
}

/// The sum of what the test programs say of themselves; the last of them may have had nothing to do.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Tally {
    fn take(&mut self, line: &str) {
        let Some(result) = line.strip_prefix("test result: ") else { return };
        // `ok. 5 passed; 0 failed; 1 ignored; …`
        for part in result.split(['.', ';']) {
            let Some((count, what)) = part.trim().split_once(' ') else { continue };
            let Ok(count) = count.parse::<u64>() else { continue };
            match what {
                "passed" => self.passed += count,
                "failed" => self.failed += count,
                "ignored" => self.skipped += count,
                _ => {}
            }
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_up_what_test_programs_say() {
        let mut tally = Tally::default();
        for line in [
            "test archive::tests::one ... ok",
            "test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.09s",
            "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.10s",
        ] {
            tally.take(line);
        }
        assert_eq!(tally.to_string(), "8 passed, 2 failed, 1 skipped");
    }
}
