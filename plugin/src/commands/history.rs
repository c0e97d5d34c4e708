//! `kubectl backup history`: in which restore points an object changed.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    archive::Repository,
    cli::{inspect::HistoryArgs, output::RecordFormat},
    exit::ExitStatus,
    model::{
        object::ObjectKey,
        resource::{ResourceType, Scope},
        restore_point::{Manifest, RestorePoint},
        selection::NamedObject,
    },
    plan::{
        coverage::covers,
        normalise::{Status, normalise},
        select::{parse_named_objects, resolve_one_kind},
    },
    report::{age::age, document, table::Table},
};

use super::{
    failure::{Failure, UsageError},
    session::{Session, blocking},
    unreadable::tell,
};

/// What a restore point says of the object, compared with the one before that speaks of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum Change {
    Created,
    Changed,
    Unchanged,
    Deleted,
    Absent,
    NotCovered,
    Unreadable,
}

/// What a restore point has of the object.
enum Saved {
    Object(Value),
    Nothing,
    Unreadable,
}

impl Change {
    fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
            Self::Deleted => "deleted",
            Self::Absent => "absent",
            Self::NotCovered => "not covered",
            Self::Unreadable => "unreadable",
        }
    }
}

#[derive(Clone, Debug, Serialize)]
struct Entry {
    #[serde(flatten)]
    point: RestorePoint,
    change: Change,
}

/// Runs `history`.
pub(crate) async fn run(args: HistoryArgs, session: &Session) -> anyhow::Result<ExitStatus> {
    let named = match parse_named_objects(&args.object)?.as_slice() {
        [named] => named.clone(),
        _ => {
            return Err(UsageError::with_hint(
                "a history is of one object",
                "write for example `deployments/web` or `deployments web`",
            )
            .into());
        }
    };
    let wanted = format!("{}/{}", named.kind, named.name);
    let repository = session.repository().await?;
    let namespace = match &args.namespace {
        Some(namespace) => namespace.clone(),
        // A history can be read without a cluster.
        None => session
            .cluster()
            .await
            .map_or_else(|_| "default".to_owned(), |it| it.default_namespace().to_owned()),
    };
    let place = namespace.clone();
    let (key, mut entries, unreadable) = blocking(move || read(&repository, &named, &namespace)).await?;
    entries.reverse();
    if !entries.iter().any(|entry| !matches!(entry.change, Change::Absent | Change::NotCovered)) {
        return Err(Failure::new(
            format!("no restore point holds {wanted} in namespace {place}"),
            "`kubectl backup ls` lists what a restore point holds; -n names another namespace",
        )
        .into());
    }
    if !args.all {
        entries.retain(|entry| {
            matches!(entry.change, Change::Created | Change::Changed | Change::Deleted | Change::Unreadable)
        });
    }
    print(&args, &key, &entries, session)?;
    let is_incomplete = tell(&session.printer, unreadable);
    Ok(if is_incomplete { ExitStatus::Incomplete } else { ExitStatus::Done })
}

fn print(args: &HistoryArgs, key: &ObjectKey, entries: &[Entry], session: &Session) -> anyhow::Result<()> {
    let printer = &session.printer;
    match args.output.output.format {
        RecordFormat::Json => {
            printer.exact(&document::to_json(&json!({"object": key, "items": entries}))?)?;
        }
        RecordFormat::Yaml => {
            printer.exact(&document::to_yaml(&json!({"object": key, "items": entries}))?)?;
        }
        RecordFormat::Name => {
            printer.data(
                &entries.iter().map(|entry| entry.point.id.0.as_str()).collect::<Vec<_>>().join("\n"),
            )?;
        }
        format => {
            let is_wide = format == RecordFormat::Wide;
            let mut columns = vec!["ID", "NAME", "AGE", "CHANGE"];
            columns.extend(is_wide.then_some("CREATED"));
            let mut table = Table::new(columns);
            for Entry { point, change } in entries {
                let mut row = vec![
                    point.id.short().to_owned(),
                    point.summary.name.clone(),
                    age(Timestamp::now(), point.created),
                    change.word().to_owned(),
                ];
                row.extend(is_wide.then(|| point.created.to_string()));
                table.push(row);
            }
            printer.data(&table.render(!args.output.no_headers))?;
        }
    }
    Ok(())
}

