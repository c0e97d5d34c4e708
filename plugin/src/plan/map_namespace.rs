//! `--map-namespace a=b`: objects of one namespace brought into another, and every reference in an object that
//! names the namespace.
//!
//! Only references whose meaning is defined by Kubernetes are followed. A namespace inside data, an
//! argument or a host name (`db.shop.svc`) is the application's own matter and stays.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{last_applied::LAST_APPLIED, sanitize::fields::descend};
use crate::model::{object::ObjectKey, resource::GroupResource};

const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// A word of `--map-namespace` that cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum MapNamespaceError {
    /// Not `FROM=TO`.
    #[error("`--map-namespace` takes FROM=TO, not `{0}`")]
    Malformed(String),
    /// Not a name a namespace can have.
    #[error("not a namespace name: `{0}`")]
    NotAName(String),
    /// One source, two targets.
    #[error("namespace `{from}` is mapped twice: to `{first}` and to `{second}`")]
    Ambiguous {
        /// The source.
        from: String,
        /// Its first target.
        first: String,
        /// Its second target.
        second: String,
    },
}

/// Which namespace becomes which; others stay what they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamespaceMap(BTreeMap<String, String>);

impl NamespaceMap {
    /// From words of the form `FROM=TO`.
    pub fn parse(words: &[String]) -> Result<Self, MapNamespaceError> {
        let mut map = BTreeMap::new();
        for word in words {
            let (from, to) =
                word.split_once('=').ok_or_else(|| MapNamespaceError::Malformed(word.clone()))?;
            for name in [from, to] {
                if !is_namespace_name(name) {
                    return Err(MapNamespaceError::NotAName(name.to_owned()));
                }
            }
            if let Some(first) = map.insert(from.to_owned(), to.to_owned())
                && first != to
            {
                return Err(MapNamespaceError::Ambiguous {
                    from: from.to_owned(),
                    first,
                    second: to.to_owned(),
                });
            }
        }
        Ok(Self(map))
    }

