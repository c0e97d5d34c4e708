//! What goes in comes out; what must not go in does not.

use std::collections::{BTreeMap, BTreeSet};

use rstest::rstest;

use super::*;
use crate::model::{
    restore_point::VersionEntry,
    restore_record::{RecordRole, RestoreMark},
};

fn varied() -> Vec<Sample> {
    let mut objects = config_maps("shop", 100);
    objects.extend(config_maps("a-b", 3));
    objects.extend(config_maps("a", 3));
    objects.push(Sample::new("deployments.apps", Some("shop"), "web"));
    objects.push(Sample::new("deployments.apps", Some("shop"), "web-2"));
    objects.push(Sample::new("clusterroles.rbac.authorization.k8s.io", None, "system:node-proxier"));
    objects.push(Sample::new("clusterroles.rbac.authorization.k8s.io", None, "odd \"name\" \\ here"));
    objects.push(Sample::new("certificates.cert-manager.io", Some("shop"), &"long.".repeat(50)));
    objects.push(Sample::with_text("configmaps", Some("shop"), "one-mib", &"x".repeat(1 << 20)));
    objects
}

#[test]
fn what_is_saved_is_read_back() {
    let fixture = Fixture::new();
    let objects = varied();
    let point = fixture.save(&objects);
    let repository = fixture.reopened();
    assert_eq!(repository.restore_points().unwrap(), std::slice::from_ref(&point));
    assert_eq!(repository.manifest(&point.id).unwrap(), manifest(&objects));
    let expected: Vec<_> =
        ordered(&objects).iter().map(|object| (object.key.clone(), object.body())).collect();
    assert_eq!(read_all(&repository, &point.id, &ReadFilter::default()), expected);
    assert_whole(&repository);
}

#[test]
fn every_object_is_found_by_its_name_and_no_other() {
    let fixture = Fixture::new();
    let objects = varied();
    let point = fixture.save(&objects);
    for object in &objects {
        let found = fixture.repository.object(&point.id, &object.key).unwrap().unwrap();
        assert_eq!(found.body, object.body());
    }
    for (resource, namespace, name) in [
        ("configmaps", Some("shop"), "map-00050x"),
        ("configmaps", Some("shop"), "a"),
        ("configmaps", Some("shop"), "zzz"),
        ("configmaps", Some("elsewhere"), "map-00001"),
        ("configmaps", None, "map-00001"),
        ("secrets", Some("shop"), "map-00001"),
    ] {
        let absent = ObjectKey::new(GroupResource::from(resource.to_owned()), namespace, name);
        assert!(fixture.repository.object(&point.id, &absent).unwrap().is_none(), "{absent}");
    }
}

/// `first`, and `other` at version `v1beta1`.
fn with_other_version(first: &[Sample], other: &[Sample], manifest: Manifest) -> Vec<Capture> {
    let mut captures: Vec<Capture> = ordered(first).iter().map(Sample::capture).collect();
    captures.extend(ordered(other).iter().map(|object| Capture::OtherVersion {
        resource: object.key.resource.clone(),
        version: "v1beta1".to_owned(),
        scope: object.scope,
        objects: vec![object.captured()],
    }));
    captures.push(Capture::Finish(Box::new(manifest)));
    captures
}

fn with_version(objects: &[Sample], count: u64) -> Manifest {
    let mut manifest = manifest(objects);
    for entry in &mut manifest.kinds {
        entry.other_versions.push(VersionEntry { version: "v1beta1".to_owned(), objects: count, bytes: 0 });
    }
    manifest
}

