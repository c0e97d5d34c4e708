//! `kubectl backup delete`.

use std::io::{self, IsTerminal};

use anyhow::Context;
use jiff::Zoned;
use serde_json::json;

use crate::{
    cli::{output::RecordFormat, upkeep::DeleteArgs},
    exit::ExitStatus,
    model::{
        restore_point::{RestorePoint, RestorePointId},
        restore_run::RestoreRun,
    },
    plan::{
        point_reference::{PointReferenceError, resolve_named},
        restore_runs::{by_id, runs},
    },
    report::{document, question, terminal::clean_line},
};

use super::{
    failure::UsageError,
    session::{Session, blocking},
};

/// Runs `delete`.
pub(crate) async fn run(args: DeleteArgs, session: &Session) -> anyhow::Result<ExitStatus> {
    let can_ask = io::stdin().is_terminal() && io::stderr().is_terminal();
    if !args.dry_run && !args.yes && !can_ask {
        return Err(UsageError::with_hint(
            "deleting asks first, and there is no terminal to ask on",
            "say --yes to delete without being asked, or --dry-run to see what would be deleted",
        )
        .into());
    }
    let repository = session.repository().await?;
    let reader = repository.clone();
    let (points, records) =
        blocking(move || Ok((reader.restore_points()?, reader.restore_records()?))).await?;
    let chosen = choose(&args.restore_points, &points, &runs(&records))?;
    if args.dry_run {
        return report(session, &chosen, &args);
    }
    if !args.yes && !confirmed(&chosen).await? {
        session.printer.note("nothing was deleted");
        return Ok(ExitStatus::Failed);
    }
    let mut ids: Vec<RestorePointId> = chosen.iter().map(|point| point.id.clone()).collect();
    // What came of a restore means nothing without its undo point.
    let of = |record: &RestorePoint| record.summary.restore.as_ref().and_then(|mark| mark.of.clone());
    ids.extend(
        records
            .iter()
            .filter(|it| of(it).is_some_and(|of| ids.contains(&of)))
            .map(|it| it.id.clone())
            .collect::<Vec<_>>(),
    );
    blocking(move || Ok(repository.delete(&ids)?)).await?;
    session.printer.note(
        "Data that other restore points use too is kept. What only these used stays in the repository as well: this \
         version does not free space yet.",
    );
    report(session, &chosen, &args)
}

fn report(session: &Session, chosen: &[RestorePoint], args: &DeleteArgs) -> anyhow::Result<ExitStatus> {
    let printer = &session.printer;
    let document = || json!({ "kind": "DeleteResult", "dryRun": args.dry_run, "items": chosen });
    match args.output.format {
        RecordFormat::Json => printer.exact(&document::to_json(&document())?)?,
        RecordFormat::Yaml => printer.exact(&document::to_yaml(&document())?)?,
        RecordFormat::Name => {
            let ids: Vec<&str> = chosen.iter().map(|point| point.id.0.as_str()).collect();
            printer.data(&ids.join("\n"))?;
        }
        RecordFormat::Table | RecordFormat::Wide => {
            let note = if args.dry_run { " (dry run)" } else { "" };
            let line = |point| format!("{} deleted{note}", shown(point));
            printer.data(&chosen.iter().map(line).collect::<Vec<_>>().join("\n"))?;
        }
    }
    Ok(ExitStatus::Done)
}

/// `restorepoint "shop-20261125-121100" (3f2a9c01)`
fn shown(point: &RestorePoint) -> String {
    format!("restorepoint \"{}\" ({})", clean_line(&point.summary.name), point.id)
}

/// The restore points that are meant, each of them once, in the order they were named. Nothing is chosen unless all
/// are clear.
fn choose(
    words: &[String],
    points: &[RestorePoint],
    restores: &[RestoreRun],
) -> Result<Vec<RestorePoint>, PointReferenceError> {
    let now = Zoned::now();
    let mut chosen: Vec<RestorePoint> = Vec::new();
    for word in words {
        let point = match (resolve_named(word, points, &now), by_id(word, restores)) {
            (Err(_), Ok(run)) => &run.undo_point,
            (resolved, _) => resolved?,
        };
        if chosen.iter().all(|other| other.id != point.id) {
            chosen.push(point.clone());
        }
    }
    Ok(chosen)
}

async fn confirmed(chosen: &[RestorePoint]) -> anyhow::Result<bool> {
    let names: Vec<String> = chosen.iter().map(shown).collect();
    let question = format!("Delete {}?", names.join(", "));
    blocking(move || question::agrees(&question).context("could not ask on the terminal")).await
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use crate::model::restore_point::{Completeness, Summary};

    use super::*;

    fn point(id: &str, name: &str) -> RestorePoint {
        RestorePoint {
            id: RestorePointId(format!("{id}{}", "0".repeat(64 - id.len()))),
            created: Timestamp::UNIX_EPOCH,
            summary: Summary {
                format: 1,
                name: name.to_owned(),
                completeness: Completeness::Complete,
                objects: 0,
                bytes: 0,
                namespaces: Vec::new(),
                namespace_count: 0,
                cluster_uid: String::new(),
                context: String::new(),
                scope: String::new(),
                is_narrowed: false,
                consistency: None,
                restore: None,
            },
        }
    }

    fn choice(words: &[&str]) -> Result<Vec<String>, String> {
        let points =
            [point("aaaa1111", "daily"), point("aaaa2222", "daily"), point("bbbb3333", "before-upgrade")];
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        choose(&words, &points, &[])
            .map(|chosen| chosen.iter().map(|point| point.id.to_string()).collect())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn restore_points_are_named_by_name_and_by_the_beginning_of_an_id() {
        assert_eq!(choice(&["before-upgrade", "AAAA1", "bbbb3333"]).unwrap(), ["bbbb3333", "aaaa1111"]);
    }

    #[test]
    fn what_is_unclear_chooses_nothing() {
        insta::assert_snapshot!(choice(&["bbbb3333", "daily"]).unwrap_err(), @"`daily` means more than one restore point: aaaa1111 (daily), aaaa2222 (daily)");
        insta::assert_snapshot!(choice(&["bbbb3333", "latest"]).unwrap_err(), @"which restore point `latest` means changes with time; here it must be named");
        insta::assert_snapshot!(choice(&["bbb"]).unwrap_err(), @"no restore point is named `bbb`");
    }
}
