//! `-o` and what goes with it.

use clap::ValueEnum;

/// Output of verbs that print records rather than objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum RecordFormat {
    /// Columns for people.
    #[default]
    Table,
    /// More columns.
    Wide,
    /// One JSON document.
    Json,
    /// One YAML document.
    Yaml,
    /// Names only, one a line.
    Name,
}

/// `-o` for verbs that print records.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct OutputFormat {
    /// Output format
    #[arg(
        short = 'o',
        long = "output",
        value_name = "OUTPUT",
        value_enum,
        default_value = "table",
        hide_default_value = true,
        help_heading = "Output"
    )]
    pub format: RecordFormat,
}

/// `-o` and the header, for verbs that print a table of records.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct RecordOutput {
    /// The format.
    #[command(flatten)]
    pub output: OutputFormat,
    /// Leave the header line out
    #[arg(long, help_heading = "Output")]
    pub no_headers: bool,
}

/// Output of `diff`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum DiffFormat {
    /// Lines, as diff(1) prints them.
    #[default]
    Text,
    /// One JSON document.
    Json,
    /// One YAML document.
    Yaml,
    /// Names only, one a line.
    Name,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}
