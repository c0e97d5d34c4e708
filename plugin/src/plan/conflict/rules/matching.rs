//! Which conflicts a rule speaks of. Everything that it states must hold; what it leaves out holds always.

use std::{collections::BTreeSet, fmt::Display};

use crate::{
    model::resource::{GroupResource, Scope},
    plan::{
        field_path::{FieldPath, pattern::FieldPattern},
        glob,
        select::LabelSelector,
    },
};

use super::Subject;

/// The conditions of a rule.
#[derive(Clone, Debug, Default)]
pub(super) struct Match {
    /// As the user wrote them.
    pub(super) kind_words: Vec<String>,
    /// What they mean; none if there are none.
    pub(super) kinds: Option<BTreeSet<GroupResource>>,
    /// Globs of the namespace in the cluster.
    pub(super) namespaces: Vec<String>,
    /// Globs of the name in the cluster.
    pub(super) names: Vec<String>,
    /// For the labels of the saved object; with its text.
    pub(super) labels: Option<(String, LabelSelector)>,
    /// One of these covers a field that differs.
    pub(super) fields: Vec<FieldPattern>,
    /// These cover every field that differs.
    pub(super) only_fields: Vec<FieldPattern>,
    /// With a namespace, or without.
    pub(super) scope: Option<Scope>,
    /// Globs; one of them owns a field that differs.
    pub(super) managers: Vec<String>,
}

impl Match {
    /// Why the rule does not speak of `subject`; none if it does.
    pub(super) fn miss(&self, subject: &Subject<'_>) -> Option<String> {
        self.kind(subject)
            .or_else(|| self.scope(subject))
            .or_else(|| self.namespace(subject))
            .or_else(|| self.name(subject))
            .or_else(|| self.labels(subject))
            .or_else(|| self.fields(subject))
            .or_else(|| self.only_fields(subject))
            .or_else(|| self.managers(subject))
    }

    /// Whether it speaks of every conflict there can be.
    pub(super) fn is_everything(&self) -> bool {
        self.kinds.is_none()
            && self.namespaces.is_empty()
            && self.names.is_empty()
            && self.labels.is_none()
            && self.fields.is_empty()
            && self.only_fields.is_empty()
            && self.scope.is_none()
            && self.managers.is_empty()
    }

    fn kind(&self, subject: &Subject<'_>) -> Option<String> {
        let resource = &subject.target.resource;
        let kinds = self.kinds.as_ref()?;
        (!kinds.contains(resource))
            .then(|| format!("its kind `{resource}` is not {}", list(&self.kind_words)))
    }

    fn scope(&self, subject: &Subject<'_>) -> Option<String> {
        match (self.scope?, &subject.target.namespace) {
            (Scope::Namespaced, None) => Some("it is cluster-scoped".to_owned()),
            (Scope::Cluster, Some(_)) => Some("it is in a namespace".to_owned()),
            _ => None,
        }
    }

    fn namespace(&self, subject: &Subject<'_>) -> Option<String> {
        if self.namespaces.is_empty() {
            return None;
        }
        match &subject.target.namespace {
            None => Some("it is cluster-scoped, and the rule names namespaces".to_owned()),
            Some(namespace) => unlike("its namespace", namespace, &self.namespaces),
        }
    }

    fn name(&self, subject: &Subject<'_>) -> Option<String> {
        let is_stated = !self.names.is_empty();
        if is_stated { unlike("its name", &subject.target.name, &self.names) } else { None }
    }

    fn labels(&self, subject: &Subject<'_>) -> Option<String> {
        let (text, selector) = self.labels.as_ref()?;
        (!selector.matches(subject.saved))
            .then(|| format!("the labels of the saved object do not match `{text}`"))
    }

    fn fields(&self, subject: &Subject<'_>) -> Option<String> {
        let some = subject.differing.fields.iter().any(|field| covers(&self.fields, &field.path));
        (!self.fields.is_empty() && !some).then(|| format!("no field that differs is {}", list(&self.fields)))
    }

    fn only_fields(&self, subject: &Subject<'_>) -> Option<String> {
        if self.only_fields.is_empty() {
            return None;
        }
        let fields = &subject.differing.fields;
        if let Some(other) = fields.iter().find(|field| !covers(&self.only_fields, &field.path)) {
            return Some(format!("`{}` differs too, which is not {}", other.path, list(&self.only_fields)));
        }
        (subject.differing.more > 0).then(|| "more fields differ than were compared".to_owned())
    }

    fn managers(&self, subject: &Subject<'_>) -> Option<String> {
        if self.managers.is_empty() {
            return None;
        }
        let managers: BTreeSet<&str> =
            subject.differing.fields.iter().filter_map(|field| field.manager.as_deref()).collect();
        let is_one = |manager: &&str| self.managers.iter().any(|it| glob::matches(it, manager));
        if managers.iter().any(is_one) {
            return None;
        }
        let found: Vec<_> = managers.iter().map(|manager| format!("`{manager}`")).collect();
        let found = if found.is_empty() { "nobody".to_owned() } else { found.join(", ") };
        Some(format!("the fields that differ belong to {found}, not to {}", list(&self.managers)))
    }
}

fn covers(patterns: &[FieldPattern], path: &FieldPath) -> bool {
    patterns.iter().any(|pattern| pattern.covers(path))
}

fn unlike(what: &str, text: &str, globs: &[String]) -> Option<String> {
    let fits = globs.iter().any(|glob| glob::matches(glob, text));
    (!fits).then(|| format!("{what} `{text}` is not {}", list(globs)))
}

/// "`a`, `b` or `c`".
fn list(words: &[impl Display]) -> String {
    let words: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => words.concat(),
    }
}
