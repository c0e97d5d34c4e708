//! From facts to candidates: which words are offered once everything is known. Pure; the time is an argument.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{resource::ResourceType, restore_point::RestorePoint};

use super::{
    candidate::{Answer, Candidate, Directive},
    wanted::{Alone, Wanted},
};

/// What was learnt from repository, cluster and kubeconfig; whatever the question does not need stays empty.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    /// Newest first.
    pub(crate) restore_points: Vec<RestorePoint>,
    /// In any order.
    pub(crate) namespaces: Vec<String>,
    /// In any order.
    pub(crate) kinds: Vec<ResourceType>,
    /// Names of objects of the one kind asked for.
    pub(crate) names: Vec<String>,
    /// Names of contexts, clusters or users.
    pub(crate) kubeconfig: Vec<String>,
}

/// The answer to `wanted`. `age` tells a person how old a restore point is.
pub(crate) fn offer(wanted: &Wanted, facts: &Facts, age: &dyn Fn(&RestorePoint) -> String) -> Answer {
    match wanted {
        Wanted::Known(answer) => answer.clone(),
        Wanted::RestorePoint { typed, given } => {
            Answer::matching(typed, restore_points(typed, given, facts, age)).with(Directive::KEEP_ORDER)
        }
        Wanted::Namespaces { typed, .. } => list(typed, plain(&facts.namespaces)),
        Wanted::NamespaceMapping { typed, .. } => mapping(typed, &facts.namespaces),
        Wanted::Kinds { typed, .. } => list(typed, kinds(last_item(typed).1, &facts.kinds)),
        Wanted::Object { typed, alone, .. } => match typed.split_once('/') {
            Some((kind, _)) => {
                let names = facts.names.iter().map(|name| Candidate::plain(format!("{kind}/{name}")));
                Answer::matching(typed, sorted(names))
            }
            None => object_starts(typed, *alone, facts, age),
        },
        Wanted::Name { typed, .. } => Answer::matching(typed, plain(&facts.names)),
        Wanted::Kubeconfig { typed, .. } => Answer::matching(typed, plain(&facts.kubeconfig)),
    }
}

/// One candidate per restore point while nothing is typed: its name, or its id where names are not unique.
/// Once something is typed, whatever completes it.
fn restore_points(
    typed: &str,
    given: &[String],
    facts: &Facts,
    age: &dyn Fn(&RestorePoint) -> String,
) -> Vec<Candidate> {
    let points = &facts.restore_points;
    let mut uses: BTreeMap<&str, usize> = BTreeMap::new();
    for point in points {
        *uses.entry(&point.summary.name).or_default() += 1;
    }
    let mut candidates = Vec::new();
    if let Some(newest) = points.first() {
        candidates.push(Candidate::new("latest", format!("{}, {}", newest.summary.name, age(newest))));
    }
    for point in points {
        let about = format!("{}, {} objects, {}", age(point), point.summary.objects, point.summary.scope);
        let unique = uses.get(point.summary.name.as_str()) == Some(&1);
        if unique {
            candidates.push(Candidate::new(&point.summary.name, about.clone()));
        }
        if !unique || !typed.is_empty() {
            let named = format!("{}, {about}", point.summary.name);
            candidates.push(Candidate::new(point.id.short(), named));
        }
    }
    if typed.starts_with("latest") {
        let namespaces: BTreeSet<_> = points.iter().flat_map(|point| &point.summary.namespaces).collect();
        candidates.extend(namespaces.into_iter().map(|namespace| {
            Candidate::new(format!("latest:{namespace}"), "the newest that holds this namespace")
        }));
    }
    candidates.retain(|candidate| !given.contains(&candidate.word));
    candidates
}