#[test]
fn objects_at_another_version_are_read_only_where_they_are_asked_for() {
    let fixture = Fixture::new();
    let first = config_maps("shop", 100);
    let other: Vec<_> =
        first.iter().map(|it| Sample::with_text("configmaps", Some("shop"), &it.key.name, "other")).collect();
    let manifest = with_version(&first, 100);
    let captures = with_other_version(&first, &other, manifest.clone());
    let point = fixture.repository.save(Timestamp::now(), stream(captures)).unwrap();
    let repository = fixture.reopened();
    assert_eq!(repository.manifest(&point.id).unwrap(), manifest);
    let bodies = |objects: &[Sample]| -> Vec<_> {
        ordered(objects).iter().map(|object| (object.key.clone(), object.body())).collect()
    };
    assert_eq!(read_all(&repository, &point.id, &ReadFilter::default()), bodies(&first));
    let maps = GroupResource::new("configmaps", "");
    let at = |version: &str| repository.reading_at([(maps.clone(), version.to_owned())].into());
    assert_eq!(read_all(&at("v1beta1"), &point.id, &ReadFilter::default()), bodies(&other));
    assert_eq!(at("v1beta1").object(&point.id, &first[7].key).unwrap().unwrap().body, other[7].body());
    assert_eq!(read_all(&at("v1alpha1"), &point.id, &ReadFilter::default()), []);
    assert_whole(&repository);
}

#[rstest]
#[case::fewer_than_stated(4, "configmaps at version v1beta1")]
#[case::not_stated(0, "configmaps at version v1beta1")]
fn another_version_that_is_not_whole_is_not_saved(#[case] stated: u64, #[case] named: &str) {
    let objects = config_maps("shop", 3);
    let error = refused(with_other_version(&objects, &objects, with_version(&objects, stated)));
    assert!(error.to_string().contains(named), "{error}");
}

#[test]
fn a_filter_leaves_out_what_it_does_not_admit() {
    let fixture = Fixture::new();
    let point = fixture.save(&varied());
    let keys = |filter: &ReadFilter| -> BTreeSet<String> {
        let objects = read_all(&fixture.repository, &point.id, filter);
        objects
            .into_iter()
            .map(|(key, _)| format!("{}:{}", key.resource, key.namespace.unwrap_or_default()))
            .collect()
    };
    let one_kind = ReadFilter {
        resources: Some(BTreeSet::from([GroupResource::new("configmaps", "")])),
        namespaces: Some(BTreeSet::from(["a".to_owned()])),
        ..ReadFilter::default()
    };
    assert_eq!(keys(&one_kind), BTreeSet::from(["configmaps:a".to_owned()]));
    let outside = ReadFilter { scope: Some(Scope::Cluster), ..ReadFilter::default() };
    assert_eq!(keys(&outside), BTreeSet::from(["clusterroles.rbac.authorization.k8s.io:".to_owned()]));
}

#[test]
fn a_visitor_can_stop() {
    let fixture = Fixture::new();
    let point = fixture.save(&config_maps("shop", 100));
    let mut seen = 0;
    let mut visit = |_| {
        seen += 1;
        ControlFlow::Break(())
    };
    fixture.repository.each_object(&point.id, &ReadFilter::default(), &mut visit).unwrap();
    assert_eq!(seen, 1);
}

#[test]
fn a_second_run_stores_only_what_changed() {
    let fixture = Fixture::new();
    let mut objects: Vec<Sample> = config_maps("shop", 2000);
    fixture.save(&objects);
    let size = |fixture: &Fixture| -> u64 {
        fixture.files("data").iter().map(|path| fs::metadata(path).unwrap().len()).sum()
    };
    let first = size(&fixture);
    objects[1000].text = "changed".to_owned();
    fixture.save(&objects);
    let added = size(&fixture) - first;
    assert!(added * 4 < first, "{added} of {first}");
    let points = fixture.repository.restore_points().unwrap();
    let key = &objects[1000].key;
    let text = |point: &RestorePoint| {
        fixture.repository.object(&point.id, key).unwrap().unwrap().body["data"]["text"].clone()
    };
    assert_eq!([text(&points[0]), text(&points[1])], [json!("changed"), json!("text")]);
}

#[test]
fn an_empty_restore_point_is_one() {
    let fixture = Fixture::new();
    let point = fixture.save(&[]);
    assert_eq!(read_all(&fixture.repository, &point.id, &ReadFilter::default()), []);
    assert_whole(&fixture.repository);
}

