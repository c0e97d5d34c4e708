//! What the plan must know of the cluster.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use serde_json::Value;

use crate::model::{
    object::ObjectKey,
    resource::{GroupResource, ResourceType, Scope},
    restoration::{DecidedBy, PassedOver},
};
use crate::plan::{
    conflict::{ConflictPolicy, Live, Resolution},
    order::is_custom,
    rename::references::Referent,
    sanitize::{hold::is_held, own_finalizers, owners::OwnerReference},
    versions::{Conversion, Moves, destination},
};

use super::compare::Difference;

/// An object that is in the cluster under the name of a candidate.
#[derive(Clone, Debug, Default)]
pub struct LiveObject {
    /// Its uid.
    pub uid: Option<String>,
    /// How it differs from what would be written; none if it has the same content.
    pub difference: Option<Difference>,
    /// What is to be done about that.
    pub resolution: Arc<Resolution>,
    /// Rules that do not speak of it, if they are to be explained.
    pub passed_over: Vec<PassedOver>,
    /// It is the same if these objects are renamed.
    pub same_if: Option<BTreeSet<Referent>>,
    /// The finalizers it waits for, if it is being deleted.
    pub deleting: Option<Vec<String>>,
    /// Namespace and name of the claim that it names, if it is a volume.
    pub claim: Option<(String, String)>,
    /// It is a volume that names a claim which this restore makes.
    pub claim_is_planned: bool,
    /// A killed run has left it held.
    pub held: bool,
    /// Finalizers that are not Kubernetes' own.
    pub finalizers: Vec<String>,
}

impl LiveObject {
    /// From its body; not yet compared with what would be written.
    pub fn of(resource: &GroupResource, live: &Value) -> Self {
        let metadata = &live["metadata"];
        let finalizers = metadata["finalizers"].as_array().into_iter().flatten();
        Self {
            uid: metadata["uid"].as_str().map(str::to_owned),
            deleting: metadata
                .get("deletionTimestamp")
                .map(|_| finalizers.filter_map(Value::as_str).map(str::to_owned).collect()),
            claim: claim(resource, live),
            claim_is_planned: false,
            held: is_held(live),
            finalizers: own_finalizers(live).map(str::to_owned).collect(),
            difference: None,
            resolution: Arc::default(),
            passed_over: Vec::new(),
            same_if: None,
        }
    }

    /// A person chose `policy`; an object that was edited is written as it was left.
    pub fn answered(&mut self, policy: ConflictPolicy, edited: Option<&Value>) {
        let asked = Resolution::clone(&self.resolution);
        let resolution = Resolution { policy, decided_by: DecidedBy::Answer, ..asked };
        if let Some(difference) = &mut self.difference {
            difference.resolved(&resolution, edited);
        }
        self.resolution = Arc::new(resolution);
    }

    /// What it means for the object that would be written.
    pub fn state(&self) -> Live {
        match (&self.deleting, &self.difference) {
            (Some(finalizers), _) => Live::Terminating(finalizers.clone()),
            (None, None) => Live::Same,
            (None, Some(_)) => Live::Different,
        }
    }
}

fn claim(resource: &GroupResource, volume: &Value) -> Option<(String, String)> {
    let claim = volume["spec"].get("claimRef").filter(|_| resource.plural == "persistentvolumes")?;
    Some((claim["namespace"].as_str()?.to_owned(), claim["name"].as_str()?.to_owned()))
}

/// What the cluster holds, by the index of the candidate.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Those that exist.
    pub live: HashMap<usize, LiveObject>,
    /// Those that may not be looked at.
    pub unreadable: BTreeSet<usize>,
    /// Those that were to be renamed and cannot be, with the reason.
    pub not_renamed: HashMap<usize, String>,
    /// The uids of live owners that are not restored themselves.
    pub owner_uids: BTreeMap<ObjectKey, String>,
}

/// The kinds of the restore point beside those that the cluster serves.
#[derive(Clone, Debug, Default)]
pub struct Kinds {
    saved: BTreeMap<GroupResource, ResourceType>,
    served: BTreeMap<GroupResource, ResourceType>,
    by_kind: HashMap<(String, String), GroupResource>,
    /// Custom kinds whose definitions the plan brings along.
    defined: BTreeSet<GroupResource>,
    moves: Moves,
    /// Why kinds that are saved at a version that is not served cannot be moved.
    unmoved: BTreeMap<GroupResource, &'static str>,
}

impl Kinds {
    /// From the manifest and from discovery.
    pub fn new(saved: impl IntoIterator<Item = ResourceType>, served: &[ResourceType]) -> Self {
        let saved: BTreeMap<_, _> = saved.into_iter().map(|kind| (kind.resource.clone(), kind)).collect();
        let by_kind = served
            .iter()
            .chain(saved.values())
            .map(|kind| ((kind.resource.group.clone(), kind.kind.clone()), kind.resource.clone()))
            .collect();
        let served = served.iter().map(|kind| (kind.resource.clone(), kind.clone())).collect();
        Self { saved, served, by_kind, ..Self::default() }
    }

