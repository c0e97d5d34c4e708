//! `kubectl backup hooks list`.

use serde_json::{Value, json};

use crate::{
    cli::{hooks::SelectedArgs, output::RecordFormat},
    commands::session::Session,
    exit::ExitStatus,
    report::{
        document,
        table::{NONE, Table},
    },
};

use super::{find::PodHook, pods, status::NONE_FOUND};

/// Runs `hooks list`.
pub(super) async fn run(args: SelectedArgs, session: &Session) -> anyhow::Result<ExitStatus> {
    let cluster = session.cluster().await?;
    let found = pods::selected(&args, &cluster).await?;
    let is_partial = pods::tell(&found, &session.printer);
    let printer = &session.printer;
    let records = || json!({ "items": found.hooks.iter().map(record).collect::<Vec<_>>() });
    match args.output.output.format {
        RecordFormat::Json => printer.exact(&document::to_json(&records())?)?,
        RecordFormat::Yaml => printer.exact(&document::to_yaml(&records())?)?,
        RecordFormat::Name => {
            let names: Vec<String> =
                found.hooks.iter().map(|hook| format!("pod/{}", hook.pod.name)).collect();
            printer.data(&names.join("\n"))?;
        }
        RecordFormat::Table | RecordFormat::Wide if found.hooks.is_empty() => {
            printer.note(NONE_FOUND);
        }
        RecordFormat::Table | RecordFormat::Wide => {
            printer.data(&table(&found.hooks).render(!args.output.no_headers))?;
        }
    }
    Ok(if is_partial { ExitStatus::Incomplete } else { ExitStatus::Done })
}

fn table(hooks: &[PodHook]) -> Table {
    let mut table = Table::new(["NAMESPACE", "POD", "HOOK", "PORT", "ORDER"]);
    for PodHook { pod, hook } in hooks {
        table.push([
            pod.namespace.clone(),
            pod.name.clone(),
            hook.hook.clone(),
            hook.port.to_string(),
            hook.order.map_or_else(|| NONE.to_owned(), |order| order.to_string()),
        ]);
    }
    table
}

fn record(hook: &PodHook) -> Value {
    let PodHook { pod, hook } = hook;
    json!({ "namespace": pod.namespace, "pod": pod.name, "podUid": pod.uid, "hook": hook.hook, "port": hook.port,
        "order": hook.order })
}
