//! Each decision with its reason.

use std::collections::BTreeSet;

use rstest::rstest;
use serde_json::{Value, json};

use super::*;

const BEGUN: i64 = 1_800_000_000;

fn maps() -> GroupResource {
    GroupResource::new("configmaps", "")
}

/// Made `after` seconds after the restore began, by `makers`.
fn live(after: i64, makers: &[&str]) -> Value {
    let created = Timestamp::from_second(BEGUN + after).unwrap().to_string();
    let managers: Vec<_> = makers
        .iter()
        .map(|maker| match maker.split_once(' ') {
            Some((maker, "status")) => {
                json!({"manager": maker, "operation": "Update", "time": created, "subresource": "status"})
            }
            Some((maker, operation)) => json!({"manager": maker, "operation": operation, "time": created}),
            None => json!({"manager": maker, "operation": "Update", "time": created}),
        })
        .collect();
    json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"key": "saved"},
        "metadata": {"name": "app", "uid": "now", "creationTimestamp": created, "managedFields": managers}})
}

fn former(uids: &[&str]) -> Former {
    Former {
        change: Change::Create,
        exact: false,
        // The server's clock has fractions, the objects' times have none.
        begun: Timestamp::from_millisecond(BEGUN * 1000 + 900).unwrap(),
        uids: uids.iter().map(|uid| (*uid).to_owned()).collect(),
        answered: false,
        written: None,
        mixed: false,
        untold: false,
        contents: BTreeSet::from([Content::of(&maps(), live(0, &[])).to_string()]),
    }
}

#[rstest]
#[case::told_by_the_result(live(0, &["other"]), &["now"], true)]
#[case::another_one_by_the_result(live(5, &["kubectl-backup"]), &["then"], false)]
#[case::killed_and_made_in_the_same_second(live(0, &["kubectl-backup"]), &[], true)]
#[case::killed_and_made_later(live(300, &["kubectl-backup", "kubectl-edit"]), &[], true)]
#[case::clocks_apart(live(-5, &["kubectl-backup"]), &[], true)]
#[case::made_by_an_earlier_restore(live(-60, &["kubectl-backup"]), &[], false)]
#[case::made_by_somebody_else(live(5, &["kubectl"]), &[], false)]
#[case::applied_under_our_name(live(5, &["kubectl-backup Apply"]), &[], false)]
#[case::only_its_status_is_ours(live(5, &["kubectl-backup status"]), &[], false)]
#[case::nothing_is_known(live(5, &[]), &[], false)]
fn an_object_is_ours(#[case] live: Value, #[case] uids: &[&str], #[case] ours: bool) {
    assert_eq!(Observed::of(&maps(), &live, &former(uids)).made_by_restore, ours);
}

#[test]
fn what_a_killed_undo_may_have_made_again_is_ours() {
    let made_since = live(5, &["kubectl-backup"]);
    let told = Former { untold: false, ..former(&["then"]) };
    assert!(!Observed::of(&maps(), &made_since, &told).made_by_restore);
    let untold = Former { untold: true, ..told };
    assert!(Observed::of(&maps(), &made_since, &untold).made_by_restore);
    assert!(!Observed::of(&maps(), &live(5, &["kubectl"]), &untold).made_by_restore);
}

#[rstest]
#[case::as_written(json!({}), true)]
#[case::changed(json!({"data": {"key": "other"}}), false)]
#[case::completed_by_the_server(json!({"data": {"key": "saved", "added": "by the server"}, "generation": 1}), true)]
#[case::changed_afterwards(json!({"data": {"key": "other"}, "generation": 2}), false)]
fn an_object_is_untouched(#[case] change: Value, #[case] untouched: bool) {
    let mut live = live(1, &["kubectl-backup", "controller status"]);
    if let Some(data) = change.get("data") {
        live["data"] = data.clone();
    }
    if let Some(generation) = change.get("generation") {
        live["metadata"]["generation"] = generation.clone();
    }
    assert_eq!(Observed::of(&maps(), &live, &former(&[])).untouched, untouched);
}

#[test]
fn what_the_server_answered_goes_before_what_looks_like_a_first_version() {
    let mut live = live(1, &["kubectl-backup"]);
    live["metadata"]["generation"] = json!(1);
    live["data"] = json!({"key": "a value that nobody is named for"});
    let answered = Former { answered: true, ..former(&["now"]) };
    assert!(!Observed::of(&maps(), &live, &answered).untouched);
}

#[test]
fn who_scaled_a_workload_changed_it_and_its_controller_did_not() {
    let deployments = GroupResource::new("deployments", "apps");
    let second = "2026-11-25T10:00:00Z";
    let revision =
        json!({"f:metadata": {"f:annotations": {".": {}, "f:deployment.kubernetes.io/revision": {}}}});
    let live = json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"replicas": 4}, "metadata": {
        "name": "web", "annotations": {"deployment.kubernetes.io/revision": "1"}, "managedFields": [
            {"manager": "kubectl-backup", "operation": "Update", "time": second, "fieldsV1": {"f:spec": {}}},
            {"manager": "kube-controller-manager", "operation": "Update", "time": second, "fieldsV1": revision},
            {"manager": "kubectl", "operation": "Update", "time": second, "subresource": "scale",
                "fieldsV1": {"f:spec": {"f:replicas": {}}}}]}});
    assert_eq!(Observed::of(&deployments, &live, &former(&[])).changed_by.as_deref(), Some("kubectl"));
}

