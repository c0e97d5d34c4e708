//! Whether what was read becomes a restore point.

use std::fmt::Write as _;

use crate::{
    model::{
        resource::Scope,
        restore_point::{KindEntry, Manifest},
    },
    report::{create as report, missing},
};

use super::ledger::{Ledger, Provenance};

/// Entries that an error repeats; there can be one for each kind there is.
const MAX_ENTRIES: usize = 10;

/// Kinds that an error names.
const MAX_KINDS: usize = 5;

/// Why there is no restore point although reading came to its end.
#[derive(Debug, thiserror::Error)]
#[error("nothing was saved: {message}")]
pub(crate) struct NothingSaved {
    message: String,
    hint: &'static str,
}

impl NothingSaved {
    /// The next thing to do.
    pub(crate) fn hint(&self) -> String {
        self.hint.to_owned()
    }
}

/// Closes the account, unless what was read must not become a restore point.
pub(super) fn accept(
    ledger: Ledger,
    provenance: Provenance,
    require_complete: bool,
) -> Result<Manifest, NothingSaved> {
    let selection = &provenance.selection;
    // A selector that nothing matches must not leave a restore point that looks like a backup.
    let is_hollow =
        selection.is_narrowed() && !selection.names_namespaces() && ledger.holds_namespaces_alone();
    if ledger.objects() == 0 || is_hollow {
        return Err(nothing_read(ledger, provenance));
    }
    if require_complete && !ledger.missing.is_empty() {
        let missing = missing::warnings(&ledger.missing, "cannot be saved").into_iter();
        return Err(NothingSaved {
            message: format!("not all of it could be read{}", listed(missing)),
            hint: "see to what is missing, or leave it out; without --require-complete the rest is saved",
        });
    }
    Ok(ledger.close(provenance))
}

fn nothing_read(mut ledger: Ledger, provenance: Provenance) -> NothingSaved {
    let forbidden: Vec<String> = ledger.forbidden.iter().cloned().collect();
    let unselectable = ledger.unselectable.take();
    let manifest = ledger.close(provenance);
    let scope = &manifest.summary.scope;
    if !forbidden.is_empty() && forbidden.len() == manifest.missing.len() {
        return NothingSaved {
            message: format!(
                "nothing of {scope} could be read, for listing is forbidden: {}",
                named(&forbidden)
            ),
            hint: "ask for the right to list them, or use --as or another --context; `kubectl backup doctor` tells \
                   what is lacking",
        };
    }
    let was_read = |entry: &KindEntry| entry.kind.scope == Scope::Namespaced;
    if let Some((resource, reason)) = unselectable.filter(|_| !manifest.kinds.iter().any(was_read)) {
        return NothingSaved {
            message: format!("no kind can be selected so ({scope}); {resource}: {reason}"),
            hint: "`metadata.name` and `metadata.namespace` are known to every kind; others only to some",
        };
    }
    let missing = manifest.missing.iter().map(|entry| report::missing(entry, "cannot be saved"));
    let left_out = manifest.left_out.iter().filter(|entry| entry.objects > 0);
    let left_out =
        left_out.map(|entry| format!("{} of {} left out: {}", entry.objects, entry.resource, entry.reason));
    NothingSaved {
        message: format!("no object matches the selection ({scope}){}", listed(missing.chain(left_out))),
        hint: "`kubectl backup create --dry-run` with a wider selection shows what there is",
    }
}

/// `a, b and 3 more`.
fn named(kinds: &[String]) -> String {
    match kinds.len().checked_sub(MAX_KINDS) {
        Some(more @ 1..) => format!("{} and {more} more", kinds[..MAX_KINDS].join(", ")),
        _ => kinds.join(", "),
    }
}

/// A line for each entry, and the count of those that are too many.
fn listed(mut entries: impl Iterator<Item = String>) -> String {
    let mut text = String::new();
    for entry in entries.by_ref().take(MAX_ENTRIES) {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n  {}", entry.replace('\n', "\n  "));
    }
    let more = entries.count();
    if more > 0 {
        let _ = write!(text, "\n  and {more} more");
    }
    text
}

