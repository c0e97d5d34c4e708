//! Precedence, and the files a configuration names.

use std::fs;

use rstest::rstest;

use super::*;

fn settings(
    arguments: &RepositoryArgs,
    environment: &Environment,
    home: &Path,
) -> Result<Settings, ConfigError> {
    Settings::resolve_with(arguments, environment, Some(&Folders::below(home)))
}

fn configured(yaml: &str) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("config")).unwrap();
    fs::write(home.path().join("config/config.yaml"), yaml).unwrap();
    home
}

#[test]
fn flags_win_over_environment_over_file_over_default() {
    let home = configured("repository: /from/file\n");
    let flags = RepositoryArgs { repo: Some("/from/flag".to_owned()), ..RepositoryArgs::default() };
    let environment =
        Environment { repository: Some("/from/environment".to_owned()), ..Environment::default() };
    let none = (RepositoryArgs::default(), Environment::default());
    let folder = |arguments: &RepositoryArgs, environment: &Environment, home: &Path| {
        settings(arguments, environment, home).unwrap().location.to_string()
    };
    assert_eq!(folder(&flags, &environment, home.path()), "/from/flag");
    assert_eq!(folder(&none.0, &environment, home.path()), "/from/environment");
    assert_eq!(folder(&none.0, &none.1, home.path()), "/from/file");
    let bare = tempfile::tempdir().unwrap();
    assert_eq!(
        folder(&none.0, &none.1, bare.path()),
        bare.path().join("data/repository").display().to_string()
    );
}

#[test]
fn password_sources_have_the_same_order() {
    let home = configured("password-command: pass show backup\n");
    let flags = RepositoryArgs { password_file: Some("/flag".into()), ..RepositoryArgs::default() };
    let environment = Environment { password: Some(Secret::new("word")), ..Environment::default() };
    let none = (RepositoryArgs::default(), Environment::default());
    let source = |arguments: &RepositoryArgs, environment: &Environment| {
        settings(arguments, environment, home.path()).unwrap().password
    };
    assert_eq!(source(&flags, &environment), PasswordSource::File("/flag".into()));
    assert_eq!(source(&none.0, &environment), PasswordSource::Value(Secret::new("word")));
    assert_eq!(source(&none.0, &none.1), PasswordSource::Command("pass show backup".to_owned()));
}

#[test]
fn only_the_generated_key_counts_as_random() {
    let home = tempfile::tempdir().unwrap();
    let own = settings(&RepositoryArgs::default(), &Environment::default(), home.path()).unwrap();
    assert!(own.access_or_create_key().unwrap().0.secret.is_random());
    // A password that the user wrote into the key file is still one that can be guessed.
    fs::write(home.path().join("config/repository.key"), "hunter2\n").unwrap();
    assert!(!own.access().unwrap().secret.is_random());
    let environment = Environment { password: Some(Secret::new("a".repeat(64))), ..Environment::default() };
    let users = settings(&RepositoryArgs::default(), &environment, home.path()).unwrap();
    assert!(!users.access().unwrap().secret.is_random());
}

#[rstest]
#[case::unknown_key("repo: /x\n")]
#[case::not_a_mapping("- a\n")]
#[case::broken("repository: [\n")]
fn a_wrong_configuration_file_is_an_error(#[case] yaml: &str) {
    let home = configured(yaml);
    let error = settings(&RepositoryArgs::default(), &Environment::default(), home.path()).unwrap_err();
    assert!(matches!(error, ConfigError::InvalidConfigFile { .. }), "{error:?}");
}

#[rstest]
#[case::empty("")]
#[case::comments("# repository: /x\n\n")]
fn a_configuration_file_may_say_nothing(#[case] yaml: &str) {
    let home = configured(yaml);
    assert!(settings(&RepositoryArgs::default(), &Environment::default(), home.path()).is_ok());
}

#[rstest]
#[case::azure("azure:container:/")]
#[case::s3("s3:https://host/bucket")]
#[case::url("https://host/x")]
#[case::empty(" ")]
fn addresses_of_other_stores_do_not_become_folders(#[case] repo: &str) {
    assert!(matches!(parse_location(repo), Err(ConfigError::UnknownStore { .. })));
}

#[rstest]
#[case::absolute("/backups")]
#[case::relative("backups")]
#[case::colon_in_a_path("./a:b")]
#[case::drive("C:\\backups")]
fn paths_are_folders(#[case] repo: &str) {
    assert_eq!(parse_location(repo).unwrap(), Location::Folder(repo.into()));
}

#[rstest]
#[case::home("~/backups", "backups")]
#[case::relative("backups", "config/backups")]
fn paths_in_the_file_do_not_depend_on_where_it_is_run(#[case] path: &str, #[case] below_home: &str) {
    let home = configured(&format!("repository: {path}\n"));
    let found = settings(&RepositoryArgs::default(), &Environment::default(), home.path()).unwrap().location;
    assert_eq!(found, Location::Folder(home.path().join(below_home)));
}

#[test]
fn two_passwords_in_the_environment_are_refused() {
    let environment = Environment {
        password: Some(Secret::new("word")),
        password_file: Some("/file".into()),
        ..Environment::default()
    };
    let error = environment.password().unwrap_err();
    insta::assert_snapshot!(error, @"`KUBECTL_BACKUP_PASSWORD` and `KUBECTL_BACKUP_PASSWORD_FILE` are both set");
}

#[test]
fn the_key_file_is_made_once_and_for_the_user_alone() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("config/repository.key");
    assert!(key_file::create(&path).unwrap());
    let first = fs::read_to_string(&path).unwrap();
    assert_eq!(first.trim_end().len(), 64);
    assert!(!key_file::create(&path).unwrap());
    assert_eq!(fs::read_to_string(&path).unwrap(), first);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    }
}

#[test]
fn a_missing_key_file_is_not_made_for_reading() {
    let home = tempfile::tempdir().unwrap();
    let settings = settings(&RepositoryArgs::default(), &Environment::default(), home.path()).unwrap();
    assert!(matches!(settings.access(), Err(ConfigError::NoKeyFile { .. })));
    assert!(!home.path().join("config").exists());
}

#[rstest]
#[case::unix("word\nrest", Some("word"))]
#[case::windows("word\r\n", Some("word"))]
#[case::no_end("word", Some("word"))]
#[case::inner_spaces(" a b \n", Some(" a b "))]
#[case::empty("\nword", None)]
fn a_password_is_the_first_line(#[case] content: &str, #[case] expected: Option<&str>) {
    assert_eq!(key_file::first_line(content.as_bytes()), expected.map(Secret::new));
}

#[cfg(unix)]
#[test]
fn a_password_command_is_split_as_a_shell_would_and_run_without_one() {
    assert_eq!(command::run("printf '%s\\n' 'a $HOME; b'").unwrap(), Secret::new("a $HOME; b"));
    assert!(matches!(command::run("false"), Err(ConfigError::CommandFailed { .. })));
    assert!(matches!(command::run("'open"), Err(ConfigError::InvalidCommand { .. })));
    assert!(matches!(command::run("/no/such/program"), Err(ConfigError::Command { .. })));
    assert!(matches!(command::run("true"), Err(ConfigError::NoPassword { .. })));
}
