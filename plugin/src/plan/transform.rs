//! Transforms: changes to objects on their way from a restore point into a cluster, as a file describes them.
//!
//! A file is read and checked as a whole ([`document`]); every entry says which objects it is for (`matching`) and
//! what one thing it does to them (`operation`). Entries run in the order of their files, each on what those before
//! it left. A transform never changes what an object is: a restore plans, orders and reports by identity.
//! `docs/transforms.md` is for users.

pub mod document;
mod image_registry;
mod ingress_host;
mod json_patch;
mod matching;
mod merge_patch;
mod node_selector;
mod operation;
mod replicas;
mod rewrite;
mod storage_class;
mod strategic_merge_patch;
mod suspend_cron_jobs;

use serde_json::Value;

use super::user_file::UserFileError;
use matching::Match;
use operation::Operation;

/// One entry of a file.
#[derive(Clone, Debug)]
struct Transform {
    name: String,
    matching: Match,
    operation: Operation,
}

/// The transforms of a run, in their order.
#[derive(Clone, Debug, Default)]
pub struct Transforms(Vec<Transform>);

/// A transform that cannot do its work on an object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("transform `{transform}`: {reason}")]
pub struct TransformError {
    /// Its name.
    pub transform: String,
    /// Why.
    pub reason: String,
}

/// How many objects each transform met.
#[derive(Clone, Debug, Default)]
pub struct Tally(Vec<Count>);

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    matched: u64,
    changed: u64,
    failed: u64,
}

impl Transforms {
    /// Reads a file.
    pub fn parse(text: &str) -> Result<Self, UserFileError> {
        document::parse(text).map(Self)
    }

    /// Adds those of a further file behind these.
    pub fn extend(&mut self, more: Self) {
        self.0.extend(more.0);
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Changes `object`, and counts in `tally` what matched. When one fails, the object is as the last one left it.
    ///
    /// Returns whether anything changed.
    pub fn apply(&self, object: &mut Value, tally: &mut Tally) -> Result<bool, TransformError> {
        tally.0.resize(self.0.len(), Count::default());
        let mut any = false;
        for (transform, count) in self.0.iter().zip(&mut tally.0) {
            if !transform.matching.is_met_by(object) || !transform.operation.concerns(object) {
                continue;
            }
            count.matched += 1;
            let changed = transform.run(object).inspect_err(|_| count.failed += 1)?;
            if let Some(changed) = changed {
                *object = changed;
                count.changed += 1;
                any = true;
            }
        }
        Ok(any)
    }

    /// What in the tally of a whole run hints at a mistake in a file.
    pub fn warnings(&self, tally: &Tally) -> Vec<String> {
        let counts = tally.0.iter().copied().chain(std::iter::repeat(Count::default()));
        self.0
            .iter()
            .zip(counts)
            .filter_map(|(transform, count)| {
                let name = &transform.name;
                match count {
                    Count { matched: 0, .. } => {
                        Some(format!("transform `{name}` matches none of the objects"))
                    }
                    Count { changed: 0, failed: 0, .. } => {
                        Some(format!("transform `{name}` changes none of the objects it matches"))
                    }
                    Count { .. } => None,
                }
            })
            .collect()
    }
}

/// What an object is: a transform that changed it would restore another object than the plan says.
const IDENTITY: [&str; 6] = [
    "/apiVersion",
    "/kind",
    "/metadata/name",
    "/metadata/namespace",
    "/metadata/uid",
    "/metadata/ownerReferences",
];

impl Transform {
    /// The changed object, or none if nothing changed.
    fn run(&self, object: &Value) -> Result<Option<Value>, TransformError> {
        let failed = |reason| TransformError { transform: self.name.clone(), reason };
        let mut changed = object.clone();
        self.operation.run(&mut changed).map_err(failed)?;
        let touched = IDENTITY.iter().find(|field| changed.pointer(field) != object.pointer(field));
        if let Some(field) = touched {
            let field = field.trim_start_matches('/').replace('/', ".");
            return Err(failed(format!("it would change `{field}`, by which the object is known")));
        }
        Ok((changed != *object).then_some(changed))
    }
}

#[cfg(test)]
mod tests;
