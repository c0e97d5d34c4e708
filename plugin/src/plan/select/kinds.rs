//! Kinds by the names kubectl knows them by.

use std::collections::BTreeSet;

use crate::model::resource::{GroupResource, ResourceType};

use super::SelectError;

/// Kinds offered for a word that is close to theirs.
const MAX_NEAR: usize = 3;

/// Below this Jaro-Winkler similarity a proposal confuses more than it helps.
const MIN_SIMILARITY: f64 = 0.82;

/// The kinds that `word` stands for; never empty.
///
/// `word` is a plural, singular, short name or kind, alone or followed by `.group` or `.version.group`; or
/// `*.group`, `*`, or a category such as `all`. Letter case does not matter. A name that several groups use
/// means the core group's kind, else that of the first group in `kinds`, which must be in the server's order
/// of preference. As kubectl does, a group may be abbreviated to its beginning (`certificates.cert`) when no
/// group has exactly that name.
pub fn resolve_kind(word: &str, kinds: &[ResourceType]) -> Result<Vec<GroupResource>, SelectError> {
    let wanted = word.to_lowercase();
    if wanted.is_empty() {
        return Err(SelectError::EmptyKind);
    }
    if wanted == "*" {
        return Ok(kinds.iter().map(|kind| kind.resource.clone()).collect());
    }
    if let Some(group) = wanted.strip_prefix("*.") {
        return kinds_of_group(group, kinds);
    }
    if let Some(kind) = find_kind(&wanted, kinds) {
        return Ok(vec![kind.resource.clone()]);
    }
    let of_category: Vec<GroupResource> = kinds
        .iter()
        .filter(|kind| kind.categories.iter().any(|category| category.eq_ignore_ascii_case(&wanted)))
        .map(|kind| kind.resource.clone())
        .collect();
    if of_category.is_empty() {
        return Err(SelectError::UnknownKind { word: word.to_owned(), near: near_kinds(&wanted, kinds) });
    }
    Ok(of_category)
}

/// Like [`resolve_kind`], for a place where only one kind makes sense, as in `TYPE/NAME`.
pub fn resolve_one_kind(word: &str, kinds: &[ResourceType]) -> Result<GroupResource, SelectError> {
    let mut found = resolve_kind(word, kinds)?;
    match (found.pop(), found.is_empty()) {
        (Some(kind), true) => Ok(kind),
        _ => Err(SelectError::SeveralKinds { word: word.to_owned() }),
    }
}

/// The group of a word like `*.apps`.
pub fn parse_group_word(word: &str) -> Option<String> {
    word.strip_prefix("*.").map(str::to_lowercase)
}

fn kinds_of_group(group: &str, kinds: &[ResourceType]) -> Result<Vec<GroupResource>, SelectError> {
    // `core` is what people call the group without a name.
    let wanted = if group == "core" { "" } else { group };
    let found: Vec<GroupResource> =
        kinds.iter().filter(|kind| kind.resource.group == wanted).map(|kind| kind.resource.clone()).collect();
    if found.is_empty() {
        let groups: BTreeSet<&str> = kinds.iter().map(|kind| kind.resource.group.as_str()).collect();
        let near = nearest(group, groups.into_iter().map(|name| (name, name)));
        return Err(SelectError::UnknownGroup { group: group.to_owned(), near });
    }
    Ok(found)
}

fn find_kind<'a>(word: &str, kinds: &'a [ResourceType]) -> Option<&'a ResourceType> {
    let Some((name, rest)) = word.split_once('.') else {
        return best_match(name_ranks(word, kinds.iter()));
    };
    let exact = kinds.iter().filter(|kind| {
        kind.resource.group == rest
            || kind.served_versions.iter().chain([&kind.version]).any(|version| {
                // `deployments.v1.apps`, and `pods.v1` or `pods.v1.` for the core group.
                rest.strip_prefix(version.as_str())
                    .is_some_and(|after| after.strip_prefix('.').unwrap_or(after) == kind.resource.group)
            })
    });
    best_match(name_ranks(name, exact)).or_else(|| {
        let abbreviated = kinds.iter().filter(|kind| kind.resource.group.starts_with(rest));
        best_match(name_ranks(name, abbreviated))
    })
}

