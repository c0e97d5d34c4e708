//! What `hooks new` and `hooks build` take: hooks as their authors have them.

use std::path::PathBuf;

use clap::ValueEnum;

use crate::cli::output::OutputFormat;

/// What a hook is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// Rust: small and quick to start
    Rust,
    /// Python: brings an interpreter of 18 MB
    Python,
    /// JavaScript: brings an engine of 12 MB
    Js,
}

/// Arguments of `hooks new`.
#[derive(Debug, clap::Args)]
pub struct NewArgs {
    /// Its name, and that of the folder that is made: lower case, digits and `-`
    #[arg(value_name = "NAME", required = true)]
    pub name: String,
    /// What it is written in
    #[arg(long = "lang", value_enum, value_name = "LANGUAGE", default_value = "rust")]
    pub language: Language,
    /// Take `hooks-sdk` from this folder instead of from the project's repository; for Rust
    #[arg(long, value_name = "FOLDER")]
    pub sdk: Option<PathBuf>,
}

/// Arguments of `hooks build`.
#[derive(Debug, clap::Args)]
pub struct BuildArgs {
    /// The folder that `hooks new` made
    #[arg(value_name = "FOLDER", default_value = ".")]
    pub folder: PathBuf,
    /// How to print.
    #[command(flatten)]
    pub output: OutputFormat,
}
