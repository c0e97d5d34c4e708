//! For which objects a transform is. All conditions must hold; one that is not there holds.

use regex::Regex;
use serde_json::Value;

use crate::plan::{field_path::FieldPath, glob, pod_spec::group_of, select::LabelSelector};

/// The conditions of a transform.
#[derive(Clone, Debug, Default)]
pub(super) struct Match {
    pub(super) kinds: Vec<KindWord>,
    pub(super) namespaces: Vec<String>,
    pub(super) names: Vec<String>,
    pub(super) labels: Option<LabelSelector>,
    pub(super) fields: Vec<(FieldPath, Condition)>,
}

/// What must hold for a field.
#[derive(Clone, Debug)]
pub(super) enum Condition {
    Equals(Value),
    Exists,
    Absent,
    Glob(String),
    Regex(Regex),
}

impl Match {
    pub(super) fn is_met_by(&self, object: &Value) -> bool {
        let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
        (self.kinds.is_empty() || self.kinds.iter().any(|kind| kind.means(object)))
            && any_glob(&self.namespaces, text("namespace"))
            && any_glob(&self.names, text("name"))
            && self.labels.as_ref().is_none_or(|labels| labels.matches(object))
            && self.fields.iter().all(|(path, condition)| condition.is_met_by(path.get(object)))
    }
}

fn any_glob(globs: &[String], text: &str) -> bool {
    globs.is_empty() || globs.iter().any(|glob| glob::matches(glob, text))
}

impl Condition {
    fn is_met_by(&self, value: Option<&Value>) -> bool {
        match (self, value) {
            (Self::Absent, value) => value.is_none(),
            (_, None) => false,
            (Self::Exists, Some(_)) => true,
            (Self::Equals(wanted), Some(value)) => wanted == value,
            (Self::Glob(glob), Some(value)) => plain(value).is_some_and(|text| glob::matches(glob, &text)),
            (Self::Regex(regex), Some(value)) => plain(value).is_some_and(|text| regex.is_match(&text)),
        }
    }
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A word for a kind: `Deployment`, `deployments`, `deploy`, each also with `.group`; `*.group`.
#[derive(Clone, Debug)]
pub(super) struct KindWord {
    name: String,
    group: Option<String>,
}

/// Kinds that a word without a group means, with their short names; a service mesh may have a `Service` of its own.
const BUILT_IN: &[(&str, &str, &[&str])] = &[
    ("configmap", "", &["cm"]),
    ("cronjob", "batch", &["cj"]),
    ("customresourcedefinition", "apiextensions.k8s.io", &["crd", "crds"]),
    ("daemonset", "apps", &["ds"]),
    ("deployment", "apps", &["deploy"]),
    ("endpoints", "", &["ep"]),
    ("event", "", &["ev"]),
    ("horizontalpodautoscaler", "autoscaling", &["hpa"]),
    ("ingress", "networking.k8s.io", &["ing"]),
    ("ingressclass", "networking.k8s.io", &[]),
    ("job", "batch", &[]),
    ("limitrange", "", &["limits"]),
    ("namespace", "", &["ns"]),
    ("networkpolicy", "networking.k8s.io", &["netpol"]),
    ("persistentvolume", "", &["pv"]),
    ("persistentvolumeclaim", "", &["pvc"]),
    ("pod", "", &["po"]),
    ("poddisruptionbudget", "policy", &["pdb"]),
    ("priorityclass", "scheduling.k8s.io", &["pc"]),
    ("replicaset", "apps", &["rs"]),
    ("replicationcontroller", "", &["rc"]),
    ("resourcequota", "", &["quota"]),
    ("secret", "", &[]),
    ("service", "", &["svc"]),
    ("serviceaccount", "", &["sa"]),
    ("statefulset", "apps", &["sts"]),
    ("storageclass", "storage.k8s.io", &["sc"]),
];

impl KindWord {
    pub(super) fn new(word: &str) -> Self {
        let word = word.to_lowercase();
        let (name, group) = match word.split_once('.') {
            Some((name, group)) => (name.to_owned(), Some(group.to_owned())),
            None => (word, None),
        };
        let built_in = BUILT_IN.iter().find(|(kind, group_of_kind, short)| {
            (short.contains(&name.as_str()) || goes_by(kind, &name))
                && group.as_deref().is_none_or(|group| group == *group_of_kind)
        });
        match built_in {
            Some((kind, group, _)) => Self { name: (*kind).to_owned(), group: Some((*group).to_owned()) },
            None => Self { name, group },
        }
    }

