//! Who may write where: data to stdout, talk to stderr. Nothing else in the plugin prints.

use std::io::{self, IsTerminal, Write};

use super::terminal;

/// The way to stdout and stderr.
#[derive(Clone, Debug)]
pub struct Printer {
    quiet: bool,
    stdout_is_terminal: bool,
    stderr_is_terminal: bool,
}

impl Printer {
    /// For the streams of this process.
    pub fn for_process(quiet: bool) -> Self {
        Self {
            quiet,
            stdout_is_terminal: io::stdout().is_terminal(),
            stderr_is_terminal: io::stderr().is_terminal(),
        }
    }

    /// Whether a person reads stdout.
    pub fn stdout_is_terminal(&self) -> bool {
        self.stdout_is_terminal
    }

    /// Whether progress may be drawn on stderr.
    pub fn draws_progress(&self) -> bool {
        !self.quiet && self.stderr_is_terminal
    }

    /// Whether talk is wanted at all.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Data: `text` on stdout, freed of escapes, with a newline at its end.
    pub fn data(&self, text: &str) -> io::Result<()> {
        self.data_styled(&terminal::clean(text))
    }

    /// Data that holds our own colour sequences; the caller has cleaned what it wrapped in them.
    pub fn data_styled(&self, text: &str) -> io::Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        if !text.ends_with('\n') {
            stdout.write_all(b"\n")?;
        }
        stdout.flush()
    }

    /// What happens, for a person: one line on stderr, silent with `--quiet`.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            Self::to_stderr(text);
        }
    }

    /// What the user must know and may act on: one line on stderr, also with `--quiet`.
    pub fn warning(&self, text: &str) {
        Self::to_stderr(&format!("warning: {text}"));
    }

    /// Why the command failed, as `commands::failure` rendered it.
    pub fn error(&self, text: &str) {
        Self::to_stderr(text);
    }

    fn to_stderr(text: &str) {
        // With stderr gone there is no one left to tell.
        let _ = writeln!(io::stderr().lock(), "{}", terminal::clean(text).trim_end_matches('\n'));
    }
}
