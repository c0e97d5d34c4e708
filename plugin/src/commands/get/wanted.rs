//! What `get` is asked for: whole kinds, or objects by name.

use std::collections::BTreeSet;

use crate::{
    commands::{failure::UsageError, point::OpenPoint},
    model::resource::{GroupResource, ResourceType},
    plan::select::{parse_named_object, resolve_kind, resolve_one_kind},
};

/// What is asked for.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    /// All objects of these kinds.
    Kinds(BTreeSet<GroupResource>),
    /// Single objects.
    Objects(Vec<(GroupResource, String)>),
}

impl Wanted {
    /// Reads `TYPE`, `TYPE,TYPE`, `TYPE NAME …` or `TYPE/NAME …`.
    pub(super) fn parse(words: &[String], opened: &OpenPoint) -> anyhow::Result<Self> {
        let kinds: Vec<ResourceType> = opened.manifest.kinds.iter().map(|entry| entry.kind.clone()).collect();
        if words.iter().any(|word| word.contains('/')) {
            if let Some(bare) = words.iter().find(|word| !word.contains('/')) {
                return Err(UsageError::with_hint(
                    format!("`{bare}` is no TYPE/NAME, and the others are"),
                    "write either TYPE NAME NAME or TYPE/NAME TYPE/NAME",
                )
                .into());
            }
            let objects = words
                .iter()
                .map(|word| {
                    let named = parse_named_object(word)?;
                    Ok((resolve_one_kind(&named.kind, &kinds)?, named.name))
                })
                .collect::<anyhow::Result<_>>()?;
            return Ok(Self::Objects(objects));
        }
        let Some((types, names)) = words.split_first() else {
            return Err(UsageError::new("name the kind of object to get").into());
        };
        let mut resources = BTreeSet::new();
        for word in types.split(',').filter(|word| !word.is_empty()) {
            resources.extend(resolve_kind(word, &kinds)?);
        }
        if names.is_empty() {
            return Ok(Self::Kinds(resources));
        }
        let objects =
            resources.iter().flat_map(|resource| names.iter().map(|name| (resource.clone(), name.clone())));
        Ok(Self::Objects(objects.collect()))
    }

    /// How many kinds are asked for.
    pub(super) fn kinds(&self) -> usize {
        match self {
            Self::Kinds(kinds) => kinds.len(),
            Self::Objects(objects) => objects.iter().map(|(kind, _)| kind).collect::<BTreeSet<_>>().len(),
        }
    }

    /// Whether exactly one object is asked for, which is then printed without a list around it.
    pub(super) fn is_one_object(&self) -> bool {
        matches!(self, Self::Objects(objects) if objects.len() == 1)
    }
}
