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
        "\nTo do without them, add: --exclude {}\nTo have them, ask for the rights that `kubectl backup doctor` names.",
        kinds.join(",")
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
    fn one_kind_keeps_its_reason() {
        assert_eq!(
            warnings(&[entry("pods", &["shop"], true)], "not saved"),
            ["not saved: pods in namespace shop: no (ask)"]
        );
    }
}
