//! The password command: split into words as a shell would, run without a shell.

use std::process::{Command, Stdio};

use crate::model::repository::Secret;

use super::{ConfigError, key_file};

/// The first line of what the command prints.
pub(super) fn run(command: &str) -> Result<Secret, ConfigError> {
    let invalid = || ConfigError::InvalidCommand { command: command.to_owned() };
    let words = shell_words::split(command).map_err(|_| invalid())?;
    let (program, arguments) = words.split_first().ok_or_else(invalid)?;
    // It may ask its user on the terminal: stdin and stderr are ours.
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::inherit())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|source| ConfigError::Command { program: program.clone(), source })?;
    if !output.status.success() {
        return Err(ConfigError::CommandFailed { program: program.clone(), status: output.status });
    }
    key_file::first_line(&output.stdout)
        .ok_or_else(|| ConfigError::NoPassword { origin: format!("the password command `{program}`") })
}
