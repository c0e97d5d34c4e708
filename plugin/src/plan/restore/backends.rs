//! Services that the API server calls on behalf of what is restored: behind webhooks and behind conversions.
//!
//! Until such a Service has an endpoint that is ready, what calls it is in the way of everyone.

use serde_json::Value;

use crate::model::{object::ObjectKey, resource::GroupResource, restoration::Action};

use super::RestorePlan;

/// A Service behind a webhook configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backend {
    /// The Service.
    pub service: ObjectKey,
    /// Without it requests are refused, rather than let through.
    pub fails_closed: bool,
}

impl Backend {
    /// What it means that it is not ready.
    pub fn note(&self) -> String {
        let place = place(&self.service);
        let meanwhile = if self.fails_closed {
            "what it would be asked about is refused (failurePolicy Fail)"
        } else {
            "what it would be asked about passes unchecked (failurePolicy Ignore)"
        };
        format!("its backend {place} has no endpoint that is ready; until it has one, {meanwhile}")
    }
}

/// `Service shop/web`.
pub fn place(service: &ObjectKey) -> String {
    format!("Service {}/{}", service.namespace.as_deref().unwrap_or_default(), service.name)
}

/// The Services behind a webhook configuration, each once; none for any other kind.
pub fn webhook_backends(resource: &GroupResource, body: &Value) -> Vec<Backend> {
    let mut backends: Vec<Backend> = Vec::new();
    let is_gate = matches!(
        resource.plural.as_str(),
        "validatingwebhookconfigurations" | "mutatingwebhookconfigurations"
    );
    if !is_gate || resource.group != "admissionregistration.k8s.io" {
        return backends;
    }
    for webhook in body["webhooks"].as_array().into_iter().flatten() {
        let Some(service) = service(&webhook["clientConfig"]) else { continue };
        // `Fail` is the default.
        let fails_closed = webhook["failurePolicy"] != "Ignore";
        match backends.iter_mut().find(|backend| backend.service == service) {
            Some(backend) => backend.fails_closed |= fails_closed,
            None => backends.push(Backend { service, fails_closed }),
        }
    }
    backends
}

/// The Service that converts objects of a custom kind between its versions.
pub fn conversion_backend(definition: &Value) -> Option<ObjectKey> {
    let conversion = &definition["spec"]["conversion"];
    (conversion["strategy"] == "Webhook").then(|| service(&conversion["webhook"]["clientConfig"])).flatten()
}

fn service(client: &Value) -> Option<ObjectKey> {
    let (namespace, name) = (client["service"]["namespace"].as_str()?, client["service"]["name"].as_str()?);
    Some(ObjectKey::new(GroupResource::new("services", ""), Some(namespace), name))
}

impl RestorePlan {
    /// Whether an object is there after the restore, as far as the plan goes.
    pub fn brings(&self, target: &ObjectKey) -> bool {
        let is_there = |action| {
            action == Action::Unchanged
                || action == Action::Skip
                || Action::is_write(action) && action != Action::Delete
        };
        self.objects.iter().any(|object| object.target() == target && is_there(object.decision.action))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "reads better with `json!` at the call")]
    fn hook(service: Value, policy: Option<&str>) -> Value {
        let mut hook = json!({"clientConfig": {"service": service}});
        if let Some(policy) = policy {
            hook["failurePolicy"] = json!(policy);
        }
        hook
    }

    #[test]
    fn a_configuration_names_each_service_once_and_the_stricter_policy() {
        let service = |name: &str| json!({"namespace": "shop", "name": name});
        let body = json!({"webhooks": [
            hook(service("strict"), None), hook(service("lax"), Some("Ignore")), hook(service("both"), Some("Ignore")),
            hook(service("both"), Some("Fail")), {"clientConfig": {"url": "https://elsewhere"}}]});
        let webhooks = GroupResource::new("mutatingwebhookconfigurations", "admissionregistration.k8s.io");
        let found: Vec<_> = webhook_backends(&webhooks, &body)
            .into_iter()
            .map(|backend| (backend.service.name.clone(), backend.fails_closed))
            .collect();
        let wanted = [("strict", true), ("lax", false), ("both", true)];
        assert_eq!(found, wanted.map(|(name, fails)| (name.to_owned(), fails)));
        assert_eq!(webhook_backends(&GroupResource::new("widgets", "example.com"), &body), []);
    }

    #[test]
    fn a_note_says_what_happens_meanwhile() {
        let service = ObjectKey::new(GroupResource::new("services", ""), Some("shop"), "hook");
        let note = |fails_closed| Backend { service: service.clone(), fails_closed }.note();
        assert_eq!(
            note(true),
            "its backend Service shop/hook has no endpoint that is ready; until it has one, what it would be asked \
             about is refused (failurePolicy Fail)"
        );
        assert!(note(false).ends_with("passes unchecked (failurePolicy Ignore)"));
    }

    #[test]
    fn only_a_conversion_by_webhook_has_a_backend() {
        let client = json!({"service": {"namespace": "shop", "name": "converter"}});
        let definition = |strategy: &str| json!({"spec": {"conversion": {"strategy": strategy, "webhook": {"clientConfig": client}}}});
        assert_eq!(conversion_backend(&definition("Webhook")).unwrap().name, "converter");
        assert_eq!(conversion_backend(&definition("None")), None);
        assert_eq!(conversion_backend(&Value::Null), None);
    }
}
