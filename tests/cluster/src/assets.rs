//! The control plane's binaries: those of `KUBEBUILDER_ASSETS` when set, else built from this crate's Go module.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use crate::go_module::GoModule;

const PACKAGES: [&str; 4] = [
    "k8s.io/kubernetes/cmd/kube-apiserver",
    "k8s.io/kubernetes/cmd/kube-controller-manager",
    "k8s.io/kubernetes/cmd/kubectl",
    "./etcd",
];

/// A set of binaries that fit together.
#[derive(Clone, Debug)]
pub struct Assets {
    /// kube-apiserver.
    pub api_server: PathBuf,
    /// etcd.
    pub etcd: PathBuf,
    /// kube-controller-manager. A folder of envtest has none: then nothing collects garbage or empties namespaces.
    pub controller_manager: Option<PathBuf>,
    kubectl: PathBuf,
}

impl Assets {
    /// The binaries of `KUBEBUILDER_ASSETS`, else those in the cache, which are built first when missing.
    pub fn find_or_build() -> Result<Self> {
        match env::var_os("KUBEBUILDER_ASSETS").filter(|folder| !folder.is_empty()) {
            Some(folder) => Self::given(Path::new(&folder)),
            None => Self::built(),
        }
    }

    /// A stock kubectl.
    pub fn kubectl(&self) -> &Path {
        &self.kubectl
    }

    fn given(folder: &Path) -> Result<Self> {
        let wanted = |name: &str| {
            let path = folder.join(name);
            if !path.is_file() {
                bail!("`KUBEBUILDER_ASSETS` is `{}`, but there is no `{name}` in it", folder.display());
            }
            Ok(path)
        };
        let controller_manager = folder.join("kube-controller-manager");
        let kubectl = wanted("kubectl").or_else(|missing| search_path("kubectl").ok_or(missing))?;
        Ok(Self {
            api_server: wanted("kube-apiserver")?,
            etcd: wanted("etcd")?,
            controller_manager: controller_manager.is_file().then_some(controller_manager),
            kubectl,
        })
    }

    /// Those in the cache, whatever the environment names: of the same version as the node that is built here.
    pub fn built() -> Result<Self> {
        Self::given(&build_kubernetes(&PACKAGES, "cluster")?)
    }
}

/// A folder with programs of Kubernetes and of the module beside this crate. `area` names the part of the cache.
pub(crate) fn build_kubernetes(packages: &[&str], area: &str) -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let go_mod = fs::read_to_string(folder.join("go.mod")).context("could not read the module's `go.mod`")?;
    let linker_flags = linker_flags(&kubernetes_version(&go_mod)?);
    GoModule { folder, packages, linker_flags: &linker_flags }.built(area)
}

/// The version of `k8s.io/kubernetes` that `go.mod` requires: `v1.36.3`.
fn kubernetes_version(go_mod: &str) -> Result<String> {
    go_mod
        .lines()
        .filter_map(|line| line.trim().strip_prefix("k8s.io/kubernetes "))
        .find_map(|version| version.split_whitespace().next())
        .map(str::to_owned)
        .context("`go.mod` does not require `k8s.io/kubernetes`")
}

/// Without these stamps the server reports v0.0.0 and clients take it for older than anything.
fn linker_flags(version: &str) -> String {
    let mut numbers = version.trim_start_matches('v').split('.');
    let (major, minor) = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
    let package = "k8s.io/component-base/version";
    format!(
        "-s -w -X {package}.gitVersion={version} -X {package}.gitMajor={major} -X {package}.gitMinor={minor}"
    )
}

/// The program that a shell would find.
pub(crate) fn search_path(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(name)).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_the_version_that_the_module_requires() {
        let version = kubernetes_version("require (\n\tk8s.io/kubernetes v1.36.3 // why\n)").unwrap();
        assert_eq!(version, "v1.36.3");
        assert!(linker_flags(&version).ends_with("gitMinor=36"));
    }

    #[test]
    fn names_the_binary_that_a_given_folder_lacks() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("kubectl"), "").unwrap();
        let error = Assets::given(folder.path()).unwrap_err().to_string();
        assert!(error.contains("no `kube-apiserver` in it"), "{error}");
    }
}
