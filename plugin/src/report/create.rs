//! What `create` prints: the restore point it made, or what a dry run found.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    cli::output::RecordFormat,
    model::restore_point::{Completeness, Manifest, Missing, RestorePoint, RestorePointId},
};

use super::{
    document::{DocumentError, to_json, to_yaml},
    freeze,
    size::size,
    table::Table,
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Saved<'a> {
    id: &'a RestorePointId,
    created: Timestamp,
    seconds: f64,
    #[serde(flatten)]
    manifest: &'a Manifest,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DryRun<'a> {
    dry_run: bool,
    #[serde(flatten)]
    manifest: &'a Manifest,
}

/// The restore point that was made.
pub fn saved(
    point: &RestorePoint,
    manifest: &Manifest,
    elapsed: Duration,
    format: RecordFormat,
) -> Result<String, DocumentError> {
    let document = Saved { id: &point.id, created: point.created, seconds: elapsed.as_secs_f64(), manifest };
    Ok(match format {
        RecordFormat::Json => to_json(&document)?,
        RecordFormat::Yaml => to_yaml(&document)?,
        RecordFormat::Name => format!("restorepoint/{}", manifest.summary.name),
        RecordFormat::Table | RecordFormat::Wide => {
            let summary = &manifest.summary;
            let incomplete = match summary.completeness {
                Completeness::Complete => "",
                Completeness::Incomplete => ", incomplete",
            };
            let consistency = match &manifest.freeze {
                Some(record) => format!(", {}-consistent", freeze::consistency(record.consistency)),
                None => String::new(),
            };
            let line = format!(
                "restorepoint \"{}\" ({}) saved{incomplete}{consistency}: {}, {}, {}, {:.1}s",
                summary.name,
                point.id,
                counted(summary.objects, "object"),
                size(summary.bytes),
                summary.scope,
                elapsed.as_secs_f64()
            );
            if format == RecordFormat::Wide { format!("{line}\n\n{}", kinds(manifest)) } else { line }
        }
    })
}

/// What would be saved, and what would not and why.
pub fn dry_run(manifest: &Manifest, format: RecordFormat) -> Result<String, DocumentError> {
    let document = DryRun { dry_run: true, manifest };
    Ok(match format {
        RecordFormat::Json => to_json(&document)?,
        RecordFormat::Yaml => to_yaml(&document)?,
        RecordFormat::Name => {
            let names: Vec<String> =
                manifest.saved_kinds().map(|entry| entry.kind.resource.to_string()).collect();
            names.join("\n")
        }
        RecordFormat::Table | RecordFormat::Wide => tables(manifest),
    })
}

fn tables(manifest: &Manifest) -> String {
    let summary = &manifest.summary;
    let mut text = kinds(manifest);
    text.push_str(&format_line(&format!(
        "{}, {}, {} (dry run: nothing was saved)",
        counted(summary.objects, "object"),
        size(summary.bytes),
        summary.scope
    )));
    if !manifest.left_out.is_empty() {
        let mut table = Table::new(["LEFT OUT", "OBJECTS", "REASON"]);
        for entry in &manifest.left_out {
            // A kind that is left out as a whole is not even listed.
            let objects = if entry.objects == 0 { "all".to_owned() } else { entry.objects.to_string() };
            table.push([entry.resource.to_string(), objects, entry.reason.clone()]);
        }
        text.push('\n');
        text.push_str(&table.render(true));
    }
    if !manifest.missing.is_empty() {
        let mut table = Table::new(["MISSING", "NAMESPACES", "REASON"]);
        for entry in &manifest.missing {
            let namespaces =
                if entry.namespaces.is_empty() { "all".to_owned() } else { entry.namespaces.join(",") };
            table.push([entry.what.clone(), namespaces, entry.reason.clone()]);
        }
        text.push('\n');
        text.push_str(&table.render(true));
    }
    text
}

fn kinds(manifest: &Manifest) -> String {
    let mut table = Table::new(["KIND", "OBJECTS", "SIZE"]);
    for entry in manifest.saved_kinds() {
        table.push([entry.kind.resource.to_string(), entry.objects.to_string(), size(entry.bytes)]);
    }
    table.render(true)
}

fn format_line(text: &str) -> String {
    format!("\n{text}\n")
}

/// `1 object`, `3 objects`.
fn counted(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// One line on something asked for that is not in the restore point.
pub fn missing(entry: &Missing, verb: &str) -> String {
    let place = match entry.namespaces.as_slice() {
        [] => String::new(),
        [namespace] => format!(" in namespace {namespace}"),
        namespaces => format!(" in {} namespaces ({})", namespaces.len(), shortened(namespaces)),
    };
    format!("{verb}: {}{place}: {} ({})", entry.what, entry.reason, entry.remedy)
}

/// The first few of them.
pub fn shortened(names: &[String]) -> String {
    const SHOWN: usize = 3;
    let mut text = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text.push_str(", …");
    }
    text
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::everywhere(&[], "not saved: secrets: forbidden (ask)")]
    #[case::in_one(&["shop"], "not saved: secrets in namespace shop: forbidden (ask)")]
    #[case::in_many(&["a", "b", "c", "d"], "not saved: secrets in 4 namespaces (a, b, c, …): forbidden (ask)")]
    fn says_what_is_missing(#[case] namespaces: &[&str], #[case] expected: &str) {
        let entry = Missing {
            what: "secrets".to_owned(),
            namespaces: namespaces.iter().map(|&name| name.to_owned()).collect(),
            reason: "forbidden".to_owned(),
            remedy: "ask".to_owned(),
            forbidden: false,
        };
        assert_eq!(missing(&entry, "not saved"), expected);
    }
}
