//! The figures as a table, and the page in `docs` that keeps the last one.

use std::{fmt::Write, fs, path::Path, time::Duration};

use anyhow::Context;

use crate::measure::{Figures, Summary};

const BEGIN: &str = "<!-- bench:begin -->";
const END: &str = "<!-- bench:end -->";

/// Where the figures were taken.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    /// `2 cores of …, 23 GB, Linux 6.18`.
    pub(crate) description: String,
    /// Load average over a minute when it began.
    pub(crate) load: String,
}

impl Machine {
    /// This one, as far as it tells.
    pub(crate) fn here() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let processor = read("/proc/cpuinfo");
        let model = processor.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown");
        let memory: u64 = read("/proc/meminfo")
            .lines()
            .find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse().ok())
            .unwrap_or(0);
        let kernel = read("/proc/sys/kernel/osrelease");
        let description = format!(
            "{cores} cores ({}), {} GB of memory, {} {}",
            model.trim_start_matches([' ', '\t', ':']),
            memory / 1_000_000,
            std::env::consts::OS,
            kernel.trim()
        );
        let load = read("/proc/loadavg").split(' ').next().unwrap_or("unknown").to_owned();
        Self { description, load }
    }
}

/// A Markdown table for every size, in the order measured; memory is compared with the first.
pub(crate) fn table(all: &[Figures]) -> String {
    let mut text = String::new();
    for figures in all {
        let workload = figures.workload;
        let _ = write!(
            text,
            "### {} objects in {} namespaces ({:.1} MB of JSON)\n\n| What | Measured | Floor | Ratio | Target |\n|---|---:|---:|---:|---:|\n",
            workload.objects,
            workload.namespaces,
            megabytes(figures.json_bytes as u64)
        );
        for row in rows(figures, &all[0]) {
            let _ = writeln!(text, "| {} |", row.join(" | "));
        }
        text.push('\n');
    }
    text
}

fn rows(figures: &Figures, smallest: &Figures) -> Vec<[String; 5]> {
    let first = figures.first_create;
    let second = figures.second_create;
    let row = |what: &str, measured: String, floor: String, ratio: f64, target: &str| {
        [what.to_owned(), measured, floor, format!("{ratio:.2}"), target.to_owned()]
    };
    let beside = |what: &str, floor: Duration, target: &str| {
        let ratio = first.time.as_secs_f64() / floor.as_secs_f64();
        row(what, seconds(first.time), seconds(floor), ratio, target)
    };
    let mut rows = vec![
        beside("first `create` / bare parallel listing, objects decoded", figures.objects_floor, "≤ 1.5"),
        beside("first `create` / bare parallel listing, bytes thrown away", figures.list_floor, "≤ 1.5"),
    ];
    rows.extend(
        figures.kubectl_get.map(|peer| beside("first `create` / `kubectl get -A -o json`", peer, "")),
    );
    rows.push(row(
        "second `create`, 1 % changed / first",
        seconds(second.time),
        seconds(first.time),
        second.time.as_secs_f64() / first.time.as_secs_f64(),
        "< 1",
    ));
    let restored = format!("{:.0} objects/s", figures.restore_rate);
    rows.push(match figures.create_floor_rate {
        Some(floor) => row(
            "`restore` into empty namespaces / bare create loop",
            restored,
            format!("{floor:.0} objects/s"),
            figures.restore_rate / floor,
            "≥ 0.6",
        ),
        None => [
            "`restore` into empty namespaces".to_owned(),
            restored,
            String::new(),
            String::new(),
            String::new(),
        ],
    });
    rows.push(memory(
        "peak memory of `create`",
        &[first, second],
        &[smallest.first_create, smallest.second_create],
    ));
    rows.push(memory("peak memory of `restore`", &[figures.restore], &[smallest.restore]));
    for (what, time) in
        [("`list`, new process", figures.list), ("`get` of one object, new process", figures.get)]
    {
        let measured = format!("{} ms", time.as_millis());
        rows.push([what.to_owned(), measured, String::new(), String::new(), "< 100 ms".to_owned()]);
    }
    for (what, run) in
        [("first `create`", first), ("second `create`", second), ("`restore`", figures.restore)]
    {
        let cpu = run.cpu.map_or("unknown".to_owned(), seconds);
        rows.push([format!("processor time of {what}"), cpu, String::new(), String::new(), String::new()]);
    }
    rows
}

/// Against 150 MB at the smallest size, against 1.3 times that size's peak at the others.
#[expect(clippy::cast_precision_loss, reason = "memory sizes are far below 2^52 bytes")]
fn memory(what: &str, runs: &[Summary], smallest: &[Summary]) -> [String; 5] {
    let peak = |runs: &[Summary]| runs.iter().filter_map(|run| run.peak).max().unwrap_or(0);
    let (here, least) = (peak(runs), peak(smallest));
    let measured = format!("{:.0} MB", megabytes(here));
    if std::ptr::eq(runs, smallest) || here == least {
        return [what.to_owned(), measured, String::new(), String::new(), "< 150 MB".to_owned()];
    }
    let ratio = format!("{:.2}", here as f64 / least.max(1) as f64);
    [what.to_owned(), measured, format!("{:.0} MB", megabytes(least)), ratio, "≤ 1.3".to_owned()]
}

/// Puts `text` between the marks of the page at `path`.
pub(crate) fn update_page(path: &Path, text: &str) -> anyhow::Result<()> {
    let page = fs::read_to_string(path).with_context(|| format!("could not read {}", path.display()))?;
    let page =
        replace_marked(&page, text).with_context(|| format!("{} has lost its marks", path.display()))?;
    fs::write(path, page).with_context(|| format!("could not write {}", path.display()))
}

fn replace_marked(page: &str, text: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n\n{}\n\n{END}{after}", text.trim()))
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52 bytes")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_marked_part_of_the_page_changes() {
        let page = format!("# Title\n{BEGIN}\nold\n{END}\nrest\n");
        assert_eq!(
            replace_marked(&page, "new\n").unwrap(),
            format!("# Title\n{BEGIN}\n\nnew\n\n{END}\nrest\n")
        );
        assert_eq!(replace_marked("no marks", "new"), None);
    }
}
