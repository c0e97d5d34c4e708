//! What a restore point misses, for people: one paragraph for all that may not be read, a line for each other thing.

use std::{collections::BTreeMap, fmt::Write as _};

use crate::model::restore_point::Missing;

use super::create::{missing, shortened};

/// Kinds named for each place.
const SHOWN: usize = 5;

/// One text for each warning. Kinds that the caller may not read are told together, with what to add to the command line
/// to do without them.
pub fn warnings(entries: &[Missing], verb: &str) -> Vec<String> {
    let (forbidden, others): (Vec<&Missing>, Vec<&Missing>) =
        entries.iter().partition(|entry| entry.forbidden);
    let mut texts: Vec<String> = others.iter().map(|entry| missing(entry, verb)).collect();
    match forbidden.as_slice() {
        [] => {}
        [only] => texts.push(missing(only, verb)),
        several => texts.push(together(several, verb)),
    }
    texts
}

/// What a restore point misses, in one sentence: kinds with the same reason together.
pub fn losses(entries: &[Missing]) -> String {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for entry in entries {
        // Each kind that may not be read has a reason of its own, which says no more than that.
        let reason =
            if entry.forbidden { "which could not be read for want of rights" } else { &entry.reason };
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, kinds)) if kinds.contains(&entry.what.as_str()) => {}
            Some((_, kinds)) => kinds.push(&entry.what),
            None => reasons.push((reason, vec![&entry.what])),
        }
    }
    let told = reasons.iter().map(|(reason, kinds)| format!("{} ({reason})", counted(kinds)));
    told.collect::<Vec<_>>().join("; ")
}

/// The longest line of `--exclude`, in characters.
const LONGEST_LINE: usize = 100;

/// ` --exclude` of these kinds, to stand behind a colon; on lines of their own, as a shell takes them, where one would be very
/// long.
pub fn excluding(kinds: &[&str]) -> String {
    let mut lines: Vec<String> = Vec::new();
    for kind in kinds {
        match lines.last_mut() {
            Some(line) if line.len() + kind.len() < LONGEST_LINE => {
                line.push(',');
                line.push_str(kind);
            }
            _ => lines.push(format!("--exclude {kind}")),
        }
    }
    match lines.as_slice() {
        [only] => format!(" {only}"),
        several => format!("\n  {}", several.join(" \\\n  ")),
    }
}

fn together(entries: &[&Missing], verb: &str) -> String {
    let mut places: BTreeMap<&[String], Vec<&str>> = BTreeMap::new();
    let mut kinds: Vec<&str> = Vec::new();
    for entry in entries {
        places.entry(&entry.namespaces).or_default().push(&entry.what);
        if !kinds.contains(&entry.what.as_str()) {
            kinds.push(&entry.what);
        }
    }
    let mut text = format!("{verb}: {} kinds that you may not read", kinds.len());
    for (namespaces, of_place) in places {
        let place = match namespaces {
            [] => String::new(),
            [namespace] => format!(" in namespace {namespace}"),
            names => format!(" in {} namespaces ({})", names.len(), shortened(names)),
        };
        // Writing to a string cannot fail.
        let _ = write!(text, "\n  {}{place}", counted(&of_place));
    }
    let _ = write!(
        text,
        "\nTo do without them, add:{}\nTo have them, ask for the rights that `kubectl backup doctor` names.",
        excluding(&kinds)
    );
    text
}

/// `pods, secrets and 3 more`; the command line below has them all.
fn counted(kinds: &[&str]) -> String {
    match kinds.len().checked_sub(SHOWN) {
        Some(more @ 1..) => format!("{} and {more} more", kinds[..SHOWN].join(", ")),
        _ => kinds.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(what: &str, namespaces: &[&str], forbidden: bool) -> Missing {
        Missing {
            what: what.to_owned(),
            namespaces: namespaces.iter().map(|&name| name.to_owned()).collect(),
            reason: "no".to_owned(),
            remedy: "ask".to_owned(),
            forbidden,
        }
    }

    #[test]
    fn kinds_that_may_not_be_read_are_told_together() {
        let entries = [
            entry("pods", &["shop"], true),
            entry("zoo.example/v1", &[], false),
            entry("secrets", &["shop"], true),
            entry("secrets", &["a", "b"], true),
            entry("namespaces", &[], true),
        ];
        insta::assert_snapshot!(warnings(&entries, "not saved").join("\n---\n"), @r"
        not saved: zoo.example/v1: no (ask)
        ---
        not saved: 3 kinds that you may not read
          namespaces
          secrets in 2 namespaces (a, b)
          pods, secrets in namespace shop
        To do without them, add: --exclude pods,secrets,namespaces
        To have them, ask for the rights that `kubectl backup doctor` names.
        ");
    }

    #[test]
    fn a_long_line_is_several_that_a_shell_joins() {
        let kinds: Vec<String> = (0..9).map(|number| format!("kind-number-{number}.example.com")).collect();
        let kinds: Vec<&str> = kinds.iter().map(String::as_str).collect();
        assert_eq!(excluding(&kinds[..2]), " --exclude kind-number-0.example.com,kind-number-1.example.com");
        insta::assert_snapshot!(format!("Add:{}", excluding(&kinds)), @r"
        Add:
          --exclude kind-number-0.example.com,kind-number-1.example.com,kind-number-2.example.com \
          --exclude kind-number-3.example.com,kind-number-4.example.com,kind-number-5.example.com \
          --exclude kind-number-6.example.com,kind-number-7.example.com,kind-number-8.example.com
        ");
    }

    #[test]
    fn losses_with_one_reason_are_told_together() {
        let mut entries: Vec<Missing> =
            ["a", "b", "c", "d", "e", "f", "g"].iter().map(|kind| entry(kind, &["shop"], true)).collect();
        entries.push(entry("zoo.example/v1", &[], false));
        assert_eq!(
            losses(&entries),
            "a, b, c, d, e and 2 more (which could not be read for want of rights); zoo.example/v1 (no)"
        );
    }

    #[test]
    fn one_kind_keeps_its_reason() {
        assert_eq!(
            warnings(&[entry("pods", &["shop"], true)], "not saved"),
            ["not saved: pods in namespace shop: no (ask)"]
        );
    }
}
