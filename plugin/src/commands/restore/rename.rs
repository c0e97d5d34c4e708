//! Renaming: who gets another name, and what the cluster has under it.

use std::sync::Arc;

use crate::plan::{
    rename::Choice,
    restore::{
        Candidate, RestorePlan,
        facts::{Facts, Kinds},
        prepare::Preparation,
    },
};

use super::look::{Looker, look};

/// The plan anew, with the names that `plan` asks for, and how objects are prepared under it.
pub(super) async fn rename(
    plan: RestorePlan,
    facts: &mut Facts,
    kinds: &Kinds,
    looker: Looker,
    suffix: &str,
) -> anyhow::Result<(RestorePlan, Arc<Preparation>)> {
    let choice = Choice::of(&plan, facts, kinds, suffix);
    let mut candidates: Vec<Candidate> = plan.into_candidates();
    choice.apply(&mut candidates, facts);
    let preparation = Arc::new(looker.preparation.with_renames(choice.renames));
    let (indices, renamed): (Vec<usize>, Vec<Candidate>) = candidates
        .iter()
        .enumerate()
        .filter(|(_, candidate)| candidate.renamed.is_some())
        .map(|(index, candidate)| (index, candidate.clone()))
        .unzip();
    let looker = Looker { preparation: Arc::clone(&preparation), ..looker };
    let found = look(looker, &renamed, kinds).await?;
    facts.live.extend(found.live.into_iter().map(|(place, live)| (indices[place], live)));
    facts.unreadable.extend(found.unreadable.into_iter().map(|place| indices[place]));
    Ok((RestorePlan::new(candidates, facts, kinds), preparation))
}
