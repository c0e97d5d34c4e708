//! One file a verb: complete the arguments, validate them, run. The only module that knows all others.

pub(crate) mod check;
pub(crate) mod complete;
pub(crate) mod completion;
mod conversion;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod describe;
pub(crate) mod diff;
pub(crate) mod doctor;
pub(crate) mod failure;
pub(crate) mod get;
pub(crate) mod history;
pub(crate) mod hooks;
mod interrupt;
pub(crate) mod journal;
pub(crate) mod list;
pub(crate) mod ls;
pub(crate) mod missing;
pub(crate) mod point;
pub(crate) mod restore;
mod saved_kinds;
pub(crate) mod session;
pub(crate) mod transform;
pub(crate) mod undo;
pub(crate) mod unreadable;
mod version;

use crate::{
    cli::{Cli, Command},
    cluster::Cluster,
    exit::ExitStatus,
    report::printer::Printer,
};
use session::Session;

/// Runs the verb.
pub(crate) async fn run(cli: Cli, printer: &Printer) -> anyhow::Result<ExitStatus> {
    let session = Session::new(cli.global, printer.clone());
    if !matches!(cli.command, Command::Complete(_)) {
        Cluster::check_flags(&session.global.connection)?;
    }
    match cli.command {
        Command::Create(args) => create::run(args, &session).await,
        Command::Restore(args) => Box::pin(restore::run(args, &session)).await,
        Command::Undo(args) => Box::pin(undo::run(args, &session)).await,
        Command::List(args) => list::run(args, &session).await,
        Command::Describe(args) => describe::run(args, &session).await,
        Command::Ls(args) => ls::run(args, &session).await,
        Command::Get(args) => get::run(args, &session).await,
        Command::Diff(args) => diff::run(args, &session).await,
        Command::Transform(args) => transform::run(args, &session).await,
        Command::History(args) => history::run(args, &session).await,
        Command::Hooks(args) => hooks::run(args, &session).await,
        Command::Delete(args) => delete::run(args, &session).await,
        Command::Check(args) => check::run(args, &session).await,
        Command::Doctor(args) => doctor::run(args, &session).await,
        Command::Completion(args) => completion::run(&args, &session),
        Command::Version(args) => version::run(&args, &session),
        Command::Complete(args) => complete::run(args, &session).await,
    }
}

/// The exit code of a failure that does not bring its own.
pub(crate) fn failure_status(command: &Command) -> ExitStatus {
    match command {
        Command::Diff(_) => ExitStatus::DiffFailed,
        _ => ExitStatus::Failed,
    }
}
