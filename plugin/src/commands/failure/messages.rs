//! Each error that `restore`, `undo`, `transform` and `diff` can meet, as its user sees it, and each word of a state. Those of
//! the repository are in [`storage`].
//!
//! `every!` has a match without a wildcard: a new variant does not compile until it is named here, and fails the test until
//! there is a sample of it. `tests/messages.rs` says what else is covered, and how.

use std::{fmt::Write as _, io, time::Duration};

use serde_json::Value;

use crate::{
    cluster::{CredentialsError, ListFailure, RequestError, WaitError, WriteError},
    model::{
        conflict_policy::ConflictPolicy,
        object::ObjectKey,
        resource::GroupResource,
        restoration::{Action, DecidedBy, FieldProblem, Outcome},
        restore_record::Change,
        restore_run::RunState,
    },
    plan::{
        conflict::{Live, Resolution, decide},
        field_path::{FieldPathError, SetError},
        map_namespace::MapNamespaceError,
        point_reference::PointReferenceError,
        restore::collision::Collision,
        restore_runs::RunReferenceError,
        select::SelectError,
        transform::TransformError,
        user_file::UserFileError,
    },
    report::restore::State as _,
};

use super::{Told, render, status};

/// A line for each sample, named by its variant; fails unless there is a sample of each.
macro_rules! every {
    ($type:ty, $samples:expr, $show:expr, { $($variant:pat => $word:literal),+ $(,)? }) => {{
        fn variant(value: &$type) -> &'static str {
            match value { $($variant => $word),+ }
        }
        let samples: Vec<$type> = $samples;
        for known in [$($word),+] {
            assert!(samples.iter().any(|sample| variant(sample) == known), "there is no sample of {known}");
        }
        let mut text = String::new();
        for sample in samples {
            let name = variant(&sample);
            writeln!(text, "{name}: {}", $show(sample)).unwrap();
        }
        text
    }};
}

#[cfg(unix)]
mod storage;

/// As it is rendered, with its exit code where it brings one along.
fn failed(error: impl Into<anyhow::Error>) -> String {
    let error = error.into();
    let code = if status(&error).is_some() { " [usage]" } else { "" };
    render(&error).replace("\n\n", "\n").replace('\n', "\n    ") + code
}

fn word(text: &str) -> String {
    text.to_owned()
}

fn json_error() -> serde_json::Error {
    serde_json::from_str::<Value>("{").unwrap_err()
}

fn refused(code: u16, message: &str) -> RequestError {
    RequestError::Refused {
        code,
        reason: "Forbidden".to_owned(),
        message: message.to_owned(),
        continue_token: None,
        retry_after: None,
    }
}

#[test]
fn words_that_mean_nothing() {
    let selection = every!(SelectError, vec![
        SelectError::UnknownKind { word: word("deploi"), near: vec![word("deployments.apps")] },
        SelectError::UnknownKind { word: word("nothing"), near: vec![] },
        SelectError::UnknownGroup { group: word("exmaple.com"), near: vec![word("example.com")] },
        SelectError::EmptyKind,
        SelectError::SeveralKinds { word: word("all") },
        SelectError::NotTypeAndName { text: word("web") },
        SelectError::BadFieldSelector { selector: word("a"), reason: word("`a` has no `=`") },
        SelectError::BadLabelSelector { selector: word("a in"), reason: word("a list is missing") },
    ], failed, {
        SelectError::UnknownKind { .. } => "UnknownKind",
        SelectError::UnknownGroup { .. } => "UnknownGroup",
        SelectError::EmptyKind => "EmptyKind",
        SelectError::SeveralKinds { .. } => "SeveralKinds",
        SelectError::NotTypeAndName { .. } => "NotTypeAndName",
        SelectError::BadFieldSelector { .. } => "BadFieldSelector",
        SelectError::BadLabelSelector { .. } => "BadLabelSelector",
    });
    let mapping = every!(MapNamespaceError, vec![
        MapNamespaceError::Malformed(word("shop")),
        MapNamespaceError::NotAName(word("Shop!")),
        MapNamespaceError::Ambiguous { from: word("shop"), first: word("a"), second: word("b") },
    ], failed, {
        MapNamespaceError::Malformed(_) => "Malformed",
        MapNamespaceError::NotAName(_) => "NotAName",
        MapNamespaceError::Ambiguous { .. } => "Ambiguous",
    });
    let path = every!(FieldPathError, vec![
        FieldPathError::TooLong(5000),
        FieldPathError::TooDeep,
        FieldPathError::Malformed { text: word("spec["), reason: word("a number is missing"), column: 6 },
    ], failed, {
        FieldPathError::TooLong(_) => "TooLong",
        FieldPathError::TooDeep => "TooDeep",
        FieldPathError::Malformed { .. } => "Malformed",
    });
    let setting = every!(SetError, vec![
        SetError::InTheWay { place: word("spec.replicas"), found: "a number", wanted: "a list" },
        SetError::BeyondTheEnd { place: word("args"), length: 2 },
    ], failed, {
        SetError::InTheWay { .. } => "InTheWay",
        SetError::BeyondTheEnd { .. } => "BeyondTheEnd",
    });
    insta::assert_snapshot!([selection, mapping, path, setting].join("\n"));
}

