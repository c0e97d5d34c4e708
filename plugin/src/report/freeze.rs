//! Freezes for people: what held, what did not, and how long it took.

use std::fmt::Write;

use hook_protocol::receipt::{Consistency, FactValue, Need};

use crate::model::freeze::{FreezeRecord, HookEnd, HookRecord};

use super::{
    table::{NONE, Table},
    terminal::clean_line,
};

/// Characters of a fact that a table shows.
const LONGEST_FACT: usize = 60;

/// `1 hook`, `3 hooks`.
pub fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// `application`, in the words of the protocol.
pub fn consistency(consistency: Consistency) -> &'static str {
    match consistency {
        Consistency::Crash => "crash",
        Consistency::Filesystem => "filesystem",
        Consistency::Application => "application",
    }
}

/// One line on a freeze that held.
pub fn held(record: &FreezeRecord) -> String {
    let mut text = format!("{} thawed", counted(record.hooks.len(), "hook"));
    if let Some(frozen) = record.frozen_ms {
        let _ = write!(text, ", frozen for {}", milliseconds(frozen));
    }
    text
}

/// What the user must know of hooks that did not thaw as asked, a line each.
pub fn warnings(record: &FreezeRecord) -> Vec<String> {
    let hooks = record.hooks.iter().filter_map(|hook| {
        let state = match hook.end {
            HookEnd::Stuck => "is NOT THAWED: its runtime tries again and again; look at the application",
            HookEnd::Unknown => {
                "cannot be asked whether it is thawed: its runtime thaws by itself when it hears nothing more"
            }
            HookEnd::NotBegun | HookEnd::Thawed | HookEnd::Broken => return None,
        };
        Some(format!("hook {} of pod {}/{} {state}", hook.hook, hook.namespace, hook.pod))
    });
    hooks.collect()
}

/// Everything about a freeze, as a part of `describe`.
pub fn describe(record: &FreezeRecord) -> String {
    let mut text = String::from("Freeze:\n");
    let time = |time: Option<u64>| time.map_or_else(|| NONE.to_owned(), milliseconds);
    let mut facts = vec![
        ("Consistency", consistency(record.consistency).to_owned()),
        ("Frozen for", format!("{} of at most {}", time(record.frozen_ms), milliseconds(record.budget_ms))),
        ("Cut", time(record.cut_ms)),
    ];
    if !record.namespaces.is_empty() {
        facts.push(("Read frozen", format!("objects of {}", record.namespaces.join(", "))));
    }
    if let Some(failure) = &record.failure {
        facts.push(("Failure", failure.clone()));
    }
    for (label, value) in facts {
        let _ = writeln!(text, "  {:<13}{}", format!("{label}:"), clean_line(&value));
    }
    indent(&mut text, &hooks(&record.hooks, true).render(true));
    indent(&mut text, &kept(&record.hooks).render(true));
    text
}

/// Hooks and how they did.
pub fn hooks(hooks: &[HookRecord], wide: bool) -> Table {
    let mut columns =
        vec!["HOOK", "POD", "COMPONENT", "ORDER", "PREPARE", "FREEZE", "CHECK", "THAW", "FROZEN", "END"];
    if wide {
        columns.extend(["CONSISTENCY", "FAILURE"]);
    }
    let mut table = Table::new(columns);
    for hook in hooks {
        let mut row = vec![
            hook.hook.clone(),
            format!("{}/{}", hook.namespace, hook.pod),
            hook.component.clone(),
            hook.order.to_string(),
        ];
        row.extend(["prepare", "freeze", "check", "thaw"].map(|step| took(hook, step)));
        row.push(hook.frozen_ms.map_or_else(|| NONE.to_owned(), milliseconds));
        row.push(match &hook.broken {
            Some(cause) => format!("{} ({cause})", hook.end.words()),
            None => hook.end.words().to_owned(),
        });
        if wide {
            row.push(hook.consistency.map_or(NONE, consistency).to_owned());
            row.push(hook.failure.clone().unwrap_or_else(|| NONE.to_owned()));
        }
        table.push(row);
    }
    table
}

/// The longest time that a step of this name took.
fn took(hook: &HookRecord, step: &str) -> String {
    let taken = hook.steps.iter().filter(|taken| taken.step == step).map(|taken| taken.ms).max();
    taken.map_or_else(|| NONE.to_owned(), milliseconds)
}

fn kept(hooks: &[HookRecord]) -> Table {
    let mut table = Table::new(["HOOK", "KEPT", "VALUE"]);
    for hook in hooks {
        for fact in &hook.facts {
            let value = match &fact.value {
                FactValue::Text(text) => shortened(text),
                FactValue::Base64(bytes) => format!("{} bytes", bytes.len()),
            };
            table.push([hook.hook.clone(), fact.name.clone(), value]);
        }
        for need in &hook.needs {
            let value = match need {
                Need::Recover => "the hook's recover, before the application starts".to_owned(),
                Need::Instruction(text) => text.clone(),
            };
            table.push([hook.hook.clone(), "a restore needs".to_owned(), value]);
        }
    }
    table
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST_FACT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn indent(text: &mut String, table: &str) {
    for line in table.lines() {
        let _ = writeln!(text, "  {line}");
    }
}

/// `45 ms`, `1.2 s`.
pub fn milliseconds(milliseconds: u64) -> String {
    if milliseconds < 1000 {
        return format!("{milliseconds} ms");
    }
    format!("{}.{} s", milliseconds / 1000, milliseconds % 1000 / 100)
}
