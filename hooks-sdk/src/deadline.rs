//! The time that a call may take.

use std::{
    io,
    time::{Duration, Instant},
};

use crate::{Error, ErrorKind, Request, Result};

/// When a call must have ended. The runtime ends it then by dropping the instance and its sessions; a hook that keeps to
/// it itself can still say what it waited for.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(Instant);

impl Deadline {
    /// Of the call that this request began. Taken first thing in the call.
    pub fn of(request: &Request) -> Self {
        Self::after(Duration::from_millis(request.budget.into()))
    }

    /// This long from now.
    pub fn after(duration: Duration) -> Self {
        Self(Instant::now() + duration)
    }

    /// What is left: an error of kind `timed-out` when nothing is.
    pub fn left(self) -> Result<Duration> {
        let left = self.0.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Error::new(ErrorKind::TimedOut, "the time that this step may take is over"));
        }
        Ok(left)
    }

    /// The same for a stream, whose errors are those of reading and writing.
    pub(crate) fn left_to_stream(self) -> io::Result<Duration> {
        self.left().map_err(|_| io::ErrorKind::TimedOut.into())
    }
}
