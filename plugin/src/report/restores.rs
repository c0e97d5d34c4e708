//! Restores and how they ended: the list, and the journal of one.

use std::{collections::HashMap, fmt::Write as _};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::model::{
    restore_point::RestorePointId,
    restore_record::{DoneChange, PlannedChange},
    restore_run::RestoreRun,
};

use super::{age::age, restore::State as _, table::Table};

/// Objects of a journal that are shown to a person.
const MOST_LINES: usize = 200;

/// What is counted, by its column and its word.
const COUNTED: [(&str, &str); 6] = [
    ("CREATED", "created"),
    ("PATCHED", "patched"),
    ("REPLACED", "replaced"),
    ("RENAMED", "renamed"),
    ("DELETED", "deleted"),
    ("REFUSED", "refused"),
];

/// The list, in the order given.
pub fn list(runs: &[RestoreRun], now: Timestamp, wide: bool) -> Table {
    let mut columns = vec!["ID", "AGE", "RESTORED", "SCOPE"];
    columns.extend(COUNTED.iter().map(|(column, _)| *column));
    columns.push("STATE");
    if wide {
        columns.extend(["PLANNED", "GOES-ON-WITH", "TAKES-BACK", "CONTEXT", "BEGUN"]);
    }
    let mut table = Table::new(columns);
    for run in runs {
        let point = &run.undo_point;
        let mut row = vec![
            point.id.short().to_owned(),
            age(now, point.created),
            run.mark.name.clone(),
            point.summary.scope.clone(),
        ];
        // Of a run that left no word nobody knows how far it came.
        let count = |word: &str| run.count(word).map_or_else(|| "-".to_owned(), |count| count.to_string());
        row.extend(COUNTED.iter().map(|(_, word)| count(word)));
        row.push(run.state.word().to_owned());
        if wide {
            let id =
                |id: &Option<RestorePointId>| id.as_ref().map_or("-".to_owned(), |id| id.short().to_owned());
            row.extend([
                planned(run),
                id(&run.mark.continues),
                id(&run.mark.undoes),
                point.summary.context.clone(),
                point.created.to_string(),
            ]);
        }
        table.push(row);
    }
    table
}

/// `100 create, 3 patch`.
fn planned(run: &RestoreRun) -> String {
    let counts: Vec<_> = run.mark.counts.iter().map(|(word, count)| format!("{count} {word}")).collect();
    if counts.is_empty() { "-".to_owned() } else { counts.join(", ") }
}

/// One restore for programs.
pub fn record(run: &RestoreRun) -> Value {
    let point = &run.undo_point;
    let result = run.result.as_ref().and_then(|result| result.summary.restore.as_ref());
    json!({
        "id": point.id,
        "created": point.created,
        "ended": run.result.as_ref().map(|result| result.created),
        "state": run.state,
        "restorePoint": run.mark.restore_point,
        "restorePointName": run.mark.name,
        "scope": point.summary.scope,
        "planned": run.mark.counts,
        "done": result.map(|mark| &mark.counts),
        "continues": run.mark.continues,
        "undoes": run.mark.undoes,
        "context": point.summary.context,
        "clusterUid": point.summary.cluster_uid,
    })
}

/// The journal of one restore, for a person.
pub fn journal(run: &RestoreRun, planned: &[PlannedChange], done: &[DoneChange]) -> String {
    let mut text = String::new();
    let mark = &run.mark;
    let id = |id: &RestorePointId| id.short().to_owned();
    let mut facts = vec![
        ("State", run.state.word().to_owned()),
        ("Restored", format!("{} ({})", mark.name, id(&mark.restore_point))),
    ];
    facts.extend(mark.continues.iter().map(|other| ("Goes on with", id(other))));
    facts.extend(mark.undoes.iter().map(|other| ("Takes back", id(other))));
    text.push_str("Restore:\n");
    for (label, value) in facts {
        let _ = writeln!(text, "  {:<14}{}", format!("{label}:"), super::terminal::clean_line(&value));
    }
    let outcomes: HashMap<_, _> = done.iter().map(|change| (&change.target, change)).collect();
    let mut table = Table::new(["PLANNED", "NAMESPACE", "OBJECT", "OUTCOME", "REASON"]);
    for change in planned.iter().take(MOST_LINES) {
        let outcome = outcomes.get(&change.target);
        table.push([
            change.change.word().to_owned(),
            change.target.namespace.clone().unwrap_or_else(|| "-".to_owned()),
            format!("{}/{}", change.target.resource, change.target.name),
            outcome.map_or("-", |outcome| outcome.outcome.word()).to_owned(),
            outcome.and_then(|outcome| outcome.reason.clone()).unwrap_or_else(|| "-".to_owned()),
        ]);
    }
    text.push_str("Journal:\n");
    for line in table.render(true).lines() {
        let _ = writeln!(text, "  {line}");
    }
    if planned.len() > MOST_LINES {
        let _ = writeln!(text, "  … and {} more; -o json lists all", planned.len() - MOST_LINES);
    }
    text
}
