//! The folders of kinds and namespaces in a restore point, at the version that each kind is read at.

use rustic_core::TreeId;

use crate::model::resource::{GroupResource, Scope};

use super::{
    super::{
        error::ArchiveError,
        layout::{Group, NAMESPACED, NON_NAMESPACED, OTHER_VERSIONS, folder_namespace},
    },
    Entry, EntryContent, FoundGroup, ReadFilter, Reader, find_entry, tolerate,
};

impl Reader {
    /// The groups that `filter` admits, each with its folder, in archive order; and in their place the kinds of
    /// which no group can be told.
    pub(in crate::archive) fn groups(&self, filter: &ReadFilter) -> Result<Vec<FoundGroup>, ArchiveError> {
        let mut groups = Vec::new();
        let root = self.root_folder()?;
        for (scope_folder, scope) in [(NAMESPACED, Scope::Namespaced), (NON_NAMESPACED, Scope::Cluster)] {
            let Some(EntryContent::Folder(tree)) = find_entry(&root, scope_folder) else { continue };
            if !filter.admits_scope(scope) {
                continue;
            }
            for (name, tree) in self.folders(*tree, scope_folder)? {
                let resource = GroupResource::from(name.clone());
                if !filter.admits_resource(&resource) {
                    continue;
                }
                let group =
                    Group { version: self.versions.get(&resource).cloned(), ..Group::new(resource, None) };
                let tree = match &group.version {
                    Some(version) => match self.at_version(&root, version, scope_folder, &name)? {
                        Some(tree) => tree,
                        None => continue,
                    },
                    None => tree,
                };
                groups.extend(self.of_kind(group, scope, tree, filter)?);
            }
        }
        Ok(groups)
    }

    /// The groups of all kinds at all other versions.
    pub(in crate::archive) fn other_groups(&self) -> Result<Vec<FoundGroup>, ArchiveError> {
        let mut groups = Vec::new();
        let Some(EntryContent::Folder(others)) = find_entry(&self.root_folder()?, OTHER_VERSIONS).cloned()
        else {
            return Ok(groups);
        };
        for (version, tree) in self.folders(others, OTHER_VERSIONS)? {
            let path = format!("{OTHER_VERSIONS}/{version}");
            let root = self.folder(tree, &path)?;
            for (scope_folder, scope) in [(NAMESPACED, Scope::Namespaced), (NON_NAMESPACED, Scope::Cluster)] {
                let Some(EntryContent::Folder(kinds)) = find_entry(&root, scope_folder) else { continue };
                for (name, tree) in self.folders(*kinds, &format!("{path}/{scope_folder}"))? {
                    let group = Group {
                        version: Some(version.clone()),
                        ..Group::new(GroupResource::from(name), None)
                    };
                    groups.extend(self.of_kind(group, scope, tree, &ReadFilter::default())?);
                }
            }
        }
        Ok(groups)
    }

    /// The groups of a kind, or what cannot be read of it.
    fn of_kind(
        &self,
        kind: Group,
        scope: Scope,
        tree: TreeId,
        filter: &ReadFilter,
    ) -> Result<Vec<FoundGroup>, ArchiveError> {
        if scope == Scope::Cluster {
            return Ok(vec![Ok((kind, tree))]);
        }
        Ok(match tolerate(self.namespaces(&kind, tree, filter))? {
            Ok(found) => found.into_iter().map(Ok).collect(),
            Err(reason) => vec![Err(kind.unreadable(None, None, reason))],
        })
    }

    /// The folder of a kind at another version.
    fn at_version(
        &self,
        root: &[Entry],
        version: &str,
        scope_folder: &str,
        kind_folder: &str,
    ) -> Result<Option<TreeId>, ArchiveError> {
        let mut entries = root.to_vec();
        let mut path = String::new();
        let mut found = None;
        for folder in [OTHER_VERSIONS, version, scope_folder, kind_folder] {
            if let Some(tree) = found {
                entries = self.folder(tree, &path)?;
            }
            let Some(EntryContent::Folder(tree)) = find_entry(&entries, folder) else { return Ok(None) };
            found = Some(*tree);
            path = if path.is_empty() { folder.to_owned() } else { format!("{path}/{folder}") };
        }
        Ok(found)
    }

    fn namespaces(
        &self,
        kind: &Group,
        tree: TreeId,
        filter: &ReadFilter,
    ) -> Result<Vec<(Group, TreeId)>, ArchiveError> {
        let path = kind.folders_of_kind(Scope::Namespaced).join("/");
        let mut groups = Vec::new();
        for (name, tree) in self.folders(tree, &path)? {
            let namespace = folder_namespace(&name).ok_or_else(|| {
                let what = format!("`/{path}/{name}` of restore point {}", self.id);
                ArchiveError::damaged_because(what, "a folder that is no namespace lies among namespaces")
            })?;
            if filter.admits_namespace(namespace) {
                groups.push((Group { namespace: Some(namespace.to_owned()), ..kind.clone() }, tree));
            }
        }
        Ok(groups)
    }

    fn folders(&self, tree: TreeId, path: &str) -> Result<Vec<(String, TreeId)>, ArchiveError> {
        self.folder(tree, path)?
            .into_iter()
            .map(|entry| match entry.content {
                EntryContent::Folder(tree) => Ok((entry.name, tree)),
                EntryContent::File(_) => Err(ArchiveError::damaged_because(
                    format!("`/{path}/{}` of restore point {}", entry.name, self.id),
                    "a file lies where a folder should",
                )),
            })
            .collect()
    }
}