fn observed(ours: bool, untouched: bool) -> Observed {
    Observed {
        uid: "now".to_owned(),
        deleting: false,
        made_by_restore: ours,
        untouched,
        changed_by: Some("kubectl-edit".to_owned()),
        volume: None,
        finalizers: Vec::new(),
    }
}

fn going() -> Observed {
    Observed { deleting: true, ..observed(true, true) }
}

fn claim() -> Observed {
    Observed { volume: Some("pv-1".to_owned()), ..observed(true, true) }
}

#[rstest]
#[case::gone(None, Action::Unchanged, Action::Unchanged)]
#[case::going(Some(going()), Action::Unchanged, Action::Unchanged)]
#[case::ours(Some(observed(true, true)), Action::Delete, Action::Delete)]
#[case::ours_and_changed(Some(observed(true, false)), Action::Skip, Action::Delete)]
#[case::with_data(Some(claim()), Action::Skip, Action::Delete)]
#[case::not_ours(Some(observed(false, true)), Action::Skip, Action::Skip)]
fn what_was_not_there_is_taken_away(
    #[case] observed: Option<Observed>,
    #[case] plain: Action,
    #[case] forced: Action,
) {
    assert_eq!(take_away(observed.as_ref(), Force::No).action, plain);
    assert_eq!(take_away(observed.as_ref(), Force::Yes).action, forced);
}

#[test]
fn the_finalizers_that_a_deletion_waits_for_are_named() {
    let held = Observed { finalizers: vec!["example.com/hold".to_owned()], ..observed(true, true) };
    let decision = take_away(Some(&held), Force::No);
    assert_eq!(decision.action, Action::Delete);
    let reason = "made by the restore; its deletion waits until the controller of finalizer example.com/hold removes it";
    assert_eq!(decision.reason.as_deref(), Some(reason));
}

#[test]
fn who_changed_it_is_named() {
    let decision = take_away(Some(&observed(true, false)), Force::No);
    assert_eq!(decision.reason.unwrap(), "was changed since by `kubectl-edit`; --force takes it back");
}

#[rstest]
#[case::patched(Change::Patch, Some(observed(false, false)), true, Action::Patch, Action::Patch)]
#[case::patched_and_as_before(
    Change::Patch,
    Some(observed(false, false)),
    false,
    Action::Unchanged,
    Action::Unchanged
)]
#[case::patched_and_deleted_since(Change::Patch, None, true, Action::Skip, Action::Create)]
#[case::patched_and_going(Change::Patch, Some(going()), true, Action::Skip, Action::Create)]
#[case::replaced(Change::Replace, Some(observed(true, true)), true, Action::Replace, Action::Replace)]
#[case::half_replaced(Change::Replace, None, true, Action::Create, Action::Create)]
#[case::half_deleted(Change::Replace, Some(going()), true, Action::Create, Action::Create)]
#[case::replaced_and_made_anew_by_others(
    Change::Replace,
    Some(observed(false, false)),
    true,
    Action::Skip,
    Action::Replace
)]
#[case::replacement_not_begun(
    Change::Replace,
    Some(observed(false, false)),
    false,
    Action::Unchanged,
    Action::Unchanged
)]
#[case::deleted(Change::Delete, None, true, Action::Create, Action::Create)]
#[case::deleted_and_made_anew(
    Change::Delete,
    Some(observed(false, false)),
    true,
    Action::Skip,
    Action::Replace
)]
#[case::orphaned(Change::Relink, Some(observed(false, false)), true, Action::Patch, Action::Patch)]
#[case::orphan_that_is_gone(Change::Relink, None, true, Action::Create, Action::Create)]
fn what_was_there_is_put_back(
    #[case] change: Change,
    #[case] observed: Option<Observed>,
    #[case] differs: bool,
    #[case] plain: Action,
    #[case] forced: Action,
) {
    assert_eq!(put_back(change, observed.as_ref(), differs, Force::No).action, plain);
    assert_eq!(put_back(change, observed.as_ref(), differs, Force::Yes).action, forced);
}

#[rstest]
#[case::all_of_it(true, &[], Action::Replace, "made again only if it cannot be set")]
#[case::a_part(true, &["data.a"], Action::Patch, "has its former state back, but for data.a: was changed since")]
#[case::nothing_of_it(false, &["data.a", "data.b"], Action::Skip, "data.a: was changed since")]
#[case::no_difference_after_all(false, &[], Action::Unchanged, "")]
fn what_others_changed_is_foreseen(
    #[case] writes: bool,
    #[case] left: &[&str],
    #[case] action: Action,
    #[case] reason: &str,
) {
    let left = left
        .iter()
        .map(|field| FieldProblem { field: (*field).to_owned(), message: "was changed since".to_owned() });
    let left: Vec<_> = left.collect();
    let foreseen = Ok(Foreseen { writes, left: left.clone() });
    let replaced = put_back(Change::Replace, Some(&observed(true, false)), true, Force::No);
    let (decision, stays) = foresee(replaced.clone(), &foreseen);
    assert_eq!((decision.action, stays), (action, left));
    assert!(decision.reason.unwrap_or_default().ends_with(reason));
    let skipped = Decision::because(Action::Skip, "another object has taken its name");
    assert_eq!(foresee(skipped.clone(), &foreseen), (skipped, Vec::new()));
    assert_eq!(foresee(replaced, &Err(MIXED)), (Decision::because(Action::Skip, MIXED), Vec::new()));
}
