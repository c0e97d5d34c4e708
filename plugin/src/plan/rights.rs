//! Which rights a backup needs: what it asks the server for, told ahead.

use crate::model::{
    resource::ResourceType,
    selection::{Namespaces, Selection},
};

use super::backup::{BackupPlan, Wanted};

/// How much a right matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// Without it the backup is incomplete.
    Always,
    /// Without it the backup is incomplete if a saved object refers to one of the kind.
    IfReferred,
}

/// A right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Right {
    /// `list` or `get`.
    pub verb: &'static str,
    /// On what.
    pub kind: ResourceType,
    /// In which namespace; None for all, and for kinds outside namespaces.
    pub namespace: Option<String>,
    /// How much it matters.
    pub need: Need,
}

/// The rights that a backup of `selection` by `plan` needs, in the order of the plan.
pub fn rights(selection: &Selection, plan: &BackupPlan) -> Vec<Right> {
    let places: Vec<Option<String>> = match &selection.namespaces {
        Namespaces::All => vec![None],
        Namespaces::Named(names) => names.iter().cloned().map(Some).collect(),
    };
    let mut rights = Vec::new();
    for (kind, _) in &plan.namespaced {
        rights.extend(places.iter().map(|place| Right {
            verb: "list",
            kind: kind.clone(),
            namespace: place.clone(),
            need: Need::Always,
        }));
    }
    for (kind, wanted, _) in &plan.cluster_scoped {
        let right = |verb, namespace, need| Right { verb, kind: kind.clone(), namespace, need };
        match (wanted, kind.resource.to_string().as_str(), &selection.namespaces) {
            // The Namespace object goes along with what it holds. RBAC asks for it inside of itself.
            (_, "namespaces", Namespaces::Named(names)) => {
                rights.extend(names.iter().map(|name| right("get", Some(name.clone()), Need::Always)));
            }
            (Wanted::All, ..) | (_, "namespaces", Namespaces::All) => {
                rights.push(right("list", None, Need::Always));
            }
            // Which of them bind a saved service account shows only in themselves.
            (_, "clusterrolebindings.rbac.authorization.k8s.io", _) => {
                rights.push(right("list", None, Need::IfReferred));
            }
            _ => rights.push(right("get", None, Need::IfReferred)),
        }
    }
    rights
}

#[cfg(test)]
mod tests {
    use crate::model::resource::{GroupResource, Scope};

    use super::*;

    fn kind(resource: &str, scope: Scope) -> ResourceType {
        ResourceType::new(GroupResource::from(resource.to_owned()), "v1", "", scope)
    }

    fn told(namespaces: Namespaces, wanted: Wanted) -> Vec<String> {
        let outside =
            ["namespaces", "clusterrolebindings.rbac.authorization.k8s.io", "storageclasses.storage.k8s.io"];
        let plan = BackupPlan {
            namespaced: vec![(kind("secrets", Scope::Namespaced), None)],
            cluster_scoped: outside.iter().map(|it| (kind(it, Scope::Cluster), wanted, None)).collect(),
            ..BackupPlan::default()
        };
        let rights = rights(&Selection::of(namespaces), &plan);
        let told = |right: &Right| {
            let place = right.namespace.as_deref().unwrap_or("*");
            format!("{} {} {place} {:?}", right.verb, right.kind.resource.plural, right.need)
        };
        rights.iter().map(told).collect()
    }

    #[test]
    fn what_is_read_singly_needs_no_list() {
        let names = Namespaces::Named(vec!["a".to_owned(), "b".to_owned()]);
        assert_eq!(
            told(names, Wanted::Referenced),
            [
                "list secrets a Always",
                "list secrets b Always",
                "get namespaces a Always",
                "get namespaces b Always",
                "list clusterrolebindings * IfReferred",
                "get storageclasses * IfReferred",
            ]
        );
    }

    #[test]
    fn what_is_read_whole_needs_a_list() {
        assert_eq!(
            told(Namespaces::All, Wanted::All),
            [
                "list secrets * Always",
                "list namespaces * Always",
                "list clusterrolebindings * Always",
                "list storageclasses * Always",
            ]
        );
        assert_eq!(told(Namespaces::All, Wanted::Referenced)[1], "list namespaces * Always");
    }
}
