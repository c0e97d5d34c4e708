//! A cluster that the user lends to the tests by naming its context; a current context is never taken.

use std::{
    env, fs,
    io::{self, Write as _},
    path::PathBuf,
    process::Command,
};

use anyhow::{Context, Result};

use crate::{TestCluster, folders, stdout_of};

/// Names the context of `KUBECONFIG` that tests may use. Tests make and delete namespaces and cluster-scoped
/// objects there.
pub const CONTEXT_VARIABLE: &str = "KUBECTL_BACKUP_TEST_CONTEXT";

/// The lent cluster, if there is one. Each use copies that one context out of the user's kubeconfig.
///
/// A second cluster, for tests that restore elsewhere, is lent with `KUBECTL_BACKUP_TEST_OTHER_CONTEXT`.
pub fn named(name: &str) -> Result<Option<TestCluster>> {
    let variable =
        if name.ends_with("-other") { "KUBECTL_BACKUP_TEST_OTHER_CONTEXT" } else { CONTEXT_VARIABLE };
    let Some(context) = env::var(variable).ok().filter(|context| !context.is_empty()) else {
        return Ok(None);
    };
    let kubectl = env::var_os("KUBECTL").map_or_else(|| PathBuf::from("kubectl"), PathBuf::from);
    let view = stdout_of(
        Command::new(&kubectl)
            .args(["config", "view", "--minify", "--flatten", "--raw", "--output=json"])
            .arg(format!("--context={context}")),
    )
    .with_context(|| format!("`{variable}` names the context `{context}`, which could not be read"))?;
    let folder = folders::clusters()?;
    fs::create_dir_all(&folder).with_context(|| format!("could not make `{}`", folder.display()))?;
    let kubeconfig = copy_of(name)?;
    // Replaced as one, because tests of other processes may be reading it; a temporary file is its owner's alone.
    let mut file = tempfile::NamedTempFile::new_in(&folder).context("could not make a kubeconfig")?;
    file.write_all(view.as_bytes()).context("could not write a kubeconfig")?;
    file.persist(&kubeconfig).with_context(|| format!("could not write `{}`", kubeconfig.display()))?;
    Ok(Some(TestCluster { name: name.to_owned(), kubeconfig, kubectl }))
}

/// Removes the copy that [`named`] made. The cluster stays as it is. False when there was none.
pub fn forget(name: &str) -> Result<bool> {
    let kubeconfig = copy_of(name)?;
    match fs::remove_file(&kubeconfig) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error).with_context(|| format!("could not remove `{}`", kubeconfig.display())),
    }
}

fn copy_of(name: &str) -> Result<PathBuf> {
    Ok(folders::clusters()?.join(format!("{name}.lent.kubeconfig")))
}
