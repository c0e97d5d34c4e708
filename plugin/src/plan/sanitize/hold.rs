//! Workloads that are held: kept from running while their objects return, with a mark of what to give back to them.
//!
//! A held object means what it will be once it is released, so cleaning sees through the mark.

use serde_json::{Value, json};

use crate::model::resource::GroupResource;

/// The annotation that says what a held object gets back, as JSON: `3`, `false`; `null` if it stated nothing.
pub const HELD: &str = "kubectl-backup.dev/held";

/// How objects of a kind are kept from running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Brake {
    /// `spec.replicas: 0`
    Replicas,
    /// `spec.suspend: true`
    Suspend,
}

impl Brake {
    fn of(resource: &GroupResource) -> Option<Self> {
        match (resource.group.as_str(), resource.plural.as_str()) {
            ("apps", "deployments" | "statefulsets" | "replicasets") | ("", "replicationcontrollers") => {
                Some(Self::Replicas)
            }
            ("batch", "cronjobs" | "jobs") => Some(Self::Suspend),
            _ => None,
        }
    }

    fn field(self) -> &'static str {
        match self {
            Self::Replicas => "replicas",
            Self::Suspend => "suspend",
        }
    }

    fn held_value(self) -> Value {
        match self {
            Self::Replicas => json!(0),
            Self::Suspend => json!(true),
        }
    }

    /// What is written on a mark can be anybody's: only what the field can have is given back.
    fn reads(self, mark: &str) -> Option<Value> {
        let value: Value = serde_json::from_str(mark).ok()?;
        let fits = match self {
            Self::Replicas => value.as_u64().is_some_and(|count| i32::try_from(count).is_ok()),
            Self::Suspend => value.is_boolean(),
        };
        (fits || value.is_null()).then_some(value)
    }
}

/// The field by which objects of a kind are held: `spec.replicas`; none if they cannot be.
pub fn held_field(resource: &GroupResource) -> Option<String> {
    Brake::of(resource).map(|brake| format!("spec.{}", brake.field()))
}

/// Whether an object bears the mark.
pub fn is_held(body: &Value) -> bool {
    body["metadata"]["annotations"].get(HELD).is_some()
}

/// The merge patch that holds an object; none if it need not or cannot be held: it does not run anyway, is held already,
/// or obeys a controller, which would undo it.
pub fn hold_patch(resource: &GroupResource, body: &Value) -> Option<Value> {
    let brake = Brake::of(resource)?;
    let value = body["spec"].get(brake.field()).unwrap_or(&Value::Null);
    let mut owners = body["metadata"]["ownerReferences"].as_array().into_iter().flatten();
    let mut conditions = body["status"]["conditions"].as_array().into_iter().flatten();
    let is_over = conditions.any(|it| {
        it["status"] == "True"
            && matches!(it["type"].as_str(), Some("Complete" | "Failed"))
            && brake == Brake::Suspend
    });
    if *value == brake.held_value()
        || is_held(body)
        || is_over
        || owners.any(|owner| owner["controller"] == true)
    {
        return None;
    }
    Some(json!({
        "metadata": {"annotations": {HELD: value.to_string()}},
        "spec": {brake.field(): brake.held_value()},
    }))
}

/// Holds an object that is about to be made. With `keeps_mark` it gets no mark: the live object bears the right one.
pub fn hold(resource: &GroupResource, body: &mut Value, keeps_mark: bool) {
    let Some(mut patch) = hold_patch(resource, body) else { return };
    if keeps_mark {
        patch["metadata"] = json!({});
    }
    json_patch::merge(body, &patch);
}

/// The merge patch that gives a held object back what it had; none if it bears no mark. One that somebody has set running
/// since only loses the mark.
pub fn release_patch(resource: &GroupResource, body: &Value) -> Option<Value> {
    let brake = Brake::of(resource)?;
    let mark = body["metadata"]["annotations"].get(HELD)?;
    let mut patch = json!({"metadata": {"annotations": {HELD: null}}});
    if body["spec"][brake.field()] == brake.held_value()
        && let Some(value) = mark.as_str().and_then(|mark| brake.reads(mark))
    {
        patch["spec"] = json!({brake.field(): value});
    }
    Some(patch)
}

