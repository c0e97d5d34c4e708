//! What lies at a location, and which key fits.

use std::io::Write;

use super::*;

pub(super) fn rendered(error: &ArchiveError, folder: &Path) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    let mut lines = vec![error.to_string()];
    lines.extend(causes.map(|cause| format!("  caused by: {cause}")));
    lines.extend(error.hint().map(|hint| format!("hint: {hint}")));
    let text = lines.join("\n");
    text.replace(&folder.display().to_string(), "FOLDER")
}

#[test]
fn a_mistyped_location_is_not_created_by_reading() {
    let folder = tempfile::tempdir().unwrap();
    let typo = folder.path().join("typo");
    let error = open(&access(&typo), silent()).unwrap_err();
    insta::assert_snapshot!(rendered(&error, folder.path()), @r"
    there is no repository at `FOLDER/typo`
    hint: check --repo; the first `kubectl backup create` makes it
    ");
    assert!(!typo.exists());
}

#[test]
fn a_folder_with_other_content_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("letter.txt"), "dear").unwrap();
    let error = open_or_create(&access(folder.path()), silent()).unwrap_err();
    insta::assert_snapshot!(rendered(&error, folder.path()), @r"
    `FOLDER` is not a repository: it holds `letter.txt`
    hint: choose an empty or new folder with --repo
    ");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_wrong_password_is_said_to_be_one() {
    let fixture = Fixture::new();
    let wrong = Access { secret: Secret::new("other"), ..access(fixture.folder.path()) };
    let error = open(&wrong, silent()).unwrap_err();
    assert!(matches!(error, ArchiveError::WrongPassword { .. }), "{error:?}");
    open(&access(fixture.folder.path()), silent()).unwrap();
}

#[test]
fn a_generated_key_opens_without_the_cost_of_a_password() {
    for (secret, costly) in [(Secret::generated("5a".repeat(32)), false), (Secret::new(PASSWORD), true)] {
        let folder = tempfile::tempdir().unwrap();
        let access = Access { secret, ..access(folder.path()) };
        let (created, _) = open_or_create(&access, silent()).unwrap();
        let point = save(&created, &config_maps("shop", 3)).unwrap();
        assert_eq!(open(&access, silent()).unwrap().restore_points().unwrap(), [point]);
        let mut keys = Vec::new();
        collect(&folder.path().join("keys"), &mut keys);
        let key: Value = serde_json::from_slice(&fs::read(&keys[0]).unwrap()).unwrap();
        assert_eq!(key["N"].as_u64().unwrap() > 1 << 10, costly);
        let wrong = Access { secret: Secret::generated("5b".repeat(32)), ..access };
        assert!(matches!(open(&wrong, silent()), Err(ArchiveError::WrongPassword { .. })));
    }
}

#[test]
fn a_creation_that_was_interrupted_is_finished_by_the_next() {
    let fixture = Fixture::new();
    // Killed after the key, before the configuration.
    fs::remove_file(fixture.folder.path().join("config")).unwrap();
    assert!(matches!(open(&access(fixture.folder.path()), silent()), Err(ArchiveError::NoRepository { .. })));
    let (created, opened) = open_or_create(&access(fixture.folder.path()), silent()).unwrap();
    assert_eq!(opened, Opened::Created);
    let point = save(&created, &config_maps("shop", 3)).unwrap();
    // The leftover key must not be the one that the password finds.
    let reopened = open(&access(fixture.folder.path()), silent()).unwrap();
    assert_eq!(reopened.restore_points().unwrap(), [point]);
}

#[test]
fn a_repository_without_its_configuration_is_damaged_and_not_made_anew() {
    let fixture = Fixture::new();
    fixture.save(&config_maps("shop", 3));
    fs::remove_file(fixture.folder.path().join("config")).unwrap();
    let error = open_or_create(&access(fixture.folder.path()), silent()).unwrap_err();
    assert!(error.is_damage(), "{error:?}");
    assert_to_be_put_back(&error, "config");
    assert!(!fixture.folder.path().join("config").exists());
}

