//! What became of the owners in this run, for the objects that name them.
//!
//! A dependant is never written without an owner that the restore was to make: the next run would find it there
//! without its owner reference, and by default leave it so.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{
    model::restoration::{Action, Outcome},
    plan::restore::{OwnerLink, PlannedObject, RestorePlan},
    report::restore::State,
};

/// The owners written so far, by their index in the plan.
#[derive(Debug, Default)]
pub(super) struct Owners(Mutex<HashMap<usize, Fate>>);

#[derive(Debug)]
enum Fate {
    /// It is in the cluster, with this uid.
    There(String),
    /// It could not be written, and what it is in the cluster is not known.
    Missing(Outcome),
}

impl Owners {
    /// An owner is in the cluster.
    pub(super) fn is_there(&self, index: usize, uid: String) {
        self.fates().insert(index, Fate::There(uid));
    }

    /// An owner was not written. One that is there all the same stays so.
    pub(super) fn was_not_written(&self, index: usize, outcome: Outcome) {
        self.fates().entry(index).or_insert(Fate::Missing(outcome));
    }

    /// The uid that an owner has now.
    pub(super) fn uid(&self, plan: &RestorePlan, index: usize) -> Option<String> {
        match self.fates().get(&index) {
            Some(Fate::There(uid)) => Some(uid.clone()),
            _ => live_uid(&plan.objects[index]).cloned(),
        }
    }

    /// Why `object` must wait for another run: an owner that the plan has in mind is not there.
    pub(super) fn lack(&self, plan: &RestorePlan, object: &PlannedObject) -> Option<String> {
        let fates = self.fates();
        object.owners.iter().find_map(|(owner, link)| {
            let OwnerLink::Planned(index) = link else { return None };
            let planned = &plan.objects[*index];
            let outcome = match fates.get(index) {
                Some(Fate::There(_)) => return None,
                _ if live_uid(planned).is_some() => return None,
                Some(Fate::Missing(outcome)) => *outcome,
                None if planned.decision.action == Action::Refuse => Outcome::Refused,
                None => return None,
            };
            Some(format!("its owner {} `{}` was {}", owner.kind, owner.name, outcome.word()))
        })
    }

    fn fates(&self) -> MutexGuard<'_, HashMap<usize, Fate>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The uid from before the restore, unless it belongs to an object that is going.
fn live_uid(object: &PlannedObject) -> Option<&String> {
    object.uid.as_ref().filter(|_| !object.waits_for_deletion)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::{
        model::{object::ObjectKey, resource::GroupResource},
        plan::{
            conflict::Decision,
            order::{Position, Wave},
            restore::{Candidate, Origin, rules::Rule},
            sanitize::owners::owners,
        },
    };

    fn object(name: &str, action: Action, owner: Option<usize>) -> PlannedObject {
        let resource = GroupResource::new("configmaps", "");
        let reference = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "owner"});
        let owners = owners(&json!({"metadata": {"ownerReferences": [reference]}}));
        PlannedObject {
            position: Position { wave: Wave::Configuration, depth: 0 },
            decision: Decision::plain(action),
            owners: owners.iter().cloned().zip(owner.map(OwnerLink::Planned)).collect(),
            uid: None,
            waits_for_deletion: false,
            difference: None,
            resolution: Arc::default(),
            passed_over: Vec::new(),
            dependants: Vec::new(),
            left: Vec::new(),
            owns: owner.is_none(),
            candidate: Candidate {
                key: ObjectKey::new(resource.clone(), Some("shop"), name),
                mapped: None,
                origin: Origin::Selected,
                owners: owners.into(),
                content: None,
                renamed: None,
                rule: Rule::Restore,
            },
        }
    }

    fn plan(owner: PlannedObject) -> RestorePlan {
        let dependant = object("dependant", Action::Create, Some(0));
        RestorePlan { objects: vec![owner, dependant], ..RestorePlan::default() }
    }

    #[rstest]
    #[case::refused(Action::Create, Some(Outcome::Refused), Some("its owner ConfigMap `owner` was refused"))]
    #[case::refused_by_the_plan(Action::Refuse, None, Some("its owner ConfigMap `owner` was refused"))]
    #[case::may_not_be_read(
        Action::Create,
        Some(Outcome::Skipped),
        Some("its owner ConfigMap `owner` was skipped")
    )]
    #[case::left_to_a_controller(Action::Leave, None, None)]
    fn a_dependant_lacks_an_owner_that_was_not_written(
        #[case] action: Action,
        #[case] outcome: Option<Outcome>,
        #[case] lack: Option<&str>,
    ) {
        let plan = plan(object("owner", action, None));
        let owners = Owners::default();
        if let Some(outcome) = outcome {
            owners.was_not_written(0, outcome);
        }
        assert_eq!(owners.lack(&plan, &plan.objects[1]).as_deref(), lack);
        owners.is_there(0, "new".to_owned());
        assert_eq!(owners.lack(&plan, &plan.objects[1]), None, "after another try");
        assert_eq!(owners.uid(&plan, 0).as_deref(), Some("new"));
    }

    #[rstest]
    #[case::stays(false, Some("old"))]
    #[case::is_going(true, None)]
    fn an_owner_whose_change_is_refused_is_there_unless_it_is_going(
        #[case] waits_for_deletion: bool,
        #[case] uid: Option<&str>,
    ) {
        let old = Some("old".to_owned());
        let plan =
            plan(PlannedObject { uid: old, waits_for_deletion, ..object("owner", Action::Patch, None) });
        let owners = Owners::default();
        owners.was_not_written(0, Outcome::Refused);
        assert_eq!(owners.uid(&plan, 0).as_deref(), uid);
        assert_eq!(owners.lack(&plan, &plan.objects[1]).is_some(), waits_for_deletion);
    }
}
