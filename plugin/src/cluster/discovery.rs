//! Which kinds the API server serves, and of which it could not say.
//!
//! Aggregated discovery (`apidiscovery.k8s.io`, stable since Kubernetes 1.30) takes two requests. An older server
//! answers the same requests in the old form, and is then asked group by group. A version that is marked `Stale`
//! belongs to an aggregated API that did not answer: its kinds are unknown, not absent, and it is reported as such.

use std::collections::HashMap;

use futures::{StreamExt, stream};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{
    APIGroupList, APIResource, APIResourceList, APIVersions,
};
use kube::client::{APIGroupDiscoveryList, APIResourceDiscovery};
use serde::Deserialize;

use crate::model::resource::{GroupResource, ResourceType, Scope};

use super::{Cluster, ClusterError, RequestError};

/// Newest form first; a server that knows none of them answers in the old one.
const ACCEPT: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
                      application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,\
                      application/json";

/// Requests under way at once when a server has to be asked group by group.
const PARALLEL: usize = 8;

/// The kinds of a server.
#[derive(Clone, Debug, Default)]
pub struct Discovery {
    /// Every kind, the core group's first, then in the server's order of preference.
    pub kinds: Vec<ResourceType>,
    /// What could not be learnt.
    pub incomplete: Vec<UnreadableGroup>,
}

/// A group and version whose kinds could not be learnt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadableGroup {
    /// `metrics.k8s.io/v1beta1`.
    pub group_version: String,
    /// Why.
    pub reason: String,
}

impl UnreadableGroup {
    /// The group without its version.
    pub fn group(&self) -> &str {
        self.group_version.split_once('/').map_or("", |(group, _)| group)
    }
}

impl Discovery {
    /// The kind with this plural and group.
    pub fn kind(&self, resource: &GroupResource) -> Option<&ResourceType> {
        self.kinds.iter().find(|kind| &kind.resource == resource)
    }
}

/// An answer to `/api` or `/apis`, in any of its forms.
enum Root {
    Aggregated(APIGroupDiscoveryList),
    Core(APIVersions),
    Groups(APIGroupList),
}

impl Root {
    fn read(json: &[u8]) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct TypeMeta {
            kind: String,
        }
        match serde_json::from_slice::<TypeMeta>(json)?.kind.as_str() {
            "APIVersions" => serde_json::from_slice(json).map(Self::Core),
            "APIGroupList" => serde_json::from_slice(json).map(Self::Groups),
            _ => serde_json::from_slice(json).map(Self::Aggregated),
        }
    }
}

impl Cluster {
    /// Asks which kinds there are. Needs no right beyond `system:discovery`.
    pub async fn discover(&self) -> Result<Discovery, ClusterError> {
        let (core, groups) = tokio::join!(self.discovery_root("/api"), self.discovery_root("/apis"));
        let mut collector = Collector::default();
        for (path, root) in [("/api", core), ("/apis", groups)] {
            let root = root.map_err(|source| self.failed(format!("learn its kinds ({path})"), source))?;
            match root {
                Root::Aggregated(list) => collector.add_aggregated(list),
                Root::Core(versions) => {
                    let versions = versions.versions.into_iter().map(|version| (String::new(), version));
                    self.discover_by_group(versions.collect(), &mut collector).await;
                }
                Root::Groups(list) => self.discover_by_group(group_versions(list), &mut collector).await,
            }
        }
        Ok(collector.discovery)
    }

    async fn discovery_root(&self, path: &str) -> Result<Root, RequestError> {
        let answer = self.get(path, &[(http::header::ACCEPT, ACCEPT)]).await?;
        Root::read(&answer.body).map_err(RequestError::BadAnswer)
    }

    /// The way of servers before aggregated discovery: one request a group and version.
    async fn discover_by_group(&self, versions: Vec<(String, String)>, collector: &mut Collector) {
        let requests = versions.into_iter().map(|(group, version)| async move {
            let path =
                if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") };
            let list = self.get_json::<APIResourceList>(&path).await;
            (group, version, list)
        });
        let mut answers = stream::iter(requests).buffered(PARALLEL);
        while let Some((group, version, list)) = answers.next().await {
            match list {
                Ok(list) => {
                    for resource in list.resources {
                        collector.add(&group, &version, from_legacy(resource));
                    }
                }
                Err(error) => collector.unreadable(&group, &version, error.one_line()),
            }
        }
    }
}

/// Groups with their versions, each group's preferred version first.
fn group_versions(list: APIGroupList) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for group in list.groups {
        let preferred = group.preferred_version.map(|version| version.version);
        let others = group.versions.into_iter().map(|version| version.version);
        let ordered =
            preferred.clone().into_iter().chain(others.filter(|other| Some(other) != preferred.as_ref()));
        found.extend(ordered.map(|version| (group.name.clone(), version)));
    }
    found
}

/// Gathers kinds over versions: the first version of a group that has a kind is the one used.
#[derive(Default)]
struct Collector {
    discovery: Discovery,
    known: HashMap<GroupResource, usize>,
}

