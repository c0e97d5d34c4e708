//! The order of a plan: what each object needs of the others.

use std::collections::HashMap;

use crate::{
    model::{object::ObjectKey, resource::GroupResource},
    plan::order::{self, wish::Wishes},
};

use super::{OwnerLink, PlannedObject, RestorePlan};

impl RestorePlan {
    /// Puts the objects in order. Returns what of `wishes` could not be followed, one sentence each.
    pub fn arrange(&mut self, wishes: &Wishes) -> Vec<String> {
        let objects = &mut self.objects;
        let waves: Vec<_> = objects.iter().map(|it| order::wave(&it.candidate.key.resource)).collect();
        let ranks: Vec<_> = objects.iter().map(|it| wishes.rank(&it.candidate.key)).collect();
        let order::Arrangement { positions, moved } = order::arrange(&waves, &needs(objects), &ranks);
        for (object, position) in objects.iter_mut().zip(positions) {
            object.position = position;
        }
        let idle = wishes.idle(objects.iter().map(|object| &object.candidate.key));
        let mut warnings: Vec<_> =
            idle.iter().map(|word| format!("--order: `{word}` is nothing that is restored")).collect();
        if let Some(&first) = moved.first() {
            let target = objects[first].target();
            let more = match moved.len() - 1 {
                0 => String::new(),
                more => format!(", and {more} more"),
            };
            warnings.push(format!(
                "--order: `{target}` comes later than you say, since it needs something that you put after it{more}"
            ));
        }
        warnings
    }
}

/// The indices of what each object needs: its owners, its namespace, what serves its kind.
fn needs(objects: &[PlannedObject]) -> Vec<Vec<usize>> {
    let named = |plural: &'static str, group: &'static str| -> HashMap<&str, usize> {
        let resource = GroupResource::new(plural, group);
        let of_kind = objects.iter().enumerate().filter(|(_, it)| it.candidate.key.resource == resource);
        of_kind.map(|(index, object)| (object.target().name.as_str(), index)).collect()
    };
    let namespaces = named("namespaces", "");
    let definitions: HashMap<GroupResource, usize> =
        named("customresourcedefinitions", "apiextensions.k8s.io")
            .into_iter()
            .map(|(name, index)| (GroupResource::from(name.to_owned()), index))
            .collect();
    // `v1.metrics.k8s.io`: whatever the version, since that is a matter of what is served.
    let apis: HashMap<&str, usize> = named("apiservices", "apiregistration.k8s.io")
        .into_iter()
        .filter_map(|(name, index)| Some((name.split_once('.')?.1, index)))
        .collect();
    let of = |object: &PlannedObject| {
        let ObjectKey { resource, namespace, .. } = object.target();
        let owners = object.owners.iter().filter_map(|(_, link)| match link {
            OwnerLink::Planned(index) => Some(*index),
            OwnerLink::Live(_) | OwnerLink::Gone => None,
        });
        let namespace = namespace.as_deref().and_then(|name| namespaces.get(name));
        let served_by = definitions.get(resource).or_else(|| apis.get(resource.group.as_str()));
        owners.chain(namespace.copied()).chain(served_by.copied()).collect()
    };
    objects.iter().map(of).collect()
}
