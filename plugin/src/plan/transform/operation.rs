//! The one thing that a transform does, whichever it is.

use serde_json::Value;

use super::{
    image_registry::ImageRegistry, ingress_host::IngressHost, json_patch::JsonPatch, merge_patch,
    node_selector::NodeSelector, replicas, storage_class::StorageClass, strategic_merge_patch,
    suspend_cron_jobs,
};
use crate::plan::field_path::FieldPath;

/// What to do to an object.
#[derive(Clone, Debug)]
pub(super) enum Operation {
    JsonPatch(JsonPatch),
    MergePatch(Value),
    StrategicMergePatch(Value),
    Set(Vec<(FieldPath, Value)>),
    Remove(Vec<FieldPath>),
    StorageClass(StorageClass),
    ImageRegistry(ImageRegistry),
    IngressHost(IngressHost),
    Replicas(u32),
    NodeSelector(NodeSelector),
    SuspendCronJobs(bool),
}

impl Operation {
    /// Whether it can have something to do for objects of this kind.
    pub(super) fn concerns(&self, object: &Value) -> bool {
        match self {
            Self::JsonPatch(_)
            | Self::MergePatch(_)
            | Self::StrategicMergePatch(_)
            | Self::Set(_)
            | Self::Remove(_) => true,
            Self::StorageClass(_) => StorageClass::concerns(object),
            Self::ImageRegistry(_) | Self::NodeSelector(_) => crate::plan::pod_spec::path(object).is_some(),
            Self::IngressHost(_) => IngressHost::concerns(object),
            Self::Replicas(_) => replicas::concerns(object),
            Self::SuspendCronJobs(_) => suspend_cron_jobs::concerns(object),
        }
    }

    /// Does it; an error says why it cannot.
    pub(super) fn run(&self, object: &mut Value) -> Result<(), String> {
        match self {
            Self::JsonPatch(patch) => patch.apply(object),
            Self::MergePatch(patch) => {
                merge_patch::apply(object, patch);
                Ok(())
            }
            Self::StrategicMergePatch(patch) => strategic_merge_patch::apply(object, patch),
            Self::Set(fields) => fields
                .iter()
                .try_for_each(|(path, value)| path.set(object, value.clone()))
                .map_err(|error| error.to_string()),
            Self::Remove(paths) => {
                for path in paths {
                    path.remove(object);
                }
                Ok(())
            }
            Self::StorageClass(classes) => {
                classes.apply(object);
                Ok(())
            }
            Self::ImageRegistry(registries) => {
                registries.apply(object);
                Ok(())
            }
            Self::IngressHost(hosts) => {
                hosts.apply(object);
                Ok(())
            }
            Self::Replicas(count) => replicas::apply(object, *count),
            Self::NodeSelector(selector) => selector.apply(object),
            Self::SuspendCronJobs(suspend) => suspend_cron_jobs::apply(object, *suspend),
        }
    }
}
