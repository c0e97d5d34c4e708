//! `cargo xtask cluster`: clusters for tests, by hand.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Subcommand;
use test_cluster::{
    Lifetime, NODE_SUFFIX, TestCluster,
    node::{self, images},
    state::Health,
};

use crate::shell::say;

/// The cluster that tests take when they are not run by `cargo xtask test`.
const DEFAULT_NAME: &str = "e2e";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum ClusterVerb {
    /// Start a cluster, or find the running one, and print its kubeconfig's path
    Up {
        /// Which one [default: e2e, with a node e2e-node]
        #[arg(long)]
        name: Option<String>,
        /// With a node that runs pods; needs root
        #[arg(long)]
        node: bool,
    },
    /// Stop a cluster and remove all it kept
    Down {
        /// Which one
        #[arg(long, default_value = DEFAULT_NAME)]
        name: String,
        /// All that were started by this user
        #[arg(long, conflicts_with = "name")]
        all: bool,
    },
    /// Put a program of this machine into an image on the node of a cluster, and print the image's name
    Image {
        /// The program; it is what a container of the image runs
        program: PathBuf,
        /// Which cluster
        #[arg(long, default_value = "e2e-node")]
        name: String,
    },
    /// Show the clusters that were started and not stopped
    Status {
        /// Only this one
        #[arg(long)]
        name: Option<String>,
    },
}

pub(crate) fn run(verb: ClusterVerb) -> Result<()> {
    match verb {
        ClusterVerb::Up { name, node } => {
            let cluster = if node {
                node::install_missing()?;
                let name = name.unwrap_or_else(|| format!("{DEFAULT_NAME}{NODE_SUFFIX}"));
                TestCluster::start_with_node(&name, Lifetime::UntilStopped)?
            } else {
                let name = name.unwrap_or_else(|| DEFAULT_NAME.to_owned());
                TestCluster::start(&name, Lifetime::UntilStopped)?
            };
            say(&format!("cluster `{}` is up; use it with:", cluster.name()))?;
            print(&format!("export KUBECONFIG={}", cluster.kubeconfig().display()))
        }
        ClusterVerb::Down { name, all: false } => down(&name),
        ClusterVerb::Down { all: true, .. } => {
            for (record, _) in TestCluster::all()? {
                down(&record.name)?;
            }
            Ok(())
        }
        ClusterVerb::Image { program, name } => {
            let cluster = TestCluster::find(&name)?;
            let cluster = cluster.with_context(|| {
                format!("cluster `{name}` is not up: start it with `cargo xtask cluster up --node`")
            })?;
            print(&images::load_program(&cluster, &program)?)
        }
        ClusterVerb::Status { name } => status(name.as_deref()),
    }
}

fn down(name: &str) -> Result<()> {
    let stopped = TestCluster::stop(name)?;
    say(&format!("cluster `{name}` {}", if stopped { "is down" } else { "was not up" }))
}

fn status(only: Option<&str>) -> Result<()> {
    let clusters = TestCluster::all()?;
    let mut shown =
        clusters.iter().filter(|(record, _)| only.is_none_or(|name| name == record.name)).peekable();
    if shown.peek().is_none() {
        return say("no cluster is up: start one with `cargo xtask cluster up`");
    }
    for (record, health) in shown {
        let health = match health {
            Health::Running if record.is_orphan() => "running, left behind: `cluster down` stops it",
            Health::Running => "running",
            Health::Broken => "broken: `cluster up` starts it anew",
            Health::Stale => "stale: the next start of any cluster removes it",
        };
        let node =
            record.node.as_ref().map_or("no node".to_owned(), |node| format!("node {}", node.address()));
        let (server, kubeconfig) = (&record.server, record.kubeconfig());
        print(&format!("{}\t{server}\t{}\t{node}\t{health}", record.name, kubeconfig.display()))?;
    }
    Ok(())
}

/// One line on stdout.
fn print(line: &str) -> Result<()> {
    use std::io::Write as _;
    Ok(writeln!(std::io::stdout(), "{line}")?)
}