    /// Kinds that are served, but not at the version they were saved at.
    pub fn skewed(&self) -> Vec<GroupResource> {
        let is_skewed = |saved: &&ResourceType| {
            self.served.get(&saved.resource).is_some_and(|served| {
                !served.served_versions.contains(&saved.version) && served.version != saved.version
            })
        };
        self.saved.values().filter(is_skewed).map(|kind| kind.resource.clone()).collect()
    }

    /// Takes the objects of a kind as they were saved at another version.
    pub fn take_at(&mut self, resource: &GroupResource, version: &str) {
        let Some(saved) = self.saved.get_mut(resource) else { return };
        self.moves.add_saved(saved, version);
        version.clone_into(&mut saved.version);
    }

    /// Moves the objects of a kind to a version that is served, if naming another version is all it takes.
    pub fn resolve_skew(&mut self, resource: &GroupResource, conversion: Conversion) {
        let (Some(saved), Some(served)) = (self.saved.get_mut(resource), self.served.get(resource)) else {
            return;
        };
        match destination(saved, served, conversion) {
            Ok(version) => {
                self.moves.add(saved, &version);
                saved.version = version;
            }
            Err(reason) => {
                self.unmoved.insert(resource.clone(), reason);
            }
        }
    }

    /// The kinds that are moved.
    pub fn moves(&self) -> &Moves {
        &self.moves
    }

    /// Notes that the definition of a custom kind is restored too: `certificates.cert-manager.io`.
    pub fn define(&mut self, definition: &str) {
        self.defined.insert(GroupResource::from(definition.to_owned()));
    }

    /// Notes that an aggregated API is restored too: `v1.metrics.k8s.io`.
    pub fn define_api(&mut self, api_service: &str) {
        let Some((version, group)) = api_service.split_once('.') else { return };
        let of_api = self.saved.values().filter(|it| it.resource.group == group && it.version == version);
        let missing = of_api.map(|kind| &kind.resource).filter(|resource| !self.is_served(resource));
        self.defined.extend(missing.cloned().collect::<Vec<_>>());
    }

    /// Whether the definition of this kind is restored too.
    pub fn is_defined(&self, resource: &GroupResource) -> bool {
        self.defined.contains(resource)
    }

    /// Whether the cluster serves this kind already.
    pub fn is_served(&self, resource: &GroupResource) -> bool {
        self.served.contains_key(resource)
    }

    /// A kind that the cluster serves.
    pub fn served(&self, resource: &GroupResource) -> Option<&ResourceType> {
        self.served.get(resource)
    }

    /// Every kind of the restore point.
    pub fn all_saved(&self) -> impl Iterator<Item = &ResourceType> {
        self.saved.values()
    }

    /// All kinds that the cluster serves.
    pub fn all_served(&self) -> impl Iterator<Item = &ResourceType> {
        self.served.values()
    }

    /// The kind as objects of the restore point state it, or at the version that they are moved to.
    pub fn saved(&self, resource: &GroupResource) -> Option<&ResourceType> {
        self.saved.get(resource).or_else(|| self.served.get(resource))
    }

    /// The identity of an owner, seen from a dependant in `namespace`.
    pub fn owner_key(&self, owner: &OwnerReference, namespace: Option<&str>) -> Option<ObjectKey> {
        let resource = self.by_kind.get(&(owner.group.clone(), owner.kind.clone()))?;
        let namespaced = self.saved(resource).is_some_and(|kind| kind.scope == Scope::Namespaced);
        Some(ObjectKey::new(resource.clone(), namespace.filter(|_| namespaced), &owner.name))
    }

    /// Why objects of this kind cannot be written to the cluster, if they cannot.
    pub fn unserved(&self, resource: &GroupResource) -> Option<String> {
        if self.is_defined(resource) {
            return None;
        }
        let Some(served) = self.served.get(resource) else {
            return Some(if is_custom(resource) {
                "the cluster does not serve this kind, and its definition is not restored with it".to_owned()
            } else {
                "this version of Kubernetes does not serve this kind".to_owned()
            });
        };
        let saved = self.saved.get(resource)?;
        let at_hand = served.served_versions.contains(&saved.version) || served.version == saved.version;
        (!at_hand).then(|| {
            format!(
                "saved as {}, which the cluster does not serve (it has {}){}",
                saved.api_version(),
                served.version,
                self.unmoved.get(resource).map(|reason| format!("; {reason}")).unwrap_or_default()
            )
        })
    }
}
