//! Why the configuration cannot be used.

use std::{io, path::PathBuf, process::ExitStatus};

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file that was named is not there.
    #[error("there is no configuration file `{}`", path.display())]
    NoConfigFile {
        /// Which.
        path: PathBuf,
    },
    /// The configuration file cannot be read.
    #[error("could not read the configuration file `{}`", path.display())]
    ConfigFile {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The configuration file does not say what it should.
    #[error("the configuration file `{}` is not valid", path.display())]
    InvalidConfigFile {
        /// Which.
        path: PathBuf,
        /// What is wrong, and where.
        source: Box<serde_saphyr::Error>,
    },
    /// A store that this version does not know.
    #[error("`{text}` is not a folder")]
    UnknownStore {
        /// As given.
        text: String,
    },
    /// Two sources of the password at once.
    #[error("`{first}` and `{second}` are both set")]
    TwoPasswords {
        /// One.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// An environment variable is not text.
    #[error("the value of {name} is not valid UTF-8")]
    NotText {
        /// Which.
        name: &'static str,
    },
    /// The user has no home folder.
    #[error("your home folder is not known, so there is no default place")]
    NoHome {
        /// The flag that makes it unnecessary.
        instead: &'static str,
    },
    /// The password file is not there.
    #[error("could not read the password file `{}`", path.display())]
    NoPasswordFile {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The repository is there, its key file is not.
    #[error("the key file `{}` is not there", path.display())]
    NoKeyFile {
        /// Which.
        path: PathBuf,
    },
    /// The password file cannot be read.
    #[error("could not read the password file `{}`", path.display())]
    PasswordFile {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Nothing in the first line, or no text.
    #[error("{origin} gives no password: its first line is empty, too long or not valid UTF-8")]
    NoPassword {
        /// A file or command.
        origin: String,
    },
    /// The key file could not be made.
    #[error("could not create the key file `{}`", path.display())]
    CreateKeyFile {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The system gave no random numbers.
    #[error("could not get random numbers for a new key")]
    Random,
    /// The password command cannot be split into words.
    #[error("the password command `{command}` is not well formed")]
    InvalidCommand {
        /// As given.
        command: String,
    },
    /// The password command did not start.
    #[error("could not run the password command `{program}`")]
    Command {
        /// Its first word.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// The password command failed.
    #[error("the password command `{program}` failed: {status}")]
    CommandFailed {
        /// Its first word.
        program: String,
        /// How it ended.
        status: ExitStatus,
    },
}

impl ConfigError {
    /// Whether what the user wrote is wrong, rather than something it names.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::NoConfigFile { .. }
                | Self::InvalidConfigFile { .. }
                | Self::UnknownStore { .. }
                | Self::TwoPasswords { .. }
                | Self::NotText { .. }
                | Self::InvalidCommand { .. }
        )
    }

    /// The next thing to do.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::NoConfigFile { .. } => "check --config and KUBECTL_BACKUP_CONFIG",
            Self::InvalidConfigFile { .. } => {
                "the keys are `repository`, `password-file` and `password-command`"
            }
            Self::UnknownStore { .. } => {
                "give the path of a folder; write `./name:with-colon` if that is its name"
            }
            Self::TwoPasswords { .. } => "set one of them",
            Self::NoHome { instead } => return Some(format!("set HOME, or name the place with {instead}")),
            Self::ConfigFile { .. } => "make it readable for you, or name another with --config",
            Self::NotText { .. } => "set it anew, or give the value as an option",
            Self::NoPassword { .. } => "the password is the first line, in UTF-8",
            Self::NoPasswordFile { .. } | Self::PasswordFile { .. } => {
                "check --password-file, KUBECTL_BACKUP_PASSWORD_FILE and the configuration file"
            }
            Self::NoKeyFile { .. } => {
                "put your copy of the key file there, or name it with --password-file; without the key nobody can \
                 read the repository"
            }
            Self::InvalidCommand { .. } => {
                "quote it as for a shell; it is split into words and run directly, without a shell"
            }
            Self::Command { .. } => "give the full path of the program; it is run directly, without a shell",
            Self::CreateKeyFile { .. } => "name another place for the password with --password-file",
            Self::CommandFailed { .. } => "run the command by itself to see why",
            Self::Random => return None,
        };
        Some(text.to_owned())
    }
}
