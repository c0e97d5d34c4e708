//! What `hooks inspect` and `hooks push` take: components as files.

use std::path::PathBuf;

use crate::cli::output::OutputFormat;

/// Arguments of `hooks inspect`.
#[derive(Debug, clap::Args)]
pub struct InspectArgs {
    /// The component
    #[arg(value_name = "FILE", required = true)]
    pub file: PathBuf,
    /// How to print.
    #[command(flatten)]
    pub output: OutputFormat,
}

/// Arguments of `hooks push`.
#[derive(Debug, clap::Args)]
pub struct PushArgs {
    /// The component
    #[arg(value_name = "FILE", required = true)]
    pub file: PathBuf,
    /// Where to: registry, repository and tag
    #[arg(value_name = "IMAGE", required = true)]
    pub image: String,
    /// Credentials in Docker's format [default: those of `docker login`]
    #[arg(long, value_name = "FILE")]
    pub registry_credentials: Option<PathBuf>,
}
