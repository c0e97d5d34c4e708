//! What a backup asks the server for: which kinds, where, and what of the selection cannot be had.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{
    resource::{GroupResource, ResourceType, Scope},
    restore_point::{LeftOut, Missing},
    selection::{ClusterScoped, Selection},
};

use super::{
    left_out,
    select::{KindFilter, SelectError, parse_group_word, resolve_one_kind},
};

/// An API group and version whose kinds the server could not name, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownGroup {
    /// `zoo.example/v1`.
    pub group_version: String,
    /// Why its kinds are unknown.
    pub reason: String,
}

impl UnknownGroup {
    fn group(&self) -> &str {
        self.group_version.split_once('/').map_or("", |(group, _)| group)
    }
}

/// What is read of a kind without namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Every object.
    All,
    /// Those that saved objects refer to.
    Referenced,
}

/// The names that are read of a kind; None reads all of it.
pub type Names = Option<BTreeSet<String>>;

/// What a backup asks for, in the order of the archive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackupPlan {
    /// Namespaced kinds.
    pub namespaced: Vec<(ResourceType, Names)>,
    /// Kinds without namespaces that are read by themselves.
    pub cluster_scoped: Vec<(ResourceType, Wanted, Names)>,
    /// Kinds left out by rule.
    pub left_out: Vec<LeftOut>,
    /// Groups that are asked for and unknown.
    pub missing: Vec<Missing>,
}

/// Decides what `selection` means on a server with these kinds.
pub fn backup(
    selection: &Selection,
    served: &[ResourceType],
    unknown: &[UnknownGroup],
) -> Result<BackupPlan, SelectError> {
    let kinds: Vec<&ResourceType> =
        served.iter().filter(|kind| !left_out::is_old_name(&kind.resource, served)).collect();
    let mut plan = if selection.objects.is_empty() {
        by_kind(selection, &kinds, served, unknown)?
    } else {
        by_name(selection, &kinds, served)?
    };
    plan.namespaced.sort_by_key(|(kind, _)| kind.resource.to_string());
    plan.cluster_scoped.sort_by_key(|(kind, ..)| kind.resource.to_string());
    plan.left_out.sort_by_key(|entry| entry.resource.to_string());
    Ok(plan)
}

fn by_kind(
    selection: &Selection,
    kinds: &[&ResourceType],
    served: &[ResourceType],
    unknown: &[UnknownGroup],
) -> Result<BackupPlan, SelectError> {
    // A group that cannot be read must still be a group that can be excluded.
    let (excluded_groups, exclude): (Vec<String>, Vec<String>) =
        selection.exclude_kinds.iter().cloned().partition(|word| {
            parse_group_word(word).is_some_and(|group| unknown.iter().any(|it| it.group() == group))
        });
    let filter = KindFilter::new(&selection.include_kinds, &exclude, served)?;
    let is_excluded =
        |group: &str| excluded_groups.iter().any(|word| parse_group_word(word).as_deref() == Some(group));
    let mut plan = BackupPlan::default();
    for kind in
        kinds.iter().filter(|kind| filter.admits(&kind.resource) && !is_excluded(&kind.resource.group))
    {
        if let Some(reason) = left_out::kind_reason(kind) {
            if kind.has_verb("list") {
                plan.left_out.push(left_out_kind(kind, reason));
            }
        } else if kind.scope == Scope::Namespaced {
            plan.namespaced.push(((*kind).clone(), None));
        } else if let Some(wanted) = cluster_scoped(selection, &filter, &kind.resource) {
            plan.cluster_scoped.push(((*kind).clone(), wanted, None));
        }
    }
    if selection.include_kinds.is_empty() {
        let asked_for =
            unknown.iter().filter(|it| !left_out::is_measured_group(it.group()) && !is_excluded(it.group()));
        plan.missing = asked_for.map(missing_group).collect();
    }
    Ok(plan)
}

fn cluster_scoped(selection: &Selection, filter: &KindFilter, resource: &GroupResource) -> Option<Wanted> {
    // A kind that `--include` names is wanted for itself, not only where something refers to it.
    if filter.names(resource) {
        return Some(Wanted::All);
    }
    match selection.cluster_scoped {
        ClusterScoped::None => None,
        ClusterScoped::Referenced => Some(Wanted::Referenced),
        ClusterScoped::All => Some(Wanted::All),
    }
}

fn by_name(
    selection: &Selection,
    kinds: &[&ResourceType],
    served: &[ResourceType],
) -> Result<BackupPlan, SelectError> {
    let mut names: BTreeMap<GroupResource, BTreeSet<String>> = BTreeMap::new();
    for object in &selection.objects {
        let resource = resolve_one_kind(&object.kind, served)?;
        names.entry(resource).or_default().insert(object.name.clone());
    }
    let mut plan = BackupPlan::default();
    for kind in kinds {
        let named = names.remove(&kind.resource);
        match (kind.scope, named) {
            (Scope::Namespaced, Some(named)) => plan.namespaced.push(((*kind).clone(), Some(named))),
            (Scope::Cluster, Some(named)) => {
                plan.cluster_scoped.push(((*kind).clone(), Wanted::Referenced, Some(named)));
            }
            (Scope::Cluster, None)
                if selection.cluster_scoped == ClusterScoped::Referenced
                    && left_out::kind_reason(kind).is_none() =>
            {
                plan.cluster_scoped.push(((*kind).clone(), Wanted::Referenced, None));
            }
            _ => {}
        }
    }
    Ok(plan)
}