/// Each kind that goes by `name`, with how: a full name counts more than a short one.
fn name_ranks<'a>(
    name: &str,
    kinds: impl Iterator<Item = &'a ResourceType>,
) -> impl Iterator<Item = (u8, &'a ResourceType)> {
    kinds.filter_map(move |kind| {
        let rank = if kind.resource.plural == name || kind.singular == name {
            0
        } else if kind.short_names.iter().any(|short| short == name) {
            1
        } else if kind.kind.eq_ignore_ascii_case(name) {
            2
        } else {
            return None;
        };
        Some((rank, kind))
    })
}

fn best_match<'a>(ranked: impl Iterator<Item = (u8, &'a ResourceType)>) -> Option<&'a ResourceType> {
    // The first of equals wins, which is the server's preference.
    ranked.min_by_key(|(rank, kind)| (*rank, !kind.resource.group.is_empty())).map(|(_, kind)| kind)
}

fn near_kinds(word: &str, kinds: &[ResourceType]) -> Vec<String> {
    let name = word.split_once('.').map_or(word, |(name, _)| name);
    // Against the bare plural: a long group would drown the difference.
    let resources: Vec<(String, &str)> =
        kinds.iter().map(|kind| (kind.resource.to_string(), kind.resource.plural.as_str())).collect();
    nearest(name, resources.iter().map(|(shown, compared)| (shown.as_str(), *compared)))
}

fn nearest<'a>(word: &str, candidates: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<String> {
    let mut scored: Vec<(f64, &str)> = candidates
        .map(|(shown, compared)| (strsim::jaro_winkler(word, compared), shown))
        .filter(|(score, shown)| *score >= MIN_SIMILARITY && !shown.is_empty())
        .collect();
    scored.sort_by(|left, right| right.0.total_cmp(&left.0));
    scored.into_iter().take(MAX_NEAR).map(|(_, shown)| shown.to_owned()).collect()
}

/// Which kinds a selection admits: those included (all, if none is named) and not excluded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KindFilter {
    include: Option<BTreeSet<GroupResource>>,
    exclude: BTreeSet<GroupResource>,
}

impl KindFilter {
    /// Resolves the words of `--include` and `--exclude` among `kinds`.
    ///
    /// An unknown word is an error in both: a mistyped `--exclude secretz` must not save the Secrets.
    pub fn new(include: &[String], exclude: &[String], kinds: &[ResourceType]) -> Result<Self, SelectError> {
        let resolve_all = |words: &[String]| -> Result<BTreeSet<GroupResource>, SelectError> {
            let resolved: Result<Vec<_>, _> = words.iter().map(|word| resolve_kind(word, kinds)).collect();
            Ok(resolved?.into_iter().flatten().collect())
        };
        let include = if include.is_empty() { None } else { Some(resolve_all(include)?) };
        Ok(Self { include, exclude: resolve_all(exclude)? })
    }

    /// Whether objects of this kind are wanted.
    pub fn admits(&self, resource: &GroupResource) -> bool {
        self.includes(resource) && !self.exclude.contains(resource)
    }

    /// Whether the kind was named, or nothing was.
    fn includes(&self, resource: &GroupResource) -> bool {
        self.include.as_ref().is_none_or(|include| include.contains(resource))
    }

