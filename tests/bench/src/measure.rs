//! The measurements of one size, in an order in which none disturbs the next.

use std::time::Duration;

use anyhow::Context;

use crate::{
    api::{Api, Reading},
    plugin::{Measured, Plugin},
    workload::{Random, Workload},
};

/// Common beginning of the namespaces that are backed up.
const SOURCE: &str = "bench";
/// Of those the bare create loop fills.
const FLOOR: &str = "floor";
/// Of those a restore fills.
const COPY: &str = "copy";

/// Everything measured at one size; times are medians.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    /// What was there.
    pub(crate) workload: Workload,
    /// Bytes of JSON in a bare listing of it.
    pub(crate) json_bytes: usize,
    /// The bare listing, bytes thrown away.
    pub(crate) list_floor: Duration,
    /// The bare listing, its objects decoded.
    pub(crate) objects_floor: Duration,
    /// `kubectl get` of the same kinds; None where there is no kubectl.
    pub(crate) kubectl_get: Option<Duration>,
    /// `create` into a new repository.
    pub(crate) first_create: Summary,
    /// `create` after 1 % changed.
    pub(crate) second_create: Summary,
    /// `list` as a new process.
    pub(crate) list: Duration,
    /// `get` of one object as a new process.
    pub(crate) get: Duration,
    /// The bare create loop, objects a second; None if it was not measured.
    pub(crate) create_floor_rate: Option<f64>,
    /// `restore` into empty namespaces.
    pub(crate) restore: Summary,
    /// `restore`, objects a second.
    pub(crate) restore_rate: f64,
}

/// The median time of several runs, and the worst of the rest.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Summary {
    /// Median.
    pub(crate) time: Duration,
    /// Highest of all runs, in bytes.
    pub(crate) peak: Option<u64>,
    /// Highest of all runs.
    pub(crate) cpu: Option<Duration>,
}

impl Summary {
    fn of(runs: &[Measured]) -> Self {
        Self {
            time: median(runs.iter().map(|run| run.time).collect()),
            peak: runs.iter().filter_map(|run| run.peak).max(),
            cpu: runs.iter().filter_map(|run| run.cpu).max(),
        }
    }
}

/// Measures `workload` on an API server that holds nothing else. `say` gets a line as each step ends.
///
/// `with_floor` measures the bare create loop too, which takes as long as all the rest.
pub(crate) async fn measure(
    api: &Api,
    plugin: &Plugin,
    workload: Workload,
    rounds: usize,
    with_floor: bool,
    say: &dyn Fn(&str),
) -> anyhow::Result<Figures> {
    api.prepare(workload, SOURCE).await?;
    let loading = api.create_all(workload, SOURCE).await?;
    say(&format!("loaded {} objects in {:.1} s", workload.objects, loading.as_secs_f64()));

    let (mut listings, mut decoded) = (Vec::new(), Vec::new());
    let mut first = Vec::new();
    let mut second = Vec::new();
    for round in 0..rounds {
        // One after the other in each round, so that a slower minute of the machine meets all of them.
        listings.push(api.list_all(Reading::Bytes).await?);
        decoded.push(api.list_all(Reading::Objects).await?.time);
        std::fs::remove_dir_all(&plugin.home).ok();
        std::fs::create_dir_all(&plugin.home)?;
        first.push(plugin.run(&["create", "-A", "--quiet"])?);
        change_one_percent(api, workload, round).await?;
        second.push(plugin.run(&["create", "-A", "--quiet"])?);
        say(&format!(
            "round {}: list {:.2} s, list objects {:.2} s, create {:.2} s, create again {:.2} s",
            round + 1,
            listings[round].time.as_secs_f64(),
            decoded[round].as_secs_f64(),
            first[round].time.as_secs_f64(),
            second[round].time.as_secs_f64()
        ));
    }

    // Behind the rounds: it keeps the server busy for long enough to disturb its neighbours.
    let kubectl_get = plugin.kubectl_get()?;

    let list = latency(plugin, &["list"])?;
    let object = workload.object(SOURCE, workload.objects / 2);
    let (collection, plural) = object.path.rsplit_once('/').context("a path has a slash")?;
    let namespace = collection.rsplit('/').next().unwrap_or_default();
    let get = latency(plugin, &["get", "latest", plural, &object.name, "-n", namespace, "-o", "yaml"])?;
    say(&format!("list {} ms, get {} ms", list.as_millis(), get.as_millis()));

    let before = if with_floor { Some(create_floor(api, workload, "a", say).await?) } else { None };
    let restore = Summary::of(&[restore(api, plugin, workload).await?]);
    let restore_rate = rate(workload, restore.time);
    say(&format!("restore: {restore_rate:.0} objects a second"));
    // Once more behind it: so both meet a server of the same age.
    let create_floor_rate = match before {
        Some(before) => Some(f64::midpoint(before, create_floor(api, workload, "b", say).await?)),
        None => None,
    };
    Ok(Figures {
        workload,
        json_bytes: listings[0].bytes,
        list_floor: median(listings.iter().map(|listing| listing.time).collect()),
        objects_floor: median(decoded),
        kubectl_get,
        first_create: Summary::of(&first),
        second_create: Summary::of(&second),
        list,
        get,
        create_floor_rate,
        restore,
        restore_rate,
    })
}

async fn change_one_percent(api: &Api, workload: Workload, round: usize) -> anyhow::Result<()> {
    let mut random = Random::seeded(round as u64 + 1);
    for _ in 0..workload.objects.div_ceil(100) {
        let index = usize::try_from(random.below(workload.objects as u64)).unwrap_or(0);
        api.touch(workload, SOURCE, index, &format!("round {round}")).await?;
    }
    Ok(())
}

/// The bare create loop, in namespaces of its own that `suffix` names; objects a second.
async fn create_floor(
    api: &Api,
    workload: Workload,
    suffix: &str,
    say: &dyn Fn(&str),
) -> anyhow::Result<f64> {
    let prefix = format!("{FLOOR}-{suffix}");
    api.prepare(workload, &prefix).await?;
    let rate = rate(workload, api.create_all(workload, &prefix).await?);
    say(&format!("bare create loop: {rate:.0} objects a second"));
    Ok(rate)
}

/// Restores everything into namespaces that exist and are empty, as those of the floor.
async fn restore(api: &Api, plugin: &Plugin, workload: Workload) -> anyhow::Result<Measured> {
    api.prepare(workload, COPY).await?;
    let sources = workload.namespace_names(SOURCE);
    let mapping: Vec<String> =
        sources.iter().zip(workload.namespace_names(COPY)).map(|(from, to)| format!("{from}={to}")).collect();
    plugin.run(&[
        "restore",
        "latest",
        "-n",
        &sources.join(","),
        "--map-namespace",
        &mapping.join(","),
        "--yes",
        "--quiet",
    ])
}

/// The median of twenty new processes.
fn latency(plugin: &Plugin, arguments: &[&str]) -> anyhow::Result<Duration> {
    let runs: anyhow::Result<Vec<_>> = (0..20).map(|_| Ok(plugin.run(arguments)?.time)).collect();
    Ok(median(runs?))
}

#[expect(clippy::cast_precision_loss, reason = "object counts are far below 2^52")]
fn rate(workload: Workload, time: Duration) -> f64 {
    workload.objects as f64 / time.as_secs_f64()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
