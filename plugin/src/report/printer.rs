//! Who may write where: data to stdout, talk to stderr. Nothing else in the plugin prints.

use std::{
    error::Error,
    io::{self, IsTerminal, Write},
};

use super::terminal;

/// Characters of a name that a line of a terminal has room for beside other columns.
pub const LONGEST_NAME: usize = 60;

/// The way to stdout and stderr.
#[derive(Clone, Debug)]
pub struct Printer {
    talk: Talk,
    stdout_is_terminal: bool,
    stderr_is_terminal: bool,
}

/// How much goes to stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Talk {
    All,
    /// Warnings and errors only.
    Trouble,
    Nothing,
}

impl Printer {
    /// For the streams of this process.
    pub fn for_process(quiet: bool) -> Self {
        Self {
            talk: if quiet { Talk::Trouble } else { Talk::All },
            stdout_is_terminal: io::stdout().is_terminal(),
            stderr_is_terminal: io::stderr().is_terminal(),
        }
    }

    /// Writes data only, and nothing at all on stderr: for completion, where talk would fall into the line that
    /// is being typed.
    pub fn silent() -> Self {
        Self { talk: Talk::Nothing, stdout_is_terminal: false, stderr_is_terminal: false }
    }

    /// Whether a person reads stdout.
    pub fn stdout_is_terminal(&self) -> bool {
        self.stdout_is_terminal
    }

    /// The longest name that a table on stdout shows whole: on a terminal, longer ones break every line.
    pub fn longest_name(&self) -> Option<usize> {
        self.stdout_is_terminal.then_some(LONGEST_NAME)
    }

    /// Whether progress may be drawn on stderr.
    pub fn draws_progress(&self) -> bool {
        self.talk == Talk::All && self.stderr_is_terminal
    }

    /// Whether talk is wanted at all.
    pub fn is_quiet(&self) -> bool {
        self.talk != Talk::All
    }

    /// Data: `text` on stdout, freed of escapes, with a newline at its end.
    pub fn data(&self, text: &str) -> io::Result<()> {
        self.data_styled(&terminal::clean(text))
    }

    /// Data that another program may depend on to the byte: exact into a file or pipe, freed of escapes on a terminal.
    ///
    /// Adds no newline.
    pub fn exact(&self, text: &str) -> io::Result<()> {
        let text = if self.stdout_is_terminal { terminal::clean(text) } else { text.into() };
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(of_stdout)
    }

    /// Data that holds our own colour sequences; the caller has cleaned what it wrapped in them.
    pub fn data_styled(&self, text: &str) -> io::Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        write_all(&mut io::stdout().lock(), text).map_err(of_stdout)
    }

    /// What happens, for a person: one line on stderr, silent with `--quiet`.
    pub fn note(&self, text: &str) {
        if self.talk == Talk::All {
            self.to_stderr(text);
        }
    }

    /// A part of a dialogue on stderr, with our own colour sequences; the caller has cleaned what it wrapped in them.
    pub fn dialogue(&self, text: &str) {
        // With stderr gone there is no one left to talk to.
        let _ = write_all(&mut io::stderr().lock(), text);
    }

    /// What the user must know and may act on: one line on stderr, also with `--quiet`.
    pub fn warning(&self, text: &str) {
        self.to_stderr(&format!("warning: {text}"));
    }

    /// Why the command failed, as `commands::failure` rendered it.
    pub fn error(&self, text: &str) {
        self.to_stderr(text);
    }

    fn to_stderr(&self, text: &str) {
        if self.talk == Talk::Nothing {
            return;
        }
        // With stderr gone there is no one left to tell.
        let _ = writeln!(io::stderr().lock(), "{}", terminal::clean(text).trim_end_matches('\n'));
    }
}

fn write_all(stream: &mut impl Write, text: &str) -> io::Result<()> {
    stream.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        stream.write_all(b"\n")?;
    }
    stream.flush()
}

/// Marks an error as one of our own stdout: a broken pipe elsewhere is a failure, this one is not.
#[derive(Debug, thiserror::Error)]
#[error("could not write to stdout")]
struct StdoutError(#[source] io::Error);

fn of_stdout(source: io::Error) -> io::Error {
    io::Error::new(source.kind(), StdoutError(source))
}

/// Whether `error` says that nobody reads stdout any more, as after `| head`.
pub fn reader_is_gone(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| {
        error.kind() == io::ErrorKind::BrokenPipe
            && error.get_ref().is_some_and(<dyn Error + Send + Sync>::is::<StdoutError>)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_broken_pipe_of_our_own_stdout_counts_as_a_reader_gone() {
        let pipe = || io::Error::from(io::ErrorKind::BrokenPipe);
        assert!(reader_is_gone(&of_stdout(pipe())));
        assert!(!reader_is_gone(&pipe()));
        assert!(!reader_is_gone(&of_stdout(io::Error::from(io::ErrorKind::StorageFull))));
    }
}
