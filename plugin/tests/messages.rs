//! Every message of `restore`, `undo`, `transform`, `diff` and of what they share, the repository and the configuration among it,
//! as it stands in the source.
//!
//! What is covered, and how:
//!
//! - **Errors with variants and words of states**: `commands/failure/messages.rs` renders each variant with its hint as a
//!   user sees it. A match without a wildcard makes a new variant fail to compile until it is named there, and the table
//!   fails until there is a sample of it.
//! - **Free-standing sentences** (reasons of decisions, notes, hints, warnings, questions, contexts of errors): here. Each
//!   string literal of the modules below that reads as a sentence is in a snapshot, with its placeholders. There is no
//!   list to forget one in: a sentence that is new, changed or gone shows as a difference of a snapshot.
//! - **Help texts**: `tests/help.rs`. **What cannot be used**, as the real binary says it: `tests/unusable.rs`. **Layout and exit codes of the real binary**: `tests/manners.rs`, `tests/transform.rs`,
//!   `tests/inspect.rs`, and on a real API server `tests/e2e`.
//!
//! `INSTA_UPDATE=always cargo test -p kubectl-backup --test messages` takes the sentences as they are now; the diff of the
//! snapshots is for a reviewer to read.
//!
//! Not here are the messages of other verbs and what a server, an editor or a credential plugin says.
#![expect(clippy::unwrap_used, reason = "a test that cannot read the sources has failed")]

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use rstest::rstest;

#[rstest]
#[case::restore(&["commands/restore.rs", "commands/restore"])]
#[case::undo(&["commands/undo.rs", "commands/undo"])]
#[case::transform(&["commands/transform.rs", "commands/transform", "plan/transform.rs", "plan/transform"])]
#[case::diff(&["commands/diff.rs", "commands/diff"])]
#[case::shared(&["commands/failure.rs", "commands/interrupt.rs", "commands/journal.rs", "commands/missing.rs",
    "commands/point.rs", "commands/saved_kinds.rs", "commands/unreadable.rs"])]
#[case::decisions(&["plan/asking.rs", "plan/conflict.rs", "plan/conflict", "plan/field_path.rs", "plan/field_path",
    "plan/map_namespace.rs", "plan/order.rs", "plan/order", "plan/point_reference.rs", "plan/rename.rs", "plan/rename",
    "plan/restore.rs", "plan/restore", "plan/restore_runs.rs", "plan/sanitize.rs", "plan/sanitize", "plan/select.rs",
    "plan/select", "plan/undo.rs", "plan/undo", "plan/user_file.rs", "plan/versions.rs"])]
#[case::archive(&["archive.rs", "archive"])]
#[case::config(&["config.rs", "config"])]
#[case::cluster(&["cluster.rs", "cluster/connect.rs", "cluster/credentials.rs", "cluster/discovery.rs", "cluster/kubeconfig.rs",
    "cluster/list.rs", "cluster/live.rs", "cluster/namespaces.rs", "cluster/refusal.rs", "cluster/request.rs",
    "cluster/retry.rs", "cluster/wait.rs", "cluster/write.rs"])]
#[case::report(&["model/restoration.rs", "model/restore_run.rs", "model/unreadable.rs", "report/explain.rs", "report/missing.rs", "report/question.rs", "report/restore.rs",
    "report/restores.rs"])]
fn every_sentence_is_known(#[case] places: &[&str]) {
    let name =
        std::thread::current().name().and_then(|name| name.rsplit("::case_").next().map(str::to_owned));
    let name = name.and_then(|name| name.split_once('_').map(|(_, name)| name.to_owned())).unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut text = String::new();
    for place in places {
        for file in files(&source.join(place)) {
            let found = sentences(&fs::read_to_string(&file).unwrap());
            if !found.is_empty() {
                writeln!(text, "{}", file.strip_prefix(&source).unwrap().display()).unwrap();
            }
            for sentence in found {
                writeln!(text, "  {sentence}").unwrap();
            }
        }
    }
    insta::assert_snapshot!(name, text);
}

