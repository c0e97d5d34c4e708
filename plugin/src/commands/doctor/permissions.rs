//! Whether the caller may read what a backup with the same flags would read.

use std::collections::BTreeMap;

use futures::{StreamExt, stream};

use crate::{
    cli::upkeep::DoctorArgs,
    cluster::{Access, Cluster, Discovery, RequestError},
    model::{
        finding::{Finding, Level},
        selection::{Namespaces, Selection},
    },
    plan::{
        backup::{self, UnknownGroup},
        rights::{Need, Right, rights},
    },
    report::missing::excluding,
};

use super::problem;

/// The name of these findings.
const CHECK: &str = "permissions";

/// Questions under way at once.
pub(super) const PARALLEL: usize = 8;

/// Kinds that a finding names; the remedy has them all.
const SHOWN: usize = 3;

/// What the caller lacks, by how much it matters, verb and place.
type Denied = BTreeMap<(Need, &'static str, Option<String>), Vec<String>>;

/// Judges the caller's rights.
pub(super) async fn examine(
    args: &DoctorArgs,
    cluster: &Cluster,
    discovery: Discovery,
    findings: &mut Vec<Finding>,
) {
    let selection = selection(args, cluster);
    let unknown: Vec<UnknownGroup> = discovery
        .incomplete
        .into_iter()
        .map(|group| UnknownGroup { group_version: group.group_version, reason: group.reason })
        .collect();
    let plan = match backup::backup(&selection, &discovery.kinds, &unknown) {
        Ok(plan) => plan,
        Err(error) => return findings.push(problem(CHECK, &error.into())),
    };
    if let Namespaces::Named(names) = &selection.namespaces {
        let absent = absent(cluster, names).await;
        if !absent.is_empty() {
            return findings.extend(absent);
        }
    }
    let rights = rights(&selection, &plan);
    let asked = rights.len();
    match denied(cluster, rights).await {
        Ok(denied) if denied.is_empty() => {
            findings.push(Finding::ok(CHECK, format!("all {asked} reads of the selection are allowed")));
        }
        Ok(denied) => findings.extend(told(&denied)),
        Err(error) => {
            let message = format!("could not ask for permissions: {}", error.one_line());
            findings.push(Finding::new(CHECK, Level::Problem, message, error.hint().unwrap_or_default()));
        }
    }
}

/// The selection that a backup with the same flags would have.
pub(super) fn selection(args: &DoctorArgs, cluster: &Cluster) -> Selection {
    let namespaces = match (args.namespaces.all_namespaces, args.namespaces.namespaces.as_slice()) {
        (true, _) => Namespaces::All,
        (false, []) => Namespaces::Named(vec![cluster.default_namespace().to_owned()]),
        (false, names) => Namespaces::Named(names.to_vec()),
    };
    let mut selection = Selection::of(namespaces);
    selection.include_kinds.clone_from(&args.filter.include_kinds);
    selection.exclude_kinds.clone_from(&args.filter.exclude_kinds);
    selection.cluster_scoped = args.filter.cluster_scoped;
    selection
}

/// The namespaces that are not there. Whether one is may be hidden from the caller; then `create` goes on too.
async fn absent(cluster: &Cluster, names: &[String]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in names {
        if matches!(cluster.has_namespace(name).await, Ok(false)) {
            findings.push(Finding::new(
                "namespace",
                Level::Problem,
                format!("there is no namespace `{name}`"),
                "`kubectl get namespaces` lists them; -n names one, -A means all",
            ));
        }
    }
    findings
}

async fn denied(cluster: &Cluster, rights: Vec<Right>) -> Result<Denied, RequestError> {
    let answers = stream::iter(rights).map(|right| async move {
        let answer = cluster.may(right.verb, &right.kind, right.namespace.as_deref()).await;
        (right, answer)
    });
    let mut answers = answers.buffered(PARALLEL);
    let mut denied = Denied::new();
    while let Some((right, answer)) = answers.next().await {
        if let Access::Denied(_) = answer? {
            let kinds = denied.entry((right.need, right.verb, right.namespace)).or_default();
            kinds.push(right.kind.resource.to_string());
        }
    }
    Ok(denied)
}

/// A finding for each place, with one remedy for all that matter alike.
fn told(denied: &Denied) -> Vec<Finding> {
    let finding = |((need, verb, place), kinds): (&(Need, &str, Option<String>), &Vec<String>)| {
        let place = place.as_ref().map(|name| format!(" in namespace {name}")).unwrap_or_default();
        let what = format!("you may not {verb} {}{place}", counted(kinds));
        let all = excluded(denied, *need);
        match need {
            Need::Always => Finding::new(
                CHECK,
                Level::Problem,
                what,
                format!("ask for the rights, or leave the kinds out:{all}"),
            ),
            Need::IfReferred => Finding::new(
                CHECK,
                Level::Warning,
                what,
                format!(
                    "it matters only where saved objects refer to one; if `kubectl backup create --dry-run` misses \
                     any, ask for the rights, or leave the kinds out:{all}"
                ),
            ),
        }
    };
    denied.iter().map(finding).collect()
}

/// `secrets, pods and 3 more kinds`.
fn counted(kinds: &[String]) -> String {
    match kinds.len().checked_sub(SHOWN) {
        Some(more @ 1..) => format!("{} and {more} more kinds", kinds[..SHOWN].join(", ")),
        _ => kinds.join(", "),
    }
}

/// All kinds that lack a right of the same need, each once.
fn excluded(denied: &Denied, need: Need) -> String {
    let mut kinds: Vec<&str> = Vec::new();
    for kind in denied.iter().filter(|((of, ..), _)| *of == need).flat_map(|(_, kinds)| kinds) {
        if !kinds.contains(&kind.as_str()) {
            kinds.push(kind);
        }
    }
    excluding(&kinds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lacking_is_told_by_place_with_one_remedy() {
        let kinds = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let denied = Denied::from([
            ((Need::Always, "list", Some("a".to_owned())), kinds(&["p", "q", "r", "s", "t", "u", "v"])),
            ((Need::Always, "list", Some("b".to_owned())), kinds(&["p"])),
            ((Need::IfReferred, "get", None), kinds(&["classes"])),
        ]);
        let lines: Vec<String> = told(&denied)
            .iter()
            .map(|it| format!("{:?}: {} | {}", it.level, it.message, it.remedy))
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        Problem: you may not list p, q, r and 4 more kinds in namespace a | ask for the rights, or leave the kinds out: --exclude p,q,r,s,t,u,v
        Problem: you may not list p in namespace b | ask for the rights, or leave the kinds out: --exclude p,q,r,s,t,u,v
        Warning: you may not get classes | it matters only where saved objects refer to one; if `kubectl backup create --dry-run` misses any, ask for the rights, or leave the kinds out: --exclude classes
        ");
    }
}
