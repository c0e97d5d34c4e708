//! A failed command as its user sees it: what was attempted, why it failed, what to do next.

use std::fmt::Write;

use crate::{
    archive::ArchiveError,
    cluster::ClusterError,
    config::ConfigError,
    exit::ExitStatus,
    plan::{point_reference::PointReferenceError, restore_runs::RunReferenceError, select::SelectError},
    report::printer,
};

use super::{completion::InstallError, create::NothingSaved};

/// A mistake on the command line or in the configuration that clap could not see; exits 2.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct UsageError {
    message: String,
    hint: Option<String>,
}

impl UsageError {
    /// What is wrong.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    /// What is wrong, and what to write instead.
    pub(crate) fn with_hint(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: Some(hint.into()) }
    }
}

/// What the cluster or the repository answered no to: no such thing, or it is there already. Exits 1.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    message: String,
    hint: String,
}

impl Failure {
    /// What failed, and the next thing to do.
    pub(crate) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into() }
    }
}

/// What is said after a panic.
pub(crate) fn of_our_own() -> anyhow::Error {
    Failure::new("this program ran into a bug of its own", "run it again with -v and report what it says")
        .into()
}

/// The exit code that an error brings along, if it does. `docs/exit-codes.md` has the rule.
pub(crate) fn status(error: &anyhow::Error) -> Option<ExitStatus> {
    let is_usage = |cause: &(dyn std::error::Error + 'static)| {
        cause.is::<UsageError>()
            || cause.downcast_ref().is_some_and(SelectError::is_usage)
            || cause.downcast_ref().is_some_and(ClusterError::is_usage)
            || cause.downcast_ref().is_some_and(ConfigError::is_usage)
    };
    error.chain().any(is_usage).then_some(ExitStatus::Usage)
}

/// Whether the command only failed because nobody reads its output any more.
pub(crate) fn is_reader_gone(error: &anyhow::Error) -> bool {
    error.chain().any(printer::reader_is_gone)
}

/// What there is to say of an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// What failed, then each further cause once.
    pub(crate) messages: Vec<String>,
    /// The hint of the innermost error that has one.
    pub(crate) hint: Option<String>,
}

impl Told {
    /// Reads the chain of an error.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        let mut messages = vec![error.to_string()];
        for cause in error.chain().skip(1) {
            let message = cause.to_string().trim().to_owned();
            // Many libraries print their cause and expose it too; saying it twice helps nobody.
            if messages.iter().all(|said| !said.contains(&message)) {
                messages.push(message);
            }
        }
        Self { messages, hint: error.chain().filter_map(hint).last() }
    }

    /// The messages on one line, for a report that has no room for a chain.
    pub(crate) fn one_line(&self) -> String {
        self.messages.join(": ").replace('\n', " ")
    }
}

/// `error: …`, the causes below it, and the hint.
pub(crate) fn render(error: &anyhow::Error) -> String {
    let told = Told::of(error);
    let mut text = String::from("error: ");
    for (depth, message) in told.messages.iter().enumerate() {
        if depth == 0 {
            text.push_str(message);
        } else {
            let _ = write!(text, "\n  caused by: {}", message.replace('\n', "\n    "));
        }
    }
    if let Some(hint) = told.hint {
        let _ = write!(text, "\n\nhint: {hint}");
    }
    text
}

fn hint(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    if let Some(usage) = error.downcast_ref::<UsageError>() {
        return usage.hint.clone();
    }
    if let Some(failure) = error.downcast_ref::<Failure>() {
        return Some(failure.hint.clone());
    }
    if let Some(select) = error.downcast_ref::<SelectError>() {
        return select.hint();
    }
    if let Some(cluster) = error.downcast_ref::<ClusterError>() {
        return cluster.hint();
    }
    if let Some(archive) = error.downcast_ref::<ArchiveError>() {
        return archive.hint();
    }
    if let Some(reference) = error.downcast_ref::<PointReferenceError>() {
        return Some(reference.hint());
    }
    if error.is::<RunReferenceError>() {
        return Some("`kubectl backup list --restores` shows them all".to_owned());
    }
    if let Some(config) = error.downcast_ref::<ConfigError>() {
        return config.hint();
    }
    if let Some(install) = error.downcast_ref::<InstallError>() {
        return Some(install.hint());
    }
    if let Some(nothing) = error.downcast_ref::<NothingSaved>() {
        return Some(nothing.hint());
    }
    None
}

#[cfg(test)]
mod messages;

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{message}")]
    struct Layer {
        message: &'static str,
        #[source]
        source: Option<Box<Layer>>,
    }

    fn chain(messages: &[&'static str]) -> anyhow::Error {
        let mut inner = None;
        for message in messages.iter().rev() {
            inner = Some(Box::new(Layer { message, source: inner }));
        }
        anyhow::Error::new(*inner.unwrap())
    }

    #[test]
    fn each_cause_is_said_once() {
        let error = chain(&["could not list pods: gone", "service error", "gone", "line one\nline two\n"]);
        insta::assert_snapshot!(render(&error), @r"
        error: could not list pods: gone
          caused by: service error
          caused by: line one
            line two
        ");
    }

    #[test]
    fn usage_error_exits_two_with_its_hint_however_deep_it_lies() {
        let error =
            anyhow::Error::new(UsageError::with_hint("no such kind `deploi`", "did you mean `deploy`?"))
                .context("could not read the selection");
        insta::assert_snapshot!(render(&error), @r"
        error: could not read the selection
          caused by: no such kind `deploi`

        hint: did you mean `deploy`?
        ");
        assert_eq!(status(&error), Some(ExitStatus::Usage));
        assert_eq!(status(&chain(&["anything else"])), None);
    }

    #[rstest]
    #[case::not_a_name(SelectError::NotTypeAndName { text: "web".to_owned() }.into(), Some(ExitStatus::Usage))]
    #[case::no_such_kind(SelectError::UnknownKind { word: "deploi".to_owned(), near: Vec::new() }.into(), None)]
    #[case::no_such_context(
        ClusterError::UnknownContext { context: "x".to_owned(), contexts: Vec::new() }.into(), None)]
    #[case::not_a_duration(
        ClusterError::BadFlag { flag: "--request-timeout", value: "x".to_owned(), reason: String::new() }.into(),
        Some(ExitStatus::Usage))]
    #[case::no_such_object(Failure::new("there is no such object", "look").into(), None)]
    fn what_nobody_has_to_be_asked_about_is_usage(
        #[case] error: anyhow::Error,
        #[case] expected: Option<ExitStatus>,
    ) {
        assert_eq!(status(&error), expected);
    }

    #[test]
    fn install_error_tells_a_way_out() {
        let error = anyhow::Error::new(InstallError::Foreign { shim: "/bin/kubectl_complete-backup".into() });
        insta::assert_snapshot!(render(&error), @r"
        error: /bin/kubectl_complete-backup exists and does not lead to this program

        hint: look at it; if it is not needed, delete /bin/kubectl_complete-backup and run this again
        ");
    }
}
