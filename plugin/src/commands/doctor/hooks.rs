//! Whether the hooks of the selection can be used, and reached by the caller. Their runtimes are not asked.

use std::collections::BTreeSet;

use futures::{StreamExt, TryStreamExt, stream};

use crate::{
    cli::upkeep::DoctorArgs,
    cluster::{Access, Cluster, RequestError},
    commands::hooks::find,
    model::finding::{Finding, Level},
    report::freeze::counted,
};

use super::{
    permissions::{PARALLEL, selection},
    problem,
};

/// The name of these findings.
const CHECK: &str = "hooks";

/// A right: what, and what to do with it.
type Right = (&'static str, &'static [&'static str]);

/// What asking a runtime needs. Servers up to 1.34 ask for `get`, later ones for `create`.
const ASK: [Right; 1] = [("pods/portforward", &["get", "create"])];

/// What `hooks inject` and `eject` need, as docs/hooks.md has it.
const INJECT: [Right; 4] = [
    ("deployments.apps", &["get", "patch"]),
    ("statefulsets.apps", &["get", "patch"]),
    ("daemonsets.apps", &["get", "patch"]),
    ("configmaps", &["get", "patch", "create", "delete"]),
];

/// What `hooks attach` needs; the annotation is on the pod itself.
const ATTACH: [Right; 2] = [("pods/ephemeralcontainers", &["patch"]), ("pods", &["get", "patch"])];

/// Judges the hooks, where the selection has any.
pub(super) async fn examine(args: &DoctorArgs, cluster: &Cluster, findings: &mut Vec<Finding>) {
    let selection = selection(args, cluster);
    let labels = args.filter.selector.as_deref();
    let found = match find::find(cluster, &selection.namespaces, labels, None).await {
        Ok(found) => found,
        Err(error) => return findings.push(problem(CHECK, &error)),
    };
    // Pods that may not be looked at are told of by the permissions.
    for told in &found.problems {
        findings.push(Finding::new(
            CHECK,
            Level::Problem,
            told.clone(),
            "correct it, or make backups with --hooks off; by default `create` saves nothing while a hook cannot be used",
        ));
    }
    if found.hooks.is_empty() {
        return;
    }
    let namespaces: BTreeSet<&str> = found.hooks.iter().map(|hook| hook.pod.namespace.as_str()).collect();
    match lacking(cluster, &namespaces).await {
        Ok(lacking) if lacking.iter().all(|finding| finding.level == Level::Ok) => {
            let pods: BTreeSet<&str> = found.hooks.iter().map(|hook| hook.pod.uid.as_str()).collect();
            let hooks = counted(found.hooks.len(), "hook");
            let message = format!("{hooks} in {} may be asked", counted(pods.len(), "pod"));
            findings.push(Finding::ok(CHECK, message));
            findings.extend(lacking);
        }
        Ok(lacking) => findings.extend(lacking),
        Err(error) => {
            let message = format!("could not ask for permissions: {}", error.one_line());
            findings.push(Finding::new(CHECK, Level::Problem, message, error.hint().unwrap_or_default()));
        }
    }
}

/// What the caller may not do in namespaces whose pods have hooks.
async fn lacking(cluster: &Cluster, namespaces: &BTreeSet<&str>) -> Result<Vec<Finding>, RequestError> {
    let mut findings = Vec::new();
    for namespace in namespaces {
        if let Some(denied) = denied(cluster, &ASK, namespace).await? {
            findings.push(Finding::new(
                CHECK,
                Level::Problem,
                format!("you may not {denied} in namespace {namespace}"),
                "ask for both rights, or make backups with --hooks off",
            ));
        }
        for (verbs, rights) in [("inject` and `eject", &INJECT[..]), ("attach", &ATTACH)] {
            if let Some(denied) = denied(cluster, rights, namespace).await? {
                let message =
                    format!("`hooks {verbs}` will be refused in namespace {namespace}: you may not {denied}");
                findings.push(Finding::ok(CHECK, message));
            }
        }
    }
    Ok(findings)
}

/// Those of these rights that the caller lacks, in words.
async fn denied(
    cluster: &Cluster,
    rights: &[Right],
    namespace: &str,
) -> Result<Option<String>, RequestError> {
    let asked = rights.iter().flat_map(|(name, verbs)| verbs.iter().map(move |verb| (*name, *verb)));
    let answers = stream::iter(asked).map(|(name, verb)| async move {
        let answer = cluster.may_named(verb, name, Some(namespace)).await?;
        Ok::<_, RequestError>((name, verb, answer))
    });
    let answers: Vec<_> = answers.buffered(PARALLEL).try_collect().await?;
    let lacking = |right: &Right| {
        let denied = answers
            .iter()
            .filter(|(name, _, answer)| *name == right.0 && matches!(answer, Access::Denied(_)));
        let verbs: Vec<&str> = denied.map(|(_, verb, _)| *verb).collect();
        (!verbs.is_empty()).then(|| format!("{} {}", verbs.join(" and "), right.0))
    };
    let denied: Vec<String> = rights.iter().filter_map(lacking).collect();
    Ok((!denied.is_empty()).then(|| denied.join(", ")))
}
