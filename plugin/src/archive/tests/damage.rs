//! Damage is found, named, and keeps no more from being read than it must.

use std::io::{Seek, SeekFrom, Write};

use std::collections::BTreeSet;

use super::*;
use crate::model::check::Severity;

fn flip_byte(path: &Path, offset: u64) {
    let content = fs::read(path).unwrap();
    let index = usize::try_from(offset).unwrap();
    let mut file = fs::File::options().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(offset)).unwrap();
    file.write_all(&[content[index] ^ 1]).unwrap();
}

fn largest(files: Vec<PathBuf>) -> PathBuf {
    files.into_iter().max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap()
}

/// The report must be of damage and must name the restore point.
fn assert_found(repository: &Repository, depth: CheckDepth, id: &RestorePointId) -> CheckReport {
    let report = repository.check(depth).unwrap();
    assert!(report.is_damaged(), "{:#?}", report.findings);
    assert!(
        report.findings.iter().any(|finding| finding.restore_points.contains(id)),
        "{:#?}",
        report.findings
    );
    for finding in &report.findings {
        for foreign in ["rustic", "aead::", "Error", "rror ", "{", "\n"] {
            assert!(!finding.message.contains(foreign), "{}", finding.message);
        }
    }
    report
}

#[test]
fn a_flipped_byte_in_a_pack_is_named_by_the_objects_it_hits() {
    let fixture = Fixture::new();
    let point = fixture.save(&config_maps("shop", 500));
    flip_byte(&largest(fixture.files("data")), 100);
    let repository = fixture.reopened();
    let report = assert_found(&repository, CheckDepth::Data, &point.id);
    let affected: Vec<&String> = report.findings.iter().flat_map(|finding| &finding.affected).collect();
    assert_eq!(affected.len(), 1, "{affected:?}");
    assert!(affected[0].starts_with("shop/configmaps from map-"), "{affected:?}");
    // Everything else is still read.
    let readable = (0..500)
        .filter(|number| {
            let key = ObjectKey::new(
                GroupResource::new("configmaps", ""),
                Some("shop"),
                &format!("map-{number:05}"),
            );
            matches!(repository.object(&point.id, &key), Ok(Some(_)))
        })
        .count();
    assert!((400..500).contains(&readable), "{readable}");
    let (objects, unreadable) = read_readable(&repository, &point.id, &ReadFilter::default());
    assert_eq!(objects.len(), readable);
    assert_eq!(unreadable.len(), 1);
    assert_eq!([&unreadable[0].to_string()], affected.as_slice());
    for sample in config_maps("shop", 500) {
        let was_read = objects.iter().any(|(key, _)| *key == sample.key);
        assert_eq!(was_read, !unreadable[0].may_hold(&sample.key), "{}", sample.key);
    }
}

/// The folder of one namespace, of one kind, and of each scope in turn.
#[test]
fn a_damaged_folder_loses_what_is_in_it_and_nothing_else() {
    let fixture = Fixture::new();
    let samples = [
        config_maps("shop", 40),
        config_maps("web", 40),
        vec![Sample::new("secrets", Some("shop"), "token"), Sample::new("namespaces", None, "shop")],
    ]
    .concat();
    let point = fixture.save(&samples);
    let packs = fixture.files("data");
    // Objects and folders; whichever it is, what is told as lost and what is read make up the whole.
    let (mut partly, mut ranges) = (0, BTreeSet::new());
    for pack in &packs {
        let content = fs::read(pack).unwrap();
        for offset in (0..content.len()).step_by(60) {
            flip_byte(pack, offset as u64);
            let (mut objects, mut unreadable) = (0, Vec::new());
            let mut visit = |object: Result<SavedObject, Unreadable>| {
                match object {
                    Ok(_) => objects += 1,
                    Err(range) => unreadable.push(range),
                }
                ControlFlow::Continue(())
            };
            let read = fixture.reopened().each_object(&point.id, &ReadFilter::default(), &mut visit);
            fs::write(pack, &content).unwrap();
            match read {
                Ok(()) => {
                    assert!(objects > 0 && (objects < samples.len()) != unreadable.is_empty());
                    partly += usize::from(!unreadable.is_empty());
                    ranges.extend(unreadable.iter().map(ToString::to_string));
                }
                // The root and the two folders below it.
                Err(error) => assert!(error.is_damage(), "{error:?}"),
            }
        }
    }
    assert!(partly > 5, "{partly}");
    for expected in ["shop/configmaps all", "configmaps all", "namespaces all", "shop/secrets from token on"]
    {
        assert!(ranges.contains(expected), "{expected}: {ranges:?}");
    }
}

