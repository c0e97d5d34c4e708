//! The configuration file and the environment variables.
//!
//! Flags win over the environment, the environment over the file, the file over the defaults.

mod command;
mod environment;
mod error;
mod file;
mod folders;
mod key_file;

pub use environment::{editor, external_diff};
pub use error::ConfigError;

use std::path::{Path, PathBuf};

use crate::{
    cli::repository::RepositoryArgs,
    model::repository::{Access, Location, Secret},
};

use environment::Environment;
use file::ConfigFile;
use folders::Folders;

/// Which repository to use and what opens it, decided but not yet read.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the repository lies.
    pub location: Location,
    /// Where its password comes from.
    pub password: PasswordSource,
}

/// Where a password comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PasswordSource {
    /// The first line of a file.
    File(PathBuf),
    /// The first line that a command prints.
    Command(String),
    /// The environment.
    Value(Secret),
    /// The file that the first backup makes.
    KeyFile(PathBuf),
}

/// Whether the key file was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFile {
    /// It was, or another source of the password is in use.
    Existing,
    /// It was made just now.
    Created,
}

impl Settings {
    /// From the flags, the environment of this process, and the configuration file.
    pub fn resolve(arguments: &RepositoryArgs) -> Result<Self, ConfigError> {
        Self::resolve_with(arguments, &Environment::of_process()?, Folders::of_user().as_ref())
    }

    fn resolve_with(
        arguments: &RepositoryArgs,
        environment: &Environment,
        folders: Option<&Folders>,
    ) -> Result<Self, ConfigError> {
        let named = arguments.config.as_deref().or(environment.config.as_deref());
        let file = match (named, folders) {
            (Some(path), _) => {
                ConfigFile::read(path)?.ok_or_else(|| ConfigError::NoConfigFile { path: path.into() })?
            }
            (None, Some(folders)) => ConfigFile::read(&folders.config_file())?.unwrap_or_default(),
            (None, None) => ConfigFile::default(),
        };
        let location = location(arguments, environment, &file, folders)?;
        let password = password(arguments, environment, &file, folders)?;
        Ok(Self { location, password })
    }

    /// What opens the repository. Reads the password's source, and may run the user's command.
    pub fn access(&self) -> Result<Access, ConfigError> {
        let secret = match &self.password {
            PasswordSource::File(path) => key_file::read(path)?,
            PasswordSource::Command(command) => command::run(command)?,
            PasswordSource::Value(secret) => secret.clone(),
            PasswordSource::KeyFile(path) => match key_file::read(path) {
                Ok(secret) => Secret::generated(secret.reveal()),
                Err(ConfigError::NoPasswordFile { path, .. }) => return Err(ConfigError::NoKeyFile { path }),
                Err(error) => return Err(error),
            },
        };
        Ok(Access { location: self.location.clone(), secret })
    }

    /// Like [`Settings::access`], for a repository that is yet to be made: the key file is made too if it is
    /// the source of the password. An existing one is never replaced.
    pub fn access_or_create_key(&self) -> Result<(Access, KeyFile), ConfigError> {
        let created = match &self.password {
            PasswordSource::KeyFile(path) if key_file::create(path)? => KeyFile::Created,
            _ => KeyFile::Existing,
        };
        Ok((self.access()?, created))
    }
}

fn location(
    arguments: &RepositoryArgs,
    environment: &Environment,
    file: &ConfigFile,
    folders: Option<&Folders>,
) -> Result<Location, ConfigError> {
    if let Some(named) = arguments.repo.as_deref().or(environment.repository.as_deref()) {
        return parse_location(named);
    }
    if let Some(named) = &file.repository {
        return Ok(match parse_location(named)? {
            Location::Folder(path) => Location::Folder(file.path_of(&path, folders)),
        });
    }
    let folders = folders.ok_or(ConfigError::NoHome { instead: "--repo" })?;
    Ok(Location::Folder(folders.repository()))
}

/// A folder; what looks like the address of another kind of store is refused rather than made a folder.
fn parse_location(text: &str) -> Result<Location, ConfigError> {
    let scheme = text.split_once(':').map_or("", |(scheme, _)| scheme);
    // A single letter is a drive on Windows.
    let is_address =
        scheme.len() > 1 && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+');
    if text.trim().is_empty() || is_address {
        return Err(ConfigError::UnknownStore { text: text.to_owned() });
    }
    Ok(Location::Folder(PathBuf::from(text)))
}

fn password(
    arguments: &RepositoryArgs,
    environment: &Environment,
    file: &ConfigFile,
    folders: Option<&Folders>,
) -> Result<PasswordSource, ConfigError> {
    // clap refuses both flags at once.
    if let Some(path) = &arguments.password_file {
        return Ok(PasswordSource::File(path.clone()));
    }
    if let Some(command) = &arguments.password_command {
        return Ok(PasswordSource::Command(command.clone()));
    }
    if let Some(source) = environment.password()? {
        return Ok(source);
    }
    match (&file.password_file, &file.password_command) {
        (Some(_), Some(_)) => {
            return Err(ConfigError::TwoPasswords { first: "password-file", second: "password-command" });
        }
        (Some(path), None) => return Ok(PasswordSource::File(file.path_of(Path::new(path), folders))),
        (None, Some(command)) => return Ok(PasswordSource::Command(command.clone())),
        (None, None) => {}
    }
    let folders = folders.ok_or(ConfigError::NoHome { instead: "--password-file" })?;
    Ok(PasswordSource::KeyFile(folders.key_file()))
}

#[cfg(test)]
mod tests;
