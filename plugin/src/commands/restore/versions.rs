//! At which version the objects of a kind are taken, where the cluster does not serve the one they were saved at first.

use std::collections::BTreeMap;

use anyhow::Context;

use crate::{
    archive::Repository,
    cluster::Cluster,
    commands::{conversion, session::blocking},
    model::{
        object::ObjectKey,
        resource::GroupResource,
        restore_point::{Manifest, RestorePointId},
    },
    plan::{
        restore::facts::Kinds,
        versions::{Conversion, taken_at},
    },
};

/// Decides for every kind that was saved at a version which the cluster does not serve. Returns those that are to be read
/// from the restore point at another version, with that version.
pub(super) async fn decide(
    cluster: &Cluster,
    kinds: &mut Kinds,
    manifest: &Manifest,
    repository: &Repository,
    point: &RestorePointId,
) -> anyhow::Result<BTreeMap<GroupResource, String>> {
    let mut read_at = BTreeMap::new();
    for resource in kinds.skewed() {
        let saved = manifest.kind(&resource).zip(kinds.served(&resource));
        if let Some(version) = saved.and_then(|(saved, served)| taken_at(saved, served)) {
            kinds.take_at(&resource, &version);
            read_at.insert(resource, version);
            continue;
        }
        let conversion = if resource.is_built_in() {
            Conversion::ByName
        } else {
            conversion_of(cluster, kinds, &resource, repository, point).await?
        };
        kinds.resolve_skew(&resource, conversion);
    }
    Ok(read_at)
}

/// By a webhook if either cluster converts by one: then versions differ in more than their name. Where no definition
/// is to be seen the server checks each object, and refuses what it does not know.
async fn conversion_of(
    cluster: &Cluster,
    kinds: &Kinds,
    resource: &GroupResource,
    repository: &Repository,
    point: &RestorePointId,
) -> anyhow::Result<Conversion> {
    let definitions = conversion::definitions();
    let live = match kinds.served(&definitions) {
        None => None,
        Some(kind) => conversion::conversion(cluster, kind, resource)
            .await
            .with_context(|| format!("could not read the definition of {resource}"))?,
    };
    let key = ObjectKey::new(definitions, None, &resource.to_string());
    let (repository, point) = (repository.clone(), point.clone());
    let saved = blocking(move || Ok(repository.object(&point, &key)?)).await?;
    let saved = saved.map(|definition| conversion::of_definition(&definition.body));
    let by_webhook = [live, saved].contains(&Some(Conversion::Webhook));
    Ok(if by_webhook { Conversion::Webhook } else { Conversion::ByName })
}
