//! `log`, and the stderr of a guest: lines in the runtime's log, bounded and without control characters.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};

use super::State;
use crate::bindings::kubectl_backup::hook::log::{Host, Level};

/// Characters of a line.
const LONGEST_LINE: usize = 1024;
/// Bytes that one lease may write.
const MOST_BYTES: usize = 64 * 1024;

/// The log of one hook.
#[derive(Debug)]
pub(crate) struct HookLog {
    hook: String,
    left: AtomicUsize,
}

impl HookLog {
    pub(crate) fn new(hook: &str) -> Self {
        Self { hook: hook.to_owned(), left: AtomicUsize::new(MOST_BYTES) }
    }

    /// A new lease may write again.
    pub(crate) fn refill(&self) {
        self.left.store(MOST_BYTES, Ordering::Relaxed);
    }

    /// The runtime's own words on what the hook does; they come of its doing, so they count like its own.
    pub(crate) fn warn(&self, text: &str) {
        self.write(Level::Warn, text);
    }

    fn write(&self, level: Level, text: &str) {
        let line = plain(text);
        let cost = line.len() + 1;
        let left = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            (left > 0).then(|| left.saturating_sub(cost))
        });
        match left {
            Err(_) => {}
            Ok(left) if left <= cost => {
                tracing::warn!(
                    "hook {}: says too much; nothing more is logged until its next lease",
                    self.hook
                );
            }
            Ok(_) => match level {
                Level::Debug => tracing::debug!("hook {}: {line}", self.hook),
                Level::Info => tracing::info!("hook {}: {line}", self.hook),
                Level::Warn => tracing::warn!("hook {}: {line}", self.hook),
                Level::Error => tracing::error!("hook {}: {line}", self.hook),
            },
        }
    }
}

/// A line that cannot pretend to be another, nor move a terminal's cursor.
fn plain(text: &str) -> String {
    let mut line = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == LONGEST_LINE {
            line.push('…');
            break;
        }
        if character.is_control() { line.extend(character.escape_default()) } else { line.push(character) }
    }
    line
}

impl Host for State {
    async fn write(&mut self, level: Level, message: String) {
        self.log.write(level, &message);
    }
}

/// What a guest writes to stderr: the texts of its panics above all.
pub(super) struct Stderr(pub(super) Arc<HookLog>);

impl IsTerminal for Stderr {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Stderr {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(Lines { log: Arc::clone(&self.0), begun: Vec::new() })
    }
}

/// Cuts what is written into lines.
struct Lines {
    log: Arc<HookLog>,
    begun: Vec<u8>,
}

impl Lines {
    fn finish(&mut self) {
        let line = std::mem::take(&mut self.begun);
        if !line.is_empty() {
            self.log.write(Level::Warn, &String::from_utf8_lossy(&line));
        }
    }
}

impl AsyncWrite for Lines {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        for byte in bytes {
            match byte {
                b'\n' => self.finish(),
                // A line without an end must not grow for ever.
                _ if self.begun.len() > LONGEST_LINE * 4 => {}
                byte => self.begun.push(*byte),
            }
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.finish();
        Poll::Ready(Ok(()))
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.finish();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one_line() {
        assert_eq!(plain("a\nERROR forged\u{1b}[2J"), "a\\nERROR forged\\u{1b}[2J");
    }

    #[test]
    fn a_long_line_is_cut() {
        assert_eq!(plain(&"ä".repeat(5000)).chars().count(), LONGEST_LINE + 1);
    }
}
