//! What a restore point would hold if it existed: the difference between "deleted" and "never asked for".

use serde_json::Value;

use super::{
    left_out,
    select::{LabelSelector, resolve_kind},
};
use crate::model::{
    facts::ObjectFacts,
    object::ObjectKey,
    resource::{GroupResource, ResourceType},
    restore_point::{Manifest, Missing},
    selection::{ClusterScoped, Namespaces},
};

/// Whether the restore point of `manifest` would hold the object if it existed at that time.
///
/// `kinds` are all kinds known from anywhere: a manifest names only those that were read for it. When in doubt the
/// answer is no, since a field selector can only be evaluated by the server.
pub fn covers(manifest: &Manifest, kinds: &[ResourceType], key: &ObjectKey, body: &Value) -> bool {
    let selection = &manifest.selection;
    let in_place = match &key.namespace {
        Some(namespace) => selection.namespaces.covers(namespace),
        None => selection.cluster_scoped == ClusterScoped::All,
    };
    let named = selection.objects.is_empty()
        || selection
            .objects
            .iter()
            .any(|object| object.name == key.name && means(&object.kind, kinds, &key.resource));
    let included = selection.include_kinds.is_empty()
        || selection.include_kinds.iter().any(|word| means(word, kinds, &key.resource));
    let excluded = selection.exclude_kinds.iter().any(|word| means(word, kinds, &key.resource));
    let labelled = selection
        .label_selector
        .as_deref()
        .is_none_or(|selector| LabelSelector::parse(selector).is_ok_and(|selector| selector.matches(body)));
    in_place
        && named
        && included
        && !excluded
        && labelled
        && selection.field_selector.is_none()
        && !is_missing(&manifest.missing, key)
        && !is_left_out(kinds, key, body)
}

/// Whether the namespace was there for the restore point: objects of it are saved, were to be saved, or could not be
/// read. A summary that does not name all namespaces leaves it open, and so the answer is yes.
pub fn knows_namespace(manifest: &Manifest, name: &str) -> bool {
    let summary = &manifest.summary;
    let is_named = |names: &[String]| names.iter().any(|known| known == name);
    let is_selected = match &manifest.selection.namespaces {
        Namespaces::Named(names) => is_named(names),
        Namespaces::All => false,
    };
    summary.is_shortened()
        || is_selected
        || is_named(&summary.namespaces)
        || manifest.missing.iter().any(|missing| is_named(&missing.namespaces))
}

fn means(word: &str, kinds: &[ResourceType], resource: &GroupResource) -> bool {
    resolve_kind(word, kinds).is_ok_and(|found| found.contains(resource))
}

/// Whether the object belongs to what could not be read.
pub fn is_missing(missing: &[Missing], key: &ObjectKey) -> bool {
    let (resource, group) = (key.resource.to_string(), key.resource.group.as_str());
    missing.iter().any(|missing| {
        let is_kind =
            missing.what == resource || missing.what.split('/').next() == Some(group) && !group.is_empty();
        let is_place = missing.namespaces.is_empty()
            || key.namespace.as_ref().is_some_and(|namespace| missing.namespaces.contains(namespace));
        is_kind && is_place
    })
}

/// The entry of a kind that could not be read, by its plural, singular or kind; a manifest has no short names of it.
pub fn missing_kind<'missing>(word: &str, missing: &'missing [Missing]) -> Option<&'missing Missing> {
    let wanted = word.to_lowercase();
    let (name, group) = wanted.split_once('.').unwrap_or((&wanted, ""));
    missing.iter().filter(|entry| !entry.what.contains('/')).find(|entry| {
        let (plural, of_group) = entry.what.split_once('.').unwrap_or((&entry.what, ""));
        let singulars = [
            plural.strip_suffix("ies").map(|stem| format!("{stem}y")),
            plural.strip_suffix("es").map(str::to_owned),
            plural.strip_suffix('s').map(str::to_owned),
        ];
        let is_name = name == plural || singulars.iter().flatten().any(|singular| singular == name);
        is_name && of_group.starts_with(group)
    })
}

fn is_left_out(kinds: &[ResourceType], key: &ObjectKey, body: &Value) -> bool {
    let by_kind =
        kinds.iter().find(|kind| kind.resource == key.resource).and_then(left_out::kind_reason).is_some();
    let by_object = || {
        ObjectFacts::read(&body.to_string())
            .is_ok_and(|facts| left_out::object_reason(&key.resource, &facts).is_some())
    };
    by_kind || by_object()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::plural("secrets", Some("secrets"))]
    #[case::singular("secret", Some("secrets"))]
    #[case::kind("NetworkPolicy", Some("networkpolicies.networking.k8s.io"))]
    #[case::with_group("ingresses.networking", Some("ingresses.networking.k8s.io"))]
    #[case::singular_in_es("ingress", Some("ingresses.networking.k8s.io"))]
    #[case::another_group("ingresses.example.com", None)]
    #[case::another("pods", None)]
    #[case::nothing("", None)]
    fn knows_a_kind_that_could_not_be_read(#[case] word: &str, #[case] expected: Option<&str>) {
        let kinds = [
            "metrics.k8s.io/v1beta1",
            "secrets",
            "networkpolicies.networking.k8s.io",
            "ingresses.networking.k8s.io",
        ];
        let missing = kinds.map(|what| Missing {
            what: what.to_owned(),
            namespaces: Vec::new(),
            reason: String::new(),
            remedy: String::new(),
            forbidden: false,
        });
        assert_eq!(missing_kind(word, &missing).map(|entry| entry.what.as_str()), expected);
    }
}