    fn means(&self, object: &Value) -> bool {
        let kind = object["kind"].as_str().unwrap_or_default().to_lowercase();
        let group_fits = self.group.as_deref().is_none_or(|group| group == group_of(object));
        group_fits && (self.name == "*" || goes_by(&kind, &self.name))
    }
}

/// Whether `name` is `kind` or its plural, by the rule that Kubernetes itself forms plurals.
fn goes_by(kind: &str, name: &str) -> bool {
    if kind == name {
        return true;
    }
    let is_consonant = |letter: char| !"aeiou".contains(letter);
    match kind.strip_suffix('y') {
        Some(stem) if stem.ends_with(is_consonant) => name.strip_suffix("ies") == Some(stem),
        _ if kind.ends_with(['s', 'x']) || kind.ends_with("ch") => name.strip_suffix("es") == Some(kind),
        _ => name.strip_suffix('s') == Some(kind),
    }
}

/// Whether an object is of this kind.
pub(super) fn is_kind(object: &Value, group: &str, kind: &str) -> bool {
    object["kind"] == kind && group_of(object) == group
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::kind("Deployment", "apps/v1", "Deployment", true)]
    #[case::plural("deployments", "apps/v1", "Deployment", true)]
    #[case::short("deploy", "apps/v1", "Deployment", true)]
    #[case::with_group("deploy.apps", "apps/v1", "Deployment", true)]
    #[case::other_group("deploy.example.com", "apps/v1", "Deployment", false)]
    #[case::plural_in_ies("networkpolicies", "networking.k8s.io/v1", "NetworkPolicy", true)]
    #[case::plural_in_es("ingresses", "networking.k8s.io/v1", "Ingress", true)]
    #[case::a_bare_word_is_the_kind_of_kubernetes("service", "serving.knative.dev/v1", "Service", false)]
    #[case::custom_kind("certificates", "cert-manager.io/v1", "Certificate", true)]
    #[case::custom_kind_named_like_ours(
        "services.serving.knative.dev",
        "serving.knative.dev/v1",
        "Service",
        true
    )]
    #[case::whole_group("*.apps", "apps/v1", "StatefulSet", true)]
    #[case::everything("*", "v1", "Secret", true)]
    #[case::another("pods", "v1", "PodTemplate", false)]
    fn kinds_by_their_words(
        #[case] word: &str,
        #[case] api_version: &str,
        #[case] kind: &str,
        #[case] expected: bool,
    ) {
        assert_eq!(KindWord::new(word).means(&json!({"apiVersion": api_version, "kind": kind})), expected);
    }

    #[rstest]
    #[case::equals(Condition::Equals(json!(2)), json!(2), true)]
    #[case::equals_by_kind_of_value(Condition::Equals(json!("2")), json!(2), false)]
    #[case::exists(Condition::Exists, json!(null), true)]
    #[case::absent(Condition::Absent, json!(1), false)]
    #[case::glob(Condition::Glob("a*".to_owned()), json!("abc"), true)]
    #[case::glob_of_a_number(Condition::Glob("2*".to_owned()), json!(20), true)]
    #[case::regex_may_be_a_part(Condition::Regex(Regex::new("b.$").unwrap()), json!("abc"), true)]
    #[case::no_text(Condition::Glob("*".to_owned()), json!({}), false)]
    fn conditions(#[case] condition: Condition, #[case] value: Value, #[case] expected: bool) {
        assert_eq!(condition.is_met_by(Some(&value)), expected);
    }

    #[test]
    fn only_absence_is_met_by_nothing() {
        assert!(Condition::Absent.is_met_by(None));
        assert!(!Condition::Exists.is_met_by(None));
        assert!(!Condition::Equals(Value::Null).is_met_by(None));
    }
}
