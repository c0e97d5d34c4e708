//! Versions of a kind: at which of them a backup saves it, and what becomes of objects at a version that the cluster does
//! not serve: as which of the saved versions they are taken, else to which served one they can be moved by naming
//! it, and why not.
//!
//! A moved object is written with strict validation, so what the other version does not know is refused by name and
//! never lost in silence. `docs/restore.md` has the table for users.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::model::{
    resource::{GroupResource, ResourceType},
    restore_point::KindEntry,
    selection::ApiVersions,
};

/// How the cluster converts a custom kind between its versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conversion {
    /// By naming another version, and nothing else.
    ByName,
    /// By a webhook.
    Webhook,
}

/// The versions at which a backup saves the objects of `kind` beside the one that the server prefers, ascending.
///
/// `conversion` is that of a custom kind's definition; None where there is none to be seen.
pub fn saved_besides(kind: &ResourceType, how: ApiVersions, conversion: Option<Conversion>) -> Vec<String> {
    let may_differ = |version: &str| match how {
        ApiVersions::Preferred => false,
        ApiVersions::All => true,
        // What a name is all there is to can be named by the restore.
        ApiVersions::Auto if kind.resource.is_built_in() => {
            !is_same_but_for_the_name(&kind.resource, version, &kind.version)
                && !is_same_but_for_the_name(&kind.resource, &kind.version, version)
        }
        ApiVersions::Auto => conversion != Some(Conversion::ByName),
    };
    let others =
        kind.served_versions.iter().filter(|&version| *version != kind.version && may_differ(version));
    let mut others: Vec<String> = others.cloned().collect();
    others.sort_unstable();
    others
}

/// The version at which objects of a kind are to be read from a restore point, if it is not the first one: where that is not
/// served, the one of the others that the cluster prefers.
pub fn taken_at(saved: &KindEntry, served: &ResourceType) -> Option<String> {
    let first = &saved.kind.version;
    if served.version == *first || served.served_versions.contains(first) {
        return None;
    }
    let mut preferred = std::iter::once(&served.version).chain(&served.served_versions);
    preferred.find(|version| saved.is_whole_at(version)).cloned()
}

/// Versions of built-in kinds that differ in name alone: group, plural (`*` for all), from, to.
///
/// Kubernetes states of each in its guide to deprecated APIs (kubernetes.io, "Deprecated API Migration Guide", under the
/// release that dropped the version) that nothing notable changes; what does change by default or in shape (Ingress
/// and `EndpointSlice` v1beta1, webhook configurations and definitions v1beta1, autoscaling/v2beta1) is not here.
const SAME_BUT_FOR_THE_NAME: [(&str, &str, &str, &str); 15] = [
    // 1.32 and 1.29
    ("flowcontrol.apiserver.k8s.io", "*", "v1beta3", "v1"),
    ("flowcontrol.apiserver.k8s.io", "flowschemas", "v1beta2", "v1"),
    // 1.27
    ("storage.k8s.io", "csistoragecapacities", "v1beta1", "v1"),
    // 1.26
    ("autoscaling", "horizontalpodautoscalers", "v2beta2", "v2"),
    // 1.25
    ("batch", "cronjobs", "v1beta1", "v1"),
    ("node.k8s.io", "runtimeclasses", "v1beta1", "v1"),
    ("policy", "poddisruptionbudgets", "v1beta1", "v1"),
    // 1.22
    ("apiregistration.k8s.io", "apiservices", "v1beta1", "v1"),
    ("networking.k8s.io", "ingressclasses", "v1beta1", "v1"),
    ("rbac.authorization.k8s.io", "*", "v1beta1", "v1"),
    ("scheduling.k8s.io", "priorityclasses", "v1beta1", "v1"),
    ("storage.k8s.io", "csidrivers", "v1beta1", "v1"),
    ("storage.k8s.io", "csinodes", "v1beta1", "v1"),
    ("storage.k8s.io", "storageclasses", "v1beta1", "v1"),
    // 1.16
    ("apps", "*", "v1beta2", "v1"),
];

