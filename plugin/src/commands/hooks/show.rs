//! `kubectl backup hooks show`.

use serde_json::json;

use crate::{
    cli::{hooks::ShowArgs, output::RecordFormat},
    commands::{failure::Failure, session::Session},
    exit::ExitStatus,
    report::{document, hooks as report},
};

use super::{
    forwards::Forwards,
    pods,
    status::{ask, record},
};

/// Runs `hooks show`.
pub(super) async fn run(args: ShowArgs, session: &Session) -> anyhow::Result<ExitStatus> {
    let cluster = session.cluster().await?;
    let object = args.object.clone();
    let found =
        pods::of_objects(std::slice::from_ref(&object), args.namespace.as_deref(), &args.file, &cluster)
            .await?;
    let mut is_partial = pods::tell(&found, &session.printer);
    if found.hooks.is_empty() && !is_partial {
        return Err(no_hooks(&object).into());
    }
    let mut known = Vec::new();
    for (target, answer) in ask(&Forwards(cluster), &found.hooks).await {
        match answer {
            Ok(status) => known.push((target, status)),
            Err(error) => {
                is_partial = true;
                session.printer.warning(&format!("hook {target}: {}", error.one_line()));
            }
        }
    }
    let printer = &session.printer;
    let records = || json!({ "items": known.iter().map(record).collect::<Vec<_>>() });
    match args.output.format {
        RecordFormat::Json => printer.exact(&document::to_json(&records())?)?,
        RecordFormat::Yaml => printer.exact(&document::to_yaml(&records())?)?,
        RecordFormat::Name => {
            let names: Vec<&str> = known.iter().map(|(_, status)| status.name.as_str()).collect();
            printer.data(&names.join("\n"))?;
        }
        RecordFormat::Table | RecordFormat::Wide => {
            let texts: Vec<String> = known
                .iter()
                .map(|(target, status)| {
                    let pod = &target.terms.pod;
                    report::show(&format!("{}/{}", pod.namespace, pod.name), target.port, status)
                })
                .collect();
            printer.data(&texts.join("\n"))?;
        }
    }
    Ok(if is_partial { ExitStatus::Incomplete } else { ExitStatus::Done })
}

/// Said where hooks are needed and there are none.
pub(super) fn no_hooks(what: &str) -> Failure {
    Failure::new(
        format!("no running pod of {what} has hooks"),
        "a pod names its hooks in the annotation kubectl-backup.dev/hooks; --hooks-file gives hooks to others",
    )
}
