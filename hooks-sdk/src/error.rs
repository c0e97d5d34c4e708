//! Errors: their making, and how those of connections and files become what a caller can act on.

use std::io;

use crate::{Error, ErrorKind};

/// What a step comes to.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of this kind. The message says what was attempted, on what, and why it failed; no secrets.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// A setting or a secret is missing or wrong.
    pub fn configuration(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Configuration, message)
    }

    /// The freeze is no longer held.
    pub fn not_held(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotHeld, message)
    }

    /// This version or set-up of the application cannot do it.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported, message)
    }

    /// None of the other kinds.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Failed, message)
    }
}

/// Says what was attempted when it failed.
pub trait Attempt<T> {
    /// The value, or `could not ATTEMPT: CAUSE` with the kind that follows from the cause.
    fn attempt(self, attempt: impl FnOnce() -> String) -> Result<T>;
}

impl<T> Attempt<T> for io::Result<T> {
    fn attempt(self, attempt: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|cause| Error::new(kind(&cause), format!("could not {}: {cause}", attempt())))
    }
}

fn kind(cause: &io::Error) -> ErrorKind {
    match cause.kind() {
        // A socket whose time is over says that it would block.
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => ErrorKind::TimedOut,
        io::ErrorKind::PermissionDenied => ErrorKind::Denied,
        io::ErrorKind::ConnectionRefused
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::NotConnected
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable => ErrorKind::Unreachable,
        _ => ErrorKind::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_was_attempted_and_what_can_be_done() {
        let refused: io::Result<()> = Err(io::ErrorKind::ConnectionRefused.into());
        let error = refused.attempt(|| "reach the shop".to_owned()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unreachable);
        assert_eq!(error.message, "could not reach the shop: connection refused");
    }
}