/// The version that objects of a kind can be moved to, or why there is none.
pub fn destination(
    saved: &ResourceType,
    served: &ResourceType,
    conversion: Conversion,
) -> Result<String, &'static str> {
    if !saved.resource.is_built_in() {
        return match conversion {
            Conversion::ByName => Ok(served.version.clone()),
            Conversion::Webhook => Err(
                "a webhook converts its versions, and is asked only about those that are served; serve that one for \
                     the time of the restore, or take a restore point made with `create --api-versions all`",
            ),
        };
    }
    std::iter::once(&served.version)
        .chain(&served.served_versions)
        .find(|version| is_same_but_for_the_name(&saved.resource, &saved.version, version))
        .cloned()
        .ok_or(
            "these versions differ in more than their name; take it out with `kubectl backup get`, convert it \
             by hand, and apply it",
        )
}

fn is_same_but_for_the_name(resource: &GroupResource, old: &str, new: &str) -> bool {
    SAME_BUT_FOR_THE_NAME.iter().any(|(group, plural, from, to)| {
        *group == resource.group
            && (*plural == "*" || *plural == resource.plural)
            && *from == old
            && *to == new
    })
}

/// How objects of a kind come to another version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// They were saved at it too.
    Saved,
    /// It is named.
    Named,
}

/// The move of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Move {
    kind: String,
    from: String,
    to: String,
    way: Way,
}

/// The kinds whose objects are moved to another version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moves(BTreeMap<GroupResource, Move>);

impl Moves {
    /// Objects of `saved`, which states the version they were saved at, go to `version`.
    pub fn add(&mut self, saved: &ResourceType, version: &str) {
        self.note_move(saved, version, Way::Named);
    }

    /// Objects of `saved` are read at `version`, at which they were saved too; references to them name it.
    pub fn add_saved(&mut self, saved: &ResourceType, version: &str) {
        self.note_move(saved, version, Way::Saved);
    }

    fn note_move(&mut self, saved: &ResourceType, version: &str, way: Way) {
        let target = ResourceType { version: version.to_owned(), ..saved.clone() };
        let (from, to) = (saved.api_version(), target.api_version());
        self.0.insert(saved.resource.clone(), Move { kind: saved.kind.clone(), from, to, way });
    }

    /// The kinds.
    pub fn kinds(&self) -> impl Iterator<Item = &GroupResource> {
        self.0.keys()
    }

    /// Moves an object, and the references to owners of moved kinds in it.
    pub fn apply(&self, resource: &GroupResource, body: &mut Value) {
        if self.0.is_empty() {
            return;
        }
        if let Some(moved) = self.0.get(resource)
            && let Some(version) = body.get_mut("apiVersion")
        {
            *version = moved.to.clone().into();
        }
        let Some(Value::Array(owners)) = body.pointer_mut("/metadata/ownerReferences") else { return };
        for owner in owners {
            let of_owner =
                self.0.values().find(|it| owner["kind"] == it.kind && owner["apiVersion"] == it.from);
            if let Some(moved) = of_owner {
                owner["apiVersion"] = moved.to.clone().into();
            }
        }
    }

    /// Why an object cannot be moved although its kind can.
    pub fn refusal(&self, resource: &GroupResource, body: &Value) -> Option<String> {
        let moved = self.0.get(resource).filter(|moved| moved.way == Way::Named)?;
        let changes_meaning = resource.plural == "poddisruptionbudgets"
            && resource.group == "policy"
            && body["spec"]["selector"].as_object().is_some_and(|selector| {
                selector.values().all(|part| {
                    part.as_object().is_none_or(serde_json::Map::is_empty)
                        && part.as_array().is_none_or(Vec::is_empty)
                })
            });
        changes_meaning.then(|| {
            format!(
                "cannot be moved from {} to {}: its selector is empty, which means no pod in the one and every pod in \
                 the other",
                moved.from, moved.to
            )
        })
    }