    /// Whether `--include` named it.
    pub fn names(&self, resource: &GroupResource) -> bool {
        self.include.as_ref().is_some_and(|include| include.contains(resource))
            && !self.exclude.contains(resource)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use crate::model::resource::Scope;

    use super::*;

    fn kind(
        api_version: &str,
        kind: &str,
        plural: &str,
        short: &[&str],
        categories: &[&str],
    ) -> ResourceType {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        ResourceType {
            singular: kind.to_lowercase(),
            short_names: short.iter().map(|&name| name.to_owned()).collect(),
            categories: categories.iter().map(|&name| name.to_owned()).collect(),
            served_versions: vec![version.to_owned()],
            ..ResourceType::new(GroupResource::new(plural, group), version, kind, Scope::Namespaced)
        }
    }

    fn kinds() -> Vec<ResourceType> {
        let mut certificates = kind("cert-manager.io/v1", "Certificate", "certificates", &["cert"], &[]);
        certificates.served_versions = vec!["v1".to_owned(), "v1alpha2".to_owned()];
        vec![
            kind("events.k8s.io/v1", "Event", "events", &["ev"], &[]),
            kind("v1", "Pod", "pods", &["po"], &["all"]),
            kind("v1", "Event", "events", &["ev"], &[]),
            kind("v1", "Service", "services", &["svc"], &["all"]),
            kind("v1", "Secret", "secrets", &[], &[]),
            kind("apps/v1", "Deployment", "deployments", &["deploy"], &["all"]),
            kind("apps/v1", "ReplicaSet", "replicasets", &["rs"], &["all"]),
            certificates,
            kind("serving.knative.dev/v1", "Service", "services", &["ksvc"], &["all", "knative"]),
            kind("zoo.example/v1", "Po", "pos", &[], &[]),
        ]
    }

    #[rstest]
    #[case::plural("deployments", "deployments.apps")]
    #[case::singular("deployment", "deployments.apps")]
    #[case::short("deploy", "deployments.apps")]
    #[case::kind_with_capitals("Deployment", "deployments.apps")]
    #[case::with_group("deployments.apps", "deployments.apps")]
    #[case::short_with_group("deploy.apps", "deployments.apps")]
    #[case::with_version_and_group("deployments.v1.apps", "deployments.apps")]
    #[case::kind_with_version_and_group(
        "Certificate.v1alpha2.cert-manager.io",
        "certificates.cert-manager.io"
    )]
    #[case::group_abbreviated("certificates.cert", "certificates.cert-manager.io")]
    #[case::core_before_an_earlier_group("events", "events")]
    #[case::group_decides("events.events.k8s.io", "events.events.k8s.io")]
    #[case::core_before_a_custom_resource("svc", "services")]
    #[case::custom_resource_by_group("services.serving.knative.dev", "services.serving.knative.dev")]
    #[case::core_with_version("pods.v1", "pods")]
    #[case::full_name_before_short_name("po", "pos.zoo.example")]
    fn resolves_as_kubectl(#[case] word: &str, #[case] expected: &str) {
        let resolved = resolve_kind(word, &kinds()).unwrap();
        assert_eq!(resolved.iter().map(ToString::to_string).collect::<Vec<_>>(), [expected]);
    }

    #[rstest]
    #[case::group("*.apps", &["deployments.apps", "replicasets.apps"])]
    #[case::core_group("*.core", &["pods", "events", "services", "secrets"])]
    #[case::category("all", &["pods", "services", "deployments.apps", "replicasets.apps", "services.serving.knative.dev"])]
    #[case::custom_category("knative", &["services.serving.knative.dev"])]
    fn one_word_can_stand_for_several_kinds(#[case] word: &str, #[case] expected: &[&str]) {
        let resolved = resolve_kind(word, &kinds()).unwrap();
        assert_eq!(resolved.iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
    }

    #[rstest]
    #[case::mistyped("deploymnets", "there is no kind `deploymnets`", "did you mean `deployments.apps`?")]
    #[case::unserved_version(
        "deployments.v1beta1.apps",
        "there is no kind `deployments.v1beta1.apps`",
        "did you mean `deployments.apps`?"
    )]
    #[case::nothing_like_it(
        "xyzzy",
        "there is no kind `xyzzy`",
        "`kubectl api-resources` lists the kinds of a cluster"
    )]
    #[case::group(
        "*.cert-manger.io",
        "there are no kinds in the API group `cert-manger.io`",
        "did you mean `cert-manager.io`?"
    )]
    fn an_unknown_word_gets_a_proposal(#[case] word: &str, #[case] message: &str, #[case] hint: &str) {
        let error = resolve_kind(word, &kinds()).unwrap_err();
        assert_eq!((error.to_string().as_str(), error.hint().as_deref()), (message, Some(hint)));
    }

    #[test]
    fn an_object_has_one_kind() {
        assert_eq!(resolve_one_kind("po", &kinds()).unwrap().to_string(), "pos.zoo.example");
        let error = resolve_one_kind("all", &kinds()).unwrap_err();
        assert_eq!(error, SelectError::SeveralKinds { word: "all".to_owned() });
    }

    #[rstest]
    #[case::nothing_said(&[], &[], "secrets", true)]
    #[case::included(&["*.apps"], &[], "deployments.apps", true)]
    #[case::not_included(&["*.apps"], &[], "secrets", false)]
    #[case::excluded(&[], &["secret"], "secrets", false)]
    #[case::not_excluded(&[], &["secret"], "deployments.apps", true)]
    #[case::exclusion_wins(&["*.apps"], &["rs"], "replicasets.apps", false)]
    fn filters_kinds(
        #[case] include: &[&str],
        #[case] exclude: &[&str],
        #[case] resource: &str,
        #[case] admitted: bool,
    ) {
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        let filter = KindFilter::new(&words(include), &words(exclude), &kinds()).unwrap();
        assert_eq!(filter.admits(&GroupResource::from(resource.to_owned())), admitted);
    }
}
