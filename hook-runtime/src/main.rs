//! The program: options, the log, the listeners, signals and the exit code.

use std::{
    error::Error,
    io::{self, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::{Parser, Subcommand, ValueEnum};
use hook_runtime::{
    configuration::{Configuration, ConfigurationError, LISTEN},
    engine::{self, Engine},
    probe::probe,
    server::Runtime,
};
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{
    Layer as _, filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

/// Less than the 30 s that a pod has to end by default.
const GRACE: Duration = Duration::from_secs(25);

/// Runs the hooks of kubectl backup beside a database, and thaws when nobody asks any more
#[derive(Debug, Parser)]
#[command(version, subcommand_negates_reqs = true, args_conflicts_with_subcommands = true)]
struct Options {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// What to run and what to grant, as YAML
    #[arg(long, value_name = "FILE", required_unless_present = "config_inline")]
    config: Option<PathBuf>,
    /// The configuration itself, where no file can be mounted, as in an ephemeral container
    #[arg(long, value_name = "YAML", conflicts_with = "config")]
    config_inline: Option<String>,
    /// When it cannot start, say why and try again after so many seconds, rather than end: a container that ends at once keeps
    /// those after it in its pod from starting
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    retry: Option<u64>,
    /// How much to log: error, warn, info, debug
    #[arg(long, value_name = "LEVEL", default_value_t = LevelFilter::INFO)]
    log: LevelFilter,
    /// How to log
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    log_format: LogFormat,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Ask the runtime of this pod whether it answers, as a probe of the kubelet does
    Probe {
        /// Where it listens
        #[arg(long, value_name = "ADDRESS", default_value_t = LISTEN)]
        listen: SocketAddr,
        /// Succeed too while nobody listens there, as when it compiles its hooks: for what restarts it
        #[arg(long)]
        or_starting: bool,
    },
    /// Compile the hooks of a configuration into its cache, and end
    #[cfg(feature = "compiler")]
    Compile {
        /// What to compile, and where to: `cache` in it
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogFormat {
    /// A line for people
    Text,
    /// An object for programs
    Json,
}

fn main() -> ExitCode {
    let options = Options::parse();
    match options.verb {
        Some(Verb::Probe { listen, or_starting }) => said(probe(listen, or_starting)),
        #[cfg(feature = "compiler")]
        Some(Verb::Compile { config }) => said(compile(&config)),
        None => {
            log_to_stderr(options.log, options.log_format);
            let retry = options.retry.map(Duration::from_secs);
            let read = || match &options.config_inline {
                Some(text) => Configuration::inline(text),
                None => Configuration::read(options.config.as_deref().unwrap_or(Path::new(""))),
            };
            serve(&read, retry)
        }
    }
}

fn said<E: Error>(outcome: Result<(), E>) -> ExitCode {
    let Err(error) = outcome else { return ExitCode::SUCCESS };
    tell(&format!("error: {}", with_causes(&error)));
    ExitCode::FAILURE
}

#[cfg(feature = "compiler")]
fn compile(config: &Path) -> Result<(), engine::Error> {
    let configuration = Configuration::read(config).map_err(engine::Error::Configuration)?;
    let asynchronous = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let engine = Engine::compiling()?;
    let filled = asynchronous.map_err(engine::Error::Thread)?.block_on(engine.fill_cache(&configuration))?;
    for hook in filled {
        tell(&format!("compiled the component of hook {hook}"));
    }
    Ok(())
}

fn serve(
    configuration: &dyn Fn() -> Result<Configuration, ConfigurationError>,
    retry: Option<Duration>,
) -> ExitCode {
    // One thread: a guest gives way every few milliseconds, so more would only cost memory. Then connections and timers
    // must have their turn, and not after 61 times as by default: a thaw would come half a second late.
    let asynchronous = tokio::runtime::Builder::new_current_thread().enable_all().event_interval(1).build();
    let ended = asynchronous.map_err(engine::Error::Thread);
    match ended.and_then(|asynchronous| asynchronous.block_on(run(configuration, retry))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(target: "hook_runtime", "{}", with_causes(&error));
            ExitCode::FAILURE
        }
    }
}

/// To whoever runs a verb by hand; where nobody can be told, the exit code says it.
fn tell(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

fn log_to_stderr(level: LevelFilter, format: LogFormat) {
    let lines =
        tracing_subscriber::fmt::layer().with_ansi(false).with_target(false).with_writer(std::io::stderr);
    let lines = match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    // The compiler and the HTTP library have nothing to say to an operator.
    let filter = Targets::new().with_target("hook_runtime", level);
    tracing_subscriber::registry().with(lines).with(filter).init();
}

fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}

/// Until it is told to stop. What is held then is thawed before it ends.
async fn run(
    configuration: &dyn Fn() -> Result<Configuration, ConfigurationError>,
    retry: Option<Duration>,
) -> Result<(), engine::Error> {
    // First of all: a signal that comes while hooks are being compiled must not kill.
    let handler = |kind| signal(kind).map_err(engine::Error::Signals);
    let (mut terminated, mut interrupted) =
        (handler(SignalKind::terminate())?, handler(SignalKind::interrupt())?);
    let Ready { runtime, listener, scraped } = loop {
        match (ready(configuration).await, retry) {
            (Ok(ready), _) => break ready,
            (Err(error), None) => return Err(error),
            (Err(error), Some(pause)) => {
                tracing::error!(target: "hook_runtime", "{}; trying again in {} s", with_causes(&error), pause.as_secs());
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = told_to_stop(&mut terminated, &mut interrupted) => return Ok(()),
                }
            }
        }
    };
    let metrics = async {
        match scraped {
            Some(listener) => runtime.serve_metrics(listener).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = runtime.serve(listener) => {}
        () = metrics => {}
        () = told_to_stop(&mut terminated, &mut interrupted) => {}
    }
    tracing::info!(target: "hook_runtime", "told to stop");
    let frozen = runtime.stop(GRACE).await;
    if frozen.is_empty() { Ok(()) } else { Err(engine::Error::StillFrozen(frozen.join(", "))) }
}

/// A runtime that has its hooks and its listeners.
struct Ready {
    runtime: Runtime,
    listener: TcpListener,
    scraped: Option<TcpListener>,
}

async fn ready(
    configuration: &dyn Fn() -> Result<Configuration, ConfigurationError>,
) -> Result<Ready, engine::Error> {
    let configuration = configuration().map_err(engine::Error::Configuration)?;
    let runtime = Runtime::start(&Engine::serving(&configuration)?, &configuration).await?;
    let listener = listen(configuration.listen(), "").await?;
    let scraped = match configuration.metrics_listen() {
        Some(address) => Some(listen(address, "for metrics ").await?),
        None => None,
    };
    Ok(Ready { runtime, listener, scraped })
}

async fn listen(address: SocketAddr, what_for: &str) -> Result<TcpListener, engine::Error> {
    let failed = |source| engine::Error::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    tracing::info!(target: "hook_runtime", "listening {what_for}on {address}");
    Ok(listener)
}

async fn told_to_stop(terminated: &mut Signal, interrupted: &mut Signal) {
    tokio::select! {
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
}
