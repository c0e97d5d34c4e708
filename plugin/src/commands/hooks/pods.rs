//! Which pods a command on hooks means: those of namespaces, or those of named pods and workloads.

use anyhow::Context;
use serde_json::Value;

use crate::{
    cli::{
        hooks::{HookFileArgs, SelectedArgs},
        selection::NamespaceArgs,
    },
    cluster::Cluster,
    commands::failure::{Failure, UsageError},
    model::{
        object::ObjectKey,
        selection::{NamedObject, Namespaces},
    },
    plan::select::{LabelSelector, parse_named_objects, resolve_kind},
    report::printer::Printer,
};

use super::find::{self, Found};

/// The hooks of the selection of `list` and `status`.
pub(super) async fn selected(args: &SelectedArgs, cluster: &Cluster) -> anyhow::Result<Found> {
    if !args.objects.is_empty() {
        let namespace = single_namespace(&args.namespaces)?;
        return of_objects(&args.objects, namespace, &args.file, cluster).await;
    }
    if let Some(selector) = &args.selector {
        LabelSelector::parse(selector)?;
    }
    let namespaces = match (args.namespaces.all_namespaces, args.namespaces.namespaces.as_slice()) {
        (true, _) => Namespaces::All,
        (false, []) => Namespaces::Named(vec![cluster.default_namespace().to_owned()]),
        (false, names) => Namespaces::Named(names.to_vec()),
    };
    let file = args.file.hooks_file.as_deref().map(find::read_file).transpose()?;
    find::find(cluster, &namespaces, args.selector.as_deref(), file.as_ref()).await
}

fn single_namespace(args: &NamespaceArgs) -> Result<Option<&str>, UsageError> {
    match (args.all_namespaces, args.namespaces.as_slice()) {
        (false, []) => Ok(None),
        (false, [namespace]) => Ok(Some(namespace)),
        _ => Err(UsageError::new("objects are named, so one namespace at most can be meant")),
    }
}

/// The hooks of named pods, and of the pods of named workloads.
pub(super) async fn of_objects(
    words: &[String],
    namespace: Option<&str>,
    file: &HookFileArgs,
    cluster: &Cluster,
) -> anyhow::Result<Found> {
    let file = file.hooks_file.as_deref().map(find::read_file).transpose()?;
    let namespace = namespace.unwrap_or(cluster.default_namespace());
    let here = Namespaces::Named(vec![namespace.to_owned()]);
    let mut all = Found::default();
    for object in parse_named_objects(words)? {
        let (selector, name) = pods_of(&object, namespace, cluster).await?;
        let mut found = find::find(cluster, &here, selector.as_deref(), file.as_ref()).await?;
        if let Some(name) = name {
            found.hooks.retain(|hook| hook.pod.name == name);
            found.problems.retain(|problem| problem.contains(&format!("{namespace}/{name}")));
        }
        let is_new = |hook: &find::PodHook| {
            !all.hooks.iter().any(|it| it.pod.uid == hook.pod.uid && it.hook == hook.hook)
        };
        let hooks: Vec<_> = found.hooks.into_iter().filter(is_new).collect();
        all.hooks.extend(hooks);
        all.problems.extend(found.problems);
        all.unseen.extend(found.unseen);
    }
    Ok(all)
}

/// The label selector of a workload's pods, or the name of a pod.
async fn pods_of(
    object: &NamedObject,
    namespace: &str,
    cluster: &Cluster,
) -> anyhow::Result<(Option<String>, Option<String>)> {
    let discovery = cluster.discover().await?;
    let resources = resolve_kind(&object.kind, &discovery.kinds)?;
    let Some(kind) = discovery.kinds.iter().find(|kind| resources.first() == Some(&kind.resource)) else {
        return Err(UsageError::new(format!("the server has no kind `{}`", object.kind)).into());
    };
    let key = ObjectKey::new(kind.resource.clone(), Some(namespace), &object.name);
    let what = format!("{}/{}", object.kind, object.name);
    let found = cluster.read(kind, &key).await.with_context(|| format!("could not read {what}"))?;
    let Some(body) = found else {
        return Err(Failure::new(
            format!("there is no {what} in namespace {namespace}"),
            "`kubectl backup hooks list -A` shows the pods that have hooks",
        )
        .into());
    };
    if kind.kind == "Pod" {
        return Ok((None, Some(object.name.clone())));
    }
    match selector(&body["spec"]["selector"]) {
        Some(selector) => Ok((Some(selector), None)),
        None => Err(UsageError::with_hint(
            format!("{what} selects no pods"),
            "name a pod, a Deployment, a StatefulSet, a DaemonSet or a ReplicaSet",
        )
        .into()),
    }
}

/// A workload's selector as the API takes it in a query.
fn selector(selector: &Value) -> Option<String> {
    let mut terms = Vec::new();
    for (key, value) in selector["matchLabels"].as_object()? {
        terms.push(format!("{key}={}", value.as_str()?));
    }
    for expression in selector["matchExpressions"].as_array().into_iter().flatten() {
        let key = expression["key"].as_str()?;
        let values = expression["values"].as_array().into_iter().flatten();
        let values: Vec<&str> = values.filter_map(Value::as_str).collect();
        terms.push(match expression["operator"].as_str()? {
            "In" => format!("{key} in ({})", values.join(",")),
            "NotIn" => format!("{key} notin ({})", values.join(",")),
            "Exists" => key.to_owned(),
            "DoesNotExist" => format!("!{key}"),
            _ => return None,
        });
    }
    (!terms.is_empty()).then(|| terms.join(","))
}

/// Tells what was not looked at and what cannot be used; whether there is anything of it.
pub(super) fn tell(found: &Found, printer: &Printer) -> bool {
    for (namespace, error) in &found.unseen {
        let place = namespace.as_ref().map(|name| format!(" of namespace {name}")).unwrap_or_default();
        printer.warning(&format!("the pods{place} could not be looked at: {}", error.one_line()));
    }
    for problem in &found.problems {
        printer.warning(problem);
    }
    !found.unseen.is_empty() || !found.problems.is_empty()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::labels(json!({"matchLabels": {"app": "db", "tier": "a"}}), Some("app=db,tier=a"))]
    #[case::expressions(
        json!({"matchLabels": {"app": "db"}, "matchExpressions": [
            {"key": "a", "operator": "In", "values": ["x", "y"]},
            {"key": "b", "operator": "NotIn", "values": ["z"]},
            {"key": "c", "operator": "Exists"},
            {"key": "d", "operator": "DoesNotExist"}]}),
        Some("app=db,a in (x,y),b notin (z),c,!d"))]
    #[case::all_pods(json!({"matchLabels": {}}), None)]
    #[case::none(Value::Null, None)]
    #[case::not_known(json!({"matchLabels": {}, "matchExpressions": [{"key": "a", "operator": "Gt"}]}), None)]
    fn a_workload_means_the_pods_it_selects(#[case] body: Value, #[case] expected: Option<&str>) {
        assert_eq!(selector(&body).as_deref(), expected);
    }
}
