//! Where things lie in a restore point, and in what order; `docs/design/0001-archive-layout.md` has the reasons.
//!
//! ```text
//! namespaced/<plural.group>/<namespace>.ns/<first name>    a shard: neighbouring objects as a v1 List
//! non-namespaced/<plural.group>/<first name>
//! other-versions/<version>/…                                 the same two folders again, of kinds saved at more versions
//! restore-journal.jsonl                                    what a restore means to do or did, in its record only
//! restore-point.json                                       the manifest
//! ```

use std::{cmp::Ordering, fmt};

use crate::model::{
    resource::{GroupResource, Scope},
    unreadable::Unreadable,
};

/// Folder of the kinds that live in namespaces.
pub(super) const NAMESPACED: &str = "namespaced";
/// Folder of the other kinds. It sorts behind [`NAMESPACED`], and before [`MANIFEST`].
pub(super) const NON_NAMESPACED: &str = "non-namespaced";
/// Folder of objects at other versions of their kinds than the first. Readers from before it existed pass over it.
pub(super) const OTHER_VERSIONS: &str = "other-versions";
/// The journal of a restore. It sorts between the folders and [`MANIFEST`].
pub(super) const JOURNAL: &str = "restore-journal.jsonl";
/// The manifest, last in order so that it can count what came before.
pub(super) const MANIFEST: &str = "restore-point.json";

/// Ends the name of a namespace's folder, so that the byte order of folders equals the order in which the
/// server lists: etcd has `a-b/x` before `a/x` since `-` precedes `/`, and `.` lies between `-` and `0` too.
const NAMESPACE_SUFFIX: &str = ".ns";

/// The longest name of an object, namespace or kind. Kubernetes allows 253 characters at most today.
const LONGEST_NAME: usize = 1024;

/// The objects of one kind in one namespace: one folder of the restore point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    /// The kind.
    pub(super) resource: GroupResource,
    /// None for kinds that do not live in namespaces.
    pub(super) namespace: Option<String>,
    /// The version of the kind, if it is not the one that the restore point was made with.
    pub(super) version: Option<String>,
}

impl Group {
    /// At the version that the restore point was made with.
    pub(super) fn new(resource: GroupResource, namespace: Option<String>) -> Self {
        Self { resource, namespace, version: None }
    }

    /// The folders from the root down to it.
    pub(super) fn folders(&self) -> Vec<String> {
        let scope = if self.namespace.is_some() { Scope::Namespaced } else { Scope::Cluster };
        let mut folders = self.folders_of_kind(scope);
        folders.extend(self.namespace.as_deref().map(namespace_folder));
        folders
    }

    /// The folders from the root down to that of its kind.
    pub(super) fn folders_of_kind(&self, scope: Scope) -> Vec<String> {
        let mut folders = match &self.version {
            Some(version) => vec![OTHER_VERSIONS.to_owned(), version.clone()],
            None => Vec::new(),
        };
        let scope = if scope == Scope::Namespaced { NAMESPACED } else { NON_NAMESPACED };
        folders.extend([scope.to_owned(), self.resource.to_string()]);
        folders
    }
}

impl Group {
    /// A range of its objects that cannot be read.
    pub(super) fn unreadable(&self, first: Option<&str>, next: Option<&str>, reason: String) -> Unreadable {
        Unreadable {
            resource: self.resource.clone(),
            namespace: self.namespace.clone(),
            first: first.map(str::to_owned),
            next: next.map(str::to_owned),
            reason,
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(namespace) = &self.namespace {
            write!(formatter, "{namespace}/")?;
        }
        write!(formatter, "{}", self.resource)?;
        match &self.version {
            Some(version) => write!(formatter, " at version {version}"),
            None => Ok(()),
        }
    }
}

/// The order of folders in the tree.
impl Ord for Group {
    fn cmp(&self, other: &Self) -> Ordering {
        self.folders().cmp(&other.folders())
    }
}

impl PartialOrd for Group {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The folder of a namespace.
pub(super) fn namespace_folder(namespace: &str) -> String {
    format!("{namespace}{NAMESPACE_SUFFIX}")
}

/// The namespace of a folder.
pub(super) fn folder_namespace(folder: &str) -> Option<&str> {
    folder.strip_suffix(NAMESPACE_SUFFIX).filter(|namespace| !namespace.is_empty())
}

/// Why `name` cannot be one component of a path, if it cannot.
pub(super) fn refuse_component(name: &str) -> Option<&'static str> {
    match name {
        "" => Some("the name is empty"),
        "." | ".." => Some("the name means a folder"),
        _ if name.contains(['/', '\0']) => Some("the name holds a character that no name may hold"),
        _ if name.len() > LONGEST_NAME => Some("the name is too long"),
        _ => None,
    }
}

/// Why `resource` cannot be one component of a path, if it cannot.
pub(super) fn refuse_resource(resource: &GroupResource) -> Option<&'static str> {
    let text = resource.to_string();
    refuse_component(&text).or_else(|| {
        (GroupResource::from(text) != *resource).then_some("the kind's plural or group is not a DNS name")
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::empty("")]
    #[case::current(".")]
    #[case::parent("..")]
    #[case::separator("a/b")]
    #[case::nul("a\0b")]
    fn refuses_what_is_no_component(#[case] name: &str) {
        assert!(refuse_component(name).is_some());
    }

    #[rstest]
    #[case::colon("system:node-proxier")]
    #[case::dots("..data")]
    #[case::custom_resource("certificates.cert-manager.io")]
    #[case::quote("odd\"name\\here")]
    fn takes_every_name_that_kubernetes_takes(#[case] name: &str) {
        assert_eq!(refuse_component(name), None);
    }

    #[test]
    fn folders_of_namespaces_sort_as_the_server_lists_them() {
        let mut listed = vec!["a-b", "a", "a0", "ab", "kube-system", "kube"];
        let mut folders = listed.clone();
        listed.sort_by_key(|namespace| format!("{namespace}/some-object"));
        folders.sort_by_key(|namespace| namespace_folder(namespace));
        assert_eq!(listed, folders);
    }
}
