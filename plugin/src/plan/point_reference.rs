//! Which restore point a word on the command line means.
//!
//! Read in this order: `latest` and `latest:NAMESPACE`, a name, an age (`2h`, `3d`, `1w`), a date or time
//! (`2026-11-20`, `2026-11-20T10:00`), the beginning of an id. A word of eight characters or more is never
//! taken for an age, so what `list` shows as an id is always read as one, whatever its letters.

use std::collections::BTreeSet;

use jiff::{Span, Timestamp, Unit, Zoned, civil};

use crate::model::restore_point::{Completeness, RestorePoint};

/// The fewest characters of an id that name a restore point.
const SHORTEST_ID: usize = 4;
/// Longer words are no age; see the module's text.
const LONGEST_AGE: usize = 7;
/// How many candidates or near names an error lists.
const SHOWN: usize = 5;

/// Whether `latest` and times may choose a restore point that misses something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incomplete {
    /// Pass over it; it has to be named.
    Skip,
    /// Take it like any other.
    Allow,
}

/// The restore point a word means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved<'points> {
    /// It.
    pub point: &'points RestorePoint,
    /// Incomplete ones that would have been chosen, newest first.
    pub skipped: Vec<&'points RestorePoint>,
    /// Newer ones that hold a part of the namespace only.
    pub narrowed: Vec<&'points RestorePoint>,
}

/// Why a word means no restore point, or more than one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PointReferenceError {
    /// The repository is empty.
    #[error("the repository holds no restore point yet")]
    NoneYet,
    /// Neither name nor id nor time.
    #[error("no restore point is named `{word}`")]
    Unknown {
        /// What was asked for.
        word: String,
        /// Names and ids that look like it.
        near: Vec<String>,
    },
    /// Several have the name, or an id that begins so.
    #[error("`{word}` means more than one restore point: {}", candidates.join(", "))]
    Ambiguous {
        /// What was asked for.
        word: String,
        /// Their ids, with their names.
        candidates: Vec<String>,
    },
    /// A word that means another restore point as time goes on, where that must not be.
    #[error("which restore point `{word}` means changes with time; here it must be named")]
    NotNamed {
        /// What was asked for.
        word: String,
    },
    /// `latest:NAMESPACE`, and none holds the namespace.
    #[error("no restore point holds the namespace `{namespace}`")]
    NamespaceNotSaved {
        /// The namespace.
        namespace: String,
    },
    /// An age or time before the oldest one.
    #[error("no restore point is as old as `{word}`; the oldest is {oldest}")]
    NoneThatOld {
        /// What was asked for.
        word: String,
        /// The oldest there is.
        oldest: String,
    },
    /// Only incomplete ones would do.
    #[error("`{word}` would mean {candidate}, and that is incomplete")]
    OnlyIncomplete {
        /// What was asked for.
        word: String,
        /// The newest of them.
        candidate: String,
        /// Its id.
        id: String,
    },
}

impl PointReferenceError {
    /// The next thing to do.
    pub fn hint(&self) -> String {
        match self {
            Self::NoneYet => "`kubectl backup create` makes the first one".to_owned(),
            Self::Unknown { near, .. } if !near.is_empty() => format!("did you mean {}?", near.join(", ")),
            Self::Ambiguous { .. } => "give the id, with as many characters as it takes".to_owned(),
            Self::NotNamed { .. } => "give its id or name; `kubectl backup list` shows both".to_owned(),
            Self::OnlyIncomplete { id, .. } => format!(
                "`kubectl backup describe {id}` says what it misses; name it as {id} to use it, or add \
                 --allow-incomplete to a restore"
            ),
            _ => "`kubectl backup list` shows all restore points".to_owned(),
        }
    }
}

