//! `kubectl backup hooks status`.

use std::time::Duration;

use futures::{StreamExt, stream};
use hook_protocol::message::HookStatus;
use serde_json::{Value, json};

use crate::{
    cli::{hooks::SelectedArgs, output::RecordFormat},
    commands::session::Session,
    exit::ExitStatus,
    hooks::{self, ClientError, Target},
    report::{document, hooks as report},
};

use super::{find::PodHook, forwards::Forwards, open, pods};

/// Runtimes asked at once.
const LOOKUPS: usize = 8;

/// Said where there are none.
pub(super) const NONE_FOUND: &str = "No hooks found. A pod names its hooks in the annotation kubectl-backup.dev/hooks; \
                                     `kubectl backup hooks inject` puts one into a workload.";

/// Runs `hooks status`.
pub(super) async fn run(args: SelectedArgs, session: &Session) -> anyhow::Result<ExitStatus> {
    let cluster = session.cluster().await?;
    let found = pods::selected(&args, &cluster).await?;
    let mut is_partial = pods::tell(&found, &session.printer);
    let (mut rows, mut silent) = (Vec::new(), Vec::new());
    for (target, answer) in ask(&Forwards(cluster), &found.hooks).await {
        match answer {
            Ok(status) => rows.push((target, status)),
            Err(error) => {
                is_partial = true;
                session.printer.warning(&format!("hook {target}: {}", error.one_line()));
                silent.push(target);
            }
        }
    }
    let printer = &session.printer;
    let records = || json!({ "items": rows.iter().map(record).collect::<Vec<_>>() });
    match args.output.output.format {
        RecordFormat::Json => printer.exact(&document::to_json(&records())?)?,
        RecordFormat::Yaml => printer.exact(&document::to_yaml(&records())?)?,
        RecordFormat::Name => {
            let names: Vec<String> =
                rows.iter().map(|(target, _)| format!("pod/{}", target.terms.pod.name)).collect();
            printer.data(&names.join("\n"))?;
        }
        RecordFormat::Table | RecordFormat::Wide if found.hooks.is_empty() => {
            printer.note(NONE_FOUND);
        }
        format => {
            let answers = rows.iter().map(|(target, status)| (target, Some(status)));
            let rows: Vec<_> = answers
                .chain(silent.iter().map(|target| (target, None)))
                .map(|(target, status)| {
                    let pod = &target.terms.pod;
                    (pod.namespace.as_str(), pod.name.as_str(), target.hook.as_str(), status)
                })
                .collect();
            let table = report::status(&rows, format == RecordFormat::Wide);
            printer.data(&table.render(!args.output.no_headers))?;
        }
    }
    Ok(if is_partial { ExitStatus::Incomplete } else { ExitStatus::Done })
}

/// Asks the runtimes of these hooks.
pub(super) async fn ask(
    forwards: &Forwards,
    hooks: &[PodHook],
) -> Vec<(Target, Result<HookStatus, ClientError>)> {
    // Nothing is frozen, so that no budget counts.
    let targets = hooks.iter().map(|hook| open::target(hook, "status", Duration::from_secs(1)));
    let answers = targets.map(|target| async move {
        let answer = hooks::ask(forwards, &target).await;
        (target, answer)
    });
    stream::iter(answers.collect::<Vec<_>>()).buffered(LOOKUPS).collect().await
}

/// What is printed of a hook that answered.
pub(super) fn record((target, status): &(Target, HookStatus)) -> Value {
    let pod = &target.terms.pod;
    let mut record =
        json!({ "namespace": pod.namespace, "pod": pod.name, "podUid": pod.uid, "port": target.port });
    if let (Value::Object(record), Ok(Value::Object(status))) = (&mut record, serde_json::to_value(status)) {
        record.extend(status);
    }
    record
}
