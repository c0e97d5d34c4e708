//! The state of hooks for people.

use std::fmt::Write;

use hook_protocol::{
    lease::{Ending, Expiry, Stage},
    message::{Grants, HookStatus},
};

use super::{
    freeze::milliseconds,
    table::{NONE, Table},
    terminal::clean_line,
};

/// Characters of a text from a runtime that are shown.
const LONGEST: usize = 200;

/// As kubectl says it.
const UNKNOWN: &str = "<unknown>";

/// One line for each hook: namespace, pod, its name, and what its runtime says, if it answers.
pub fn status(rows: &[(&str, &str, &str, Option<&HookStatus>)], wide: bool) -> Table {
    let mut columns = vec!["NAMESPACE", "POD", "HOOK", "STATE", "HELD FOR", "LAST", "LAST END"];
    if wide {
        columns.extend(["COMPONENT", "FREEZES"]);
    }
    let (mut table, columns) = (Table::new(columns.clone()), columns.len());
    for (namespace, pod, name, hook) in rows {
        let mut row = vec![(*namespace).to_owned(), (*pod).to_owned(), (*name).to_owned()];
        let Some(hook) = hook else {
            row.push("NO ANSWER".to_owned());
            row.resize(columns, UNKNOWN.to_owned());
            table.push(row);
            continue;
        };
        row.extend([
            stage(hook.state).to_owned(),
            shortened(hook.held_for.as_deref().unwrap_or(NONE)),
            hook.last.as_ref().map_or_else(|| NONE.to_owned(), |last| shortened(&last.restore_point)),
            hook.last.as_ref().map_or_else(|| NONE.to_owned(), ending),
        ]);
        if wide {
            row.extend([shortened(&hook.component), shortened(&hook.freezes)]);
        }
        table.push(row);
    }
    table
}

/// All that a runtime says of a hook, in the manner of `kubectl describe`.
pub fn show(pod: &str, port: u16, hook: &HookStatus) -> String {
    let last = hook.last.as_ref();
    let Grants { connect, secrets, mounts, folders, memory } = &hook.grants;
    let facts = [
        ("Hook", hook.name.clone()),
        ("Pod", pod.to_owned()),
        ("Port", port.to_string()),
        ("Component", shortened(&hook.component)),
        ("Freezes", shortened(&hook.freezes)),
        ("Expiry", expiry(hook.expiry).to_owned()),
        ("Connects to", names(connect)),
        ("Secrets", names(secrets)),
        ("Mounts", names(mounts)),
        ("Folders", names(folders)),
        ("Memory", format!("{memory} MiB")),
        ("State", stage(hook.state).to_owned()),
        ("Held for", shortened(hook.held_for.as_deref().unwrap_or(NONE))),
        ("Last", last.map_or_else(|| NONE.to_owned(), |last| shortened(&last.restore_point))),
        ("Last end", last.map_or_else(|| NONE.to_owned(), ending)),
    ];
    let mut text = String::new();
    for (label, value) in facts {
        let _ = writeln!(text, "{:<13}{}", format!("{label}:"), clean_line(&value));
    }
    text
}

fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Free => "free",
        Stage::Preparing => "preparing",
        Stage::Prepared => "prepared",
        Stage::Freezing => "freezing",
        Stage::Frozen => "frozen",
        Stage::Checking => "checking",
        Stage::Thawing => "thawing",
        Stage::Stuck => "STUCK",
    }
}

fn expiry(expiry: Expiry) -> &'static str {
    match expiry {
        Expiry::SessionBound => "ends with the session that made it",
        Expiry::SelfExpiring => "ends by a timer in the application",
        Expiry::WithoutExpiry => "ends only by a thaw",
    }
}

fn ending(ending: &Ending) -> String {
    let time = milliseconds(u64::try_from(ending.frozen.as_millis()).unwrap_or(u64::MAX));
    match (ending.broken, ending.thawed) {
        (None, _) => format!("thawed after {time}"),
        (Some(cause), true) => format!("broken ({}), thawed after {time}", cause.name()),
        (Some(cause), false) => format!("NOT THAWED ({}), for {time}", cause.name()),
    }
}

fn names(names: &[String]) -> String {
    if names.is_empty() { NONE.to_owned() } else { shortened(&names.join(", ")) }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hook_protocol::lease::Cause;

    use super::*;

    fn hook(state: Stage, last: Option<Ending>) -> HookStatus {
        HookStatus {
            name: "db".to_owned(),
            component: "postgres 1.0.0".to_owned(),
            freezes: "the\u{1b}[2J database".to_owned(),
            expiry: Expiry::SessionBound,
            grants: Grants {
                connect: vec!["127.0.0.1:5432".to_owned(), "[::1]:5432".to_owned()],
                secrets: vec!["password".to_owned()],
                memory: 32,
                ..Grants::default()
            },
            state,
            held_for: None,
            last,
        }
    }

    #[test]
    fn a_hook_that_is_stuck_stands_out() {
        let last = Ending {
            restore_point: "shop-1".to_owned(),
            broken: Some(Cause::ThawFailed),
            thawed: false,
            frozen: Duration::from_millis(61_234),
        };
        let text = show("shop/db-0", 9911, &hook(Stage::Stuck, Some(last)));
        insta::assert_snapshot!(text, @r"
        Hook:        db
        Pod:         shop/db-0
        Port:        9911
        Component:   postgres 1.0.0
        Freezes:     the␛[2J database
        Expiry:      ends with the session that made it
        Connects to: 127.0.0.1:5432, [::1]:5432
        Secrets:     password
        Mounts:      <none>
        Folders:     <none>
        Memory:      32 MiB
        State:       STUCK
        Held for:    <none>
        Last:        shop-1
        Last end:    NOT THAWED (thaw-failed), for 61.2 s
        ");
    }

    #[test]
    fn a_line_for_each() {
        let free = hook(Stage::Free, None);
        let text =
            status(&[("shop", "db-0", "db", Some(&free)), ("shop", "db-1", "db", None)], false).render(true);
        insta::assert_snapshot!(text, @r"
        NAMESPACE   POD    HOOK   STATE       HELD FOR    LAST        LAST END
        shop        db-0   db     free        <none>      <none>      <none>
        shop        db-1   db     NO ANSWER   <unknown>   <unknown>   <unknown>
        ");
    }
}