/// The beginnings of `TYPE/NAME`, and what may stand in its place.
fn object_starts(typed: &str, alone: Alone, facts: &Facts, age: &dyn Fn(&RestorePoint) -> String) -> Answer {
    let mut candidates = Vec::new();
    if alone == Alone::RestorePoint {
        candidates = restore_points(typed, &[], facts, age);
    }
    let suffix = if alone == Alone::Kind { "" } else { "/" };
    candidates.extend(
        kinds(typed, &facts.kinds).into_iter().map(|kind| Candidate { word: kind.word + suffix, ..kind }),
    );
    let answer = Answer::matching(typed, candidates);
    let unfinished = !answer.candidates.is_empty()
        && answer.candidates.iter().all(|candidate| candidate.word.ends_with('/'));
    if unfinished { answer.with(Directive::NO_SPACE) } else { answer }
}

/// Every kind by its full name; a short name only when it is being typed.
fn kinds(typed: &str, kinds: &[ResourceType]) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    for kind in kinds {
        let name = kind.resource.to_string();
        for short in kind.short_names.iter().filter(|short| !typed.is_empty() && short.starts_with(typed)) {
            candidates.push(Candidate::new(short, &name));
        }
        candidates.push(Candidate::new(name, &kind.kind));
    }
    sorted(candidates)
}

/// `FROM=` from the restore point; what stands behind the `=` is a new name, so nothing is offered for it.
fn mapping(typed: &str, namespaces: &[String]) -> Answer {
    let (before, item) = last_item(typed);
    if item.contains('=') {
        return Answer::NONE;
    }
    let words = namespaces.iter().map(|name| Candidate::plain(format!("{before}{name}=")));
    Answer::matching(typed, sorted(words)).with(Directive::NO_SPACE)
}

/// Completes the last item of a list separated by commas, without repeating an item.
fn list(typed: &str, items: Vec<Candidate>) -> Answer {
    let (before, _) = last_item(typed);
    let used: Vec<&str> = before.split(',').collect();
    let words = items.into_iter().filter(|item| !used.contains(&item.word.as_str()));
    Answer::matching(typed, words.map(|item| Candidate { word: format!("{before}{}", item.word), ..item }))
}

/// `a,b,c` as `a,b,` and `c`.
fn last_item(typed: &str) -> (&str, &str) {
    typed.split_at(typed.rfind(',').map_or(0, |comma| comma + 1))
}

fn plain(words: &[String]) -> Vec<Candidate> {
    sorted(words.iter().map(Candidate::plain))
}