    /// What a user should know of an object of this kind.
    pub fn note(&self, resource: &GroupResource) -> Option<String> {
        let moved = self.0.get(resource)?;
        Some(match moved.way {
            Way::Saved => {
                format!("taken as {}, as which it was saved too; {} is not served", moved.to, moved.from)
            }
            Way::Named => format!("moved from {} to {}", moved.from, moved.to),
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::model::{resource::Scope, restore_point::VersionEntry};

    fn serving(resource: &str, versions: &[&str]) -> ResourceType {
        let served_versions = versions.iter().map(|&version| version.to_owned()).collect();
        ResourceType { served_versions, ..kind(resource, versions[0]) }
    }

    fn kind(resource: &str, version: &str) -> ResourceType {
        ResourceType {
            resource: GroupResource::from(resource.to_owned()),
            version: version.to_owned(),
            kind: "Widget".to_owned(),
            singular: String::new(),
            short_names: vec![],
            categories: vec![],
            scope: Scope::Namespaced,
            verbs: vec![],
            served_versions: vec![version.to_owned()],
        }
    }

    #[rstest]
    #[case::custom("widgets.example.com", "v1alpha1", "v2", Conversion::ByName, Some("v2"))]
    #[case::custom_by_webhook("widgets.example.com", "v1alpha1", "v2", Conversion::Webhook, None)]
    #[case::graduated(
        "horizontalpodautoscalers.autoscaling",
        "v2beta2",
        "v2",
        Conversion::ByName,
        Some("v2")
    )]
    #[case::of_another_shape(
        "horizontalpodautoscalers.autoscaling",
        "v2beta1",
        "v2",
        Conversion::ByName,
        None
    )]
    #[case::to_what_is_not_served(
        "horizontalpodautoscalers.autoscaling",
        "v2beta2",
        "v3",
        Conversion::ByName,
        None
    )]
    #[case::back_to_an_older_one(
        "horizontalpodautoscalers.autoscaling",
        "v2",
        "v2beta2",
        Conversion::ByName,
        None
    )]
    #[case::whole_group("roles.rbac.authorization.k8s.io", "v1beta1", "v1", Conversion::ByName, Some("v1"))]
    #[case::ingress_changed_its_shape(
        "ingresses.networking.k8s.io",
        "v1beta1",
        "v1",
        Conversion::ByName,
        None
    )]
    fn an_object_is_moved_only_where_the_name_is_all_that_changes(
        #[case] resource: &str,
        #[case] from: &str,
        #[case] served: &str,
        #[case] conversion: Conversion,
        #[case] wanted: Option<&str>,
    ) {
        let found = destination(&kind(resource, from), &kind(resource, served), conversion);
        assert_eq!(found.ok().as_deref(), wanted);
    }

    #[rstest]
    #[case::one_version("widgets.example.com", &["v1"], ApiVersions::All, None, &[])]
    #[case::all("widgets.example.com", &["v1", "v1beta1", "v1alpha1"], ApiVersions::All, Some(Conversion::ByName),
        &["v1alpha1", "v1beta1"])]
    #[case::none("widgets.example.com", &["v1", "v1beta1"], ApiVersions::Preferred, Some(Conversion::Webhook), &[])]
    #[case::converted("widgets.example.com", &["v1", "v1beta1"], ApiVersions::Auto, Some(Conversion::Webhook), &["v1beta1"])]
    #[case::not_to_be_seen("widgets.example.com", &["v1", "v1beta1"], ApiVersions::Auto, None, &["v1beta1"])]
    #[case::by_name("widgets.example.com", &["v1", "v1beta1"], ApiVersions::Auto, Some(Conversion::ByName), &[])]
    #[case::built_in_of_another_shape("horizontalpodautoscalers.autoscaling", &["v2", "v1"], ApiVersions::Auto, None, &["v1"])]
    #[case::built_in_by_name("cronjobs.batch", &["v1", "v1beta1"], ApiVersions::Auto, None, &[])]
    fn a_version_is_saved_besides_where_it_may_say_more_than_its_name(
        #[case] resource: &str,
        #[case] served: &[&str],
        #[case] how: ApiVersions,
        #[case] conversion: Option<Conversion>,
        #[case] wanted: &[&str],
    ) {
        assert_eq!(saved_besides(&serving(resource, served), how, conversion), wanted);
    }

    #[rstest]
    #[case::as_saved(&["v2", "v1"], &[("v1", 3)], None)]
    #[case::as_saved_though_another_is_preferred(&["v3", "v2"], &[("v3", 3)], None)]
    #[case::the_preferred_of_the_others(&["v1beta1", "v1"], &[("v1", 3), ("v1beta1", 3)], Some("v1beta1"))]
    #[case::what_is_served_of_them(&["v3", "v1"], &[("v1", 3), ("v1beta1", 3)], Some("v1"))]
    #[case::none_is(&["v3"], &[("v1", 3)], None)]
    #[case::not_all_objects(&["v1"], &[("v1", 2)], None)]
    fn objects_are_taken_at_the_saved_version_that_the_cluster_prefers(
        #[case] served: &[&str],
        #[case] others: &[(&str, u64)],
        #[case] wanted: Option<&str>,
    ) {
        let version = |(version, objects): &(&str, u64)| VersionEntry {
            version: (*version).to_owned(),
            objects: *objects,
            bytes: 0,
        };
        let other_versions = others.iter().map(version).collect();
        let saved =
            KindEntry { objects: 3, other_versions, ..KindEntry::new(kind("widgets.example.com", "v2")) };
        assert_eq!(taken_at(&saved, &serving("widgets.example.com", served)).as_deref(), wanted);
    }

    #[test]
    fn what_was_saved_at_another_version_is_taken_as_it_is() {
        let budgets = kind("poddisruptionbudgets.policy", "v1beta1");
        let mut moves = Moves::default();
        moves.add_saved(&budgets, "v1");
        assert_eq!(
            moves.note(&budgets.resource).unwrap(),
            "taken as policy/v1, as which it was saved too; policy/v1beta1 is not served"
        );
        assert_eq!(moves.refusal(&budgets.resource, &json!({"spec": {"selector": {}}})), None);
    }

    #[test]
    fn an_object_and_references_to_its_owners_name_the_new_version() {
        let mut moves = Moves::default();
        moves.add(&kind("widgets.example.com", "v1alpha1"), "v1");
        let widgets = GroupResource::new("widgets", "example.com");
        let mut body = json!({"apiVersion": "example.com/v1alpha1", "metadata": {"ownerReferences": [
            {"apiVersion": "example.com/v1alpha1", "kind": "Widget"}, {"apiVersion": "v1", "kind": "Pod"}]}});
        moves.apply(&widgets, &mut body);
        assert_eq!(
            body,
            json!({"apiVersion": "example.com/v1", "metadata": {"ownerReferences": [
                {"apiVersion": "example.com/v1", "kind": "Widget"}, {"apiVersion": "v1", "kind": "Pod"}]}})
        );
        assert_eq!(moves.note(&widgets).unwrap(), "moved from example.com/v1alpha1 to example.com/v1");
        let mut other = json!({"apiVersion": "v1"});
        moves.apply(&GroupResource::new("pods", ""), &mut other);
        assert_eq!(other["apiVersion"], "v1");
    }

    #[rstest]
    #[case::empty(json!({}), true)]
    #[case::empty_inside(json!({"matchLabels": {}, "matchExpressions": []}), true)]
    #[case::some(json!({"matchLabels": {"app": "web"}}), false)]
    #[case::none(json!(null), false)]
    fn a_budget_for_no_pod_does_not_become_one_for_all(#[case] selector: Value, #[case] refused: bool) {
        let budgets = kind("poddisruptionbudgets.policy", "v1beta1");
        let mut moves = Moves::default();
        moves.add(&budgets, "v1");
        let refusal = moves.refusal(&budgets.resource, &json!({"spec": {"selector": selector}}));
        assert_eq!(refusal.is_some(), refused);
    }
}
