//! `kubectl backup list`.

use jiff::Timestamp;
use serde_json::json;

use crate::{
    cli::{inspect::ListArgs, output::RecordFormat},
    exit::ExitStatus,
    plan::point_reference::holds_namespace,
    report::{document, restore_points},
};

use super::session::{Session, blocking};

/// Runs `list`.
pub(crate) async fn run(args: ListArgs, session: &Session) -> anyhow::Result<ExitStatus> {
    let repository = session.repository().await?;
    let mut points = blocking(move || Ok(repository.restore_points()?)).await?;
    if !args.namespaces.is_empty() {
        points.retain(|point| args.namespaces.iter().any(|namespace| holds_namespace(point, namespace)));
    }
    let printer = &session.printer;
    match args.output.output {
        RecordFormat::Json => printer.exact(&document::to_json(&json!({ "items": points }))?)?,
        RecordFormat::Yaml => printer.exact(&document::to_yaml(&json!({ "items": points }))?)?,
        RecordFormat::Name => {
            let ids: Vec<&str> = points.iter().map(|point| point.id.0.as_str()).collect();
            printer.data(&ids.join("\n"))?;
        }
        RecordFormat::Table | RecordFormat::Wide if points.is_empty() => {
            printer.note(&match args.namespaces.as_slice() {
                [] => "No restore points found.".to_owned(),
                names => format!("No restore points found that hold {}.", names.join(" or ")),
            });
        }
        format => {
            let table = restore_points::list(&points, Timestamp::now(), format == RecordFormat::Wide);
            printer.data(&table.render(!args.output.no_headers))?;
        }
    }
    Ok(ExitStatus::Done)
}
