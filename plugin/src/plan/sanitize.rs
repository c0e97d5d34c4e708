//! What is cleaned from a saved object before it is written: everything that means something only to the
//! server, the moment or the cluster it was read from.
//!
//! Pure and idempotent. `docs/restore.md` has the table for users; a rule changed here changes there too.
//! Owner references are a matter of their own, see [`owners`], since their new uids are learnt while restoring.

mod access;
mod definition;
pub(in crate::plan) mod fields;
pub mod hold;
mod metadata;
pub mod owners;
mod service;
mod storage;
mod workload;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::model::resource::GroupResource;

/// What cleaning needs to know beyond the object itself.
#[derive(Clone, Debug, Default)]
pub struct SanitizeContext {
    /// Names of the persistent volumes that will be there for their claims; a claim on any other loses its
    /// `volumeName`, so that a new volume is provisioned.
    pub kept_volumes: BTreeSet<String>,
    /// The object goes back where it was, and has the addresses and ports again that the cluster gave it there.
    pub keep_allocations: bool,
}

/// Gives up the address and node ports of a Service that `taken` names as the server does: `spec.ports[0].nodePort`.
///
/// Returns a note, or none if nothing was given up.
pub fn give_up_allocations(body: &mut Value, taken: &[&str]) -> Option<String> {
    service::give_up(body, taken)
}

/// The finalizers of `body` that are not those of Kubernetes itself.
pub fn own_finalizers(body: &Value) -> impl Iterator<Item = &str> {
    metadata::own_finalizers(body)
}

/// Cleans `body` in place; returns what a user should know about it, one sentence each.
pub fn sanitize(resource: &GroupResource, body: &mut Value, context: &SanitizeContext) -> Vec<String> {
    let mut notes = Vec::new();
    hold::see_through(resource, body);
    // Kinds first: some rules read managedFields or the uid, which the metadata rules remove.
    match (resource.group.as_str(), resource.plural.as_str()) {
        ("", "namespaces") => fields::remove(body, &["spec", "finalizers"]),
        ("", "pods") => workload::pod(body, &mut notes),
        ("", "services") if context.keep_allocations => {}
        ("", "services") => service::service(body),
        ("", "endpoints" | "configmaps") => metadata::drop_leader_election(body),
        ("", "persistentvolumeclaims") => storage::claim(body, &context.kept_volumes, &mut notes),
        ("", "persistentvolumes") => storage::volume(body),
        ("", "serviceaccounts") => access::service_account(body),
        ("", "secrets") => access::secret(body),
        ("apps", "deployments" | "replicasets" | "daemonsets") => workload::revisioned(body),
        ("batch", "jobs") => workload::job(body),
        ("autoscaling", "horizontalpodautoscalers") => workload::autoscaler(body),
        ("apiextensions.k8s.io", "customresourcedefinitions") => definition::definition(body, &mut notes),
        _ => {}
    }
    metadata::clean(body);
    fields::remove(body, &["status"]);
    notes
}

#[cfg(test)]
mod tests;
