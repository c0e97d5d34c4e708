//! What runtimes and hooks say, in words for people, and bounded.

use hook_protocol::{
    lease::{Cause, Ending, Refusal},
    message::{Answer, Failure, FailureKind},
};

/// Longest piece of a hook's or runtime's text that is kept.
const LONGEST: usize = 600;

/// `text` on one line, cut where it is too long to be read.
pub(super) fn bounded(text: &str) -> String {
    let line = text.replace(['\n', '\r'], " ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// Why an answer is not the one that was hoped for.
pub(super) fn unwelcome(answer: &Answer) -> String {
    match answer {
        Answer::Failed { failure } => failed(failure),
        Answer::Broken { ending } => broken(ending),
        Answer::Refused { reason } => refused(*reason).to_owned(),
        Answer::Malformed { message } => {
            bounded(&format!("the runtime does not understand the request: {message}"))
        }
        Answer::Done { .. } | Answer::Thawed { .. } | Answer::Heard => {
            "the runtime answered something else than was asked".to_owned()
        }
    }
}

/// Why a lease broke.
pub(super) fn broken(ending: &Ending) -> String {
    let cause = match ending.broken {
        Some(Cause::ConnectionLost) => "the runtime lost the connection",
        Some(Cause::Silence) => "the runtime heard nothing for too long",
        Some(Cause::Deadline) => "its time was over",
        Some(Cause::Stopped) => "the runtime was told to stop",
        Some(Cause::HookFailed) => "the hook failed",
        Some(Cause::HookBroke) => "the hook trapped, went beyond a limit, or did not end in time",
        Some(Cause::SessionChanged) => "another session holds it than the one that froze",
        Some(Cause::ThawFailed) => "the thaw failed in the session that froze",
        Some(Cause::RuntimeKilled) => "the runtime was killed, and thawed when it began again",
        None => "the runtime does not say why",
    };
    format!("the freeze was not held to its end: {cause}")
}

fn failed(failure: &Failure) -> String {
    let kind = match failure.kind {
        FailureKind::Configuration => "a setting or secret is missing or wrong",
        FailureKind::Unreachable => "the application does not answer",
        FailureKind::Authentication => "the application does not accept the credentials",
        FailureKind::Denied => "a privilege or grant is missing",
        FailureKind::Unsupported => "this version or set-up cannot do it",
        FailureKind::Busy => "somebody else holds it",
        FailureKind::NotHeld => "the freeze is no longer held",
        FailureKind::TimedOut => "it took too long",
        FailureKind::Failed => "it failed",
        FailureKind::Broke => "the hook broke",
    };
    bounded(&format!("{kind}: {}", failure.message))
}

fn refused(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Busy => "another backup holds it",
        Refusal::NotHeld => "the runtime does not hold it for this connection",
        Refusal::OutOfOrder => "the runtime says that the step is out of order",
        Refusal::Stopping => "the runtime is about to end",
        Refusal::Stuck => "an earlier thaw has not succeeded yet, and is tried again and again",
    }
}
