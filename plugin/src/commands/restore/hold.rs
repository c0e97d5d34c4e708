//! `--hold`: controllers are held before the first write and released after the last one, in the order of the plan.
//!
//! Releasing also repairs what a killed run left: a mark on the live object says what to give back.

use std::collections::BTreeMap;

use futures::{StreamExt, stream};
use serde_json::Value;

use crate::{
    cluster::{Trouble, WriteError},
    model::restoration::{Action, FieldProblem, Outcome},
    plan::{
        order::Position,
        sanitize::hold::{held_field, hold_patch, release_patch},
    },
};

use super::write::{Finished, Writer};

/// Objects held or released at once.
const PARALLEL: usize = 12;

/// Tries at an object that others change at the same time.
const TRIES: u32 = 5;

impl Writer {
    /// Holds the live workloads of the selection, also those that will not be written. Those that it could not hold, with
    /// the reason.
    pub(super) async fn hold_live(&self) -> Vec<(usize, String)> {
        let live = |index: &usize| self.plan.objects[*index].is_held_live();
        let indices: Vec<usize> = self.plan.holdable().filter(live).collect();
        stream::iter(indices)
            .map(|index| async move {
                if self.waiting.stopped.is_set() {
                    return None;
                }
                let held = self
                    .mend(index, |body| hold_patch(&self.plan.objects[index].target().resource, body))
                    .await;
                held.err().map(|error| (index, format!("could not be held: {}", error.source.one_line())))
            })
            .buffer_unordered(PARALLEL)
            .filter_map(|problem| async move { problem })
            .collect()
            .await
    }

    /// Gives the held workloads back what they had, step by step in the order of the plan. Also after an interruption:
    /// nothing must stay held.
    pub(super) async fn release(&self, finished: &mut BTreeMap<usize, Finished>) {
        let mut steps: BTreeMap<Position, Vec<usize>> = BTreeMap::new();
        for index in self.plan.holdable().filter(|index| self.hold || self.plan.held.contains(index)) {
            steps.entry(self.plan.objects[index].position).or_default().push(index);
        }
        for indices in steps.into_values() {
            let problems: Vec<(usize, WriteError)> = stream::iter(indices)
                .map(|index| async move {
                    let resource = &self.plan.objects[index].target().resource;
                    self.mend(index, |body| release_patch(resource, body))
                        .await
                        .err()
                        .map(|error| (index, error))
                })
                .buffer_unordered(PARALLEL)
                .filter_map(|problem| async move { problem })
                .collect()
                .await;
            for (index, error) in problems {
                let field = held_field(&self.plan.objects[index].target().resource).unwrap_or_default();
                let message = format!("stays held: {}; restore again to release it", error.source.one_line());
                self.told(index, finished).fields.push(FieldProblem { field, message });
            }
        }
    }

    /// What is said of an object, also of one that was not to be written.
    pub(super) fn told<'a>(
        &self,
        index: usize,
        finished: &'a mut BTreeMap<usize, Finished>,
    ) -> &'a mut Finished {
        finished.entry(index).or_insert_with(|| {
            let decision = &self.plan.objects[index].decision;
            let outcome = match decision.action {
                Action::Unchanged => Outcome::Unchanged,
                Action::Skip => Outcome::Skipped,
                Action::Leave => Outcome::Left,
                Action::Refuse => Outcome::Refused,
                _ => Outcome::NotTried,
            };
            Finished { reason: decision.reason.clone(), ..Finished::new(outcome) }
        })
    }

    /// Patches the live object, if it is there and `patch` finds something to do.
    async fn mend(&self, index: usize, patch: impl Fn(&Value) -> Option<Value>) -> Result<(), WriteError> {
        let key = self.plan.objects[index].target();
        let Some(kind) = self.kinds.saved(&key.resource) else { return Ok(()) };
        for attempt in 1.. {
            let Some(body) = self.cluster.read(kind, key).await? else { return Ok(()) };
            let Some(mut change) = patch(&body) else { return Ok(()) };
            change["metadata"]["resourceVersion"] = body["metadata"]["resourceVersion"].clone();
            match self.cluster.patch_object(kind, key, &change).await {
                Ok(_) => return Ok(()),
                Err(error) if attempt < TRIES && error.trouble() == Trouble::Outdated => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
