//! `cargo xtask demo`: a backup, a disaster and two restores, as a person would type them.

use std::{
    env, fs,
    io::{IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use test_cluster::{TestCluster, external::CONTEXT_VARIABLE};

use crate::shell::{self, cargo, say, target_folder, with_cluster, workspace};

/// Time to read a step's heading, at a terminal.
const PAUSE: Duration = Duration::from_millis(700);

/// Arguments of `demo`.
#[derive(Debug, clap::Args)]
pub(crate) struct DemoArgs {
    /// Do not pause between steps
    #[arg(long)]
    fast: bool,
}

/// Exit codes that a step may end with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    Success,
    /// As in diff(1).
    Difference,
}

pub(crate) fn run(args: &DemoArgs) -> Result<()> {
    if env::var_os(CONTEXT_VARIABLE).is_some() {
        bail!(
            "the demonstration destroys what it shows, so it takes no cluster of yours: unset `{CONTEXT_VARIABLE}`"
        );
    }
    // With the features of the whole workspace, so that `cargo xtask test` finds everything built.
    shell::run(&mut cargo(["build", "--workspace", "--bin", "kubectl-backup"]))?;
    with_cluster("demo", |cluster| {
        let folder = tempfile::tempdir().context("could not make a folder for the demonstration")?;
        let demo = Demo::new(cluster, folder.path(), !args.fast && std::io::stdout().is_terminal())?;
        demo.play()
    })
}

/// A stage: the cluster, and a home directory that is nobody's.
struct Demo<'a> {
    cluster: &'a TestCluster,
    home: &'a Path,
    search: std::ffi::OsString,
    pauses: bool,
}

impl<'a> Demo<'a> {
    fn new(cluster: &'a TestCluster, home: &'a Path, pauses: bool) -> Result<Self> {
        let binaries: PathBuf = target_folder().join("debug");
        let tools = cluster.kubectl_path().parent().map(Path::to_owned);
        let search = env::var_os("PATH").unwrap_or_default();
        let search = env::join_paths([binaries].into_iter().chain(tools).chain(env::split_paths(&search)))
            .context("a folder's name cannot be part of PATH")?;
        for manifest in ["shop.yaml", "discount.yaml"] {
            fs::copy(workspace().join("xtask/src/demo").join(manifest), home.join(manifest))
                .with_context(|| format!("could not copy `{manifest}`"))?;
        }
        Ok(Self { cluster, home, search, pauses })
    }

    fn play(&self) -> Result<()> {
        self.chapter("An application in the namespace shop")?;
        self.step("kubectl apply -f shop.yaml")?;
        self.step("kubectl wait --for=condition=Established crd/discounts.shop.example.com")?;
        self.step("kubectl apply -f discount.yaml")?;
        self.step("kubectl get deployments,services,configmaps,secrets,pvc,discounts -n shop")?;

        self.chapter("One command, nothing configured: a restore point")?;
        self.step("kubectl backup create -n shop")?;
        self.step("kubectl backup list")?;
        self.step("kubectl backup ls latest")?;

        self.chapter("Disaster: the namespace is gone")?;
        self.step("kubectl delete namespace shop")?;
        self.step("kubectl get deployments,services,configmaps,secrets,pvc,discounts -n shop")?;

        self.chapter("All of it comes back")?;
        self.step("kubectl backup restore latest:shop --dry-run")?;
        self.step("kubectl backup restore latest:shop --yes")?;
        self.step("kubectl get deployments,services,configmaps,secrets,pvc,discounts -n shop")?;

        self.chapter("A smaller mishap: one object is damaged")?;
        self.step(
            r#"kubectl patch configmap web-config -n shop --patch '{"data":{"app.conf":"listen = 80\n"}}'"#,
        )?;
        self.step_expecting(
            "kubectl backup diff latest:shop configmap/web-config -n shop",
            Expect::Difference,
        )?;
        self.step(
            "kubectl backup restore latest:shop configmap/web-config -n shop --on-conflict patch --yes",
        )?;
        self.step("kubectl backup diff latest:shop configmap/web-config -n shop")?;
        self.chapter("That was all: the cluster and its backups are removed now")
    }

    fn chapter(&self, title: &str) -> Result<()> {
        say(&format!("\n# {title}"))?;
        self.pause();
        Ok(())
    }

    fn step(&self, line: &str) -> Result<()> {
        self.step_expecting(line, Expect::Success)
    }

    /// Shows and runs a line as a shell would.
    fn step_expecting(&self, line: &str, expected: Expect) -> Result<()> {
        shell::check_interrupted()?;
        say(&format!("\n$ {line}"))?;
        std::io::stdout().flush().context("could not write to stdout")?;
        self.pause();
        let mut command = Command::new("sh");
        command
            .args(["-c", line])
            .current_dir(self.home)
            .env("PATH", &self.search)
            .env("HOME", self.home)
            .env("KUBECONFIG", self.cluster.kubeconfig())
            .env("KUBERC", "off")
            .stdin(Stdio::null());
        // The user's own settings must neither shape the demonstration nor be changed by it.
        for (name, _) in env::vars_os() {
            let name_text = name.to_string_lossy();
            if name_text.starts_with("XDG_") || name_text.starts_with("KUBECTL_BACKUP_") {
                command.env_remove(&name);
            }
        }
        let status = shell::wait(&mut command)?;
        let wanted = match expected {
            Expect::Success => 0,
            Expect::Difference => 1,
        };
        if status.code() != Some(wanted) {
            bail!("`{line}` should have ended with {wanted}, and ended with {status}");
        }
        Ok(())
    }

    fn pause(&self) {
        if self.pauses {
            thread::sleep(PAUSE);
        }
    }
}
