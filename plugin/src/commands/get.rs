//! `kubectl backup get`: objects of a restore point, printed as kubectl prints live ones.

mod output;
mod wanted;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
};

use serde_json::Value;

use crate::{
    archive::ReadFilter,
    cli::inspect::GetArgs,
    cluster::Cluster,
    exit::ExitStatus,
    model::{
        object::ObjectKey,
        resource::{GroupResource, Scope},
        unreadable::Unreadable,
    },
    plan::{point_reference::Incomplete, select::LabelSelector},
};

use super::{
    failure::{Failure, UsageError},
    point::{self, OpenPoint},
    saved_kinds,
    session::{Session, blocking},
    unreadable::{tell, tell_ranges},
};
use output::{Format, Output};
use wanted::Wanted;

/// Runs `get`.
pub(crate) async fn run(args: GetArgs, session: &Session) -> anyhow::Result<ExitStatus> {
    let format = Format::parse(args.output.as_deref())?;
    let selector = args.selector.as_deref().map(LabelSelector::parse).transpose()?;
    let mut opened = point::open(&args.restore_point, Incomplete::Skip, session).await?;
    let wanted = Wanted::parse(&args.objects, &opened)?;
    if let Some(version) = &args.api_version {
        at_version(version, &wanted.resources(), &mut opened)?;
    }
    let namespaces = namespaces(&args, &opened, session).await;
    point::expect_namespaces(&args.namespaces.namespaces, &opened.manifest, session)?;
    saved_kinds::warn_of_missing(&wanted.resources(), namespaces.as_ref(), &opened.manifest, session);
    let mut output = Output::new(&args, format, &wanted, namespaces.as_ref(), &opened, session);
    match wanted {
        Wanted::Objects(objects) => {
            if namespaces.is_none() {
                return Err(UsageError::with_hint(
                    "an object cannot be got by its name from all namespaces",
                    "name the namespace with -n",
                )
                .into());
            }
            let namespaces = namespaces.unwrap_or_default();
            named(objects, namespaces, selector.is_some(), &args, opened, output, session).await
        }
        Wanted::Kinds(kinds) => {
            let filter = ReadFilter {
                resources: Some(kinds),
                namespaces: namespaces.clone(),
                ..ReadFilter::default()
            };
            let (mut output, unreadable) = blocking(move || {
                let (mut failed, mut unreadable) = (None, Vec::new());
                opened.repository.each_object(&opened.point.id, &filter, &mut |object| {
                    let object = match object {
                        Ok(object) => object,
                        Err(lost) => {
                            Unreadable::add(&mut unreadable, lost);
                            return ControlFlow::Continue(());
                        }
                    };
                    if selector.as_ref().is_some_and(|selector| !selector.matches(&object.body)) {
                        return ControlFlow::Continue(());
                    }
                    match output.push(&object) {
                        Ok(()) => ControlFlow::Continue(()),
                        Err(error) => {
                            failed = Some(error);
                            ControlFlow::Break(())
                        }
                    }
                })?;
                failed.map_or(Ok((output, unreadable)), Err)
            })
            .await?;
            output.finish()?;
            let is_incomplete = tell_ranges(&session.printer, &unreadable);
            Ok(if is_incomplete { ExitStatus::Incomplete } else { ExitStatus::Done })
        }
    }
}

/// Has the objects of these kinds read at another version.
fn at_version(
    version: &str,
    resources: &BTreeSet<GroupResource>,
    opened: &mut OpenPoint,
) -> Result<(), Failure> {
    let mut read_at = BTreeMap::new();
    for resource in resources {
        let Some(entry) = opened.manifest.kinds.iter_mut().find(|entry| entry.kind.resource == *resource)
        else {
            continue;
        };
        if entry.kind.version == version {
            continue;
        }
        let others = entry.other_versions.iter().map(|other| other.version.as_str());
        let known: Vec<&str> = std::iter::once(entry.kind.version.as_str()).chain(others).collect();
        if !known.contains(&version) {
            return Err(Failure::new(
                format!("{resource} is not saved at version `{version}`"),
                format!("it is saved at {}", known.join(", ")),
            ));
        }
        version.clone_into(&mut entry.kind.version);
        read_at.insert(resource.clone(), version.to_owned());
    }
    opened.repository = opened.repository.reading_at(read_at);
    Ok(())
}

