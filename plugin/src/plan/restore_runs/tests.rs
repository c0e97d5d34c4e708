//! Which runs belong together and how each is told.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rstest::rstest;

use crate::model::{
    restore_point::{Completeness, Summary},
    restore_record::RestoreMark,
};

use super::*;

fn id(name: &str) -> RestorePointId {
    RestorePointId(format!("{name:0<64}"))
}

/// `at` is also when it was made.
fn record(at: i64, name: &str, mark: impl FnOnce(&mut RestoreMark)) -> RestorePoint {
    let mut restore = RestoreMark {
        role: RecordRole::UndoPoint,
        restore_point: id("ffff"),
        name: "shop".to_owned(),
        of: None,
        continues: None,
        undoes: None,
        interrupted: false,
        left: 0,
        counts: BTreeMap::from([("create".to_owned(), 2)]),
    };
    mark(&mut restore);
    RestorePoint {
        id: id(name),
        created: Timestamp::from_second(at).unwrap(),
        summary: Summary {
            format: 1,
            name: name.to_owned(),
            completeness: Completeness::Complete,
            objects: 0,
            bytes: 0,
            namespaces: Vec::new(),
            namespace_count: 0,
            cluster_uid: "here".to_owned(),
            context: String::new(),
            scope: String::new(),
            is_narrowed: false,
            consistency: None,
            restore: Some(restore),
        },
    }
}

fn result(at: i64, of: &str, outcome: &str) -> RestorePoint {
    record(at, &format!("e{at}"), |mark| {
        mark.role = RecordRole::Result;
        mark.of = Some(id(of));
        mark.interrupted = outcome == "interrupted";
        mark.left = u64::from(outcome == "left");
        mark.counts = BTreeMap::from([(outcome.to_owned(), 1)]);
    })
}

fn undo(at: i64, name: &str, of: &str) -> RestorePoint {
    record(at, name, |mark| mark.undoes = Some(id(of)))
}

fn states(records: &[RestorePoint]) -> Vec<&'static str> {
    let mut runs = runs(records);
    runs.reverse();
    runs.iter().map(|run| run.state.word()).collect()
}

#[rstest]
#[case::killed(vec![record(1, "a000", |_| {})], &["unfinished"])]
#[case::finished(vec![record(1, "a000", |_| {}), result(2, "a000", "created")], &["finished"])]
#[case::interrupted(vec![record(1, "a000", |_| {}), result(2, "a000", "interrupted")], &["interrupted"])]
#[case::resumed(vec![record(1, "a000", |_| {}),
    record(3, "b000", |mark| mark.continues = Some(id("a000"))), result(4, "b000", "created")], &["resumed", "finished"])]
#[case::undone(vec![record(1, "a000", |_| {}), undo(3, "b000", "a000"), result(4, "b000", "deleted")],
    &["undone", "finished"])]
#[case::undone_in_part(vec![record(1, "a000", |_| {}), undo(3, "b000", "a000"), result(4, "b000", "left")],
    &["partly undone", "finished"])]
#[case::an_undo_that_was_killed(vec![record(1, "a000", |_| {}), undo(3, "b000", "a000")], &["unfinished", "unfinished"])]
#[case::the_undo_was_undone(vec![record(1, "a000", |_| {}), result(2, "a000", "created"),
    undo(3, "b000", "a000"), result(4, "b000", "deleted"), undo(5, "c000", "b000"), result(6, "c000", "created")],
    &["finished", "undone", "finished"])]
#[case::all_of_a_chain_is_undone(vec![record(1, "a000", |_| {}),
    record(3, "b000", |mark| mark.continues = Some(id("a000"))), result(4, "b000", "created"),
    undo(5, "c000", "a000"), result(6, "c000", "deleted")], &["undone", "undone", "finished"])]
fn a_run_is_told_by_what_came_after_it(#[case] records: Vec<RestorePoint>, #[case] expected: &[&str]) {
    assert_eq!(states(&records), expected);
}

#[test]
fn telling_a_forged_circle_ends() {
    let circle = [
        undo(1, "a000", "b000"),
        result(2, "a000", "created"),
        undo(3, "b000", "a000"),
        result(4, "b000", "created"),
    ];
    assert_eq!(states(&circle).len(), 2);
}

#[test]
fn latest_is_the_newest_restore_here_that_is_not_undone() {
    let mut elsewhere = record(9, "d000", |_| {});
    elsewhere.summary.cluster_uid = "elsewhere".to_owned();
    let records = [
        record(1, "a000", |_| {}),
        result(2, "a000", "created"),
        record(3, "b000", |_| {}),
        undo(5, "c000", "b000"),
        result(6, "c000", "deleted"),
        elsewhere,
    ];
    let runs = runs(&records);
    assert_eq!(latest_to_undo(&runs, "here").unwrap().undo_point.id, id("a000"));
    assert_eq!(latest_to_undo(&runs, "").unwrap().undo_point.id, id("d000"));
    assert_eq!(latest_to_resume(&runs, "here"), Err(RunReferenceError::None("resumed")));
    assert_eq!(latest_to_resume(&runs, "elsewhere").unwrap().undo_point.id, id("d000"));
    let killed_before =
        super::runs(&[record(1, "a000", |_| {}), record(2, "b000", |_| {}), result(3, "b000", "created")]);
    assert_eq!(latest_to_resume(&killed_before, "here"), Err(RunReferenceError::None("resumed")));
    assert_eq!(by_id("C000", &runs).unwrap().undo_point.id, id("c000"));
    assert_eq!(by_id("latest", &runs), Err(RunReferenceError::Unknown("latest".to_owned())));
}

#[test]
fn what_takes_a_restore_back_and_what_takes_that_back_belong_together() {
    let records = [
        record(1, "a000", |_| {}),
        record(2, "b000", |_| {}),
        undo(3, "c000", "a000"),
        record(4, "d000", |mark| {
            mark.undoes = Some(id("a000"));
            mark.continues = Some(id("c000"));
        }),
        undo(5, "e000", "c000"),
        undo(6, "f000", "b000"),
    ];
    let runs = runs(&records);
    let found = going_back_and_forth(&id("a000"), &runs);
    let ids: Vec<_> = found.iter().map(|run| run.undo_point.id.clone()).collect();
    assert_eq!(ids, ["c000", "d000", "e000"].map(id));
}

#[rstest]
#[case::killed(vec![record(1, "a000", |_| {})], true)]
#[case::interrupted(vec![record(1, "a000", |_| {}), result(2, "a000", "interrupted")], true)]
#[case::finished(vec![record(1, "a000", |_| {}), result(2, "a000", "created")], false)]
#[case::with_something_refused(vec![record(1, "a000", |_| {}), result(2, "a000", "refused")], false)]
#[case::with_a_deletion_under_way(vec![record(1, "a000", |_| {}), result(2, "a000", "deleting")], true)]
#[case::gone_on_with_after_that(vec![record(1, "a000", |_| {}), result(2, "a000", "deleting"),
    record(3, "b000", |mark| mark.continues = Some(id("a000"))), result(4, "b000", "created")], false)]
#[case::taken_back_after_that(vec![record(1, "a000", |_| {}), result(2, "a000", "deleting"),
    undo(3, "b000", "a000"), result(4, "b000", "created")], false)]
fn the_newest_restore_can_be_gone_on_with(#[case] records: Vec<RestorePoint>, #[case] can_be: bool) {
    assert_eq!(latest_to_resume(&runs(&records), "here").is_ok(), can_be);
}
