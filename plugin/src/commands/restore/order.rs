//! `--order`: the user's own order on top of that of the plan.

use crate::{
    commands::{
        failure::{Failure, UsageError},
        session::Session,
    },
    model::{resource::ResourceType, restore_point::Manifest},
    plan::{
        order::wish::Wishes,
        restore::{RestorePlan, facts::Kinds},
    },
};

/// Puts the plan in the order of `words`, and warns of what cannot be followed.
pub(super) fn follow(
    words: &[String],
    plan: &mut RestorePlan,
    manifest: &Manifest,
    kinds: &Kinds,
    session: &Session,
) -> anyhow::Result<()> {
    if words.is_empty() {
        return Ok(());
    }
    // The manifest's first: its order is that of a server's preference.
    let mut known: Vec<ResourceType> = manifest.kinds.iter().map(|entry| entry.kind.clone()).collect();
    let others = kinds.all_served().filter(|kind| known.iter().all(|it| it.resource != kind.resource));
    known.extend(others.cloned().collect::<Vec<_>>());
    let wishes = Wishes::parse(words, &known).map_err(|error| {
        let hint = error.hint().unwrap_or_else(|| "for example: --order secrets,deploy/db,deploy".to_owned());
        let message = format!("--order: {error}");
        // A kind that is not here may be elsewhere.
        if error.is_usage() {
            anyhow::Error::new(UsageError::with_hint(message, hint))
        } else {
            Failure::new(message, hint).into()
        }
    })?;
    for warning in plan.arrange(&wishes) {
        session.printer.warning(&warning);
    }
    Ok(())
}
