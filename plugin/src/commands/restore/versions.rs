//! Which kinds are moved to another version, after a look at how the cluster converts them.

use anyhow::Context;
use serde_json::Value;

use crate::{
    cluster::Cluster,
    model::{object::ObjectKey, resource::GroupResource},
    plan::restore::{facts::Kinds, versions::Conversion},
};

/// Decides for every kind that was saved at a version which the cluster does not serve.
pub(super) async fn decide(cluster: &Cluster, kinds: &mut Kinds) -> anyhow::Result<()> {
    for resource in kinds.skewed() {
        let conversion = if resource.is_built_in() {
            Conversion::ByName
        } else {
            conversion(cluster, kinds, &resource).await?
        };
        kinds.resolve_skew(&resource, conversion);
    }
    Ok(())
}

async fn conversion(
    cluster: &Cluster,
    kinds: &Kinds,
    resource: &GroupResource,
) -> anyhow::Result<Conversion> {
    let definitions = GroupResource::new("customresourcedefinitions", "apiextensions.k8s.io");
    let key = ObjectKey::new(definitions.clone(), None, &resource.to_string());
    let body = match kinds.served(&definitions) {
        None => None,
        Some(kind) => match cluster.read(kind, &key).await {
            // Whoever may not look has the server check each object; what it does not know it refuses.
            Err(error) if error.is_forbidden() => None,
            body => body.with_context(|| format!("could not read the definition of {resource}"))?,
        },
    };
    let by_webhook = body.is_some_and(|body: Value| body["spec"]["conversion"]["strategy"] == "Webhook");
    Ok(if by_webhook { Conversion::Webhook } else { Conversion::ByName })
}
