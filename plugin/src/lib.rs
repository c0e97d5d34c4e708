//! `kubectl backup`: restore points of Kubernetes applications.
//!
//! `commands` holds one file a verb and is the only module that knows all others. `plan` decides and does no
//! I/O; `cluster` alone calls the API server; `archive` alone names rustic; `report` turns results into text.
//! They share `model` and do not import each other. `docs/architecture.md` has the picture.

pub mod archive;
pub mod cli;
pub mod cluster;
mod commands;
pub mod config;
mod exit;
pub mod hooks;
pub mod model;
pub mod plan;
pub mod report;

use std::{
    ffi::OsString,
    io::{self, Write as _},
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
};

use clap::{ColorChoice, CommandFactory, FromArgMatches};

use cli::Cli;
use exit::ExitStatus;
use report::printer::Printer;

/// Runs the command line `arguments` (the program's name first) to its end.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match parse(commands::complete::translate_shim_call(arguments.into_iter().collect())) {
        Ok(cli) => cli,
        Err(status) => return status.into(),
    };
    report::log::start(cli.global.verbosity());
    let printer = Printer::for_process(cli.global.quiet);
    let failure_status = commands::failure_status(&cli.command);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let error = anyhow::Error::new(error).context("could not start the async runtime");
            printer.error(&commands::failure::render(&error));
            return ExitStatus::Failed.into();
        }
    };
    let outcome = catch_unwind(AssertUnwindSafe(|| runtime.block_on(commands::run(cli, &printer))));
    // A list or write that is still under way must not keep a finished command from ending.
    runtime.shutdown_background();
    match outcome {
        Ok(Ok(status)) => status.into(),
        Err(_) => {
            printer.error(&commands::failure::render(&commands::failure::of_our_own()));
            failure_status.into()
        }
        Ok(Err(error)) if commands::failure::is_reader_gone(&error) => ExitStatus::ReaderGone.into(),
        Ok(Err(error)) => {
            printer.error(&commands::failure::render(&error));
            commands::failure::status(&error).unwrap_or(failure_status).into()
        }
    }
}

/// How the process is to end where clap has the last word: `--help`, `--version`, a wrong line.
fn parse(arguments: Vec<OsString>) -> Result<Cli, ExitStatus> {
    let mut definition = Cli::command();
    // clap lets an empty `NO_COLOR` pass; kubectl does not.
    if std::env::var_os("NO_COLOR").is_some() {
        definition = definition.color(ColorChoice::Never);
    }
    definition
        .clone()
        .try_get_matches_from(arguments)
        .and_then(|matches| Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut definition)))
        .map_err(|text| end_of(&text))
}

/// Prints clap's text. Whoever asked for it must learn that it could not be written, which clap keeps to itself.
fn end_of(text: &clap::Error) -> ExitStatus {
    match text.print().and_then(|()| io::stdout().flush()) {
        _ if text.use_stderr() => ExitStatus::Usage,
        Ok(()) => ExitStatus::Done,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitStatus::ReaderGone,
        Err(error) => {
            Printer::for_process(false).error(&format!("error: could not write to stdout: {error}"));
            ExitStatus::Failed
        }
    }
}
