//! A restore for people and for programs: the plan before it, the results after it.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
};

use serde::Serialize;

use crate::model::restoration::{Action, DecidedBy, DifferingField, Outcome, RestoredObject};

use super::{table::Table, terminal::without_middle};

/// Above this many objects a plan for a person is shown by kind, with only what needs attention by name.
pub const MOST_LINES: usize = 40;

/// What an object's state is called, and whether a person must look at it.
pub trait State: Copy + Ord + Serialize {
    /// One word.
    fn word(self) -> &'static str;
    /// Not the plain course of things.
    fn is_notable(self) -> bool;
}

impl State for Action {
    fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Patch => "patch",
            Self::Replace => "replace",
            Self::Rename => "rename",
            Self::Ask => "ask",
            Self::Delete => "delete",
            Self::Unchanged => "unchanged",
            Self::Skip => "skip",
            Self::Conflict => "conflict",
            Self::Leave => "leave",
            Self::Refuse => "refuse",
        }
    }

    fn is_notable(self) -> bool {
        matches!(
            self,
            Self::Patch
                | Self::Replace
                | Self::Rename
                | Self::Delete
                | Self::Skip
                | Self::Conflict
                | Self::Refuse
        )
    }
}

impl State for Outcome {
    fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Patched => "patched",
            Self::Replaced => "replaced",
            Self::Renamed => "renamed",
            Self::Deleted => "deleted",
            Self::Unchanged => "unchanged",
            Self::Skipped => "skipped",
            Self::Left => "left",
            Self::Refused => "refused",
            Self::NotTried => "not tried",
        }
    }

    fn is_notable(self) -> bool {
        matches!(
            self,
            Self::Patched
                | Self::Replaced
                | Self::Renamed
                | Self::Deleted
                | Self::Skipped
                | Self::Refused
                | Self::NotTried
        )
    }
}

/// The document of `-o json` and `-o yaml`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RestoreDocument<'a, S: State> {
    /// `RestorePlan` or `RestoreResult`.
    pub kind: &'static str,
    /// The full id of the restore point.
    pub restore_point: &'a str,
    /// The full id of the undo point that takes it back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undo_point: Option<&'a str>,
    /// `client`, `server`, or none when it was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<&'static str>,
    /// Whether it ended early.
    pub interrupted: bool,
    /// Number of objects by state.
    pub counts: BTreeMap<String, usize>,
    /// What the server warned of.
    pub warnings: Vec<String>,
    /// Every object.
    pub objects: &'a [RestoredObject<S>],
}

/// Number of objects by state.
pub fn counts<S: State>(objects: &[RestoredObject<S>]) -> BTreeMap<S, usize> {
    let mut counts = BTreeMap::new();
    for object in objects {
        *counts.entry(object.state).or_default() += 1;
    }
    counts
}

/// `3 created, 1 skipped`.
pub fn summary<S: State>(objects: &[RestoredObject<S>]) -> String {
    let counts = counts(objects);
    if counts.is_empty() {
        return "nothing".to_owned();
    }
    let words: Vec<_> = counts.iter().map(|(state, count)| format!("{count} {}", state.word())).collect();
    words.join(", ")
}

/// `1 object`, `2 objects`.
pub fn objects(count: usize) -> String {
    if count == 1 { "1 object".to_owned() } else { format!("{count} objects") }
}

/// One line an object, wide with the wave of reasons, notes and refused fields.
pub fn table<S: State>(objects: &[RestoredObject<S>], wide: bool) -> String {
    rows(objects, wide, None)
}

fn rows<S: State>(objects: &[RestoredObject<S>], wide: bool, longest: Option<usize>) -> String {
    let mut table = if wide {
        Table::new(["ACTION", "NAMESPACE", "OBJECT", "REASON", "FROM", "NOTES"])
    } else {
        Table::new(["ACTION", "NAMESPACE", "OBJECT", "REASON"])
    };
    for object in objects {
        let mut row = vec![
            object.state.word().to_owned(),
            object.target.namespace.clone().unwrap_or_else(|| "-".to_owned()),
            longest.map_or_else(|| object.object.clone(), |longest| without_middle(&object.object, longest)),
            reason(object),
        ];
        if wide {
            row.push(object.from_namespace.clone().unwrap_or_else(|| "-".to_owned()));
            row.push(if object.notes.is_empty() { "-".to_owned() } else { object.notes.join("; ") });
        }
        table.push(row);
    }
    table.render(true)
}

/// Differing fields that a line names.
const NAMED_FIELDS: usize = 3;

/// The longest reason that a line repeats, in characters; `-o json` has all of it.
const LONGEST_REASON: usize = 240;

