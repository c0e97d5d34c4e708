//! The environment variables of this program; their names stand here and in help texts only.

use std::{env, path::PathBuf};

use crate::model::repository::Secret;

use super::{ConfigError, PasswordSource};

const REPOSITORY: &str = "KUBECTL_BACKUP_REPO";
const CONFIG: &str = "KUBECTL_BACKUP_CONFIG";
const PASSWORD: &str = "KUBECTL_BACKUP_PASSWORD";
const PASSWORD_FILE: &str = "KUBECTL_BACKUP_PASSWORD_FILE";
const PASSWORD_COMMAND: &str = "KUBECTL_BACKUP_PASSWORD_COMMAND";
/// kubectl's own variable.
const EXTERNAL_DIFF: &str = "KUBECTL_EXTERNAL_DIFF";
/// kubectl's own, then everybody's.
const EDITORS: [&str; 2] = ["KUBE_EDITOR", "EDITOR"];

/// The editor that the user wants, as kubectl chooses it.
pub fn editor() -> String {
    let named = EDITORS.iter().find_map(|name| env::var(name).ok().filter(|it| !it.trim().is_empty()));
    named.unwrap_or_else(|| "vi".to_owned())
}

/// The diff program that the user wants `diff` to run, with its arguments.
pub fn external_diff() -> Option<String> {
    env::var(EXTERNAL_DIFF).ok().filter(|command| !command.trim().is_empty())
}

/// What the environment says. A variable that is set to nothing counts as not set.
#[derive(Clone, Debug, Default)]
pub(super) struct Environment {
    pub(super) repository: Option<String>,
    pub(super) config: Option<PathBuf>,
    pub(super) password: Option<Secret>,
    pub(super) password_file: Option<PathBuf>,
    pub(super) password_command: Option<String>,
}

impl Environment {
    /// Of this process.
    pub(super) fn of_process() -> Result<Self, ConfigError> {
        Ok(Self {
            repository: text(REPOSITORY)?,
            config: path(CONFIG),
            password: text(PASSWORD)?.map(Secret::new),
            password_file: path(PASSWORD_FILE),
            password_command: text(PASSWORD_COMMAND)?,
        })
    }

    /// Where it says that the password comes from.
    pub(super) fn password(&self) -> Result<Option<PasswordSource>, ConfigError> {
        let sources = [
            self.password.clone().map(|secret| (PASSWORD, PasswordSource::Value(secret))),
            self.password_file.clone().map(|path| (PASSWORD_FILE, PasswordSource::File(path))),
            self.password_command.clone().map(|command| (PASSWORD_COMMAND, PasswordSource::Command(command))),
        ];
        let mut set = sources.into_iter().flatten();
        match (set.next(), set.next()) {
            (Some((first, _)), Some((second, _))) => Err(ConfigError::TwoPasswords { first, second }),
            (only, _) => Ok(only.map(|(_, source)| source)),
        }
    }
}

fn path(name: &str) -> Option<PathBuf> {
    env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn text(name: &'static str) -> Result<Option<String>, ConfigError> {
    match env::var(name) {
        Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => Err(ConfigError::NotText { name }),
    }
}
