//! Whether the hooks of the selection can be used, and reached by the caller. Their runtimes are not asked.

use std::collections::BTreeSet;

use crate::{
    cli::upkeep::DoctorArgs,
    cluster::{Access, Cluster, RequestError},
    commands::hooks::find,
    model::finding::{Finding, Level},
    report::freeze::counted,
};

use super::{permissions::selection, problem};

/// The name of these findings.
const CHECK: &str = "hooks";

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
        let mut verbs = Vec::new();
        // Servers up to 1.34 ask for the one, later ones for the other.
        for verb in ["get", "create"] {
            if let Access::Denied(_) = cluster.may_on_pods(verb, "portforward", Some(namespace)).await? {
                verbs.push(verb);
            }
        }
        if !verbs.is_empty() {
            findings.push(Finding::new(
                CHECK,
                Level::Problem,
                format!("you may not {} pods/portforward in namespace {namespace}", verbs.join(" and ")),
                "ask for both rights, or make backups with --hooks off",
            ));
        }
        let attach = cluster.may_on_pods("patch", "ephemeralcontainers", Some(namespace)).await?;
        if let Access::Denied(_) = attach {
            findings.push(Finding::ok(
                CHECK,
                format!("`hooks attach` is not for you in namespace {namespace}: it needs patch on pods/ephemeralcontainers"),
            ));
        }
    }
    Ok(findings)
}