#[test]
fn a_truncated_configuration_is_damage_and_not_a_wrong_password() {
    let fixture = Fixture::new();
    let path = fixture.folder.path().join("config");
    let content = fs::read(&path).unwrap();
    for length in [0, 10, content.len() / 2, content.len() - 1] {
        fs::write(&path, &content[..length]).unwrap();
        let error = open(&access(fixture.folder.path()), silent()).unwrap_err();
        assert!(error.is_damage(), "{length}: {error:?}");
        assert_to_be_put_back(&error, "config");
    }
}

#[test]
fn many_first_runs_at_once_make_one_repository() {
    let folder = tempfile::tempdir().unwrap();
    let created = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..3)
            .map(|_| scope.spawn(|| open_or_create(&access(folder.path()), silent()).unwrap().1))
            .collect();
        runs.into_iter().map(|run| run.join().unwrap()).filter(|opened| *opened == Opened::Created).count()
    });
    assert_eq!(created, 1);
    let repository = open(&access(folder.path()), silent()).unwrap();
    save(&repository, &config_maps("shop", 3)).unwrap();
    assert_whole(&open(&access(folder.path()), silent()).unwrap());
}

#[test]
fn key_files_made_to_exhaust_memory_are_left_out() {
    let fixture = Fixture::new();
    let key = fixture.files("keys").remove(0);
    let mut hostile: Value = serde_json::from_slice(&fs::read(&key).unwrap()).unwrap();
    for (n, r, p) in [(1_u32 << 31, 8, 1), (0, 8, 1), (3, 8, 1), (1 << 15, 1 << 20, 1), (1 << 15, 8, 1 << 20)]
    {
        hostile["N"] = json!(n);
        hostile["r"] = json!(r);
        hostile["p"] = json!(p);
        add_file(&fixture, "keys", hostile.to_string().as_bytes());
    }
    add_file(&fixture, "keys", b"not json");
    let warnings: Arc<Mutex<Vec<String>>> = Arc::default();
    let heard = Arc::clone(&warnings);
    open(&access(fixture.folder.path()), Arc::new(move |text| heard.lock().unwrap().push(text.to_owned())))
        .unwrap();
    assert_eq!(warnings.lock().unwrap().len(), 6);
    fs::remove_file(key).unwrap();
    let error = open(&access(fixture.folder.path()), silent()).unwrap_err();
    assert!(error.is_damage(), "{error:?}");
    assert_to_be_put_back(&error, "keys");
}

/// `check` would be no help: it cannot open the repository either.
fn assert_to_be_put_back(error: &ArchiveError, file: &str) {
    let hint = error.hint().unwrap();
    assert!(hint.contains(&format!("put `{file}` back")), "{hint}");
    assert!(!hint.contains("kubectl backup check"), "{hint}");
}

/// Adds a file under the checksum of its content, as anyone who may write to the store can.
pub(super) fn add_file(fixture: &Fixture, folder: &str, content: &[u8]) -> PathBuf {
    use sha2::Digest;
    let name = backend::hexadecimal(&sha2::Sha256::digest(content));
    let path = fixture.folder.path().join(folder).join(name);
    fs::File::create(&path).unwrap().write_all(content).unwrap();
    path
}

#[test]
fn settings_of_a_new_repository_are_as_meant() {
    let fixture = Fixture::new();
    let (repository, _) = fixture.repository.inner.connect(false).unwrap();
    let config = repository.config();
    assert_eq!((config.version, config.chunk_size, config.datapack_size), (2, Some(1 << 20), Some(8 << 20)));
    assert!(config.extra_verify());
}

#[cfg(unix)]
#[test]
fn the_repository_is_for_the_user_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("repository");
    let (repository, _) = open_or_create(&access(&root), silent()).unwrap();
    save(&repository, &config_maps("shop", 3)).unwrap();
    let mut files = Vec::new();
    collect(&root, &mut files);
    assert!(files.len() > 4);
    for path in files.iter().filter(|path| !path.ends_with("creation.lock")) {
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o077;
        assert_eq!((mode(path), mode(path.parent().unwrap())), (0, 0), "{}", path.display());
    }
}
