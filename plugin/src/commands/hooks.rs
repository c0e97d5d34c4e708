//! `kubectl backup hooks`, and what it shares with `create`: finding hooks, and the ways to their runtimes.

mod attach;
mod build;
mod component;
mod eject;
pub(in crate::commands) mod find;
pub(in crate::commands) mod forwards;
mod inject;
mod list;
mod new;
pub(in crate::commands) mod open;
mod pods;
mod project;
mod show;
mod status;
mod test;
mod workload;

use crate::{
    cli::hooks::{HooksArgs, HooksCommand},
    exit::ExitStatus,
};

use super::session::Session;

/// Runs `hooks`.
pub(crate) async fn run(args: HooksArgs, session: &Session) -> anyhow::Result<ExitStatus> {
    match args.command {
        HooksCommand::List(args) => list::run(args, session).await,
        HooksCommand::Status(args) => status::run(args, session).await,
        HooksCommand::Show(args) => show::run(args, session).await,
        HooksCommand::Test(args) => test::run(args, session).await,
        HooksCommand::Inject(args) => inject::run(args, session).await,
        HooksCommand::Eject(args) => eject::run(args, session).await,
        HooksCommand::Attach(args) => attach::run(args, session).await,
        HooksCommand::New(args) => new::run(args, session).await,
        HooksCommand::Build(args) => build::run(args, session).await,
        HooksCommand::Inspect(args) => component::inspect(args, session).await,
        HooksCommand::Push(args) => component::run_push(args, session).await,
    }
}
