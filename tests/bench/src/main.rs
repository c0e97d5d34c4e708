//! Measures `kubectl backup` against floors taken in the same run, and kills it in mid-work.
//!
//! No figure makes the bench fail: it prints target and measurement side by side. `cargo xtask bench` builds for
//! release, starts this, and passes its arguments on.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a bench talks to its caller")]

mod api;
mod cores;
mod kill;
mod kill_restore;
mod measure;
mod performance;
mod planning;
mod plugin;
mod workload;

use std::path::{Path, PathBuf};

use anyhow::ensure;
use clap::{Parser, Subcommand};

use api::Api;
use performance::Machine;
use plugin::Plugin;
use test_cluster::{Controllers, Lifetime, TestCluster};
use workload::Workload;

/// Measure `kubectl backup` against floors taken in the same run
#[derive(Debug, Parser)]
struct Options {
    /// What to do; measuring when it is left out.
    #[command(subcommand)]
    action: Option<Action>,
    /// Numbers of objects to measure with
    #[arg(long, value_delimiter = ',', default_value = "10000,50000")]
    objects: Vec<usize>,
    /// Over how many namespaces they lie
    #[arg(long, default_value_t = 10)]
    namespaces: usize,
    /// How often each backup is measured; medians are shown
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Run the bare create loop at every size, not only at the first
    #[arg(long)]
    all_floors: bool,
    /// Give the API server one core and everything else another, as if it ran on a machine of its own
    #[arg(long)]
    apart: bool,
    /// The plugin to measure [default: the one beside this program]
    #[arg(long, global = true, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Put the table into `docs/performance.md`
    #[arg(long)]
    write: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Kill `create` at random moments and check what is left
    Kill {
        /// How many times
        #[arg(long, default_value_t = 300)]
        rounds: usize,
    },
    /// Kill a restore at its writes, then take it back, or go on with it, and compare whole objects
    KillRestore {
        /// Every so many writes; 1 for each of the three hundred
        #[arg(long, default_value_t = 1)]
        every: usize,
        /// The first of them, to divide the three hundred among several runs
        #[arg(long, default_value_t = 1)]
        first: usize,
        /// Writes under way at once: each kill meets one, and as many as the plugin does by itself
        #[arg(long, value_delimiter = ',', default_value = "1,8")]
        parallel: Vec<usize>,
    },
    /// Plan to patch objects that all exist and differ
    Plan {
        /// How many
        #[arg(long, default_value_t = 10_000)]
        conflicts: usize,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let binary = match &options.binary {
        Some(binary) => binary.clone(),
        None => std::env::current_exe()?.with_file_name(if cfg!(windows) {
            "kubectl-backup.exe"
        } else {
            "kubectl-backup"
        }),
    };
    ensure!(binary.is_file(), "there is no {}; build it, or name it with --binary", binary.display());
    if cfg!(debug_assertions) {
        eprintln!("warning: this is a debug build; its figures say nothing");
    }
    match options.action {
        Some(Action::Kill { rounds }) => kill_rounds(&binary, rounds).await,
        Some(Action::KillRestore { every, first, parallel }) => {
            kill_restores(&binary, (first, every), parallel).await
        }
        Some(Action::Plan { conflicts }) => plan(&options, conflicts, &binary).await,
        None => measure_all(&options, &binary).await,
    }
}

fn say(line: &str) {
    eprintln!("{line}");
}

async fn measure_all(options: &Options, binary: &Path) -> anyhow::Result<()> {
    let machine = Machine::here();
    let mut all = Vec::new();
    let mut version = String::new();
    for objects in &options.objects {
        let workload = Workload { objects: *objects, namespaces: options.namespaces };
        let site = Site::start(binary, &objects.to_string()).await?;
        if options.apart {
            cores::set_apart(&site.cluster)?;
        }
        version = site.api.version().await?;
        let with_floor = all.is_empty() || options.all_floors;
        let figures = measure::measure(&site.api, &site.plugin, workload, options.rounds, with_floor, &say);
        all.push(figures.await?);
        // In the middle of a long run, what is known so far.
        println!("{}", performance::table(&all));
    }
    let server = if options.apart { "on a core of their own" } else { "on the same cores" };
    let place = format!(
        "{}; Kubernetes {version}, etcd and API server {server}; load average {} at the start.\n\
         Times are medians of {} runs.\n\n",
        machine.description, machine.load, options.rounds
    );
    if options.write {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/performance.md");
        performance::update_page(&page, &(place + &performance::table(&all)))?;
    }
    Ok(())
}

async fn plan(options: &Options, conflicts: usize, binary: &Path) -> anyhow::Result<()> {
    let workload = Workload { objects: conflicts, namespaces: options.namespaces };
    let site = Site::start(binary, "plan").await?;
    let planning = planning::measure(&site.api, &site.plugin, workload, &say).await?;
    println!("{}", planning.table(workload));
    Ok(())
}

async fn kill_rounds(binary: &Path, rounds: usize) -> anyhow::Result<()> {
    let site = Site::start(binary, "kill").await?;
    let report = kill::kill(&site.api, &site.plugin, rounds, &say).await?;
    println!("{report:?}: every check was clean, every run after a kill did its work");
    Ok(())
}

async fn kill_restores(binary: &Path, writes: (usize, usize), parallel: Vec<usize>) -> anyhow::Result<()> {
    let site = Site::start_with(binary, "kill-restore", Controllers::Run).await?;
    let (cluster, plugin) = (site.cluster.clone(), site.plugin.clone());
    let report =
        tokio::task::spawn_blocking(move || kill_restore::kill(&cluster, &plugin, writes, &parallel, &say))
            .await??;
    println!(
        "{report:?}: the cluster was as before after every undo, and as restored after every resumption"
    );
    Ok(())
}

/// A cluster of its own, an empty home, and the ways to both; all of it goes when this is dropped.
struct Site {
    api: Api,
    plugin: Plugin,
    cluster: TestCluster,
    _home: tempfile::TempDir,
}

impl Site {
    async fn start(binary: &Path, name: &str) -> anyhow::Result<Self> {
        Self::start_with(binary, name, Controllers::None).await
    }

    async fn start_with(binary: &Path, name: &str, controllers: Controllers) -> anyhow::Result<Self> {
        let name = format!("bench-{}-{name}", std::process::id());
        let start = move || TestCluster::start_with(&name, Lifetime::OfThisProcess, controllers);
        let cluster = tokio::task::spawn_blocking(start).await??;
        let home = tempfile::tempdir()?;
        let plugin = Plugin {
            binary: binary.to_owned(),
            kubeconfig: cluster.kubeconfig().to_owned(),
            home: home.path().join("home"),
        };
        std::fs::create_dir_all(&plugin.home)?;
        let api = Api::connect(cluster.kubeconfig()).await?;
        Ok(Self { api, plugin, cluster, _home: home })
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Err(error) = TestCluster::stop(self.cluster.name()) {
            eprintln!("warning: the cluster still runs: {error:#}");
        }
    }
}
