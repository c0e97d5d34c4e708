//! `--with-dependencies`: what the named objects need in their namespace, and what that needs in turn.
//!
//! Where objects name others is in `plan::rename::references`. Cluster-scoped objects go along by `--cluster-scoped`.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
};

use serde_json::Value;

use crate::{
    archive::{ReadFilter, Repository},
    model::{
        object::ObjectKey,
        resource::{GroupResource, ResourceType, Scope},
        restore_point::RestorePointId,
    },
    plan::{
        rename::references::{Referent, visit},
        restore::wanted::Wanted,
    },
};

/// More than any application has; a restore point is not to be trusted with an endless chain.
const MOST: usize = 10_000;

/// Adds to `wanted` what its named objects need, as far as the restore point holds it. Blocks.
pub(super) fn add(
    repository: &Repository,
    point: &RestorePointId,
    kinds: &[ResourceType],
    mut wanted: Wanted,
) -> anyhow::Result<Wanted> {
    let by_kind: BTreeMap<(&str, &str), &GroupResource> = kinds
        .iter()
        .filter(|kind| kind.scope == Scope::Namespaced)
        .map(|kind| ((kind.resource.group.as_str(), kind.kind.as_str()), &kind.resource))
        .collect();
    let key = |referent: Referent| {
        let resource = by_kind.get(&(referent.group.as_str(), referent.kind.as_str()))?;
        Some(ObjectKey::new((*resource).clone(), Some(&referent.namespace?), &referent.name))
    };
    let mut open: Vec<ObjectKey> = Vec::new();
    let filter = ReadFilter {
        resources: Some(wanted.named.iter().map(|(resource, _)| resource.clone()).collect()),
        namespaces: wanted.namespaces.clone(),
        ..ReadFilter::default()
    };
    repository.each_object(point, &filter, &mut |object| {
        // What cannot be read is told when the objects themselves are read.
        if let Ok(mut object) = object
            && wanted.is_named(&object.key)
        {
            open.extend(needs(&mut object.body).into_iter().filter_map(&key));
        }
        ControlFlow::Continue(())
    })?;
    let mut needed = BTreeSet::new();
    while let Some(next) = open.pop() {
        if needed.len() >= MOST || needed.contains(&next) || wanted.is_named(&next) {
            continue;
        }
        if let Some(mut object) = repository.object(point, &next)? {
            open.extend(needs(&mut object.body).into_iter().filter_map(&key));
            needed.insert(next);
        }
    }
    wanted.needed_by_named = needed;
    Ok(wanted)
}

fn needs(body: &mut Value) -> BTreeSet<Referent> {
    let mut found = BTreeSet::new();
    visit(body, &mut |referent, name| {
        found.insert(referent.named(name));
    });
    found
}
