//! What `get` is asked for: whole kinds, or objects by name.

use std::collections::BTreeSet;

use crate::{
    commands::{failure::UsageError, point::OpenPoint, saved_kinds},
    model::resource::GroupResource,
    plan::select::parse_named_object,
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
        let manifest = &opened.manifest;
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
                    Ok((saved_kinds::resolve_one(&named.kind, manifest)?, named.name))
                })
                .collect::<anyhow::Result<_>>()?;
            return Ok(Self::Objects(objects));
        }
        let Some((types, names)) = words.split_first() else {
            return Err(UsageError::new("name the kind of object to get").into());
        };
        let mut resources = BTreeSet::new();
        for word in types.split(',') {
            resources.extend(saved_kinds::resolve(word, manifest)?);
        }
        if names.iter().any(String::is_empty) {
            return Err(
                UsageError::with_hint("a NAME is empty", "leave it out to get all of the kind").into()
            );
        }
        if names.is_empty() {
            return Ok(Self::Kinds(resources));
        }
        let objects =
            resources.iter().flat_map(|resource| names.iter().map(|name| (resource.clone(), name.clone())));
        Ok(Self::Objects(objects.collect()))
    }

    /// The kinds that are asked for.
    pub(super) fn resources(&self) -> BTreeSet<GroupResource> {
        match self {
            Self::Kinds(kinds) => kinds.clone(),
            Self::Objects(objects) => objects.iter().map(|(kind, _)| kind.clone()).collect(),
        }
    }

    /// Whether exactly one object is asked for, which is then printed without a list around it.
    pub(super) fn is_one_object(&self) -> bool {
        matches!(self, Self::Objects(objects) if objects.len() == 1)
    }
}