fn sorted(candidates: impl IntoIterator<Item = Candidate>) -> Vec<Candidate> {
    candidates.into_iter().collect::<BTreeSet<_>>().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::commands::complete::wanted::Origin;
    use crate::model::{
        resource::{GroupResource, Scope},
        restore_point::{Completeness, FORMAT, RestorePointId, Summary},
    };

    fn point(id: &str, name: &str, namespaces: &[&str]) -> RestorePoint {
        RestorePoint {
            id: RestorePointId(id.repeat(8)),
            created: jiff::Timestamp::UNIX_EPOCH,
            summary: Summary {
                format: FORMAT,
                name: name.to_owned(),
                completeness: Completeness::Complete,
                objects: 7,
                bytes: 1,
                namespaces: namespaces.iter().map(|name| (*name).to_owned()).collect(),
                namespace_count: 1,
                cluster_uid: String::new(),
                context: String::new(),
                scope: "namespace shop".to_owned(),
                is_narrowed: false,
                consistency: None,
                restore: None,
            },
        }
    }

    fn kind(plural: &str, group: &str, kind: &str, short: &str) -> ResourceType {
        ResourceType {
            short_names: vec![short.to_owned()],
            ..ResourceType::new(GroupResource::new(plural, group), "v1", kind, Scope::Namespaced)
        }
    }

    fn facts() -> Facts {
        Facts {
            restore_points: vec![
                point("3f", "shop-2", &["shop"]),
                point("4a", "twin", &["web"]),
                point("5b", "twin", &["web"]),
            ],
            namespaces: vec!["web".to_owned(), "shop".to_owned()],
            kinds: vec![
                kind("deployments", "apps", "Deployment", "deploy"),
                kind("configmaps", "", "ConfigMap", "cm"),
            ],
            names: vec!["web".to_owned(), "api".to_owned(), "web".to_owned()],
            kubeconfig: Vec::new(),
        }
    }

    fn lines(wanted: &Wanted) -> String {
        offer(wanted, &facts(), &|_| "2h ago".to_owned()).protocol()
    }

    #[test]
    fn a_restore_point_is_offered_once_newest_first() {
        let wanted = Wanted::RestorePoint { typed: String::new(), given: Vec::new() };
        insta::assert_snapshot!(lines(&wanted), @r"
        latest	shop-2, 2h ago
        shop-2	2h ago, 7 objects, namespace shop
        4a4a4a4a	twin, 2h ago, 7 objects, namespace shop
        5b5b5b5b	twin, 2h ago, 7 objects, namespace shop
        :36
        ");
    }

    #[rstest]
    #[case::id("3", &["3f3f3f3f"])]
    #[case::name("sh", &["shop-2"])]
    #[case::latest_of_a_namespace("latest", &["latest", "latest:shop", "latest:web"])]
    #[case::latest_of_one_namespace("latest:w", &["latest:web"])]
    fn typing_brings_every_way_to_name_it(#[case] typed: &str, #[case] expected: &[&str]) {
        let wanted = Wanted::RestorePoint { typed: typed.to_owned(), given: Vec::new() };
        let answer = offer(&wanted, &facts(), &|_| String::new());
        let words: Vec<_> = answer.candidates.iter().map(|candidate| candidate.word.as_str()).collect();
        assert_eq!(words, expected);
    }

    #[test]
    fn what_was_named_is_not_offered_again() {
        let wanted = Wanted::RestorePoint { typed: String::new(), given: vec!["shop-2".to_owned()] };
        assert!(!lines(&wanted).contains("\nshop-2"));
    }

    #[rstest]
    #[case::all("", "shop\nweb\n:4\n")]
    #[case::second_item_of_a_list("web,", "web,shop\n:4\n")]
    #[case::no_match("x", ":4\n")]
    fn namespaces(#[case] typed: &str, #[case] expected: &str) {
        let wanted = Wanted::Namespaces { typed: typed.to_owned(), origin: Origin::Cluster };
        assert_eq!(lines(&wanted), expected);
    }

    #[rstest]
    #[case::full_names("", "configmaps\tConfigMap\ndeployments.apps\tDeployment\n:4\n")]
    #[case::short_name_while_typed("cm", "cm\tconfigmaps\n:4\n")]
    #[case::second_item("cm,dep", "cm,deploy\tdeployments.apps\ncm,deployments.apps\tDeployment\n:4\n")]
    fn kind_lists(#[case] typed: &str, #[case] expected: &str) {
        let wanted = Wanted::Kinds { typed: typed.to_owned(), origin: Origin::Cluster };
        assert_eq!(lines(&wanted), expected);
    }

    #[rstest]
    #[case::kind_comes_first("c", Alone::Never, "cm/\tconfigmaps\nconfigmaps/\tConfigMap\n:6\n")]
    #[case::kind_may_stand_alone("conf", Alone::Kind, "configmaps\tConfigMap\n:4\n")]
    #[case::or_a_restore_point(
        "shop",
        Alone::RestorePoint,
        "shop-2\t2h ago, 7 objects, namespace shop\n:4\n"
    )]
    #[case::then_its_name("cm/", Alone::Never, "cm/api\ncm/web\n:4\n")]
    #[case::name_begun("cm/w", Alone::Kind, "cm/web\n:4\n")]
    fn objects(#[case] typed: &str, #[case] alone: Alone, #[case] expected: &str) {
        let wanted = Wanted::Object {
            typed: typed.to_owned(),
            origin: Origin::Cluster,
            namespaces: Vec::new(),
            alone,
        };
        assert_eq!(lines(&wanted), expected);
    }

    #[rstest]
    #[case::from("s", "shop=\n:6\n")]
    #[case::to("shop=", ":4\n")]
    #[case::second("shop=a,w", "shop=a,web=\n:6\n")]
    fn namespace_mappings(#[case] typed: &str, #[case] expected: &str) {
        let wanted = Wanted::NamespaceMapping { typed: typed.to_owned(), restore_point: "latest".to_owned() };
        assert_eq!(lines(&wanted), expected);
    }
}
