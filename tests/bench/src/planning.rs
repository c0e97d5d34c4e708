//! How long a restore thinks: every object exists and differs, and nothing is changed.

use std::time::Duration;

use futures::future::try_join_all;

use crate::{
    api::{Api, Reading},
    plugin::{Measured, Plugin},
    workload::Workload,
};

/// Namespaces that are backed up.
const SOURCE: &str = "bench";
/// Changes under way at once.
const WRITERS: usize = 24;

/// What planning took.
#[derive(Clone, Debug)]
pub(crate) struct Planning {
    /// Bare parallel listing of the same objects.
    pub(crate) list_floor: Duration,
    /// `restore --dry-run`.
    pub(crate) client: Measured,
    /// `restore --dry-run=server`: each patch asked of the server.
    pub(crate) server: Measured,
}

/// Backs up `workload`, changes a field of each object, and plans to patch all of them.
pub(crate) async fn measure(
    api: &Api,
    plugin: &Plugin,
    workload: Workload,
    say: &dyn Fn(&str),
) -> anyhow::Result<Planning> {
    api.prepare(workload, SOURCE).await?;
    api.create_all(workload, SOURCE).await?;
    touch_all(api, workload, "saved").await?;
    plugin.run(&["create", "-A", "--quiet"])?;
    touch_all(api, workload, "changed since").await?;
    say(&format!("{} objects exist and differ from what was saved", workload.objects));
    let namespaces = workload.namespace_names(SOURCE).join(",");
    let restore = ["restore", "latest", "-n", &namespaces, "--on-conflict=patch", "--quiet", "-o", "name"];
    let plan = |dry_run: &'static str| plugin.run(&[&restore[..], &[dry_run]].concat());
    let list_floor = api.list_all(Reading::Bytes).await?.time;
    Ok(Planning { list_floor, client: plan("--dry-run=client")?, server: plan("--dry-run=server")? })
}

async fn touch_all(api: &Api, workload: Workload, mark: &'static str) -> anyhow::Result<()> {
    let writers = (0..WRITERS).map(|first| {
        let api = api.clone();
        tokio::spawn(async move {
            for index in (first..workload.objects).step_by(WRITERS) {
                api.touch(workload, SOURCE, index, mark).await?;
            }
            anyhow::Ok(())
        })
    });
    for outcome in try_join_all(writers).await? {
        outcome?;
    }
    Ok(())
}

impl Planning {
    /// A row for each figure.
    #[expect(clippy::cast_precision_loss, reason = "object counts are far below 2^52")]
    pub(crate) fn table(&self, workload: Workload) -> String {
        let memory = |run: &Measured| run.peak.map_or(0, |peak| peak / 1_000_000);
        let ratio = self.client.time.as_secs_f64() / self.list_floor.as_secs_f64();
        let rate = workload.objects as f64 / self.server.time.as_secs_f64();
        format!(
            "| What, with {} objects that all differ | Measured | Floor | Ratio | Target |\n|---|---:|---:|---:|---:|\n\
             | plan of a restore / bare parallel listing | {:.2} s | {:.2} s | {ratio:.2} | < 2 s |\n\
             | plan checked by the server | {rate:.0} objects/s | | | ≥ 300 objects/s |\n\
             | peak memory of either | {} MB, {} MB | | | |\n",
            workload.objects,
            self.client.time.as_secs_f64(),
            self.list_floor.as_secs_f64(),
            memory(&self.client),
            memory(&self.server),
        )
    }
}
