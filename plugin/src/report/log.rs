//! The log: off by default, raised by `-v` or `RUST_LOG`, always on stderr.
//!
//! It holds paths, names, ids and times, never the content of an object, a header or a password; libraries are
//! named one by one here, so that a new dependency cannot start to talk by itself. What the user must act on is
//! printed by the `Printer` and not logged.

use tracing_subscriber::{EnvFilter, fmt, prelude::*};

/// Starts logging. `RUST_LOG` overrides `verbosity`.
///
/// rustic writes through the `log` crate; the subscriber's own bridge (its feature `tracing-log`) carries it here.
pub fn start(verbosity: u8) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(directives(verbosity)));
    let layer = fmt::layer().with_writer(std::io::stderr).with_ansi(false).with_target(verbosity > 1);
    // A second start can only happen in tests, where the first one serves.
    let _ = tracing_subscriber::registry().with(filter).with(layer).try_init();
    // Whoever waits for the thread reports its failure in the user's terms; a stack trace is for the log.
    std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
}

fn directives(verbosity: u8) -> &'static str {
    match verbosity {
        0 => "off",
        1 => "kubectl_backup=info",
        2 => "kubectl_backup=debug,kube_client=debug,rustic_core=info",
        _ => "kubectl_backup=trace,kube_client=debug,rustic_core=debug,hyper_util=debug,rustls=debug",
    }
}