    /// Whether nothing is mapped.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|(from, to)| from == to)
    }

    /// The namespaces mapped away from.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// What `namespace` becomes.
    pub fn target<'a>(&'a self, namespace: &'a str) -> &'a str {
        self.0.get(namespace).map_or(namespace, String::as_str)
    }

    /// The identity that a saved object has once restored.
    pub fn target_key(&self, key: &ObjectKey) -> ObjectKey {
        let mut target = key.clone();
        target.namespace = key.namespace.as_deref().map(|namespace| self.target(namespace).to_owned());
        if is(&key.resource, "namespaces", "") {
            self.target(&key.name).clone_into(&mut target.name);
        }
        target
    }

    /// Rewrites `body` for its target namespace.
    pub fn apply(&self, resource: &GroupResource, body: &mut Value) {
        if self.is_empty() {
            return;
        }
        self.at(body, &["metadata", "namespace"]);
        self.last_applied(resource, body);
        self.references(resource, body);
    }

    fn references(&self, resource: &GroupResource, body: &mut Value) {
        match (resource.group.as_str(), resource.plural.as_str()) {
            ("", "namespaces") => {
                self.at(body, &["metadata", "name"]);
                self.at(body, &["metadata", "labels", NAME_LABEL]);
            }
            ("", "persistentvolumes") => self.at(body, &["spec", "claimRef", "namespace"]),
            ("", "persistentvolumeclaims") => self.at(body, &["spec", "dataSourceRef", "namespace"]),
            ("rbac.authorization.k8s.io", "rolebindings" | "clusterrolebindings") => self.subjects(body),
            ("admissionregistration.k8s.io", _) => self.admission(body),
            ("apiextensions.k8s.io", "customresourcedefinitions") => {
                self.at(body, &["spec", "conversion", "webhook", "clientConfig", "service", "namespace"]);
            }
            ("apiregistration.k8s.io", "apiservices") => self.at(body, &["spec", "service", "namespace"]),
            ("networking.k8s.io", "networkpolicies") => self.network_policy(body),
            ("gateway.networking.k8s.io", "referencegrants") => {
                self.each(body, &["spec", "from"], &["namespace"]);
            }
            ("gateway.networking.k8s.io", _) => {
                self.each(body, &["spec", "parentRefs"], &["namespace"]);
            }
            _ => {}
        }
    }

    /// Service accounts, and the groups and user names that stand for those of a namespace.
    fn subjects(&self, body: &mut Value) {
        self.each(body, &["subjects"], &["namespace"]);
        let Some(Value::Array(subjects)) = descend(body, &["subjects"]) else { return };
        for subject in subjects {
            let Some(Value::String(name)) = subject.get_mut("name") else { continue };
            if let Some(namespace) = name.strip_prefix("system:serviceaccounts:") {
                *name = format!("system:serviceaccounts:{}", self.target(namespace));
            } else if let Some((namespace, account)) =
                name.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':'))
            {
                *name = format!("system:serviceaccount:{}:{account}", self.target(namespace));
            }
        }
    }

    fn admission(&self, body: &mut Value) {
        self.each(body, &["webhooks"], &["clientConfig", "service", "namespace"]);
        if let Some(Value::Array(webhooks)) = descend(body, &["webhooks"]) {
            for webhook in webhooks {
                self.selector(webhook, &["namespaceSelector"]);
            }
        }
        self.at(body, &["spec", "paramRef", "namespace"]);
        self.selector(body, &["spec", "matchResources", "namespaceSelector"]);
        self.selector(body, &["spec", "matchConstraints", "namespaceSelector"]);
    }

    fn network_policy(&self, body: &mut Value) {
        for (direction, peers) in [("ingress", "from"), ("egress", "to")] {
            let Some(Value::Array(rules)) = descend(body, &["spec", direction]) else { continue };
            for rule in rules {
                let Some(Value::Array(peers)) = rule.get_mut(peers) else { continue };
                for peer in peers {
                    self.selector(peer, &["namespaceSelector"]);
                }
            }
        }
    }

    /// A label selector over namespaces: the label with the namespace's own name is a reference.
    fn selector(&self, body: &mut Value, path: &[&str]) {
        let Some(selector) = descend(body, path) else { return };
        self.at(selector, &["matchLabels", NAME_LABEL]);
        let Some(Value::Array(expressions)) = selector.get_mut("matchExpressions") else { return };
        for expression in expressions.iter_mut().filter(|expression| expression["key"] == NAME_LABEL) {
            let Some(Value::Array(values)) = expression.get_mut("values") else { continue };
            for value in values {
                self.value(value);
            }
        }
    }

    /// kubectl apply compares with this annotation; one that names the old namespace would be refused.
    fn last_applied(&self, resource: &GroupResource, body: &mut Value) {
        let Some(Value::String(text)) = descend(body, &["metadata", "annotations", LAST_APPLIED]) else {
            return;
        };
        let Ok(mut applied) = serde_json::from_str::<Value>(text) else { return };
        let before = applied.clone();
        self.at(&mut applied, &["metadata", "namespace"]);
        self.references(resource, &mut applied);
        if applied != before {
            *text = format!("{applied}\n");
        }
    }

    fn each(&self, body: &mut Value, list: &[&str], path: &[&str]) {
        let Some(Value::Array(items)) = descend(body, list) else { return };
        for item in items {
            self.at(item, path);
        }
    }

    fn at(&self, body: &mut Value, path: &[&str]) {
        if let Some(value) = descend(body, path) {
            self.value(value);
        }
    }

    fn value(&self, value: &mut Value) {
        if let Value::String(namespace) = value
            && let Some(target) = self.0.get(namespace.as_str())
        {
            namespace.clone_from(target);
        }
    }
}

fn is(resource: &GroupResource, plural: &str, group: &str) -> bool {
    resource.plural == plural && resource.group == group
}

/// A label of RFC 1123, as the API server asks of a namespace.
fn is_namespace_name(name: &str) -> bool {
    let valid = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&name.len())
        && name.bytes().all(valid)
        && !name.starts_with('-')
        && !name.ends_with('-')
}

/// Adds to `wanted` the subjects of a live binding that it lacks.
///
/// A cluster role binding is shared by the original and its copy under another namespace: binding the copy
/// must not take the original's rights away, and `subjects` is replaced as a whole by an apply.
pub fn keep_live_subjects(wanted: &mut Value, live: &Value) {
    let Some(Value::Array(existing)) = live.get("subjects") else { return };
    let Some(Value::Array(subjects)) = descend(wanted, &["subjects"]) else { return };
    let missing: Vec<_> = existing.iter().filter(|subject| !subjects.contains(subject)).cloned().collect();
    subjects.extend(missing);
}

#[cfg(test)]
mod tests;
