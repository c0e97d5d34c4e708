//! Kills the real binary at random moments of `create`, hundreds of times, and looks at what is left.
//!
//! What must hold after every kill: each restore point that the repository lists is whole (`check --read-data`),
//! none appeared for a run that did not get to its end, and the next run does its work.

use std::time::{Duration, Instant};

use anyhow::{bail, ensure};

use crate::{
    api::Api,
    plugin::Plugin,
    workload::{Random, Workload},
};

const SOURCE: &str = "kill";
/// Enough for several packs and many pages, little enough for hundreds of rounds.
const WORKLOAD: Workload = Workload { objects: 2_000, namespaces: 4 };
/// After so many kills a run is left to its end.
const FULL_RUN_EVERY: usize = 10;

/// How the rounds ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    /// Killed before the end.
    pub(crate) killed: usize,
    /// Of these, killed after the restore point was written and before the process ended.
    pub(crate) killed_after_commit: usize,
    /// Ended before the kill came.
    pub(crate) finished: usize,
    /// Runs left to their end in between.
    pub(crate) full_runs: usize,
}

/// Kills `rounds` runs of `create`.
pub(crate) async fn kill(
    api: &Api,
    plugin: &Plugin,
    rounds: usize,
    say: &dyn Fn(&str),
) -> anyhow::Result<Report> {
    api.prepare(WORKLOAD, SOURCE).await?;
    api.create_all(WORKLOAD, SOURCE).await?;
    let namespaces = WORKLOAD.namespace_names(SOURCE).join(",");
    let create = ["create", "-n", &namespaces, "--quiet"];
    let mut whole_run = plugin.run(&create)?.time;
    let mut points = restore_points(plugin)?;
    let mut report = Report::default();
    let mut random = Random::seeded(seed());
    for round in 1..=rounds {
        for _ in 0..20 {
            let index = usize::try_from(random.below(WORKLOAD.objects as u64))?;
            api.touch(WORKLOAD, SOURCE, index, &format!("round {round}")).await?;
        }
        let moment = Duration::from_micros(random.below(u64::try_from(whole_run.as_micros())?.max(1)));
        let killed = kill_at(plugin, &create, moment)?;
        plugin.run(&["check", "--read-data", "--quiet"])?;
        let now = restore_points(plugin)?;
        match (killed, now - points) {
            (true, 0) => report.killed += 1,
            (true, 1) => {
                report.killed += 1;
                report.killed_after_commit += 1;
            }
            (false, 1) => report.finished += 1,
            (killed, more) => {
                bail!("round {round}: killed {killed}, and {more} more restore points than before")
            }
        }
        points = now;
        if round % FULL_RUN_EVERY == 0 {
            whole_run = plugin.run(&create)?.time;
            plugin.run(&["check", "--read-data", "--quiet"])?;
            points += 1;
            ensure!(
                restore_points(plugin)? == points,
                "round {round}: a run to its end left no restore point"
            );
            report.full_runs += 1;
            say(&format!("{round} of {rounds}: {report:?}"));
        }
    }
    Ok(report)
}

/// Whether the process was still there to be killed.
fn kill_at(plugin: &Plugin, arguments: &[&str], moment: Duration) -> anyhow::Result<bool> {
    let started = Instant::now();
    let mut child = plugin.start(arguments)?;
    std::thread::sleep(moment.saturating_sub(started.elapsed()));
    // SIGKILL: the process cannot notice, let alone clean up.
    child.kill()?;
    let status = child.wait()?;
    ensure!(status.success() || status.code().is_none(), "create ended with {status} before the kill");
    Ok(status.code().is_none())
}

fn restore_points(plugin: &Plugin) -> anyhow::Result<usize> {
    let list = plugin.run(&["list", "-o", "name"])?;
    Ok(list.stdout.lines().count())
}

/// Another row of moments in every run; what one run cannot hit, the next may.
fn seed() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |now| now.as_secs())
}
