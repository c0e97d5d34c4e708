//! Exit codes: the contract with scripts.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// All done.
    Done,
    /// Failed; nothing, or not all, of what was asked for happened.
    Failed,
    /// The command line or configuration is wrong; nothing was tried.
    Usage,
    /// Finished, but something asked for was not done; the output says what.
    Incomplete,
    /// `diff` found a difference: 1, as in diff(1).
    Different,
    /// `diff` failed, or could not compare all that was asked for: above 1, as in diff(1).
    DiffFailed,
    /// Nobody reads stdout any more, as after `| head`: what a process gets that the signal for it ends, which is
    /// what a shell expects of every program in a pipeline. It says nothing about the work.
    ReaderGone,
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(match status {
            ExitStatus::Done => 0,
            ExitStatus::Failed | ExitStatus::Different => 1,
            ExitStatus::Usage | ExitStatus::DiffFailed => 2,
            ExitStatus::Incomplete => 3,
            // 128 + SIGPIPE
            ExitStatus::ReaderGone => 141,
        })
    }
}