/// The longest of a server's words on one field.
const LONGEST_CAUSE: usize = 100;

/// The server's sentence repeats whole objects at times; what it minds, field by field, says the same in few words.
fn short_reason<S>(object: &RestoredObject<S>) -> String {
    let reason = object.reason.clone().unwrap_or_default();
    if reason.chars().count() <= LONGEST_REASON {
        return reason;
    }
    if object.fields.is_empty() {
        return cut(&reason, LONGEST_REASON);
    }
    let named = object.fields.iter().take(NAMED_FIELDS);
    let named: Vec<_> = named.map(|it| format!("{}: {}", it.field, cause(&it.message))).collect();
    let text = named.join("; ");
    match object.fields.len().saturating_sub(NAMED_FIELDS) {
        0 => text,
        more => format!("{text}; and {more} more"),
    }
}

/// `Invalid value: {…}: field is immutable` without the value.
fn cause(message: &str) -> String {
    let is_long = message.chars().count() > LONGEST_CAUSE;
    let end = message.rsplit_once(": ").map(|(_, end)| end).filter(|_| is_long);
    cut(end.unwrap_or(message), LONGEST_CAUSE)
}

fn cut(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn reason<S: State>(object: &RestoredObject<S>) -> String {
    let mut text = short_reason(object);
    if object.state.is_notable() {
        let fields = differing(&object.differences);
        if !text.is_empty() && !fields.is_empty() {
            text.push_str(if text.ends_with("differs") { " " } else { "; differs " });
        }
        text.push_str(&fields);
        if let Some(DecidedBy::Rule { reason, .. }) = &object.decided_by {
            let by = object.decided_by.iter().map(ToString::to_string).chain(reason.clone());
            let separator = if text.is_empty() { "by " } else { "; " };
            let _ = write!(text, "{separator}{}", by.collect::<Vec<_>>().join(": "));
        }
    }
    let fields: Vec<_> = object.fields.iter().map(|field| field.field.as_str()).collect();
    if !fields.is_empty() && !fields.iter().all(|field| text.contains(field)) {
        let _ = write!(text, " [{}]", fields.join(", "));
    }
    let text = text.trim_start();
    if text.is_empty() { "-".to_owned() } else { text.to_owned() }
}

/// `in spec.replicas (kube-controller-manager), data.a and 2 more`; empty if nothing differs. What stays comes last.
fn differing(fields: &[DifferingField]) -> String {
    let (stay, change): (Vec<_>, Vec<_>) = fields.iter().partition(|field| field.stays);
    let named: Vec<_> = change
        .into_iter()
        .chain(stay)
        .take(NAMED_FIELDS)
        .map(|it| match &it.manager {
            Some(manager) if it.stays => format!("{} ({manager}, stays)", it.field),
            Some(manager) => format!("{} ({manager})", it.field),
            None if it.stays => format!("{} (stays)", it.field),
            None => it.field.clone(),
        })
        .collect();
    match (named.is_empty(), fields.len().saturating_sub(NAMED_FIELDS)) {
        (true, _) => String::new(),
        (false, 0) => format!("in {}", named.join(", ")),
        (false, more) => format!("in {} and {more} more", named.join(", ")),
    }
}

/// A plan or result for a person: every line while it is short, else a count by kind and what needs attention.
///
/// Names of more than `longest` characters lose their middle.
pub fn overview<S: State>(objects: &[RestoredObject<S>], longest: Option<usize>) -> String {
    if objects.len() <= MOST_LINES {
        return rows(objects, false, longest);
    }
    let mut text = by_kind(objects);
    let notable: Vec<_> = objects.iter().filter(|object| object.state.is_notable()).cloned().collect();
    if !notable.is_empty() {
        let shown = &notable[..notable.len().min(MOST_LINES)];
        text.push('\n');
        text.push_str(&rows(shown, false, longest));
        if notable.len() > shown.len() {
            let _ = writeln!(text, "… and {} more; -o wide lists all", notable.len() - shown.len());
        }
    }
    text
}

fn by_kind<S: State>(objects: &[RestoredObject<S>]) -> String {
    let mut kinds: BTreeMap<(String, S), usize> = BTreeMap::new();
    for object in objects {
        *kinds.entry((object.target.resource.to_string(), object.state)).or_default() += 1;
    }
    let mut table = Table::new(["KIND", "ACTION", "OBJECTS"]);
    for ((kind, state), count) in kinds {
        table.push([kind, state.word().to_owned(), count.to_string()]);
    }
    table.render(true)
}

/// Notes that are shown to a person, each once.
const MOST_NOTES: usize = 20;

/// What a person should know of single objects: each note once, with the first object it is about and how many others.
pub fn notes<S: State>(objects: &[RestoredObject<S>]) -> Vec<String> {
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut found: Vec<(&str, &str, usize)> = Vec::new();
    for object in objects {
        for note in &object.notes {
            let place = *places.entry(note).or_insert_with(|| {
                found.push((note, &object.object, 0));
                found.len() - 1
            });
            found[place].2 += 1;
        }
    }
    let more = found.len().saturating_sub(MOST_NOTES);
    let shown = found.iter().take(MOST_NOTES).map(|(note, first, count)| match count {
        1 => format!("{first}: {note}"),
        _ => format!("{first} and {} more: {note}", count - 1),
    });
    let rest = (more > 0).then(|| format!("… and {more} more notes; -o json has all"));
    shown.chain(rest).collect()
}

/// `-o name`: the objects that a restore makes or made, as kubectl names them.
pub fn names<S: State>(objects: &[RestoredObject<S>], of: impl Fn(S) -> bool) -> String {
    let mut text = String::new();
    for object in objects.iter().filter(|object| of(object.state)) {
        text.push_str(&object.object);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{object::ObjectKey, resource::GroupResource, restoration::FieldProblem};

    fn object(name: &str, state: Outcome) -> RestoredObject<Outcome> {
        let target = ObjectKey::new(GroupResource::new("configmaps", ""), Some("shop"), name);
        RestoredObject::new(format!("configmap/{name}"), target, state)
    }

    #[test]
    fn of_a_long_refusal_the_causes_are_shown() {
        let mut refused = object("b", Outcome::Refused);
        let value = "x".repeat(2000);
        refused.reason = Some(format!(
            "Job.batch \"b\" is invalid: spec.template: Invalid value: {value}: field is immutable"
        ));
        assert_eq!(reason(&refused).chars().count(), LONGEST_REASON + 1, "without causes it is cut");
        let field = |field: &str, message: String| FieldProblem { field: field.to_owned(), message };
        refused.fields = vec![
            field("spec.template", format!("Invalid value: {value}: field is immutable")),
            field("spec.selector", "Required value".to_owned()),
        ];
        assert_eq!(reason(&refused), "spec.template: field is immutable; spec.selector: Required value");
        refused.reason = Some("is invalid".to_owned());
        assert_eq!(reason(&refused), "is invalid [spec.template, spec.selector]", "a short one stays");
    }

    #[test]
    fn every_object_has_a_line_with_its_reason() {
        let mut refused = object("b", Outcome::Refused);
        refused.reason = Some("is invalid (HTTP 422)".to_owned());
        refused.fields = vec![FieldProblem { field: "data".to_owned(), message: "is immutable".to_owned() }];
        insta::assert_snapshot!(overview(&[object("a", Outcome::Created), refused], None), @r"
        ACTION    NAMESPACE   OBJECT        REASON
        created   shop        configmap/a   -
        refused   shop        configmap/b   is invalid (HTTP 422) [data]
        ");
    }

    #[test]
    fn each_note_is_told_once() {
        let noted = |name: &str, notes: &[&str]| RestoredObject {
            notes: notes.iter().map(|&note| note.to_owned()).collect(),
            ..object(name, Outcome::Created)
        };
        let objects = [noted("a", &["x", "y"]), noted("b", &["x"]), noted("c", &["x"])];
        assert_eq!(notes(&objects), ["configmap/a and 2 more: x", "configmap/a: y"]);
        let many: Vec<_> = (0..30).map(|index| noted("a", &[&index.to_string()])).collect();
        assert_eq!(notes(&many).len(), MOST_NOTES + 1);
        assert_eq!(notes(&many)[MOST_NOTES], "… and 10 more notes; -o json has all");
    }

    #[test]
    fn many_objects_are_counted_and_only_the_notable_are_named() {
        let mut objects: Vec<_> =
            (0..MOST_LINES).map(|index| object(&index.to_string(), Outcome::Created)).collect();
        objects.push(object("differs", Outcome::Skipped));
        insta::assert_snapshot!(overview(&objects, None), @r"
        KIND         ACTION    OBJECTS
        configmaps   created   40
        configmaps   skipped   1

        ACTION    NAMESPACE   OBJECT              REASON
        skipped   shop        configmap/differs   -
        ");
        assert_eq!(summary(&objects), "40 created, 1 skipped");
        assert_eq!([super::objects(1), super::objects(2)], ["1 object", "2 objects"]);
        assert_eq!(names(&objects, |state| state == Outcome::Skipped), "configmap/differs\n");
    }
}