/// Finds what `word` means among `points`, which may come in any order. `now` brings the time zone for dates.
pub fn resolve<'points>(
    word: &str,
    points: &'points [RestorePoint],
    now: &Zoned,
    incomplete: Incomplete,
) -> Result<Resolved<'points>, PointReferenceError> {
    if points.is_empty() {
        return Err(PointReferenceError::NoneYet);
    }
    let mut newest_first = newest_first(points);
    if word == "latest" {
        return newest(word, newest_first, incomplete);
    }
    if let Some(namespace) = word.strip_prefix("latest:") {
        newest_first.retain(|point| holds_namespace(point, namespace));
        if newest_first.is_empty() {
            return Err(PointReferenceError::NamespaceNotSaved { namespace: namespace.to_owned() });
        }
        return newest_of_whole_namespace(word, newest_first, incomplete);
    }
    if let Some(found) = by_name(word, &newest_first)? {
        return Ok(found);
    }
    if let Some(limit) = not_after(word, now) {
        let oldest = newest_first.last().map(|point| described(point)).unwrap_or_default();
        newest_first.retain(|point| point.created <= limit);
        if newest_first.is_empty() {
            return Err(PointReferenceError::NoneThatOld { word: word.to_owned(), oldest });
        }
        return newest(word, newest_first, incomplete);
    }
    by_id(word, &newest_first)
}

/// As [`resolve`], for what cannot be undone: only a name or id will do. `latest` or a time may mean another restore
/// point by the time the command runs.
pub fn resolve_named<'points>(
    word: &str,
    points: &'points [RestorePoint],
    now: &Zoned,
) -> Result<&'points RestorePoint, PointReferenceError> {
    if points.is_empty() {
        return Err(PointReferenceError::NoneYet);
    }
    let newest_first = newest_first(points);
    if let Some(found) = by_name(word, &newest_first)? {
        return Ok(found.point);
    }
    if word == "latest" || word.starts_with("latest:") || not_after(word, now).is_some() {
        return Err(PointReferenceError::NotNamed { word: word.to_owned() });
    }
    by_id(word, &newest_first).map(|found| found.point)
}

fn newest_first(points: &[RestorePoint]) -> Vec<&RestorePoint> {
    let mut points: Vec<&RestorePoint> = points.iter().collect();
    points.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| a.id.cmp(&b.id)));
    points
}

fn by_name<'points>(
    word: &str,
    newest_first: &[&'points RestorePoint],
) -> Result<Option<Resolved<'points>>, PointReferenceError> {
    only(word, newest_first.iter().copied().filter(|point| point.summary.name == word))
}

fn by_id<'points>(
    word: &str,
    newest_first: &[&'points RestorePoint],
) -> Result<Resolved<'points>, PointReferenceError> {
    let id = word.to_ascii_lowercase();
    if id.len() >= SHORTEST_ID && id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let beginning_so = newest_first.iter().copied().filter(|point| point.id.0.starts_with(&id));
        if let Some(found) = only(word, beginning_so)? {
            return Ok(found);
        }
    }
    Err(PointReferenceError::Unknown { word: word.to_owned(), near: near(word, newest_first) })
}

/// Whether objects of `namespace` are in the restore point, as far as its summary tells.
pub fn holds_namespace(point: &RestorePoint, namespace: &str) -> bool {
    let summary = &point.summary;
    summary.namespaces.iter().any(|saved| saved == namespace)
        // The summary names the first hundred only; a later name is there if all were asked for.
        || (summary.is_shortened()
            && summary.scope.starts_with("all namespaces")
            && summary.namespaces.last().is_some_and(|last| last.as_str() < namespace))
}

/// A backup of one object must not stand for its namespace while there is one of all of it.
fn newest_of_whole_namespace<'points>(
    word: &str,
    newest_first: Vec<&'points RestorePoint>,
    incomplete: Incomplete,
) -> Result<Resolved<'points>, PointReferenceError> {
    let (narrowed, whole): (Vec<_>, Vec<_>) =
        newest_first.iter().copied().partition(|point| point.summary.is_narrowed);
    match newest(word, whole, incomplete) {
        Ok(found) => {
            let newer = narrowed.into_iter().filter(|point| point.created > found.point.created);
            Ok(Resolved { narrowed: newer.collect(), ..found })
        }
        Err(_) => newest(word, newest_first, incomplete),
    }
}

