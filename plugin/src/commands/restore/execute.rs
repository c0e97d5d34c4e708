//! The second pass: the bodies again, step by step in the order of the plan, several writes at a time.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
    sync::Arc,
};

use futures::{StreamExt, stream};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::{
    archive::{ReadFilter, Repository},
    cluster::WriteMode,
    commands::session::blocking,
    model::{
        restoration::{Action, Outcome},
        restore_point::RestorePointId,
    },
    plan::restore::Origin,
};

use super::{
    collect::invented_namespace,
    write::{Finished, Writer},
};

/// Bodies read ahead of the writes.
const READ_AHEAD: usize = 32;

/// A restore under way.
pub(super) struct Execution {
    pub(super) writer: Arc<Writer>,
    pub(super) repository: Repository,
    /// Where the bodies lie; no object is in two of them.
    pub(super) points: Vec<RestorePointId>,
    pub(super) parallel: usize,
}

impl Execution {
    /// Does all that the plan wants done; what came of it, by index.
    pub(super) async fn complete(&self) -> anyhow::Result<BTreeMap<usize, Finished>> {
        let writer = &self.writer;
        let not_held = if writer.hold { writer.hold_live().await } else { Vec::new() };
        let mut finished = self.run().await;
        if let Ok(finished) = &mut finished {
            writer.prune(self.parallel, finished).await;
            for (index, note) in not_held {
                writer.told(index, finished).notes.push(note);
            }
        }
        if writer.mode == WriteMode::Real {
            // Also when it failed or was interrupted.
            let mut nothing = BTreeMap::new();
            writer.release(finished.as_mut().unwrap_or(&mut nothing)).await;
        }
        finished
    }

    /// Writes everything that the plan wants written.
    async fn run(&self) -> anyhow::Result<BTreeMap<usize, Finished>> {
        let mut results = BTreeMap::new();
        let steps = self.writer.plan.steps();
        for indices in steps.values() {
            self.step(indices, &mut results).await?;
        }
        if self.writer.mode == WriteMode::Real {
            self.second_try(steps.into_values(), &mut results).await?;
        }
        Ok(results)
    }

    /// What was refused for want of something that was restored after it; and then what such an owner owns.
    async fn second_try(
        &self,
        steps: impl Iterator<Item = Vec<usize>>,
        results: &mut BTreeMap<usize, Finished>,
    ) -> anyhow::Result<()> {
        for mut again in steps {
            again.retain(|index| results.get(index).is_some_and(|finished| finished.worth_another_try));
            self.step(&again, results).await?;
        }
        Ok(())
    }

    async fn step(&self, indices: &[usize], results: &mut BTreeMap<usize, Finished>) -> anyhow::Result<()> {
        if indices.is_empty() || self.is_stopped() {
            return Ok(());
        }
        let (sender, receiver) = mpsc::channel(READ_AHEAD);
        let reading = self.read(indices.iter().copied().collect(), sender);
        let bodies = stream::unfold(receiver, |mut receiver| async move {
            receiver.recv().await.map(|item| (item, receiver))
        });
        let mut writing = std::pin::pin!(
            bodies
                .map(|(index, body)| {
                    let writer = Arc::clone(&self.writer);
                    let stopped = self.is_stopped();
                    // A task of its own, so that cleaning and encoding use every core.
                    tokio::spawn(async move {
                        if stopped {
                            return (index, Finished::because(Outcome::NotTried, "interrupted"));
                        }
                        (index, writer.write(index, body).await)
                    })
                })
                .buffer_unordered(self.parallel)
        );
        while let Some(finished) = writing.next().await {
            let (index, finished) = finished?;
            self.writer.waiting.progress.advance(u64::from(!results.contains_key(&index)));
            results.insert(index, finished);
        }
        reading.await??;
        if self.writer.mode == WriteMode::Real {
            self.writer.wait_for_what_serves(indices, results).await;
        }
        Ok(())
    }

    /// Reads the bodies of `indices` and hands them over, those that no restore point holds first.
    fn read(
        &self,
        indices: BTreeSet<usize>,
        sender: mpsc::Sender<(usize, Value)>,
    ) -> tokio::task::JoinHandle<anyhow::Result<()>> {
        let (repository, points) = (self.repository.clone(), self.points.clone());
        let (writer, stopped) = (Arc::clone(&self.writer), self.writer.waiting.stopped.clone());
        tokio::spawn(blocking(move || {
            let candidate = |index: usize| &writer.plan.objects[index].candidate;
            let (invented, saved): (Vec<usize>, Vec<usize>) =
                indices.iter().copied().partition(|&index| candidate(index).origin == Origin::Invented);
            for index in invented {
                // The receiver is gone only when the restore has failed already.
                let _ = sender.blocking_send((index, invented_namespace(&candidate(index).key.name)));
            }
            if saved.is_empty() {
                return Ok(());
            }
            let keys = saved.iter().map(|&index| &candidate(index).key);
            let filter = ReadFilter {
                resources: Some(keys.clone().map(|key| key.resource.clone()).collect()),
                namespaces: Some(keys.filter_map(|key| key.namespace.clone()).collect()),
                scope: None,
                names: None,
            };
            for point in &points {
                repository.each_object(point, &filter, &mut |object| {
                    // What cannot be read is not in the plan.
                    if let Ok(object) = object
                        && let Some(index) = writer.plan.find(&object.key)
                        && indices.contains(&index)
                        && sender.blocking_send((index, object.body)).is_err()
                    {
                        return ControlFlow::Break(());
                    }
                    if stopped.is_set() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                })?;
            }
            Ok(())
        }))
    }

    fn is_stopped(&self) -> bool {
        self.writer.waiting.stopped.is_set()
    }
}

/// How many writes a plan asks for.
pub(super) fn writes(counts: &BTreeMap<Action, usize>) -> usize {
    counts.iter().filter(|(action, _)| action.is_write()).map(|(_, count)| count).sum()
}