/// The object in every restore point, oldest first, and what of them cannot be read.
fn read(
    repository: &Repository,
    named: &NamedObject,
    namespace: &str,
) -> anyhow::Result<(ObjectKey, Vec<Entry>, Vec<String>)> {
    let mut points = repository.restore_points()?;
    points.reverse();
    let (mut manifests, mut unreadable) = (Vec::with_capacity(points.len()), Vec::new());
    for point in &points {
        manifests.push(match repository.manifest(&point.id) {
            Ok(manifest) => Some(manifest),
            Err(error) if error.is_damage() => {
                unreadable.push(format!("{}: {}", described(point), error.reason()));
                None
            }
            Err(error) => return Err(error.into()),
        });
    }
    let kinds = known_kinds(&manifests);
    let resource = resolve_one_kind(&named.kind, &kinds)?;
    let is_namespaced = kinds.iter().any(|kind| kind.resource == resource && kind.scope == Scope::Namespaced);
    let key = ObjectKey::new(resource, is_namespaced.then_some(namespace), &named.name);
    let mut states = Vec::with_capacity(points.len());
    for (point, manifest) in points.iter().zip(&manifests) {
        states.push(match repository.object(&point.id, &key) {
            _ if manifest.is_none() => Saved::Unreadable,
            Ok(Some(object)) => Saved::Object(object.body),
            Ok(None) => Saved::Nothing,
            Err(error) if error.is_damage() => {
                unreadable.push(format!("{key} in {}: {}", described(point), error.reason()));
                Saved::Unreadable
            }
            Err(error) => return Err(error.into()),
        });
    }
    let changes = changes(&manifests, &kinds, &key, &states);
    let entries = points.into_iter().zip(changes).map(|(point, change)| Entry { point, change });
    Ok((key, entries.collect(), unreadable))
}

fn described(point: &RestorePoint) -> String {
    format!("restore point {} ({})", point.id, point.summary.name)
}

fn known_kinds(manifests: &[Option<Manifest>]) -> Vec<ResourceType> {
    let mut kinds: Vec<ResourceType> = Vec::new();
    for entry in manifests.iter().rev().flatten().flat_map(|manifest| &manifest.kinds) {
        if kinds.iter().all(|known| known.resource != entry.kind.resource) {
            kinds.push(entry.kind.clone());
        }
    }
    kinds
}

fn changes(
    manifests: &[Option<Manifest>],
    kinds: &[ResourceType],
    key: &ObjectKey,
    states: &[Saved],
) -> Vec<Change> {
    // Before its first appearance the object's later labels are the best there is to judge by.
    let body = |state: &Saved| if let Saved::Object(body) = state { Some(body.clone()) } else { None };
    let any_body = states.iter().find_map(body).unwrap_or_default();
    let mut last: Option<(Value, Value)> = None;
    let mut changes = Vec::with_capacity(states.len());
    for (manifest, state) in manifests.iter().zip(states) {
        let change = match (state, &last) {
            (Saved::Unreadable, _) => Change::Unreadable,
            (Saved::Object(body), before) => {
                let content = normalise(body.clone(), Status::Ignore);
                let change = match before {
                    None => Change::Created,
                    Some((_, before)) if *before == content => Change::Unchanged,
                    Some(_) => Change::Changed,
                };
                last = Some((body.clone(), content));
                change
            }
            (Saved::Nothing, before) => {
                let body = before.as_ref().map_or(&any_body, |(body, _)| body);
                let is_covered = manifest.as_ref().is_some_and(|manifest| covers(manifest, kinds, key, body));
                match (is_covered, before) {
                    (false, _) => Change::NotCovered,
                    (true, Some(_)) => {
                        last = None;
                        Change::Deleted
                    }
                    (true, None) => Change::Absent,
                }
            }
        };
        changes.push(change);
    }
    changes
}
