//! The rules file: YAML documents of `kind: RestoreRules`, read and checked as a whole before anything else happens.
//!
//! Which kinds its words mean is decided later, by [`RuleFile::bind`]: that takes a restore point and a cluster.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_saphyr::Spanned;

use crate::{
    model::{
        resource::{ResourceType, Scope},
        restoration::DecidedBy,
    },
    plan::{
        conflict::{ConflictPolicy, Resolution},
        field_path::pattern::FieldPattern,
        select::{LabelSelector, SelectError, resolve_kind},
        user_file::{API_VERSION, UserFileError, documents, expect, wrong},
    },
};

use super::{Rule, Rules, matching::Match};

/// What stands in `kind`.
pub const KIND: &str = "RestoreRules";

/// Most rules of a file.
const MOST: usize = 1000;

/// Longest reason of a rule; it is shown with every object.
const LONGEST_REASON: usize = 300;

/// A rules file that was read, its kinds still words.
#[derive(Clone, Debug)]
pub struct RuleFile {
    /// What it is called.
    pub name: String,
    /// All of it.
    pub text: String,
    entries: Vec<(KindWords, Rule)>,
}

/// The kinds of a rule as the user wrote them.
#[derive(Clone, Debug)]
struct KindWords {
    words: Vec<String>,
    line: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Document {
    api_version: Spanned<String>,
    kind: Spanned<String>,
    rules: Vec<Spanned<Entry>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Entry {
    name: Option<String>,
    #[serde(default, rename = "match")]
    matching: Matching,
    policy: ConflictPolicy,
    exact: Option<bool>,
    #[serde(default)]
    keep: Keep,
    reason: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Matching {
    kinds: Vec<String>,
    namespaces: Vec<String>,
    names: Vec<String>,
    labels: Option<Spanned<String>>,
    fields: Vec<Spanned<String>>,
    only_fields: Vec<Spanned<String>>,
    scope: Option<ScopeWord>,
    managers: Vec<String>,
}

#[derive(Clone, Copy, Deserialize)]
enum ScopeWord {
    Namespaced,
    Cluster,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Keep {
    fields: Vec<Spanned<String>>,
    managers: Vec<String>,
}

impl RuleFile {
    /// Reads the text of the file called `name`.
    pub fn parse(name: &str, text: &str) -> Result<Self, UserFileError> {
        let documents: Vec<Document> = documents(text)?;
        let mut file = Self { name: name.to_owned(), text: text.to_owned(), entries: Vec::new() };
        for document in documents {
            expect(&document.api_version, "apiVersion", API_VERSION)?;
            expect(&document.kind, "kind", KIND)?;
            for entry in &document.rules {
                file.add(entry)?;
            }
        }
        if file.entries.is_empty() {
            return Err(UserFileError { line: None, reason: format!("it holds no rule of kind {KIND}") });
        }
        Ok(file)
    }

    /// Whether a rule leaves conflicts to a person.
    pub fn asks(&self) -> bool {
        self.entries.iter().any(|(_, rule)| rule.resolution.policy == ConflictPolicy::Ask)
    }

    fn add(&mut self, entry: &Spanned<Entry>) -> Result<(), UserFileError> {
        let number = self.entries.len() + 1;
        if number > MOST {
            return Err(wrong(entry, format!("a file has at most {MOST} rules")));
        }
        let Entry { name, matching, policy, exact, keep, reason } = &entry.value;
        let patches = matches!(policy, ConflictPolicy::Patch | ConflictPolicy::Ask);
        if !patches && (exact.is_some() || !keep.fields.is_empty() || !keep.managers.is_empty()) {
            return Err(wrong(entry, "`exact` and `keep` say how to patch; the policy is another one"));
        }
        if reason.as_ref().is_some_and(|reason| reason.len() > LONGEST_REASON) {
            return Err(wrong(entry, format!("`reason` has more than {LONGEST_REASON} characters")));
        }
        if matches!(matching.scope, Some(ScopeWord::Cluster)) && !matching.namespaces.is_empty() {
            return Err(wrong(entry, "what is cluster-scoped has no namespace: it never matches"));
        }
        let resolution = Resolution {
            policy: *policy,
            exact: exact.unwrap_or(false),
            keep_fields: patterns(&keep.fields)?,
            keep_managers: keep.managers.clone(),
            decided_by: DecidedBy::Rule {
                number,
                name: name.clone(),
                file: self.name.clone(),
                reason: reason.clone(),
            },
        };
        let kinds = KindWords { words: matching.kinds.clone(), line: entry.referenced.line() };
        let takes_the_run = exact.is_none();
        let rule = Rule { matching: read(matching)?, resolution: resolution.into(), takes_the_run };
        self.entries.push((kinds, rule));
        Ok(())
    }

    /// Resolves the words for kinds among `kinds`; with what `otherwise` says of objects that no rule matches, and
    /// what in the file can have no effect.
    pub fn bind(self, kinds: &[ResourceType], otherwise: Resolution) -> (Rules, Vec<String>) {
        let mut warnings = Vec::new();
        let mut rules: Vec<Rule> = Vec::new();
        let mut everything: Option<DecidedBy> = None;
        for (words, mut rule) in self.entries {
            let (found, unknown) = resolve(&words.words, kinds);
            let place = format!("{}, line {}", self.name, words.line);
            warnings.extend(unknown.iter().map(|error| {
                let hint = error.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
                format!("{place}: {error}{hint}")
            }));
            rule.matching.kinds = found.map(|found| found.iter().map(|it| it.resource.clone()).collect());
            let scoped = found_in_scope(&rule.matching, words.words.is_empty(), kinds);
            if let Some(first) = &everything {
                warnings
                    .push(format!("{place}: this rule decides nothing, since {first} matches everything"));
            } else if !scoped && unknown.is_empty() {
                warnings.push(format!("{place}: this rule never matches: none of its kinds has that scope"));
            } else if rule.matching.is_everything() {
                everything = Some(rule.resolution.decided_by.clone());
            }
            if rule.takes_the_run
                && matches!(rule.resolution.policy, ConflictPolicy::Patch | ConflictPolicy::Ask)
                && otherwise.exact
            {
                std::sync::Arc::make_mut(&mut rule.resolution).exact = true;
            }
            rules.push(rule);
        }
        (Rules { list: rules, otherwise: otherwise.into(), ..Rules::default() }, warnings)
    }
}

/// The kinds that the words mean, none if there are no words; and the words that mean nothing.
fn resolve<'k>(
    words: &[String],
    kinds: &'k [ResourceType],
) -> (Option<Vec<&'k ResourceType>>, Vec<SelectError>) {
    let mut found = BTreeSet::new();
    let mut unknown = Vec::new();
    for word in words {
        match resolve_kind(word, kinds) {
            Ok(resources) => found.extend(resources),
            Err(error) => unknown.push(error),
        }
    }
    let found = kinds.iter().filter(|kind| found.contains(&kind.resource)).collect();
    ((!words.is_empty()).then_some(found), unknown)
}

/// Whether some kind that the rule speaks of has the scope that it asks for.
fn found_in_scope(matching: &Match, all_kinds: bool, kinds: &[ResourceType]) -> bool {
    let Some(scope) = matching.scope else { return true };
    let named = |kind: &&ResourceType| matching.kinds.as_ref().is_some_and(|it| it.contains(&kind.resource));
    all_kinds || kinds.iter().filter(named).any(|kind| kind.scope == scope)
}

fn read(matching: &Matching) -> Result<Match, UserFileError> {
    let labels = matching.labels.as_ref().map(|text| match LabelSelector::parse(&text.value) {
        Ok(selector) => Ok((text.value.clone(), selector)),
        Err(error) => Err(wrong(text, error.to_string())),
    });
    Ok(Match {
        kind_words: matching.kinds.clone(),
        kinds: None,
        namespaces: matching.namespaces.clone(),
        names: matching.names.clone(),
        labels: labels.transpose()?,
        fields: patterns(&matching.fields)?,
        only_fields: patterns(&matching.only_fields)?,
        scope: matching.scope.map(|word| match word {
            ScopeWord::Namespaced => Scope::Namespaced,
            ScopeWord::Cluster => Scope::Cluster,
        }),
        managers: matching.managers.clone(),
    })
}

fn patterns(words: &[Spanned<String>]) -> Result<Vec<FieldPattern>, UserFileError> {
    let read = |word: &Spanned<String>| {
        FieldPattern::parse(&word.value).map_err(|error| wrong(word, error.to_string()))
    };
    words.iter().map(read).collect()
}