#[test]
fn deleted_restore_points_are_gone_and_the_others_whole() {
    let fixture = Fixture::new();
    let first = fixture.save(&config_maps("shop", 20));
    let second = fixture.save(&config_maps("shop", 30));
    fixture.repository.delete(std::slice::from_ref(&first.id)).unwrap();
    assert_eq!(fixture.repository.restore_points().unwrap(), [second]);
    assert!(matches!(fixture.repository.manifest(&first.id), Err(ArchiveError::NoRestorePoint { .. })));
    assert!(matches!(fixture.repository.delete(&[first.id]), Err(ArchiveError::NoRestorePoint { .. })));
    assert_whole(&fixture.repository);
}

/// Saves `captures`, which must be refused, and checks that nothing came of it.
fn refused(captures: Vec<Capture>) -> ArchiveError {
    let fixture = Fixture::new();
    let error = fixture.repository.save(Timestamp::now(), stream(captures)).unwrap_err();
    assert_eq!(fixture.repository.restore_points().unwrap(), []);
    assert_eq!(fixture.files("snapshots"), Vec::<PathBuf>::new());
    assert_whole(&fixture.repository);
    fixture.save(&config_maps("shop", 3));
    error
}

#[test]
fn a_stream_that_ends_early_saves_nothing() {
    let captures = config_maps("shop", 500).iter().map(Sample::capture).collect();
    assert!(matches!(refused(captures), ArchiveError::CutOff));
    assert!(matches!(refused(Vec::new()), ArchiveError::CutOff));
}

#[test]
fn a_manifest_that_counts_otherwise_saves_nothing() {
    let objects = config_maps("shop", 50);
    for (sent, stated) in [(&objects[..50], &objects[..49]), (&objects[..49], &objects[..50])] {
        let mut captures: Vec<Capture> = sent.iter().map(Sample::capture).collect();
        captures.push(Capture::Finish(Box::new(manifest(stated))));
        assert!(matches!(refused(captures), ArchiveError::Miscounted { .. }));
    }
}

#[rstest]
#[case::name_twice(&[("configmaps", Some("a"), "x"), ("configmaps", Some("a"), "x")])]
#[case::names_descend(&[("configmaps", Some("a"), "y"), ("configmaps", Some("a"), "x")])]
#[case::namespace_returns(&[("configmaps", Some("a"), "x"), ("configmaps", Some("b"), "x"), ("configmaps", Some("a"), "y")])]
#[case::namespaces_by_plain_text(&[("configmaps", Some("a"), "x"), ("configmaps", Some("a-b"), "x")])]
#[case::kind_returns(&[("pods", Some("a"), "x"), ("configmaps", Some("a"), "x")])]
#[case::scope_returns(&[("nodes", None, "x"), ("pods", Some("a"), "x")])]
fn what_is_out_of_order_is_refused(#[case] order: &[(&str, Option<&str>, &str)]) {
    let objects: Vec<Sample> =
        order.iter().map(|(resource, namespace, name)| Sample::new(resource, *namespace, name)).collect();
    let mut captures: Vec<Capture> = objects.iter().map(Sample::capture).collect();
    captures.push(Capture::Finish(Box::new(manifest(&objects))));
    assert!(matches!(refused(captures), ArchiveError::Unordered { .. }));
}

#[rstest]
#[case::object("configmaps", Some("shop"), "../../etc/passwd")]
#[case::parent("configmaps", Some("shop"), "..")]
#[case::namespace("configmaps", Some("a/b"), "x")]
#[case::kind("../configmaps", Some("shop"), "x")]
#[case::nul("configmaps", Some("shop"), "x\0y")]
#[case::empty("configmaps", Some("shop"), "")]
fn a_name_that_is_no_path_component_is_refused(
    #[case] resource: &str,
    #[case] namespace: Option<&str>,
    #[case] name: &str,
) {
    let object = Sample::new(resource, namespace, name);
    let captures = vec![object.capture(), Capture::Finish(Box::new(manifest(&[object])))];
    assert!(matches!(refused(captures), ArchiveError::Unnameable { .. }));
}