#[cfg(test)]
mod tests {
    use crate::cluster::ListItem;
    use crate::model::{
        facts::ObjectFacts,
        resource::{GroupResource, ResourceType, Scope},
        restore_point::Missing,
        selection::{Namespaces, Selection},
    };

    use super::{super::reader::KindOutcome, *};

    fn provenance() -> Provenance {
        Provenance {
            name: "n".to_owned(),
            cluster_uid: String::new(),
            context: String::new(),
            server_version: String::new(),
            scope: "namespace shop".to_owned(),
            selection: Selection::of(Namespaces::Named(vec!["shop".to_owned()])),
        }
    }

    fn resource_type(plural: &str) -> ResourceType {
        ResourceType::new(GroupResource::new(plural, ""), "v1", plural, Scope::Namespaced)
    }

    /// An account with these kinds missing.
    fn without(kinds: &[&str], is_forbidden: bool) -> Ledger {
        let mut ledger = Ledger::default();
        for &kind in kinds {
            let missing = Missing {
                what: kind.to_owned(),
                namespaces: vec!["shop".to_owned()],
                reason: "no".to_owned(),
                remedy: "ask".to_owned(),
                forbidden: false,
            };
            let outcome = KindOutcome { missing: vec![missing], is_forbidden, ..KindOutcome::default() };
            ledger.settle(&resource_type(kind), outcome);
        }
        ledger
    }

    #[test]
    fn who_may_list_nothing_is_told_so() {
        let kinds = ["a", "b", "c", "d", "e", "f", "g"];
        let error = accept(without(&kinds, true), provenance(), false).unwrap_err();
        insta::assert_snapshot!(error, @"nothing was saved: nothing of namespace shop could be read, for listing is forbidden: a, b, c, d, e and 2 more");
    }

    #[test]
    fn fields_that_no_kind_knows_are_told_as_the_reason() {
        let mut ledger = Ledger::default();
        let left_out = Some("it cannot be selected by these fields: no such label".to_owned());
        ledger.settle(&resource_type("pods"), KindOutcome { left_out, ..KindOutcome::default() });
        let error = accept(ledger, provenance(), false).unwrap_err();
        insta::assert_snapshot!(error, @"nothing was saved: no kind can be selected so (namespace shop); pods: it cannot be selected by these fields: no such label");
    }

    #[test]
    fn a_selector_that_nothing_matches_saves_no_lone_namespace() {
        let namespaces =
            ResourceType::new(GroupResource::new("namespaces", ""), "v1", "Namespace", Scope::Cluster);
        let ledger = || {
            let mut ledger = Ledger::default();
            let json = r#"{"metadata":{"name":"shop"}}"#;
            let item = ListItem { facts: ObjectFacts::read(json).unwrap(), json: json.into() };
            ledger.take(&namespaces, vec![item], &None);
            ledger
        };
        assert!(accept(ledger(), provenance(), false).is_ok());
        let mut narrowed = provenance();
        narrowed.selection.label_selector = Some("a=b".to_owned());
        let error = accept(ledger(), narrowed, false).unwrap_err();
        insta::assert_snapshot!(error, @"nothing was saved: no object matches the selection (namespace shop)");
        let mut asked_for = provenance();
        asked_for.selection.include_kinds = vec!["ns".to_owned()];
        assert!(accept(ledger(), asked_for, false).is_ok());
    }

    #[test]
    fn other_failures_are_told_one_by_one_up_to_a_bound() {
        let kinds: Vec<String> = (10..22).map(|number| format!("k{number}")).collect();
        let kinds: Vec<&str> = kinds.iter().map(String::as_str).collect();
        let error = accept(without(&kinds, false), provenance(), false).unwrap_err().to_string();
        assert!(error.starts_with("nothing was saved: no object matches the selection (namespace shop)\n  cannot be saved: k10 in"), "{error}");
        assert!(error.ends_with("\n  and 2 more"), "{error}");
    }
}