/// In its last bytes, which no restore point needs, so that nothing else can notice.
#[test]
fn every_changed_pack_is_named() {
    let fixture = Fixture::new();
    fixture.save(&config_maps("shop", 3));
    fixture.save(&config_maps("web", 3));
    let packs = fixture.files("data");
    assert!(packs.len() > 2, "{packs:?}");
    for pack in &packs {
        flip_byte(pack, fs::metadata(pack).unwrap().len() - 1);
    }
    let report = fixture.reopened().check(CheckDepth::Data).unwrap();
    for pack in &packs {
        let name = pack.file_name().unwrap().to_str().unwrap();
        let named = report.findings.iter().find(|finding| finding.message.contains(name));
        assert_eq!(named.unwrap().severity, Severity::Damage);
    }
}

#[test]
fn a_missing_pack_is_found_without_reading_data() {
    let fixture = Fixture::new();
    let point = fixture.save(&config_maps("shop", 500));
    fs::remove_file(largest(fixture.files("data"))).unwrap();
    let report = assert_found(&fixture.reopened(), CheckDepth::Structure, &point.id);
    let all = ["shop/configmaps from map-00000 on"];
    assert!(report.findings.iter().any(|finding| finding.affected == all), "{:#?}", report.findings);
}

#[test]
fn a_shortened_pack_is_found_without_reading_data() {
    let fixture = Fixture::new();
    let point = fixture.save(&config_maps("shop", 500));
    let pack = largest(fixture.files("data"));
    let length = fs::metadata(&pack).unwrap().len();
    fs::File::options().write(true).open(&pack).unwrap().set_len(length / 2).unwrap();
    assert_found(&fixture.reopened(), CheckDepth::Structure, &point.id);
    assert_found(&fixture.reopened(), CheckDepth::Data, &point.id);
}

#[test]
fn a_missing_index_hits_only_what_it_listed() {
    let fixture = Fixture::new();
    let first = fixture.save(&config_maps("shop", 50));
    let index = fixture.files("index").remove(0);
    let second = fixture.save(&config_maps("web", 50));
    fs::remove_file(index).unwrap();
    let repository = fixture.reopened();
    assert_found(&repository, CheckDepth::Structure, &first.id);
    assert!(repository.manifest(&first.id).unwrap_err().is_damage());
    assert_eq!(read_all(&repository, &second.id, &ReadFilter::default()).len(), 50);
}

#[test]
fn a_damaged_index_is_left_out_with_a_warning() {
    let fixture = Fixture::new();
    let first = fixture.save(&config_maps("shop", 50));
    let index = fixture.files("index").remove(0);
    let second = fixture.save(&config_maps("web", 50));
    flip_byte(&index, 40);
    let repository = fixture.reopened();
    assert_eq!(read_all(&repository, &second.id, &ReadFilter::default()).len(), 50);
    assert!(fixture.warnings().iter().any(|warning| warning.contains("index/")), "{:?}", fixture.warnings());
    assert_found(&repository, CheckDepth::Structure, &first.id);
    // The next run stores again what the index had listed, and is whole.
    let third = save(&repository, &config_maps("shop", 50)).unwrap();
    assert_eq!(read_all(&repository, &third.id, &ReadFilter::default()).len(), 50);
}

#[test]
fn a_truncated_snapshot_hides_no_other() {
    let fixture = Fixture::new();
    let first = fixture.save(&config_maps("shop", 5));
    let snapshot = fixture.files("snapshots").remove(0);
    let second = fixture.save(&config_maps("shop", 6));
    let content = fs::read(&snapshot).unwrap();
    for length in [0, 1, 20, content.len() / 2, content.len() - 1] {
        fs::write(&snapshot, &content[..length]).unwrap();
        assert_eq!(fixture.repository.restore_points().unwrap(), std::slice::from_ref(&second));
        assert!(fixture.warnings().pop().unwrap().contains(first.id.short()));
        assert!(fixture.repository.manifest(&first.id).unwrap_err().is_damage());
        assert_found(&fixture.repository, CheckDepth::Structure, &first.id);
    }
}

#[test]
fn every_single_flipped_byte_of_every_small_file_is_found() {
    let fixture = Fixture::new();
    fixture.save(&config_maps("shop", 3));
    for folder in ["snapshots", "index"] {
        let path = fixture.files(folder).remove(0);
        let content = fs::read(&path).unwrap();
        for offset in (0..content.len()).step_by(7) {
            flip_byte(&path, offset as u64);
            let report = fixture.reopened().check(CheckDepth::Structure).unwrap();
            assert!(report.is_damaged(), "{folder} at {offset}");
            fs::write(&path, &content).unwrap();
        }
    }
    assert_whole(&fixture.reopened());
}

#[test]
fn a_restore_point_under_the_name_of_another_is_found() {
    let fixture = Fixture::new();
    fixture.save(&config_maps("shop", 5));
    fixture.save(&config_maps("shop", 6));
    let files = fixture.files("snapshots");
    // Authentic content, wrong name: an older state passed off as a newer one.
    fs::copy(&files[0], &files[1]).unwrap();
    assert_eq!(fixture.repository.restore_points().unwrap().len(), 1);
    assert!(fixture.repository.check(CheckDepth::Structure).unwrap().is_damaged());
}

