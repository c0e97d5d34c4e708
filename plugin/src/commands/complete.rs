//! Candidates for the word being typed: `kubectl backup __complete`, and the binary when it is called as
//! `kubectl_complete-backup`.
//!
//! kubectl runs that name with the words after `kubectl backup`, the last one possibly empty
//! (kubectl, `pkg/cmd/plugin/plugin_completion.go`). A press of the tabulator must never ask, wait long, create
//! anything or print a complaint, so whatever cannot be learnt in time is simply not offered.

mod candidate;
mod facts;
mod line;
mod offer;
mod wanted;

use std::{ffi::OsString, path::Path, time::Duration};

use clap::{Args, CommandFactory, FromArgMatches};

use crate::{
    cli::{Cli, GlobalArgs, upkeep::CompleteArgs},
    exit::ExitStatus,
    report::printer::Printer,
};

use super::session::Session;
use candidate::Answer;
use line::Line;
use offer::Facts;
use wanted::Wanted;

/// The name under which kubectl looks for the completion of `kubectl backup`.
pub(crate) const SHIM: &str = "kubectl_complete-backup";

/// How long a press of the tabulator may take before it offers what it has.
const PATIENCE: Duration = Duration::from_secs(2);

/// Runs `__complete`.
pub(crate) async fn run(args: CompleteArgs, session: &Session) -> anyhow::Result<ExitStatus> {
    let mut root = Cli::command();
    root.build();
    let line = Line::read(&root, &args.words);
    let wanted = Wanted::of(&root, &line);
    let facts = match (&wanted, global_flags(&line)) {
        (Wanted::Known(_), _) | (_, None) => Facts::default(),
        (_, Some(global)) => {
            let silent = Session::new(global, Printer::silent());
            tokio::time::timeout(PATIENCE, facts::gather(&wanted, &silent)).await.unwrap_or_default()
        }
    };
    let answer: Answer = offer::offer(&wanted, &facts, &facts::age);
    session.printer.data(&answer.protocol())?;
    Ok(ExitStatus::Done)
}

/// The flags of the line under way that say which cluster and repository are meant.
fn global_flags(line: &Line<'_>) -> Option<GlobalArgs> {
    let definition = GlobalArgs::augment_args(clap::Command::new(SHIM));
    let mut words = vec![SHIM.to_owned()];
    for (flag, value) in &line.flags {
        let known = definition.get_arguments().any(|argument| argument.get_id() == flag.get_id());
        if let (true, true, Some(long)) = (known, line::takes_value(flag), flag.get_long()) {
            words.push(format!("--{long}={value}"));
        }
    }
    let matches = definition.try_get_matches_from(words).ok()?;
    GlobalArgs::from_arg_matches(&matches).ok()
}

/// Turns a call as `kubectl_complete-backup WORDS…` into `kubectl-backup __complete -- WORDS…`.
pub(crate) fn translate_shim_call(arguments: Vec<OsString>) -> Vec<OsString> {
    let called_as = arguments.first().and_then(|program| Path::new(program).file_stem());
    if called_as.is_none_or(|name| name != SHIM) {
        return arguments;
    }
    let mut translated = vec![OsString::from("kubectl-backup"), "__complete".into(), "--".into()];
    translated.extend(arguments.into_iter().skip(1));
    translated
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::own_name(&["/bin/kubectl-backup", "list"], &["/bin/kubectl-backup", "list"])]
    #[case::shim(&["/bin/kubectl_complete-backup", "ls", ""], &["kubectl-backup", "__complete", "--", "ls", ""])]
    #[case::windows(&["kubectl_complete-backup.exe", "-"], &["kubectl-backup", "__complete", "--", "-"])]
    #[case::nothing_at_all(&[], &[])]
    fn name_of_the_program_decides(#[case] call: &[&str], #[case] expected: &[&str]) {
        let words = |list: &[&str]| list.iter().map(OsString::from).collect::<Vec<_>>();
        assert_eq!(translate_shim_call(words(call)), words(expected));
    }

    #[test]
    fn flags_of_the_line_choose_cluster_and_repository() {
        let words = ["--context", "x", "get", "--repo=/r", "latest", "-n", "shop", ""];
        let words: Vec<String> = words.map(str::to_owned).to_vec();
        let mut root = Cli::command();
        root.build();
        let global = global_flags(&Line::read(&root, &words)).unwrap();
        assert_eq!(global.connection.context.as_deref(), Some("x"));
        assert_eq!(global.repository.repo.as_deref(), Some("/r"));
    }
}
