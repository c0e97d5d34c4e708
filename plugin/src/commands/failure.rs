//! A failed command as its user sees it: what was attempted, why it failed, what to do next.

use crate::{
    archive::ArchiveError, cluster::ClusterError, config::ConfigError, exit::ExitStatus,
    plan::select::SelectError,
};

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

/// The exit code that an error brings along, if it does.
pub(crate) fn status(error: &anyhow::Error) -> Option<ExitStatus> {
    let is_usage = |cause: &(dyn std::error::Error + 'static)| {
        cause.is::<UsageError>()
            || cause.is::<SelectError>()
            || cause.downcast_ref().is_some_and(ConfigError::is_usage)
    };
    error.chain().any(is_usage).then_some(ExitStatus::Usage)
}

/// `error: …`, each further cause once, and the hint of the innermost error that has one.
pub(crate) fn render(error: &anyhow::Error) -> String {
    let mut text = format!("error: {error}");
    let mut shown = error.to_string();
    for cause in error.chain().skip(1) {
        let message = cause.to_string();
        // Many libraries print their cause and expose it too; saying it twice helps nobody.
        if !shown.contains(&message) {
            text.push_str(&format!("\n  caused by: {message}"));
            shown = message;
        }
    }
    if let Some(hint) = error.chain().filter_map(hint).last() {
        text.push_str(&format!("\n\nhint: {hint}"));
    }
    text
}

fn hint(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    if let Some(usage) = error.downcast_ref::<UsageError>() {
        return usage.hint.clone();
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
    if let Some(config) = error.downcast_ref::<ConfigError>() {
        return config.hint();
    }
    None
}
