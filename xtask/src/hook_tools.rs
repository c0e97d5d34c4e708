//! What the tests of hooks need beside the toolchain, installed into the cache: builders for Python and JavaScript, and
//! other releases of a database than the machine has.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result};
use test_cluster::folders::{self, Lock};

use crate::{install::succeeds, shell};

/// The release of `componentize-py` that the documentation names.
const COMPONENTIZE_PY: &str = "0.25.1";

/// Name what npm is to install, and in which release.
const JAVASCRIPT: &str = "examples-hooks/javascript/package.json";
const POSTGRESQL: &str = "tests/hooks/postgres/package.json";

/// The folder of `componentize-py`, to be put on PATH; None where there is no Python to install it with.
pub(crate) fn python() -> Result<Option<PathBuf>> {
    if !succeeds(Command::new("python3").args(["-c", "import venv, ensurepip"])) {
        return Ok(None);
    }
    let folder = folders::cache()?.join(format!("componentize-py-{COMPONENTIZE_PY}"));
    let _lock = Lock::at(&folder.with_extension("lock"))?;
    let programs = folder.join("bin");
    if !succeeds(Command::new(programs.join("componentize-py")).arg("--version")) {
        shell::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
        let package = format!("componentize-py=={COMPONENTIZE_PY}");
        shell::run(Command::new(programs.join("pip")).args(["install", "--quiet", &package]))?;
    }
    Ok(Some(programs))
}

/// The `node_modules` of a hook in JavaScript; None where there is no npm.
pub(crate) fn javascript() -> Result<Option<PathBuf>> {
    packages("componentize-js", JAVASCRIPT)
}

/// The `node_modules` with releases of PostgreSQL; None where there is no npm, or no release for this machine.
pub(crate) fn postgresql() -> Result<Option<PathBuf>> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Ok(None);
    }
    packages("postgresql", POSTGRESQL)
}

/// The packages that the file `package` of this repository names, kept under this name.
fn packages(name: &str, package: &str) -> Result<Option<PathBuf>> {
    if !succeeds(Command::new("npm").arg("--version")) || !succeeds(Command::new("node").arg("--version")) {
        return Ok(None);
    }
    let wanted =
        fs::read(shell::workspace().join(package)).with_context(|| format!("could not read {package}"))?;
    let folder = folders::cache()?.join(name);
    let _lock = Lock::at(&folder.with_extension("lock"))?;
    let installed = folder.join("package.json");
    // Written last, so that it says what is there.
    if fs::read(&installed).ok().as_ref() != Some(&wanted) {
        install(&wanted, &folder)?;
        fs::write(&installed, &wanted)
            .with_context(|| format!("could not write `{}`", installed.display()))?;
    }
    Ok(Some(folder.join("node_modules")))
}

fn install(package: &[u8], folder: &Path) -> Result<()> {
    let staging = folder.with_extension("new");
    for old in [&staging, &folder.to_owned()] {
        if old.exists() {
            folders::remove(old)?;
        }
    }
    fs::create_dir_all(&staging).with_context(|| format!("could not make `{}`", staging.display()))?;
    fs::write(staging.join("package.json"), package).context("could not write package.json")?;
    let mut npm = Command::new("npm");
    shell::run(
        npm.args(["install", "--no-audit", "--no-fund", "--silent"])
            .current_dir(&staging)
            .stdin(Stdio::null()),
    )?;
    fs::remove_file(staging.join("package.json")).context("could not remove package.json")?;
    fs::rename(&staging, folder).with_context(|| format!("could not name `{}`", folder.display()))
}

/// PATH with this folder in front.
pub(crate) fn path_with(folder: &Path) -> Result<std::ffi::OsString> {
    let others = env::var_os("PATH").unwrap_or_default();
    env::join_paths([folder.to_owned()].into_iter().chain(env::split_paths(&others)))
        .context("a folder of PATH has a `:` in its name")
}