#[rstest]
#[case::other_name(r#"{"apiVersion":"v1","kind":"X","metadata":{"name":"b","namespace":"shop"}}"#)]
#[case::other_namespace(r#"{"apiVersion":"v1","kind":"X","metadata":{"name":"a","namespace":"prod"}}"#)]
#[case::other_group(r#"{"apiVersion":"apps/v1","kind":"X","metadata":{"name":"a","namespace":"shop"}}"#)]
#[case::no_kind(r#"{"apiVersion":"v1","metadata":{"name":"a","namespace":"shop"}}"#)]
#[case::cut_off(r#"{"apiVersion":"v1","kind":"X","metadata":{"name":"a","namespace":"shop"}"#)]
#[case::two(r#"{"apiVersion":"v1","kind":"X","metadata":{"name":"a","namespace":"shop"}},{}"#)]
fn content_that_a_reader_would_refuse_is_refused(#[case] json: &'static str) {
    let object = Sample::new("configmaps", Some("shop"), "a");
    let captures = vec![
        Capture::Objects {
            resource: object.key.resource.clone(),
            scope: Scope::Namespaced,
            objects: vec![CapturedObject { json: Bytes::from_static(json.as_bytes()), ..object.captured() }],
        },
        Capture::Finish(Box::new(manifest(&[object]))),
    ];
    assert!(matches!(refused(captures), ArchiveError::InvalidObject { .. }));
}

#[test]
fn nesting_that_a_reader_would_refuse_is_refused() {
    let mut object = Sample::new("configmaps", Some("shop"), "a");
    object.text = "[".repeat(200);
    let fixture = Fixture::new();
    // Brackets in a string are text.
    let point = save(&fixture.repository, std::slice::from_ref(&object)).unwrap();
    assert_eq!(read_all(&fixture.repository, &point.id, &ReadFilter::default()).len(), 1);
    let deep = format!(
        r#"{{"apiVersion":"v1","kind":"X","metadata":{{"name":"a","namespace":"shop"}},"x":{}{}}}"#,
        "[".repeat(125),
        "]".repeat(125)
    );
    let captures = vec![
        Capture::Objects {
            resource: object.key.resource.clone(),
            scope: Scope::Namespaced,
            objects: vec![CapturedObject { json: Bytes::from(deep), ..object.captured() }],
        },
        Capture::Finish(Box::new(manifest(&[object]))),
    ];
    assert!(matches!(refused(captures), ArchiveError::InvalidObject { .. }));
}

#[test]
fn the_record_of_a_restore_is_no_restore_point_and_keeps_its_journal() {
    let fixture = Fixture::new();
    let point = fixture.save(&varied());
    let objects = config_maps("shop", 3);
    let lines: Vec<String> =
        (0..30_000).map(|number| format!("{{\"line\":{number},\"text\":\"{number:064}\"}}")).collect();
    let mut captures: Vec<Capture> = ordered(&objects).iter().map(Sample::capture).collect();
    captures.push(Capture::Journal((lines.join("\n") + "\n").into()));
    let mut manifest = manifest(&objects);
    manifest.summary.restore = Some(RestoreMark {
        role: RecordRole::UndoPoint,
        restore_point: point.id.clone(),
        name: "sample".to_owned(),
        of: None,
        continues: None,
        undoes: None,
        interrupted: false,
        left: 0,
        counts: BTreeMap::new(),
    });
    captures.push(Capture::Finish(Box::new(manifest.clone())));
    let record = fixture.repository.save(Timestamp::now(), stream(captures)).unwrap();
    let repository = fixture.reopened();
    assert_eq!(repository.restore_points().unwrap(), std::slice::from_ref(&point));
    assert_eq!(repository.restore_records().unwrap(), std::slice::from_ref(&record));
    assert_eq!(repository.manifest(&record.id).unwrap(), manifest);
    assert_eq!(read_all(&repository, &record.id, &ReadFilter::default()).len(), objects.len());
    let mut read = Vec::new();
    let mut visit = |line: &[u8]| {
        read.push(String::from_utf8(line.to_vec()).unwrap());
        Ok(())
    };
    repository.each_journal_line(&record.id, &mut visit).unwrap();
    assert_eq!(read, lines);
    repository.each_journal_line(&point.id, &mut |_| panic!("a restore point has no journal")).unwrap();
    assert_whole(&repository);
}
