//! `kubectl backup check`.

use std::collections::BTreeSet;

use crate::{
    cli::{output::RecordFormat, upkeep::CheckArgs},
    exit::ExitStatus,
    model::check::{CheckDepth, CheckReport, Severity},
    report,
};

use super::session::{Session, blocking};

/// Runs `check`.
pub(crate) async fn run(args: CheckArgs, session: &Session) -> anyhow::Result<ExitStatus> {
    let repository = session.repository().await?;
    let depth = if args.read_data { CheckDepth::Data } else { CheckDepth::Structure };
    let found = blocking(move || Ok(repository.check(depth)?)).await?;
    session.printer.data(&rendered(&found, args.output.format)?)?;
    if !found.is_damaged() {
        return Ok(ExitStatus::Done);
    }
    if depth == CheckDepth::Structure {
        session.printer.note("see every object that is hit: kubectl backup check --read-data");
    }
    session.printer.note(
        "what can be read can be restored, and older restore points may hold the rest: kubectl backup list\n\
         the next backup stores again what it finds changed or lost of what it would build on; it looks into 128 MiB of \
         that at a time",
    );
    Ok(ExitStatus::Failed)
}

fn rendered(found: &CheckReport, format: RecordFormat) -> anyhow::Result<String> {
    Ok(match format {
        RecordFormat::Table => report::check::text(found, false),
        RecordFormat::Wide => report::check::text(found, true),
        RecordFormat::Json => report::document::to_json(found)?,
        RecordFormat::Yaml => report::document::to_yaml(found)?,
        RecordFormat::Name => damaged(found),
    })
}

/// The ids of the restore points that are damaged, one a line.
fn damaged(found: &CheckReport) -> String {
    let ids: BTreeSet<&str> = found
        .findings
        .iter()
        .filter(|finding| finding.severity == Severity::Damage)
        .flat_map(|finding| finding.restore_points.iter().map(|id| id.0.as_str()))
        .collect();
    ids.into_iter().collect::<Vec<_>>().join("\n")
}