#[test]
fn restore_points_and_restores_that_are_not_there() {
    let points = every!(PointReferenceError, vec![
        PointReferenceError::NoneYet,
        PointReferenceError::Unknown { word: word("daly"), near: vec![word("daily")] },
        PointReferenceError::Unknown { word: word("xyz"), near: vec![] },
        PointReferenceError::Ambiguous { word: word("daily"), candidates: vec![word("aaaa1111 (daily)")] },
        PointReferenceError::NotNamed { word: word("latest") },
        PointReferenceError::NamespaceNotSaved { namespace: word("shop") },
        PointReferenceError::NoneThatOld { word: word("9d"), oldest: word("3d") },
        PointReferenceError::OnlyIncomplete { word: word("latest"), candidate: word("daily"), id: word("aaaa1111") },
    ], failed, {
        PointReferenceError::NoneYet => "NoneYet",
        PointReferenceError::Unknown { .. } => "Unknown",
        PointReferenceError::Ambiguous { .. } => "Ambiguous",
        PointReferenceError::NotNamed { .. } => "NotNamed",
        PointReferenceError::NamespaceNotSaved { .. } => "NamespaceNotSaved",
        PointReferenceError::NoneThatOld { .. } => "NoneThatOld",
        PointReferenceError::OnlyIncomplete { .. } => "OnlyIncomplete",
    });
    let runs = every!(RunReferenceError, vec![
        RunReferenceError::None("taken back"),
        RunReferenceError::Unknown(word("3f2a")),
        RunReferenceError::Ambiguous { word: word("3f2a"), candidates: vec![word("3f2a9c01"), word("3f2a0000")] },
    ], failed, {
        RunReferenceError::None(_) => "None",
        RunReferenceError::Unknown(_) => "Unknown",
        RunReferenceError::Ambiguous { .. } => "Ambiguous",
    });
    insta::assert_snapshot!([points, runs].join("\n"));
}

#[test]
fn what_a_cluster_answers() {
    let requests = every!(RequestError, vec![
        refused(403, "secrets is forbidden"),
        refused(401, "Unauthorized"),
        refused(500, "the server gave no reason"),
        RequestError::TimedOut(Duration::from_secs(30)),
        RequestError::Connection(Box::new(io::Error::other("connection refused"))),
        RequestError::Credentials(Box::new(CredentialsError::NoCredential { command: word("login") })),
        RequestError::BadAnswer(json_error()),
        RequestError::BadRequest(Box::new(io::Error::other("no such host"))),
    ], failed, {
        RequestError::Refused { .. } => "Refused",
        RequestError::TimedOut(_) => "TimedOut",
        RequestError::Connection(_) => "Connection",
        RequestError::Credentials(_) => "Credentials",
        RequestError::BadAnswer(_) => "BadAnswer",
        RequestError::BadRequest(_) => "BadRequest",
    });
    let lists = every!(ListFailure, vec![
        ListFailure::Request(refused(403, "secrets is forbidden")),
        ListFailure::Unordered,
        ListFailure::Expired,
        ListFailure::Stopped,
    ], failed, {
        ListFailure::Request(_) => "Request",
        ListFailure::Unordered => "Unordered",
        ListFailure::Expired => "Expired",
        ListFailure::Stopped => "Stopped",
    });
    let waits = every!(WaitError, vec![
        WaitError::TimedOut { what: word("it waits for finalizer a/x"), limit: Duration::from_secs(30) },
        WaitError::Never(word("its names are taken")),
        WaitError::Look(refused(500, "etcd is away")),
    ], failed, {
        WaitError::TimedOut { .. } => "TimedOut",
        WaitError::Never(_) => "Never",
        WaitError::Look(_) => "Look",
    });
    let field = FieldProblem { field: word("data"), message: word("field is immutable") };
    let write =
        failed(WriteError { source: refused(422, "ConfigMap \"app\" is invalid"), fields: vec![field] });
    insta::assert_snapshot!([requests, lists, waits, write].join("\n"));
}