/// The file, or those of the folder in order, but for tests.
fn files(place: &Path) -> Vec<PathBuf> {
    if place.is_file() {
        return vec![place.to_owned()];
    }
    let entries = fs::read_dir(place).unwrap_or_else(|error| panic!("{}: {error}", place.display()));
    let mut entries: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    entries.retain(|path| {
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        !matches!(stem, "tests" | "messages" | "scripted" | "snapshots")
    });
    entries.sort();
    entries.iter().flat_map(|path| files(path)).collect()
}

/// The string literals of a source text that read as sentences: they have a letter and a space between words.
fn sentences(source: &str) -> Vec<String> {
    let source = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let reads_as_one = |text: &String| {
        text.trim().contains(' ')
            && text.split_whitespace().filter(|it| it.contains(char::is_alphabetic)).count() > 1
    };
    literals(source).into_iter().filter(reads_as_one).map(|text| text.replace('\n', "⏎")).collect()
}

/// All string literals outside comments and attributes; those of `#[error(…)]` count.
fn literals(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        rest = if rest.starts_with("//") {
            rest.find('\n').map_or("", |end| &rest[end..])
        } else if rest.starts_with("#[") && !rest.starts_with("#[error") {
            after_attribute(rest)
        } else if let Some(hashes) = raw(rest) {
            let open = hashes + 2;
            let close = format!("\"{}", "#".repeat(hashes));
            let end = rest[open..].find(&close).map_or(rest.len(), |end| open + end);
            found.push(rest[open..end].to_owned());
            rest.get(end + close.len()..).unwrap_or_default()
        } else if first == '"' {
            let (text, after) = literal(&rest[1..]);
            found.push(text);
            after
        } else if first == '\'' {
            after_quote(rest)
        } else {
            &rest[first.len_utf8()..]
        };
    }
    found
}

/// How many hashes a raw string that begins here has.
fn raw(text: &str) -> Option<usize> {
    let after = text.strip_prefix('r')?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    after[hashes..].starts_with('"').then_some(hashes)
}

/// A string literal to its end, its escapes resolved and its broken lines joined; and what comes behind it.
fn literal(text: &str) -> (String, &str) {
    let mut found = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (found, &text[at + 1..]),
            '\\' => match characters.next() {
                Some((at, '\n')) => {
                    let (end, rest) = literal(text[at..].trim_start());
                    return (found + &end, rest);
                }
                Some((_, 'n')) => found.push('\n'),
                Some((_, other)) => found.push(other),
                None => {}
            },
            other => found.push(other),
        }
    }
    (found, "")
}

/// Behind a character literal, or behind the quote of a lifetime.
fn after_quote(text: &str) -> &str {
    let mut characters = text[1..].chars();
    match (characters.next(), characters.next(), characters.next()) {
        (Some('\\'), Some(escaped), _) => {
            let from = 2 + escaped.len_utf8();
            text[from..].find('\'').map_or("", |end| &text[from + end + 1..])
        }
        (Some(character), Some('\''), _) => &text[2 + character.len_utf8()..],
        _ => &text[1..],
    }
}

/// Behind an attribute, which has no brackets in its strings.
fn after_attribute(text: &str) -> &str {
    let mut depth = 0_usize;
    for (at, character) in text.char_indices() {
        match character {
            '[' => depth += 1,
            ']' if depth == 1 => return &text[at + 1..],
            ']' => depth -= 1,
            _ => {}
        }
    }
    ""
}

#[test]
fn a_sentence_is_found_wherever_it_stands() {
    let source = r##"
        // "a comment is none"
        #[expect(lint, reason = "an attribute is none")]
        #[error("could not {action} at `{place}`")]
        fn f<'a>(c: char) { let quote = '"'; let escape = '\''; g("one line \
            and the next", r#"raw "text" here"#, "word", "{a}: {b}"); }
        #[cfg(test)]
mod tests { const NONE: &str = "of a test"; }
    "##;
    assert_eq!(
        sentences(source),
        ["could not {action} at `{place}`", "one line and the next", "raw \"text\" here", "{a}: {b}"]
    );
}
