//! What a list that failed leaves missing, and the remedy.

use crate::{
    cluster::ListFailure,
    model::{resource::GroupResource, restore_point::Missing},
};

/// What the failed list of a kind leaves missing; `namespace` is None for a list of all.
pub(crate) fn missing(resource: &GroupResource, namespace: Option<&str>, failure: &ListFailure) -> Missing {
    let (reason, remedy) = match failure {
        ListFailure::Request(error) if error.is_forbidden() => (
            error.one_line(),
            format!("ask for the right to list {resource}, or leave the kind out with --exclude {resource}"),
        ),
        ListFailure::Request(error) => (
            error.one_line(),
            error.hint().unwrap_or_else(|| {
                format!("see whether `kubectl get {resource}` works, or leave the kind out with --exclude {resource}")
            }),
        ),
        other => (other.to_string(), format!("run it again, or leave the kind out with --exclude {resource}")),
    };
    let forbidden = matches!(failure, ListFailure::Request(error) if error.is_forbidden());
    Missing {
        forbidden,
        what: resource.to_string(),
        namespaces: namespace.map(str::to_owned).into_iter().collect(),
        reason,
        remedy,
    }
}

/// Adds an entry. The same kind in several namespaces is one.
pub(crate) fn add(entries: &mut Vec<Missing>, new: Missing) {
    let is_same = |known: &&mut Missing| {
        known.what == new.what && known.remedy == new.remedy && !known.namespaces.is_empty()
    };
    match entries.iter_mut().find(is_same) {
        Some(known) => known.namespaces.extend(new.namespaces),
        None => entries.push(new),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_one_entry_however_many_of_its_namespaces_are_missing() {
        let entry =
            |kind: &str, namespace| missing(&GroupResource::new(kind, ""), namespace, &ListFailure::Expired);
        let mut entries = Vec::new();
        let added = [("secrets", Some("a")), ("pods", None), ("secrets", Some("b")), ("pods", Some("a"))];
        for (kind, namespace) in added {
            add(&mut entries, entry(kind, namespace));
        }
        let namespaces: Vec<_> =
            entries.iter().map(|entry| (entry.what.as_str(), entry.namespaces.len())).collect();
        assert_eq!(namespaces, [("secrets", 2), ("pods", 0), ("pods", 1)]);
    }
}
