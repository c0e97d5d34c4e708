//! The log: off by default, raised by `-v` or `RUST_LOG`, always on stderr.

use tracing_subscriber::{EnvFilter, fmt, prelude::*};

/// Starts logging. `RUST_LOG` overrides `verbosity`.
pub fn start(verbosity: u8) {
    let default = match verbosity {
        0 => "off",
        1 => "kubectl_backup=info",
        2 => "kubectl_backup=debug,kube_client=debug",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let layer = fmt::layer().with_writer(std::io::stderr).with_ansi(false).with_target(verbosity > 1);
    // A second start can only happen in tests, where the first one serves.
    let _ = tracing_subscriber::registry().with(filter).with(layer).try_init();
}
