//! Which repository, and where its password comes from. Never the password itself.

use std::path::PathBuf;

/// Which repository, and where its password comes from.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct RepositoryArgs {
    /// The repository: a folder [env: `KUBECTL_BACKUP_REPO`; default: a folder of your own user]
    #[arg(long, global = true, value_name = "FOLDER", help_heading = "Repository")]
    pub repo: Option<String>,
    /// File whose first line is the password [env: `KUBECTL_BACKUP_PASSWORD_FILE`]
    ///
    /// Without it, `KUBECTL_BACKUP_PASSWORD` and the key file that the first backup made are tried.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        conflicts_with = "password_command",
        help_heading = "Repository"
    )]
    pub password_file: Option<PathBuf>,
    /// Command that prints the password [env: `KUBECTL_BACKUP_PASSWORD_COMMAND`]
    #[arg(long, global = true, value_name = "COMMAND", help_heading = "Repository")]
    pub password_command: Option<String>,
    /// Configuration file [env: `KUBECTL_BACKUP_CONFIG`; default: config.yaml in your user's configuration folder]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Repository")]
    pub config: Option<PathBuf>,
}
