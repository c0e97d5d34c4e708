//! `kubectl backup describe`.

use jiff::{Timestamp, tz::TimeZone};
use serde_json::Value;

use crate::{
    cli::{inspect::DescribeArgs, output::RecordFormat},
    exit::ExitStatus,
    plan::point_reference::Incomplete,
    report::{document, restore_points},
};

use super::{
    point::{self, OpenPoint},
    session::Session,
};

/// Runs `describe`.
pub(crate) async fn run(args: DescribeArgs, session: &Session) -> anyhow::Result<ExitStatus> {
    // Whoever asks about the latest wants to learn that it is incomplete.
    let opened = point::open(&args.restore_point, Incomplete::Allow, session).await?;
    let printer = &session.printer;
    match args.output {
        RecordFormat::Json => printer.exact(&document::to_json(&record(&opened)?)?)?,
        RecordFormat::Yaml => printer.exact(&document::to_yaml(&record(&opened)?)?)?,
        RecordFormat::Name => printer.data(&opened.point.id.0)?,
        RecordFormat::Table | RecordFormat::Wide => printer.data(&restore_points::describe(
            &opened.point,
            &opened.manifest,
            Timestamp::now(),
            &TimeZone::system(),
        ))?,
    }
    Ok(ExitStatus::Done)
}

/// What `list` prints of it and what its manifest adds.
fn record(opened: &OpenPoint) -> anyhow::Result<Value> {
    let mut record = serde_json::to_value(&opened.point)?;
    if let (Value::Object(record), Value::Object(manifest)) =
        (&mut record, serde_json::to_value(&opened.manifest)?)
    {
        record.extend(manifest);
    }
    Ok(record)
}