#[test]
fn files_and_objects_that_do_not_fit() {
    let file = UserFileError { line: Some(3), reason: word("unknown field `polcy`") };
    let somewhere = UserFileError { line: None, reason: word("it is empty") };
    let reason = word("`spec.replicas` is a number, not a list");
    let transform = TransformError { transform: word("registry"), reason };
    let key = |namespace: &str| ObjectKey::new(GroupResource::new("configmaps", ""), Some(namespace), "app");
    let collision = Collision { first: key("a"), second: key("b"), target: key("c") };
    let told = [failed(file), failed(somewhere), failed(transform), failed(collision)];
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn what_is_decided_about_an_object() {
    let policies = [
        ConflictPolicy::Skip,
        ConflictPolicy::Patch,
        ConflictPolicy::Replace,
        ConflictPolicy::Rename,
        ConflictPolicy::Ask,
        ConflictPolicy::Fail,
    ];
    let decided = |live: Live| {
        let of = |policy: ConflictPolicy, decided_by| {
            let resolution = Resolution { policy, decided_by, ..Resolution::default() };
            let decision = decide(&live, &resolution);
            format!("{} ({})", decision.action.word(), decision.reason.as_deref().unwrap_or("no reason"))
        };
        let mut all = vec![format!("\n    by default: {}", of(ConflictPolicy::Skip, DecidedBy::Default))];
        all.extend(
            policies
                .iter()
                .map(|policy| format!("\n    {}: {}", policy.word(), of(*policy, DecidedBy::CommandLine))),
        );
        all.concat()
    };
    let live = every!(Live, vec![
        Live::Absent,
        Live::Same,
        Live::Different,
        Live::Terminating(vec![]),
        Live::Terminating(vec![word("a/x")]),
        Live::Unreadable,
    ], decided, {
        Live::Absent => "Absent",
        Live::Same => "Same",
        Live::Different => "Different",
        Live::Terminating(_) => "Terminating",
        Live::Unreadable => "Unreadable",
    });
    let by = every!(DecidedBy, vec![
        DecidedBy::Default,
        DecidedBy::CommandLine,
        DecidedBy::Answer,
        DecidedBy::Rule { number: 2, name: None, file: word("rules.yaml"), reason: None },
        DecidedBy::Rule { number: 2, name: Some(word("secrets")), file: word("rules.yaml"), reason: None },
    ], |by: DecidedBy| by.to_string(), {
        DecidedBy::Default => "Default",
        DecidedBy::CommandLine => "CommandLine",
        DecidedBy::Answer => "Answer",
        DecidedBy::Rule { .. } => "Rule",
    });
    insta::assert_snapshot!([live, by].join("\n"));
}

#[test]
fn words_of_states() {
    let actions = every!(Action, vec![
        Action::Create, Action::Patch, Action::Replace, Action::Rename, Action::Ask, Action::Delete,
        Action::Unchanged, Action::Skip, Action::Conflict, Action::Leave, Action::Refuse,
    ], |it: Action| it.word(), {
        Action::Create => "Create", Action::Patch => "Patch", Action::Replace => "Replace",
        Action::Rename => "Rename", Action::Ask => "Ask", Action::Delete => "Delete",
        Action::Unchanged => "Unchanged", Action::Skip => "Skip", Action::Conflict => "Conflict",
        Action::Leave => "Leave", Action::Refuse => "Refuse",
    });
    let outcomes = every!(Outcome, vec![
        Outcome::Created, Outcome::Patched, Outcome::Replaced, Outcome::Renamed, Outcome::Deleted,
        Outcome::Unchanged, Outcome::Skipped, Outcome::Left, Outcome::Refused, Outcome::NotTried,
    ], |it: Outcome| it.word(), {
        Outcome::Created => "Created", Outcome::Patched => "Patched", Outcome::Replaced => "Replaced",
        Outcome::Renamed => "Renamed", Outcome::Deleted => "Deleted", Outcome::Unchanged => "Unchanged",
        Outcome::Skipped => "Skipped", Outcome::Left => "Left", Outcome::Refused => "Refused",
        Outcome::NotTried => "NotTried",
    });
    let changes = every!(Change, vec![
        Change::Create, Change::Patch, Change::Replace, Change::Delete, Change::Relink, Change::Hold,
    ], Change::word, {
        Change::Create => "Create", Change::Patch => "Patch", Change::Replace => "Replace",
        Change::Delete => "Delete", Change::Relink => "Relink", Change::Hold => "Hold",
    });
    let runs = every!(RunState, vec![
        RunState::Finished, RunState::Interrupted, RunState::Unfinished, RunState::Resumed, RunState::Undone,
        RunState::PartlyUndone,
    ], RunState::word, {
        RunState::Finished => "Finished", RunState::Interrupted => "Interrupted",
        RunState::Unfinished => "Unfinished", RunState::Resumed => "Resumed", RunState::Undone => "Undone",
        RunState::PartlyUndone => "PartlyUndone",
    });
    insta::assert_snapshot!([actions, outcomes, changes, runs].join("\n"));
}

#[test]
fn a_failure_of_this_program_tells_what_to_do() {
    let told = Told::of(&super::of_our_own());
    assert!(told.hint.is_some(), "{told:?}");
}