/// Prints objects by name; those that are not there are reported one by one, as kubectl does.
async fn named(
    objects: Vec<(GroupResource, String)>,
    namespaces: BTreeSet<String>,
    has_selector: bool,
    args: &GetArgs,
    opened: OpenPoint,
    mut output: Output,
    session: &Session,
) -> anyhow::Result<ExitStatus> {
    if has_selector {
        return Err(UsageError::new("a label selector and a name exclude each other").into());
    }
    let described = opened.described();
    let (found, lacking, unreadable) = blocking(move || {
        let (mut found, mut lacking, mut unreadable) = (Vec::new(), Vec::new(), Vec::new());
        for (resource, name) in objects {
            let is_namespaced =
                opened.manifest.kind(&resource).is_none_or(|entry| entry.kind.scope == Scope::Namespaced);
            let places: Vec<Option<&str>> = if is_namespaced {
                namespaces.iter().map(|namespace| Some(namespace.as_str())).collect()
            } else {
                vec![None]
            };
            let before = found.len() + unreadable.len();
            for place in &places {
                let key = ObjectKey::new(resource.clone(), *place, &name);
                match opened.repository.object(&opened.point.id, &key) {
                    Ok(object) => found.extend(object),
                    Err(error) if error.is_damage() => unreadable.push(format!("{key}: {}", error.reason())),
                    Err(error) => return Err(error.into()),
                }
            }
            if found.len() + unreadable.len() == before {
                let place: Vec<&str> = places.iter().filter_map(|place| *place).collect();
                lacking.push((resource, name, place.join(", ")));
            }
        }
        Ok((found, lacking, unreadable))
    })
    .await?;
    for object in &found {
        output.push(object)?;
    }
    if !found.is_empty() {
        output.finish()?;
    }
    let is_incomplete = tell(&session.printer, unreadable);
    if args.ignore_not_found || lacking.is_empty() {
        return Ok(if is_incomplete { ExitStatus::Incomplete } else { ExitStatus::Done });
    }
    Err(not_there(&lacking, &described).into())
}

/// One error for all objects that are not in the restore point.
fn not_there(lacking: &[(GroupResource, String, String)], point: &str) -> Failure {
    let inside =
        |place: &str| if place.is_empty() { String::new() } else { format!(" in namespace {place}") };
    let message = match lacking {
        [(resource, name, place)] => {
            format!("{resource} \"{name}\" is not in restore point {point}{}", inside(place))
        }
        several => {
            let named = |(resource, name, place): &(GroupResource, String, String)| {
                format!("\n  {resource} \"{name}\"{}", inside(place))
            };
            format!("not in restore point {point}:{}", several.iter().map(named).collect::<String>())
        }
    };
    Failure::new(
        message,
        "`kubectl backup ls` lists what the restore point holds, `kubectl backup history` where the object is",
    )
}

/// The namespaces to look in; None for all. By default that of `latest:NAMESPACE`, or the context's, as in kubectl.
async fn namespaces(args: &GetArgs, opened: &OpenPoint, session: &Session) -> Option<BTreeSet<String>> {
    if args.namespaces.all_namespaces {
        return None;
    }
    if !args.namespaces.namespaces.is_empty() {
        return Some(args.namespaces.namespaces.iter().cloned().collect());
    }
    if let Some(namespace) = point::namespace_in(&args.restore_point) {
        return Some(BTreeSet::from([namespace.to_owned()]));
    }
    Some(BTreeSet::from([default_namespace(opened, session).await]))
}

/// Where to look when nothing is said. Looking into a backup must work when there is no cluster any more.
pub(crate) async fn default_namespace(opened: &OpenPoint, session: &Session) -> String {
    let cluster = session.cluster().await.ok();
    let of_context = cluster.as_ref().map(Cluster::default_namespace);
    namespace_to_look_in(of_context, &opened.manifest.summary.namespaces).to_owned()
}

/// The context's namespace, as in kubectl, unless another one is all that the restore point holds.
fn namespace_to_look_in<'a>(of_context: Option<&'a str>, saved: &'a [String]) -> &'a str {
    let of_context = of_context.unwrap_or("default");
    match saved {
        [only] => only,
        _ => of_context,
    }
}

/// The body of the custom resource definition that `resource` belongs to, if the restore point holds it.
fn definition(opened: &OpenPoint, resource: &GroupResource) -> Option<Value> {
    let definitions = GroupResource::new("customresourcedefinitions", "apiextensions.k8s.io");
    opened.manifest.kind(&definitions)?;
    let key = ObjectKey::new(definitions, None, &resource.to_string());
    opened.repository.object(&opened.point.id, &key).ok().flatten().map(|object| object.body)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::as_kubectl(Some("web"), &["shop", "web"], "web")]
    #[case::one_that_is_not_saved(Some("web"), &["shop", "till"], "web")]
    #[case::another_is_all_there_is(Some("default"), &["shop"], "shop")]
    #[case::nothing_is_saved(Some("web"), &[], "web")]
    #[case::no_cluster_any_more(None, &["shop", "till"], "default")]
    #[case::no_cluster_and_one_namespace(None, &["shop"], "shop")]
    fn looks_where_something_is(
        #[case] of_context: Option<&str>,
        #[case] saved: &[&str],
        #[case] expected: &str,
    ) {
        let saved: Vec<String> = saved.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(namespace_to_look_in(of_context, &saved), expected);
    }
}
