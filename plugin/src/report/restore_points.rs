//! Restore points for people: the list, and all there is to know about one.

use std::fmt::Write;

use jiff::{Timestamp, tz::TimeZone};

use super::{
    age::age,
    freeze,
    size::size,
    table::{NONE, Table},
    terminal::clean_line,
};
use crate::model::restore_point::{Completeness, KindEntry, Manifest, RestorePoint};

/// Namespaces that a row names before it counts the rest.
const NAMED: usize = 3;

/// The list, in the order given.
pub fn list(points: &[RestorePoint], now: Timestamp, wide: bool) -> Table {
    let mut columns = vec!["ID", "NAME", "AGE", "SCOPE", "OBJECTS", "SIZE", "COMPLETE"];
    if wide {
        columns.extend(["CONSISTENCY", "NAMESPACES", "CONTEXT", "CREATED"]);
    }
    let mut table = Table::new(columns);
    for point in points {
        let summary = &point.summary;
        let mut row = vec![
            point.id.short().to_owned(),
            summary.name.clone(),
            age(now, point.created),
            summary.scope.clone(),
            summary.objects.to_string(),
            size(summary.bytes),
            yes_or_no(summary.completeness).to_owned(),
        ];
        if wide {
            row.extend([
                summary.consistency.map_or(NONE, freeze::consistency).to_owned(),
                namespaces(&summary.namespaces, summary.namespace_count, NAMED),
                summary.context.clone(),
                point.created.to_string(),
            ]);
        }
        table.push(row);
    }
    table
}

fn yes_or_no(completeness: Completeness) -> &'static str {
    match completeness {
        Completeness::Complete => "yes",
        Completeness::Incomplete => "no",
    }
}

fn namespaces(names: &[String], count: u64, most: usize) -> String {
    let shown = names.iter().take(most).map(String::as_str).collect::<Vec<_>>().join(",");
    match count.saturating_sub(names.len().min(most) as u64) {
        0 => shown,
        more => format!("{shown} + {more} more"),
    }
}

/// Everything about one restore point, in the manner of `kubectl describe`.
pub fn describe(point: &RestorePoint, manifest: &Manifest, now: Timestamp, time_zone: &TimeZone) -> String {
    let summary = &manifest.summary;
    let created = point.created.to_zoned(time_zone.clone());
    let complete = match (summary.completeness, manifest.missing.len()) {
        (Completeness::Complete, _) => "yes".to_owned(),
        (Completeness::Incomplete, count) => format!("no, see Missing ({count})"),
    };
    let names = namespaces(&summary.namespaces, summary.namespace_count, summary.namespaces.len());
    let facts = [
        ("Name", summary.name.clone()),
        ("ID", point.id.0.clone()),
        ("Created", format!("{} ({} ago)", created.strftime("%F %T %:z"), age(now, point.created))),
        ("Complete", complete),
        ("Scope", summary.scope.clone()),
        ("Namespaces", if names.is_empty() { NONE.to_owned() } else { names }),
        ("Objects", summary.objects.to_string()),
        ("Size", format!("{} of JSON, before deduplication and compression", size(summary.bytes))),
        ("Context", summary.context.clone()),
        ("Cluster", or_none(&summary.cluster_uid)),
        ("Kubernetes", or_none(&manifest.server_version)),
        ("Written by", format!("kubectl-backup {}", manifest.written_by)),
    ];
    let mut text = String::new();
    for (label, value) in facts {
        let _ = writeln!(text, "{:<13}{}", format!("{label}:"), clean_line(&value));
    }
    section(&mut text, "Missing", &missing(manifest));
    if let Some(record) = &manifest.freeze {
        text.push_str(&freeze::describe(record));
    }
    section(&mut text, "Kinds", &kinds(manifest));
    section(&mut text, "Left out", &left_out(manifest));
    if !manifest.warnings.is_empty() {
        text.push_str("Warnings:\n");
        for warning in &manifest.warnings {
            let _ = writeln!(text, "  {}", clean_line(warning));
        }
    }
    text
}

fn or_none(text: &str) -> String {
    if text.is_empty() { NONE.to_owned() } else { text.to_owned() }
}

fn section(text: &mut String, title: &str, table: &Table) {
    if table.is_empty() {
        return;
    }
    let _ = writeln!(text, "{title}:");
    for line in table.render(true).lines() {
        let _ = writeln!(text, "  {line}");
    }
}

fn missing(manifest: &Manifest) -> Table {
    let mut table = Table::new(["WHAT", "NAMESPACES", "REASON", "REMEDY"]);
    for missing in &manifest.missing {
        let namespaces =
            if missing.namespaces.is_empty() { "all".to_owned() } else { missing.namespaces.join(",") };
        table.push([missing.what.clone(), namespaces, missing.reason.clone(), missing.remedy.clone()]);
    }
    table
}

fn kinds(manifest: &Manifest) -> Table {
    let mut table = Table::new(["KIND", "VERSION", "OBJECTS", "SIZE"]);
    for entry in manifest.saved_kinds() {
        table.push([
            entry.kind.resource.to_string(),
            versions(entry),
            entry.objects.to_string(),
            size(entry.bytes),
        ]);
    }
    table
}

/// `v1`, or `v2,v1` where it was saved at both.
fn versions(entry: &KindEntry) -> String {
    let others = entry.other_versions.iter().map(|other| other.version.as_str());
    std::iter::once(entry.kind.version.as_str()).chain(others).collect::<Vec<_>>().join(",")
}

fn left_out(manifest: &Manifest) -> Table {
    let mut table = Table::new(["KIND", "OBJECTS", "REASON"]);
    for left_out in &manifest.left_out {
        let objects =
            if left_out.objects == 0 { "not listed".to_owned() } else { left_out.objects.to_string() };
        table.push([left_out.resource.to_string(), objects, left_out.reason.clone()]);
    }
    table
}
