//! `kubectl backup list`.

use jiff::Timestamp;
use serde_json::json;

use crate::{
    archive::Repository,
    cli::{inspect::ListArgs, output::RecordFormat},
    exit::ExitStatus,
    plan::point_reference::holds_namespace,
    report::{document, restore_points, restores as report},
};

use super::{
    journal,
    session::{Session, blocking},
};

/// Runs `list`.
pub(crate) async fn run(args: ListArgs, session: &Session) -> anyhow::Result<ExitStatus> {
    let repository = session.repository().await?;
    if args.restores {
        return restores(args, repository, session).await;
    }
    let (mut points, has_lost_them) = blocking(move || {
        let points = repository.restore_points()?;
        let has_lost_them = points.is_empty() && !repository.is_empty()?;
        Ok((points, has_lost_them))
    })
    .await?;
    if !args.namespaces.is_empty() {
        points.retain(|point| args.namespaces.iter().any(|namespace| holds_namespace(point, namespace)));
    }
    let printer = &session.printer;
    match args.output.output.format {
        RecordFormat::Json => printer.exact(&document::to_json(&json!({ "items": points }))?)?,
        RecordFormat::Yaml => printer.exact(&document::to_yaml(&json!({ "items": points }))?)?,
        RecordFormat::Name => {
            let ids: Vec<&str> = points.iter().map(|point| point.id.0.as_str()).collect();
            printer.data(&ids.join("\n"))?;
        }
        RecordFormat::Table | RecordFormat::Wide if points.is_empty() => {
            printer.note(&match args.namespaces.as_slice() {
                _ if has_lost_them => {
                    "No restore points found, though data is stored: they were deleted, or \
                                               the files in `snapshots` of the repository are lost."
                        .to_owned()
                }
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

/// `list --restores`.
async fn restores(args: ListArgs, repository: Repository, session: &Session) -> anyhow::Result<ExitStatus> {
    let mut runs = blocking(move || journal::runs(&repository)).await?;
    if !args.namespaces.is_empty() {
        runs.retain(|run| args.namespaces.iter().any(|name| holds_namespace(&run.undo_point, name)));
    }
    let printer = &session.printer;
    let records = || json!({ "items": runs.iter().map(report::record).collect::<Vec<_>>() });
    match args.output.output.format {
        RecordFormat::Json => printer.exact(&document::to_json(&records())?)?,
        RecordFormat::Yaml => printer.exact(&document::to_yaml(&records())?)?,
        RecordFormat::Name => {
            let ids: Vec<&str> = runs.iter().map(|run| run.undo_point.id.0.as_str()).collect();
            printer.data(&ids.join("\n"))?;
        }
        RecordFormat::Table | RecordFormat::Wide if runs.is_empty() => printer.note("No restores found."),
        format => {
            let table = report::list(&runs, Timestamp::now(), format == RecordFormat::Wide);
            printer.data(&table.render(!args.output.no_headers))?;
        }
    }
    Ok(ExitStatus::Done)
}