/// Makes a held object what it will be once it is released.
pub(super) fn see_through(resource: &GroupResource, body: &mut Value) {
    if let Some(patch) = release_patch(resource, body) {
        json_patch::merge(body, &patch);
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::plan::restore::compare::compare;

    fn resource(name: &str) -> GroupResource {
        GroupResource::from(name.to_owned())
    }

    #[rstest]
    #[case::deployment("deployments.apps", json!({"replicas": 3}), json!({"replicas": 0}), Some("3"))]
    #[case::by_default("statefulsets.apps", json!({"serviceName": "db"}),
        json!({"serviceName": "db", "replicas": 0}), Some("null"))]
    #[case::controller("replicationcontrollers", json!({"replicas": 1}), json!({"replicas": 0}), Some("1"))]
    #[case::cron_job("cronjobs.batch", json!({"suspend": false}), json!({"suspend": true}), Some("false"))]
    #[case::job("jobs.batch", json!({}), json!({"suspend": true}), Some("null"))]
    #[case::at_rest_already("deployments.apps", json!({"replicas": 0}), json!({"replicas": 0}), None)]
    #[case::suspended_already("cronjobs.batch", json!({"suspend": true}), json!({"suspend": true}), None)]
    #[case::cannot_be_held("daemonsets.apps", json!({}), json!({}), None)]
    #[case::of_another_group("jobs.example.com", json!({}), json!({}), None)]
    fn a_held_object_is_released_to_what_it_was(
        #[case] kind: &str,
        #[case] spec: Value,
        #[case] held: Value,
        #[case] mark: Option<&str>,
    ) {
        let own = json!({"metadata": {"name": "w"}, "spec": spec});
        let mut body = own.clone();
        hold(&resource(kind), &mut body, false);
        assert_eq!(body["spec"], held);
        assert_eq!(body["metadata"]["annotations"].get(HELD).and_then(Value::as_str), mark);
        assert_eq!(
            compare(&resource(kind), &own, own.clone(), &body),
            None,
            "compared as if it were not held"
        );
        see_through(&resource(kind), &mut body);
        assert_eq!(body["spec"], own["spec"]);
        assert!(!is_held(&body));
    }

    #[rstest]
    #[case::twice(json!({"metadata": {"annotations": {HELD: "3"}}, "spec": {"replicas": 1}}))]
    #[case::obeys_a_controller(json!({"metadata": {"ownerReferences": [{"controller": true}]}, "spec": {"replicas": 1}}))]
    fn what_is_held_otherwise_is_not_held(#[case] body: Value) {
        assert_eq!(hold_patch(&resource("replicasets.apps"), &body), None);
    }

    #[test]
    fn a_job_that_is_over_is_not_held() {
        let body = json!({"spec": {}, "status": {"conditions": [{"type": "Complete", "status": "True"}]}});
        assert_eq!(hold_patch(&resource("jobs.batch"), &body), None);
    }

    #[rstest]
    #[case::set_running_since("5", json!(2), None)]
    #[case::nonsense("many", json!(0), None)]
    #[case::too_many("99999999999", json!(0), None)]
    #[case::of_another_type("true", json!(0), None)]
    #[case::held("5", json!(0), Some(json!({"replicas": 5})))]
    fn only_what_can_be_given_back_is(
        #[case] mark: &str,
        #[case] replicas: Value,
        #[case] spec: Option<Value>,
    ) {
        let body = json!({"metadata": {"annotations": {HELD: mark}}, "spec": {"replicas": replicas}});
        let patch = release_patch(&resource("deployments.apps"), &body).unwrap();
        assert_eq!(patch.get("spec"), spec.as_ref());
        assert_eq!(patch["metadata"]["annotations"], json!({HELD: null}));
    }

    #[test]
    fn an_object_whose_live_value_is_kept_keeps_its_mark() {
        let mut body = json!({"metadata": {}, "spec": {"replicas": 3}});
        hold(&resource("deployments.apps"), &mut body, true);
        assert_eq!(body, json!({"metadata": {}, "spec": {"replicas": 0}}));
    }
}
