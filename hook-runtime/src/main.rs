//! The program: options, the log, the listener, signals and the exit code.

use std::{error::Error as _, path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;
use hook_runtime::{
    configuration::Configuration,
    engine::{Engine, Error},
    server::Runtime,
};
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// Less than the 30 s that a pod has to end by default.
const GRACE: Duration = Duration::from_secs(25);

/// Runs the hooks of kubectl backup beside a database, and thaws when nobody asks any more
#[derive(Debug, Parser)]
#[command(version)]
struct Options {
    /// What to run and what to grant, as YAML
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// How much to log: error, warn, info, debug
    #[arg(long, value_name = "LEVEL", default_value_t = LevelFilter::INFO)]
    log: LevelFilter,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let lines =
        tracing_subscriber::fmt::layer().with_ansi(false).with_target(false).with_writer(std::io::stderr);
    // The compiler and the HTTP library have nothing to say to an operator.
    let filter = Targets::new().with_target("hook_runtime", options.log);
    tracing_subscriber::registry().with(lines).with(filter).init();
    // One thread: a guest gives way every few milliseconds, so more would only cost memory. Then connections and timers
    // must have their turn, and not after 61 times as by default: a thaw would come half a second late.
    let asynchronous = tokio::runtime::Builder::new_current_thread().enable_all().event_interval(1).build();
    match asynchronous.map_err(Error::Thread).and_then(|asynchronous| asynchronous.block_on(run(&options))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut text = error.to_string();
            let mut cause = error.source();
            while let Some(next) = cause {
                text = format!("{text}: {next}");
                cause = next.source();
            }
            tracing::error!(target: "hook_runtime", "{text}");
            ExitCode::FAILURE
        }
    }
}

/// Until it is told to stop. What is held then is thawed before it ends.
async fn run(options: &Options) -> Result<(), Error> {
    // First of all: a signal that comes while hooks are being compiled must not kill.
    let handler = |kind| signal(kind).map_err(Error::Signals);
    let (terminated, interrupted) = (handler(SignalKind::terminate())?, handler(SignalKind::interrupt())?);
    let configuration = Configuration::read(&options.config).map_err(Error::Configuration)?;
    let engine = Engine::new()?;
    let runtime = Runtime::start(&engine, &configuration).await?;
    let listen = configuration.listen();
    let listener =
        TcpListener::bind(listen).await.map_err(|source| Error::Listen { address: listen, source })?;
    let address = listener.local_addr().map_err(|source| Error::Listen { address: listen, source })?;
    tracing::info!(target: "hook_runtime", "listening on {address}");
    tokio::select! {
        () = runtime.serve(listener) => {}
        () = told_to_stop(terminated, interrupted) => {}
    }
    tracing::info!(target: "hook_runtime", "told to stop");
    let frozen = runtime.stop(GRACE).await;
    if frozen.is_empty() { Ok(()) } else { Err(Error::StillFrozen(frozen.join(", "))) }
}

async fn told_to_stop(mut terminated: Signal, mut interrupted: Signal) {
    tokio::select! {
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
}
