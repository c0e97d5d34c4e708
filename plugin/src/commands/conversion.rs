//! How a cluster converts a custom kind between its versions, as its definition says.

use serde_json::Value;

use crate::{
    cluster::{Cluster, RequestError},
    model::{
        object::ObjectKey,
        resource::{GroupResource, ResourceType},
    },
    plan::versions::Conversion,
};

/// What defines custom kinds.
pub(super) fn definitions() -> GroupResource {
    GroupResource::new("customresourcedefinitions", "apiextensions.k8s.io")
}

/// The conversion of a custom kind; None if it has no definition (its API is aggregated), or none that may be seen.
///
/// Needs `get` on definitions, which `definitions` are.
pub(super) async fn conversion(
    cluster: &Cluster,
    definitions: &ResourceType,
    resource: &GroupResource,
) -> Result<Option<Conversion>, RequestError> {
    let key = ObjectKey::new(definitions.resource.clone(), None, &resource.to_string());
    match cluster.read(definitions, &key).await {
        Err(error) if error.is_forbidden() => Ok(None),
        read => Ok(read?.as_ref().map(of_definition)),
    }
}

/// The conversion that a definition states.
pub(super) fn of_definition(definition: &Value) -> Conversion {
    match definition["spec"]["conversion"]["strategy"].as_str() {
        Some("Webhook") => Conversion::Webhook,
        _ => Conversion::ByName,
    }
}
