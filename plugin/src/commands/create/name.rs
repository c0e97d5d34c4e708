//! Names of restore points: made from scope and time, or given and checked.

use anyhow::Context;
use jiff::{Timestamp, tz::TimeZone};

use crate::{
    archive::{self, Repository, Turn},
    commands::{
        failure::{Failure, UsageError},
        session::{Session, blocking},
    },
    config::Settings,
    model::{
        repository::Location,
        selection::{Namespaces, Selection},
    },
};

/// Longest name.
const MAX_NAME: usize = 100;

/// Namespaces spelt out in a scope; more are counted.
const MAX_SHOWN: usize = 5;

/// `shop-20261125-121100`, in UTC.
pub(super) fn made_from(selection: &Selection, created: Timestamp) -> String {
    let scope = match &selection.namespaces {
        Namespaces::All => "all".to_owned(),
        Namespaces::Named(names) => match names.as_slice() {
            [name] => name.clone(),
            names => format!("{}-namespaces", names.len()),
        },
    };
    format!("{scope}-{}", created.to_zoned(TimeZone::UTC).strftime("%Y%m%d-%H%M%S"))
}

/// The selection in words, for lists: `namespace shop; labels app=web`.
pub(in crate::commands) fn scope(selection: &Selection) -> String {
    let mut words = vec![match &selection.namespaces {
        Namespaces::All => "all namespaces".to_owned(),
        Namespaces::Named(names) => match names.as_slice() {
            [name] => format!("namespace {name}"),
            names if names.len() <= MAX_SHOWN => format!("namespaces {}", names.join(", ")),
            names => format!("{} namespaces", names.len()),
        },
    }];
    if !selection.objects.is_empty() {
        words.push(match selection.objects.as_slice() {
            [object] => format!("{}/{}", object.kind, object.name),
            objects => format!("{} named objects", objects.len()),
        });
    }
    if !selection.include_kinds.is_empty() {
        words.push(format!("only {}", selection.include_kinds.join(", ")));
    }
    if !selection.exclude_kinds.is_empty() {
        words.push(format!("without {}", selection.exclude_kinds.join(", ")));
    }
    if let Some(selector) = &selection.label_selector {
        words.push(format!("labels {selector}"));
    }
    if let Some(selector) = &selection.field_selector {
        words.push(format!("fields {selector}"));
    }
    words.join("; ")
}

/// Refuses a name that could be taken for another way to name a restore point: an id, an age, a date, `latest`.
pub(super) fn validate(name: &str) -> Result<(), UsageError> {
    let refuse = |reason: &str| {
        let hint = "write for example before-upgrade; letters, digits, `-`, `_` and `.` are allowed";
        Err(UsageError::with_hint(format!("`{name}` cannot be the name of a restore point: {reason}"), hint))
    };
    if name.is_empty() || name.len() > MAX_NAME {
        return refuse("it must have 1 to 100 characters");
    }
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
        return refuse("it has a character that is not allowed");
    }
    if !name.starts_with(|first: char| first.is_ascii_alphabetic()) {
        // Ages and dates begin with a digit, flags with a dash.
        return refuse("it must begin with a letter");
    }
    if name.eq_ignore_ascii_case("latest") {
        return refuse("it means the newest one");
    }
    if name.len() >= 4 && name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return refuse("it looks like an id");
    }
    Ok(())
}

/// A name that the user chose and that no other restore point may have.
pub(super) struct ChosenName {
    name: String,
    repository: Repository,
    location: Location,
}

impl ChosenName {
    /// Refuses a name that is taken, before any work is done.
    pub(super) async fn check(
        name: &str,
        repository: &Repository,
        session: &Session,
    ) -> anyhow::Result<Self> {
        let location = Settings::resolve(&session.global.repository)?.location;
        let chosen = Self { name: name.to_owned(), repository: repository.clone(), location };
        let (name, reader) = (chosen.name.clone(), chosen.repository.clone());
        blocking(move || refuse_taken(&name, &reader)).await?;
        Ok(chosen)
    }

    /// Looks again, when all is read: another run may have taken the name meanwhile. Nobody else can take it while the
    /// turn is held.
    pub(super) async fn claim(self) -> anyhow::Result<Turn> {
        blocking(move || {
            let turn = archive::take_turn(&self.location);
            refuse_taken(&self.name, &self.repository).context("nothing was saved")?;
            Ok(turn)
        })
        .await
    }
}

fn refuse_taken(name: &str, repository: &Repository) -> anyhow::Result<()> {
    if repository.restore_points()?.iter().any(|point| point.summary.name == name) {
        return Err(Failure::new(
            format!("there is a restore point named `{name}` already"),
            "choose another name, or leave --name out",
        )
        .into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::plain("before-upgrade", true)]
    #[case::with_dots("v1.2_rc", true)]
    #[case::id("deadbeef", false)]
    #[case::short_word_of_hex_digits("bad", true)]
    #[case::age("2h", false)]
    #[case::date("2026-11-20", false)]
    #[case::newest("latest", false)]
    #[case::selector("latest:shop", false)]
    #[case::flag("-n", false)]
    #[case::empty("", false)]
    #[case::escape("a\x1b[2J", false)]
    fn checks_names(#[case] name: &str, #[case] is_valid: bool) {
        assert_eq!(validate(name).is_ok(), is_valid);
    }

    #[rstest]
    #[case::one(Namespaces::Named(vec!["shop".to_owned()]), "shop-20261125-121100", "namespace shop")]
    #[case::two(Namespaces::Named(vec!["a".to_owned(), "b".to_owned()]), "2-namespaces-20261125-121100", "namespaces a, b")]
    #[case::all(Namespaces::All, "all-20261125-121100", "all namespaces")]
    fn makes_names(#[case] namespaces: Namespaces, #[case] name: &str, #[case] words: &str) {
        let created: Timestamp = "2026-11-25T12:11:00Z".parse().unwrap();
        let selection = Selection::of(namespaces);
        assert_eq!((made_from(&selection, created).as_str(), scope(&selection).as_str()), (name, words));
    }
}