impl Collector {
    fn add_aggregated(&mut self, list: APIGroupDiscoveryList) {
        for group in list.items {
            let name = group.metadata.and_then(|metadata| metadata.name).unwrap_or_default();
            for version in group.versions {
                let version_name = version.version.unwrap_or_default();
                if version.freshness.as_deref() == Some("Stale") {
                    let reason = "the API server behind it does not answer".to_owned();
                    self.unreadable(&name, &version_name, reason);
                    continue;
                }
                for resource in version.resources {
                    self.add(&name, &version_name, from_aggregated(resource));
                }
            }
        }
    }

    /// Adds a kind of `group` at `version`, unless a preferred version of it is known.
    fn add(&mut self, group: &str, version: &str, described: Option<ResourceType>) {
        let Some(mut kind) = described else { return };
        group.clone_into(&mut kind.resource.group);
        version.clone_into(&mut kind.version);
        if let Some(&index) = self.known.get(&kind.resource) {
            let versions = &mut self.discovery.kinds[index].served_versions;
            if !versions.contains(&kind.version) {
                versions.push(kind.version);
            }
            return;
        }
        kind.served_versions = vec![kind.version.clone()];
        self.known.insert(kind.resource.clone(), self.discovery.kinds.len());
        self.discovery.kinds.push(kind);
    }

    fn unreadable(&mut self, group: &str, version: &str, reason: String) {
        let group_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
        self.discovery.incomplete.push(UnreadableGroup { group_version, reason });
    }
}

/// A kind without group and version, which the caller knows; None for what is not a kind of its own.
fn from_aggregated(resource: APIResourceDiscovery) -> Option<ResourceType> {
    Some(ResourceType {
        resource: GroupResource::new(resource.resource?, ""),
        version: String::new(),
        kind: resource.response_kind?.kind?,
        singular: resource.singular_resource.unwrap_or_default(),
        short_names: resource.short_names,
        categories: resource.categories,
        scope: if resource.scope.as_deref() == Some("Namespaced") {
            Scope::Namespaced
        } else {
            Scope::Cluster
        },
        verbs: resource.verbs,
        served_versions: Vec::new(),
    })
}

/// As [`from_aggregated`]; the old form lists subresources (`pods/log`) among the kinds.
fn from_legacy(resource: APIResource) -> Option<ResourceType> {
    if resource.name.contains('/') {
        return None;
    }
    Some(ResourceType {
        resource: GroupResource::new(resource.name, ""),
        version: String::new(),
        kind: resource.kind,
        singular: resource.singular_name,
        short_names: resource.short_names.unwrap_or_default(),
        categories: resource.categories.unwrap_or_default(),
        scope: if resource.namespaced { Scope::Namespaced } else { Scope::Cluster },
        verbs: resource.verbs,
        served_versions: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn resource(plural: &str, kind: &str) -> Value {
        json!({"resource": plural, "responseKind": {"group": "", "version": "", "kind": kind},
               "scope": "Namespaced", "singularResource": kind.to_lowercase(), "verbs": ["list"]})
    }

    fn collected(items: &Value) -> Discovery {
        let list = json!({"kind": "APIGroupDiscoveryList", "metadata": {}, "items": items});
        let mut collector = Collector::default();
        match Root::read(list.to_string().as_bytes()).unwrap() {
            Root::Aggregated(list) => collector.add_aggregated(list),
            _ => unreachable!(),
        }
        collector.discovery
    }

    #[test]
    fn a_kind_is_used_at_the_first_version_that_has_it() {
        let discovery = collected(&json!([{"metadata": {"name": "zoo.example"}, "versions": [
            {"version": "v1", "freshness": "Current", "resources": [resource("cats", "Cat")]},
            {"version": "v1beta1", "freshness": "Current",
             "resources": [resource("cats", "Cat"), resource("dogs", "Dog")]},
        ]}]));
        let seen: Vec<_> = discovery
            .kinds
            .iter()
            .map(|kind| (kind.resource.to_string(), kind.api_version(), kind.served_versions.join(",")))
            .collect();
        assert_eq!(
            seen,
            [
                ("cats.zoo.example".to_owned(), "zoo.example/v1".to_owned(), "v1,v1beta1".to_owned()),
                ("dogs.zoo.example".to_owned(), "zoo.example/v1beta1".to_owned(), "v1beta1".to_owned()),
            ]
        );
    }

    #[test]
    fn a_stale_version_is_reported_and_its_old_kinds_are_not_trusted() {
        let discovery = collected(&json!([{"metadata": {"name": "zoo.example"}, "versions": [
            {"version": "v1", "freshness": "Stale", "resources": [resource("cats", "Cat")]},
        ]}]));
        assert!(discovery.kinds.is_empty());
        assert_eq!(discovery.incomplete[0].group_version, "zoo.example/v1");
        assert_eq!(discovery.incomplete[0].group(), "zoo.example");
    }

    #[test]
    fn the_old_form_names_the_preferred_version_first() {
        let list = json!({"groups": [{"name": "apps", "preferredVersion": {"groupVersion": "apps/v1", "version": "v1"},
            "versions": [{"groupVersion": "apps/v1beta1", "version": "v1beta1"},
                         {"groupVersion": "apps/v1", "version": "v1"}]}]});
        let versions = group_versions(serde_json::from_value(list).unwrap());
        let versions: Vec<_> = versions.iter().map(|(group, version)| format!("{group}/{version}")).collect();
        assert_eq!(versions, ["apps/v1", "apps/v1beta1"]);
    }
}