fn left_out_kind(kind: &ResourceType, reason: &str) -> LeftOut {
    LeftOut { resource: kind.resource.clone(), objects: 0, reason: reason.to_owned() }
}

/// What a group whose kinds are unknown leaves missing.
pub fn missing_group(unknown: &UnknownGroup) -> Missing {
    Missing {
        what: unknown.group_version.clone(),
        namespaces: Vec::new(),
        reason: format!("its kinds could not be learnt: {}", unknown.reason),
        remedy: format!(
            "repair or remove the APIService behind it (`kubectl get apiservices`), or leave it out with \
             --exclude '*.{}'",
            unknown.group()
        ),
        forbidden: false,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use crate::model::selection::{NamedObject, Namespaces};

    use super::*;

    fn kind(plural: &str, group: &str, scope: Scope) -> ResourceType {
        ResourceType {
            verbs: vec!["list".to_owned()],
            served_versions: vec!["v1".to_owned()],
            ..ResourceType::new(GroupResource::new(plural, group), "v1", plural, scope)
        }
    }

    fn served() -> Vec<ResourceType> {
        vec![
            kind("secrets", "", Scope::Namespaced),
            kind("events", "", Scope::Namespaced),
            kind("configmaps", "", Scope::Namespaced),
            kind("namespaces", "", Scope::Cluster),
            kind("nodes", "", Scope::Cluster),
            kind("storageclasses", "storage.k8s.io", Scope::Cluster),
        ]
    }

    fn selection(adjust: impl FnOnce(&mut Selection)) -> Selection {
        let mut selection = Selection::of(Namespaces::Named(vec!["shop".to_owned()]));
        adjust(&mut selection);
        selection
    }

    fn shown(plan: &BackupPlan) -> String {
        let namespaced = plan.namespaced.iter().map(|(kind, names)| match names {
            Some(names) => {
                format!("{}/{}", kind.resource, names.iter().cloned().collect::<Vec<_>>().join("+"))
            }
            None => kind.resource.to_string(),
        });
        let cluster = plan.cluster_scoped.iter().map(|(kind, wanted, names)| match (wanted, names) {
            (_, Some(names)) => {
                format!("{}/{}", kind.resource, names.iter().cloned().collect::<Vec<_>>().join("+"))
            }
            (Wanted::All, None) => format!("{}=all", kind.resource),
            (Wanted::Referenced, None) => format!("{}=referenced", kind.resource),
        });
        namespaced.chain(cluster).collect::<Vec<_>>().join(" ")
    }

    #[rstest]
    #[case::all(&|_: &mut Selection| {},
        "configmaps secrets namespaces=referenced storageclasses.storage.k8s.io=referenced")]
    #[case::no_cluster_scoped(&|it: &mut Selection| it.cluster_scoped = ClusterScoped::None, "configmaps secrets")]
    #[case::all_cluster_scoped(&|it: &mut Selection| it.cluster_scoped = ClusterScoped::All,
        "configmaps secrets namespaces=all storageclasses.storage.k8s.io=all")]
    #[case::excluded(&|it: &mut Selection| it.exclude_kinds = vec!["secrets".to_owned(), "*.storage.k8s.io".to_owned()],
        "configmaps namespaces=referenced")]
    #[case::included(&|it: &mut Selection| it.include_kinds = vec!["secrets".to_owned(), "storageclasses".to_owned()],
        "secrets storageclasses.storage.k8s.io=all")]
    #[case::named(&|it: &mut Selection| it.objects = vec![NamedObject { kind: "secrets".to_owned(), name: "a".to_owned() }],
        "secrets/a namespaces=referenced storageclasses.storage.k8s.io=referenced")]
    #[case::a_kind_that_is_left_out_otherwise(&|it: &mut Selection| {
            it.objects = vec![NamedObject { kind: "nodes".to_owned(), name: "n1".to_owned() }];
            it.cluster_scoped = ClusterScoped::None;
        }, "nodes/n1")]
    fn asks_for_what_is_selected(#[case] adjust: &dyn Fn(&mut Selection), #[case] expected: &str) {
        let plan = backup(&selection(|it| adjust(it)), &served(), &[]).unwrap();
        assert_eq!(shown(&plan), expected);
    }

    #[test]
    fn a_rule_that_leaves_a_kind_out_is_told() {
        let plan = backup(&selection(|_| {}), &served(), &[]).unwrap();
        let left_out: Vec<_> = plan.left_out.iter().map(|entry| entry.resource.to_string()).collect();
        assert_eq!(left_out, ["events", "nodes"]);
    }

    #[rstest]
    #[case::asked_for("zoo.example/v1", &[], &[], true)]
    #[case::excluded("zoo.example/v1", &[], &["*.zoo.example"], false)]
    #[case::other_kinds_asked_for("zoo.example/v1", &["secrets"], &[], false)]
    #[case::measurements("metrics.k8s.io/v1beta1", &[], &[], false)]
    fn an_unreadable_group_is_missing_when_it_was_asked_for(
        #[case] group_version: &str,
        #[case] include: &[&str],
        #[case] exclude: &[&str],
        #[case] is_missing: bool,
    ) {
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        let selection = selection(|it| {
            it.include_kinds = words(include);
            it.exclude_kinds = words(exclude);
        });
        let unknown = [UnknownGroup { group_version: group_version.to_owned(), reason: "down".to_owned() }];
        assert_eq!(!backup(&selection, &served(), &unknown).unwrap().missing.is_empty(), is_missing);
    }
}