fn newest<'points>(
    word: &str,
    newest_first: Vec<&'points RestorePoint>,
    incomplete: Incomplete,
) -> Result<Resolved<'points>, PointReferenceError> {
    let mut skipped = Vec::new();
    for point in newest_first {
        if incomplete == Incomplete::Allow || point.summary.completeness == Completeness::Complete {
            return Ok(Resolved { point, skipped, narrowed: Vec::new() });
        }
        skipped.push(point);
    }
    let newest = skipped.first();
    let candidate = newest.map(|point| described(point)).unwrap_or_default();
    let id = newest.map(|point| point.id.short().to_owned()).unwrap_or_default();
    Err(PointReferenceError::OnlyIncomplete { word: word.to_owned(), candidate, id })
}

fn only<'points>(
    word: &str,
    mut found: impl Iterator<Item = &'points RestorePoint>,
) -> Result<Option<Resolved<'points>>, PointReferenceError> {
    let Some(point) = found.next() else { return Ok(None) };
    let others: Vec<String> = found.take(SHOWN - 1).map(described).collect();
    if others.is_empty() {
        return Ok(Some(Resolved { point, skipped: Vec::new(), narrowed: Vec::new() }));
    }
    let candidates = std::iter::once(described(point)).chain(others).collect();
    Err(PointReferenceError::Ambiguous { word: word.to_owned(), candidates })
}

/// `3f2a9c01 (shop-20261120-100000)`.
fn described(point: &RestorePoint) -> String {
    format!("{} ({})", point.id.short(), point.summary.name)
}

/// The last moment that an age or a date still covers.
fn not_after(word: &str, now: &Zoned) -> Option<Timestamp> {
    if !word.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    if word.len() <= LONGEST_AGE && word.ends_with(|last: char| last.is_ascii_alphabetic()) {
        let span: Span = word.parse().ok()?;
        return Some(now.checked_sub(span).ok()?.timestamp());
    }
    if let Ok(instant) = word.parse::<Timestamp>() {
        return end_of(instant.to_zoned(now.time_zone().clone()).datetime(), Unit::Second, now);
    }
    let (moment, unit) = match word.matches(':').count() {
        0 => (word.parse::<civil::Date>().ok()?.to_datetime(civil::Time::midnight()), Unit::Day),
        1 => (word.parse::<civil::DateTime>().ok()?, Unit::Minute),
        _ => (word.parse::<civil::DateTime>().ok()?, Unit::Second),
    };
    end_of(moment, unit, now)
}

/// The last nanosecond of the day, minute or second that begins at `moment` in the time zone of `now`.
fn end_of(moment: civil::DateTime, unit: Unit, now: &Zoned) -> Option<Timestamp> {
    let length = match unit {
        Unit::Day => Span::new().days(1),
        Unit::Minute => Span::new().minutes(1),
        _ => Span::new().seconds(1),
    };
    let next = moment.to_zoned(now.time_zone().clone()).ok()?.checked_add(length).ok()?;
    next.timestamp().checked_sub(Span::new().nanoseconds(1)).ok()
}

/// Names that begin alike or contain the word, and the names of those whose ids begin alike.
fn near(word: &str, newest_first: &[&RestorePoint]) -> Vec<String> {
    let start: String = word.chars().take(3).collect();
    let long_enough = start.chars().count() == 3;
    let mut seen = BTreeSet::new();
    newest_first
        .iter()
        .filter(|point| {
            let (name, id) = (&point.summary.name, &point.id.0);
            name.contains(word) || (long_enough && (name.starts_with(&start) || id.starts_with(&start)))
        })
        .map(|point| format!("`{}`", point.summary.name))
        .filter(|name| seen.insert(name.clone()))
        .take(SHOWN)
        .collect()
}

#[cfg(test)]
mod tests;
