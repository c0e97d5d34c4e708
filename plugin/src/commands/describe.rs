//! `kubectl backup describe`.

use jiff::{Timestamp, tz::TimeZone};
use serde_json::Value;

use crate::{
    cli::{inspect::DescribeArgs, output::RecordFormat},
    exit::ExitStatus,
    model::{
        restore_point::Completeness,
        restore_record::{DoneChange, PlannedChange},
        restore_run::RestoreRun,
    },
    plan::point_reference::Incomplete,
    report::{document, restore_points, restores},
};

use super::{
    journal,
    point::{self, OpenPoint},
    session::{Session, blocking},
};

const PASSED_OVER: &str =
    "it is incomplete: `ls`, `get`, `diff` and `restore` pass over it unless it is given by its id or name";

/// Runs `describe`.
pub(crate) async fn run(args: DescribeArgs, session: &Session) -> anyhow::Result<ExitStatus> {
    // Whoever asks about the latest wants to learn that it is incomplete.
    let opened = point::open(&args.restore_point, Incomplete::Allow, session).await?;
    let printer = &session.printer;
    if opened.point.summary.completeness == Completeness::Incomplete
        && opened.is_meant_by_time(&args.restore_point)
    {
        printer.note(PASSED_OVER);
    }
    let restore = restore_of(&opened).await?;
    match args.output.format {
        RecordFormat::Json => printer.exact(&document::to_json(&record(&opened, restore.as_ref())?)?)?,
        RecordFormat::Yaml => printer.exact(&document::to_yaml(&record(&opened, restore.as_ref())?)?)?,
        RecordFormat::Name => printer.data(&opened.point.id.0)?,
        RecordFormat::Table | RecordFormat::Wide => {
            let (now, zone) = (Timestamp::now(), TimeZone::system());
            let mut text = restore_points::describe(&opened.point, &opened.manifest, now, &zone);
            if let Some((run, planned, done)) = &restore {
                text.push_str(&restores::journal(run, planned, done));
            }
            printer.data(&text)?;
        }
    }
    Ok(ExitStatus::Done)
}

/// A restore with what it meant to do and what came of it.
type Journal = (RestoreRun, Vec<PlannedChange>, Vec<DoneChange>);

/// The restore that an undo point belongs to; none for a restore point.
async fn restore_of(opened: &OpenPoint) -> anyhow::Result<Option<Journal>> {
    if opened.point.summary.restore.is_none() {
        return Ok(None);
    }
    let (repository, id) = (opened.repository.clone(), opened.point.id.clone());
    blocking(move || {
        let found = journal::runs(&repository)?.into_iter().find(|run| run.undo_point.id == id);
        let Some(run) = found else { return Ok(None) };
        let planned = journal::planned(&repository, &run)?;
        let mut done = journal::done(&repository, &run)?;
        for change in &mut done {
            change.written = None;
        }
        Ok(Some((run, planned, done)))
    })
    .await
}

/// What `list` prints of it and what its manifest adds.
fn record(opened: &OpenPoint, restore: Option<&Journal>) -> anyhow::Result<Value> {
    let mut record = serde_json::to_value(&opened.point)?;
    if let (Value::Object(record), Value::Object(manifest)) =
        (&mut record, serde_json::to_value(&opened.manifest)?)
    {
        record.extend(manifest);
        if let Some((run, planned, done)) = restore {
            record.insert("state".to_owned(), serde_json::to_value(run.state)?);
            record.insert("planned".to_owned(), serde_json::to_value(planned)?);
            record.insert("done".to_owned(), serde_json::to_value(done)?);
        }
    }
    Ok(record)
}
