//! Changing a live object: asked of the server first, field by field where it says no, and written exactly as answered.
//!
//! `docs/design/0003-conflicts.md` has the reasons.

use serde_json::Value;

use crate::{
    cluster::{Preview, WriteError, WriteMode},
    model::{
        object::ObjectKey,
        resource::ResourceType,
        restoration::{FieldProblem, Outcome},
    },
    plan::{
        conflict::Resolution,
        field_path::FieldPath,
        map_namespace::keep_live_subjects,
        restore::{
            content::content,
            merge::{Draft, merge_patch, only_live},
        },
    },
};

use super::write::{Finished, Writer};

/// How often a patch is asked for again without the fields that the server refused.
const ROUNDS: usize = 8;

/// Fields that are tried one by one when the server refuses what holds them all.
const MOST_PROBES: usize = 48;

/// A patch on its way.
pub(super) struct Patch<'a> {
    pub(super) kind: &'a ResourceType,
    pub(super) key: &'a ObjectKey,
    pub(super) body: &'a Value,
    pub(super) resolution: &'a Resolution,
}

impl Writer {
    /// Sets what `patch.body` states on `live`.
    pub(super) async fn patch(&self, patch: &Patch<'_>, live: Value) -> Result<Finished, WriteError> {
        let mut wanted = patch.body.clone();
        if !self.preparation.map.is_empty() && patch.kind.resource.plural == "clusterrolebindings" {
            keep_live_subjects(&mut wanted, &live);
        }
        let wanted = self.rules.fields().narrow(wanted, &live);
        let mut draft = Draft::new(live, wanted, patch.resolution);
        let preview = self.settle(patch, &mut draft).await?;
        let mut target = draft.stated(preview.body);
        if patch.resolution.exact {
            target = self.remove_the_rest(patch, &mut draft, target).await?;
        }
        self.warn(preview.warnings);
        let Some(mut change) = merge_patch(draft.live(), &target) else {
            return Ok(finished(Outcome::Unchanged, draft));
        };
        if self.mode == WriteMode::Real {
            // What was computed from this version is not written over another.
            change["metadata"]["resourceVersion"] = draft.live()["metadata"]["resourceVersion"].clone();
            let written = self.cluster.patch_object(patch.kind, patch.key, &change).await?;
            self.note_made(patch.key, &written.body, Some(draft.live()));
            self.warn(written.warnings);
        }
        Ok(finished(Outcome::Patched, draft))
    }

    /// What the server makes of the draft, once the fields that it refuses have given way.
    async fn settle(&self, patch: &Patch<'_>, draft: &mut Draft) -> Result<Preview, WriteError> {
        for _ in 0..ROUNDS {
            let error = match self.ask(patch, draft).await {
                Ok(preview) => return Ok(preview),
                Err(error) => error,
            };
            if !error.is_invalid() || !self.leave_refused(patch, draft, &error.fields).await? {
                return Err(error);
            }
        }
        self.ask(patch, draft).await
    }

    async fn ask(&self, patch: &Patch<'_>, draft: &Draft) -> Result<Preview, WriteError> {
        self.cluster.preview_apply(patch.kind, patch.key, draft.wanted()).await
    }

    /// Lets the refused fields give way; false if no field that is to be set is to blame.
    async fn leave_refused(
        &self,
        patch: &Patch<'_>,
        draft: &mut Draft,
        problems: &[FieldProblem],
    ) -> Result<bool, WriteError> {
        let mut blamed = false;
        for problem in problems {
            let concerned = draft.concerned(problem);
            blamed |= !concerned.is_empty();
            let refused = match concerned.len() {
                1 => concerned,
                _ => self.probe(patch, draft, concerned).await?,
            };
            for path in refused {
                draft.leave(&path, &problem.message);
            }
        }
        if blamed {
            return Ok(true);
        }
        // A field may be refused under the name of another: `clusterIP` under that of `clusterIPs`.
        let refused = self.probe(patch, draft, draft.leaves().to_vec()).await?;
        for path in &refused {
            draft.leave(path, problems.first().map_or("", |problem| &problem.message));
        }
        Ok(!refused.is_empty())
    }

    /// Which of `fields` the server refuses, each tried without the others.
    async fn probe(
        &self,
        patch: &Patch<'_>,
        draft: &Draft,
        fields: Vec<FieldPath>,
    ) -> Result<Vec<FieldPath>, WriteError> {
        let mut refused = Vec::new();
        if fields.is_empty() {
            return Ok(refused);
        }
        let others_are_fine = match self.ask(patch, &draft.without(&fields)).await {
            Ok(_) => true,
            Err(error) if error.is_invalid() => false,
            Err(error) => return Err(error),
        };
        for (number, path) in fields.iter().enumerate() {
            let others: Vec<_> = fields.iter().filter(|other| *other != path).cloned().collect();
            if number >= MOST_PROBES {
                refused.push(path.clone());
                continue;
            }
            match self.ask(patch, &draft.without(&others)).await {
                Ok(_) => {}
                Err(error) if error.is_invalid() => {
                    if others_are_fine || error.fields.iter().any(|it| Draft::is_about(it, path)) {
                        refused.push(path.clone());
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(refused)
    }

    /// Takes out of `merged` what only the live object has, as far as the server lets it go.
    async fn remove_the_rest(
        &self,
        patch: &Patch<'_>,
        draft: &mut Draft,
        merged: Value,
    ) -> Result<Value, WriteError> {
        let resource = &patch.kind.resource;
        let extra =
            only_live(&content(resource, patch.body.clone()), &content(resource, draft.live().clone()));
        let extra = draft.without_kept(extra, patch.resolution);
        let mut kept: Vec<FieldPath> = Vec::new();
        loop {
            let mut target = merged.clone();
            for path in extra.iter().filter(|path| !kept.contains(path)) {
                path.remove(&mut target);
            }
            let Some(change) = merge_patch(draft.live(), &target) else { return Ok(target) };
            let Err(error) = self.cluster.preview_patch(patch.kind, patch.key, &change).await else {
                return Ok(target);
            };
            let before = kept.len();
            for problem in &error.fields {
                for path in extra.iter().filter(|path| Draft::is_about(problem, path)) {
                    if !kept.contains(path) {
                        kept.push(path.clone());
                        draft.left.push(FieldProblem {
                            field: path.to_string(),
                            message: format!("only the live object has it; {}", problem.message),
                        });
                    }
                }
            }
            if !error.is_invalid() || kept.len() == before {
                return Err(error);
            }
        }
    }
}

fn finished(outcome: Outcome, draft: Draft) -> Finished {
    let outcome =
        if outcome == Outcome::Unchanged && !draft.left.is_empty() { Outcome::Refused } else { outcome };
    let reason = draft.left.first().map(|first| {
        let what = if draft.left.len() > 1 { "fields that cannot" } else { "a field that cannot" };
        let how_far = if outcome == Outcome::Refused { "differs only in" } else { "but for" };
        format!("{how_far} {what} be changed: {}", first.message)
    });
    let notes = draft.kept.iter().map(|(field, manager)| match manager {
        Some(manager) => format!("{field} is left to `{manager}`"),
        None => format!("{field} is left as it is"),
    });
    Finished { reason, notes: notes.collect(), fields: draft.left, ..Finished::new(outcome) }
}