/// All packs lost, or each in turn cut short: the next run must not count on what they held.
#[rstest::rstest]
#[case::all_lost(|packs: &[PathBuf], _: usize| packs.iter().for_each(|pack| fs::remove_file(pack).unwrap()), 0)]
#[case::first_lost(|packs: &[PathBuf], which: usize| fs::remove_file(&packs[which]).unwrap(), 0)]
#[case::second_lost(|packs: &[PathBuf], which: usize| fs::remove_file(&packs[which]).unwrap(), 1)]
#[case::first_cut_short(cut_short, 0)]
#[case::second_cut_short(cut_short, 1)]
fn what_lost_packs_held_is_stored_again(#[case] lose: fn(&[PathBuf], usize), #[case] which: usize) {
    let fixture = Fixture::new();
    let old = fixture.save(&config_maps("shop", 50));
    let packs = fixture.files("data");
    assert_eq!(packs.len(), 2, "objects and folders: {packs:?}");
    lose(&packs, which);
    let objects = [config_maps("shop", 50), config_maps("web", 1)].concat();
    let new = save(&fixture.reopened(), &objects).unwrap();
    let warnings = fixture.warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("data/"), "{warnings:?}");
    assert!(warnings[0].ends_with("kubectl backup check"), "{warnings:?}");

    let repository = fixture.reopened();
    assert_eq!(read_all(&repository, &new.id, &ReadFilter::default()).len(), 51);
    repository.manifest(&new.id).unwrap();
    for depth in [CheckDepth::Structure, CheckDepth::Data] {
        let report = assert_found(&fixture.reopened(), depth, &old.id);
        let named: Vec<_> = report.findings.iter().flat_map(|finding| &finding.restore_points).collect();
        assert!(!named.contains(&&new.id), "{:#?}", report.findings);
    }
    // What was stored again is relied on: the same once more adds nothing.
    let stored = fixture.files("data").len();
    save(&fixture.reopened(), &objects).unwrap();
    assert_eq!(fixture.files("data").len(), stored);
}

fn cut_short(packs: &[PathBuf], which: usize) {
    let length = fs::metadata(&packs[which]).unwrap().len();
    fs::File::options().write(true).open(&packs[which]).unwrap().set_len(length / 2).unwrap();
}

/// As a disk that rots does: the pack is there and as long as it was.
#[rstest::rstest]
#[case::objects(0)]
#[case::folders(1)]
fn what_changed_packs_held_is_stored_again(#[case] which: usize) {
    let fixture = Fixture::new();
    fixture.save(&config_maps("shop", 50));
    let packs = fixture.files("data");
    assert_eq!(packs.len(), 2, "objects and folders: {packs:?}");
    flip_byte(&packs[which], 10);
    let objects = [config_maps("shop", 50), config_maps("web", 1)].concat();
    let new = save(&fixture.reopened(), &objects).unwrap();
    let warnings = fixture.warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("packs changed: 1 (`data/"), "{warnings:?}");

    let repository = fixture.reopened();
    assert_eq!(read_all(&repository, &new.id, &ReadFilter::default()).len(), 51);
    repository.manifest(&new.id).unwrap();
    let report = fixture.reopened().check(CheckDepth::Data).unwrap();
    let named: Vec<_> = report.findings.iter().flat_map(|finding| &finding.restore_points).collect();
    assert!(report.is_damaged() && !named.contains(&&new.id), "{:#?}", report.findings);
    // What was stored again is relied on: the same once more adds nothing.
    let stored = fixture.files("data").len();
    save(&fixture.reopened(), &objects).unwrap();
    assert_eq!(fixture.files("data").len(), stored);
}

/// The packs are all there, and stock `restic repair index` makes the index again.
#[rstest::rstest]
#[case::all(0)]
#[case::one(1)]
fn a_lost_index_is_told_as_the_cause(#[case] left: usize) {
    let fixture = Fixture::new();
    let old = fixture.save(&config_maps("shop", 50));
    let lost = fixture.files("index").remove(0);
    for _ in 0..left {
        fixture.save(&config_maps("web", 50));
    }
    fs::remove_file(lost).unwrap();
    let repository = fixture.reopened();

    let report = assert_found(&repository, CheckDepth::Structure, &old.id);
    assert!(report.findings[0].message.contains("restic repair index"), "{:#?}", report.findings);
    assert_eq!(report.findings[0].restore_points, std::slice::from_ref(&old.id));
    assert!(!report.findings.iter().any(|finding| finding.message.contains("interrupted")));
    let hint = repository.manifest(&old.id).unwrap_err().hint().unwrap();
    assert!(hint.contains("restic repair index"), "{hint}");

    save(&repository, &config_maps("shop", 50)).unwrap();
    let warnings = fixture.warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("restic repair index"), "{warnings:?}");
}
