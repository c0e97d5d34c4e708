//! Pods and what makes them: node assignment, injected tokens, selectors and revisions of controllers.

use serde_json::Value;

use super::fields::{descend, name, remove, remove_entries, remove_items};

const TOKEN_MOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

pub(super) fn pod(body: &mut Value, notes: &mut Vec<String>) {
    // Assigned by the scheduler, and by the priority admission, which refuses numbers it did not compute itself.
    for field in ["nodeName", "priority", "preemptionPolicy"] {
        remove(body, &["spec", field]);
    }
    if body["spec"].get("ephemeralContainers").is_some() {
        remove(body, &["spec", "ephemeralContainers"]);
        notes.push("loses its ephemeral containers: a pod cannot be created with them".to_owned());
    }
    drop_injected_tokens(body);
}

/// The volume that gives a pod its service account token is injected again; a recorded one names a Secret that is
/// gone, or doubles the mount.
fn drop_injected_tokens(body: &mut Value) {
    let account = body["spec"]["serviceAccountName"].as_str().unwrap_or("default").to_owned();
    let injected: Vec<String> = body["spec"]["volumes"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|volume| is_token_volume(volume, &account))
        .map(|volume| name_of(volume).to_owned())
        .collect();
    remove_items(body, &["spec", "volumes"], |volume| injected.iter().any(|it| it == name_of(volume)));
    for list in ["containers", "initContainers"] {
        let Some(Value::Array(containers)) = descend(body, &["spec", list]) else { continue };
        for container in containers {
            remove_items(container, &["volumeMounts"], |mount| {
                injected.iter().any(|it| it == name_of(mount)) && mount["mountPath"] == TOKEN_MOUNT
            });
        }
    }
}

fn is_token_volume(volume: &Value, account: &str) -> bool {
    let name = name_of(volume);
    (name.starts_with("kube-api-access-") && volume.get("projected").is_some())
        || (name.starts_with(&format!("{account}-token-")) && volume.get("secret").is_some())
}

fn name_of(value: &Value) -> &str {
    value["name"].as_str().unwrap_or_default()
}

/// Revision counters of controllers; a recorded one would make the next rollout count from the wrong place.
pub(super) fn revisioned(body: &mut Value) {
    remove_entries(body, &["metadata", "annotations"], |key| {
        key.starts_with("deployment.kubernetes.io/") || key == "deprecated.daemonset.template.generation"
    });
}

/// The selector and the labels that the server made from the old uid, unless the user keeps them by hand.
pub(super) fn job(body: &mut Value) {
    remove_entries(body, &["metadata", "annotations"], |key| key == "batch.kubernetes.io/job-tracking");
    if body["spec"]["manualSelector"] == true {
        return;
    }
    let generated = body["spec"].get("selector").is_none_or(|selector| {
        ["controller-uid", "batch.kubernetes.io/controller-uid"]
            .iter()
            .any(|label| selector["matchLabels"].get(label).is_some())
    });
    if !generated {
        return;
    }
    remove(body, &["spec", "selector"]);
    // A job that is made beside its original has another name by now; what its pods are labelled with was made from the old.
    let labels = &body["spec"]["template"]["metadata"]["labels"];
    let of_pods = ["job-name", "batch.kubernetes.io/job-name"].map(|label| labels[label].as_str());
    let of_pods = of_pods.into_iter().flatten();
    let names: Vec<String> = of_pods.chain([name(body)]).map(str::to_owned).collect();
    for path in [&["metadata", "labels"][..], &["spec", "template", "metadata", "labels"][..]] {
        for label in ["controller-uid", "batch.kubernetes.io/controller-uid"] {
            remove_entries(body, path, |key| key == label);
        }
        for label in ["job-name", "batch.kubernetes.io/job-name"] {
            let own = descend(body, path)
                .is_some_and(|labels| names.iter().any(|name| labels[label] == name.as_str()));
            remove_entries(body, path, |key| own && key == label);
        }
    }
}

/// State that the v1 API keeps in annotations.
pub(super) fn autoscaler(body: &mut Value) {
    remove_entries(body, &["metadata", "annotations"], |key| {
        matches!(
            key,
            "autoscaling.alpha.kubernetes.io/conditions" | "autoscaling.alpha.kubernetes.io/current-metrics"
        )
    });
}
