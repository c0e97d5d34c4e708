//! Errors of the repository and of what leads to it.

use std::{
    fmt::Write as _, io, os::unix::process::ExitStatusExt as _, path::PathBuf, process::ExitStatus, sync::Arc,
};

use crate::{
    archive::{ArchiveError, StoreError},
    config::ConfigError,
    model::restore_point::RestorePointId,
};

use super::{failed, word};

fn io_error(text: &str) -> io::Error {
    io::Error::other(text.to_owned())
}

#[test]
fn a_repository_that_does_not_do_as_asked() {
    let location = || word("/backups");
    let id = || RestorePointId("3f2a9c01".repeat(8));
    let archive = every!(ArchiveError, vec![
        ArchiveError::NoRepository { location: location() },
        ArchiveError::NotARepository { location: location(), stranger: word("holiday.jpg") },
        ArchiveError::WrongPassword { location: location() },
        ArchiveError::Damaged { what: word("pack 3f2a9c01"), source: None },
        ArchiveError::Unlisted { what: word("the manifest of restore point 3f2a9c01") },
        ArchiveError::Unopenable { what: "its file `config` cannot be read", file: "config", source: None },
        ArchiveError::NewerRepository { location: location(), version: 3 },
        ArchiveError::NewerFormat { id: id(), format: 9 },
        ArchiveError::NoRestorePoint { id: id() },
        ArchiveError::Store {
            attempt: "save the restore point",
            source: StoreError::Missing { path: word("/backups/config") },
        },
        ArchiveError::Unordered { earlier: word("b"), later: word("a") },
        ArchiveError::Unnameable { name: word("a/b"), reason: "a name has no slash" },
        ArchiveError::InvalidObject { object: word("configmaps/app"), reason: word("it is no JSON") },
        ArchiveError::CutOff,
        ArchiveError::Miscounted { what: word("objects"), expected: 3, found: 2 },
        ArchiveError::unexpected("save the restore point", "what the library said"),
        ArchiveError::Internal { attempt: "save the restore point" },
    ], failed, {
        ArchiveError::NoRepository { .. } => "NoRepository",
        ArchiveError::NotARepository { .. } => "NotARepository",
        ArchiveError::WrongPassword { .. } => "WrongPassword",
        ArchiveError::Damaged { .. } => "Damaged",
        ArchiveError::Unlisted { .. } => "Unlisted",
        ArchiveError::Unopenable { .. } => "Unopenable",
        ArchiveError::NewerRepository { .. } => "NewerRepository",
        ArchiveError::NewerFormat { .. } => "NewerFormat",
        ArchiveError::NoRestorePoint { .. } => "NoRestorePoint",
        ArchiveError::Store { .. } => "Store",
        ArchiveError::Unordered { .. } => "Unordered",
        ArchiveError::Unnameable { .. } => "Unnameable",
        ArchiveError::InvalidObject { .. } => "InvalidObject",
        ArchiveError::CutOff => "CutOff",
        ArchiveError::Miscounted { .. } => "Miscounted",
        ArchiveError::Library { .. } => "Library",
        ArchiveError::Internal { .. } => "Internal",
    });
    insta::assert_snapshot!(archive);
}

#[test]
fn a_store_that_does_not_do_as_asked() {
    let path = || word("/backups/data/3f/3f2a9c01");
    let source = || Arc::new(io_error("said the system"));
    let stored = |source: StoreError| failed(ArchiveError::Store { attempt: "read the repository", source });
    let store = every!(StoreError, vec![
        StoreError::Missing { path: path() },
        StoreError::Exists { path: path() },
        StoreError::NoSpace { path: path(), source: source() },
        StoreError::Denied { path: path(), source: source() },
        StoreError::ReadOnly { path: path(), source: source() },
        StoreError::TooLarge { path: path(), size: 5000, limit: 4000 },
        StoreError::TooShort { path: path() },
        StoreError::Checksum { path: path() },
        StoreError::Other { attempt: "read", path: path(), source: source() },
    ], stored, {
        StoreError::Missing { .. } => "Missing",
        StoreError::Exists { .. } => "Exists",
        StoreError::NoSpace { .. } => "NoSpace",
        StoreError::Denied { .. } => "Denied",
        StoreError::ReadOnly { .. } => "ReadOnly",
        StoreError::TooLarge { .. } => "TooLarge",
        StoreError::TooShort { .. } => "TooShort",
        StoreError::Checksum { .. } => "Checksum",
        StoreError::Other { .. } => "Other",
    });
    insta::assert_snapshot!(store);
}

#[test]
fn a_configuration_that_cannot_be_used() {
    let path = || PathBuf::from("/home/me/config.yaml");
    let source = || io_error("said the system");
    let invalid = serde_saphyr::from_str::<u8>("word").unwrap_err();
    let config = every!(ConfigError, vec![
        ConfigError::NoConfigFile { path: path() },
        ConfigError::ConfigFile { path: path(), source: source() },
        ConfigError::InvalidConfigFile { path: path(), source: Box::new(invalid) },
        ConfigError::UnknownStore { text: word("s3:bucket") },
        ConfigError::TwoPasswords { first: "--password-file", second: "--password-command" },
        ConfigError::NotText { name: "KUBECTL_BACKUP_REPO" },
        ConfigError::NoHome { instead: "--repo" },
        ConfigError::NoPasswordFile { path: path(), source: source() },
        ConfigError::NoKeyFile { path: path() },
        ConfigError::PasswordFile { path: path(), source: source() },
        ConfigError::NoPassword { origin: word("the password file `/home/me/password`") },
        ConfigError::CreateKeyFile { path: path(), source: source() },
        ConfigError::Random,
        ConfigError::InvalidCommand { command: word("pass 'show") },
        ConfigError::Command { program: word("pass"), source: source() },
        ConfigError::CommandFailed { program: word("pass"), status: ExitStatus::from_raw(256) },
    ], failed, {
        ConfigError::NoConfigFile { .. } => "NoConfigFile",
        ConfigError::ConfigFile { .. } => "ConfigFile",
        ConfigError::InvalidConfigFile { .. } => "InvalidConfigFile",
        ConfigError::UnknownStore { .. } => "UnknownStore",
        ConfigError::TwoPasswords { .. } => "TwoPasswords",
        ConfigError::NotText { .. } => "NotText",
        ConfigError::NoHome { .. } => "NoHome",
        ConfigError::NoPasswordFile { .. } => "NoPasswordFile",
        ConfigError::NoKeyFile { .. } => "NoKeyFile",
        ConfigError::PasswordFile { .. } => "PasswordFile",
        ConfigError::NoPassword { .. } => "NoPassword",
        ConfigError::CreateKeyFile { .. } => "CreateKeyFile",
        ConfigError::Random => "Random",
        ConfigError::InvalidCommand { .. } => "InvalidCommand",
        ConfigError::Command { .. } => "Command",
        ConfigError::CommandFailed { .. } => "CommandFailed",
    });
    insta::assert_snapshot!(config);
}
