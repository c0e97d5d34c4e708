//! `kubectl backup hooks test`: a freeze without a backup.

use std::convert::Infallible;

use jiff::{Timestamp, tz::TimeZone};

use crate::{
    cli::{hooks::TestArgs, output::RecordFormat},
    commands::{failure::Failure, interrupt::Interrupt, session::Session},
    exit::ExitStatus,
    hooks,
    model::freeze::FreezeRecord,
    report::{document, freeze as report},
};

use super::{forwards::Forwards, open, pods, show::no_hooks};

/// Runs `hooks test`.
pub(super) async fn run(args: TestArgs, session: &Session) -> anyhow::Result<ExitStatus> {
    let cluster = session.cluster().await?;
    let found = pods::of_objects(&args.objects, args.namespace.as_deref(), &args.file, &cluster).await?;
    if pods::tell(&found, &session.printer) {
        return Err(Failure::new(
            "nothing was frozen, because not all hooks can be used",
            "the warnings say what is in the way",
        )
        .into());
    }
    if found.hooks.is_empty() {
        return Err(no_hooks(&args.objects.join(" ")).into());
    }
    let forwards = Forwards(cluster);
    let budget = args.budget.freeze_budget;
    let name = format!("test-{}", Timestamp::now().to_zoned(TimeZone::UTC).strftime("%Y%m%d-%H%M%S"));
    let printer = session.printer.clone();
    let interrupt = Interrupt::listen(move || {
        printer.note("interrupted: thawing; once more stops at once, and the runtimes thaw by themselves");
    });
    let record = match open::open(&forwards, &found.hooks, &name, budget).await {
        Ok(opened) => {
            let nothing = std::future::ready(Ok::<(), Infallible>(()));
            hooks::hold(&forwards, opened, budget, nothing, interrupt.wait()).await.record
        }
        Err(failures) => open::not_begun(&failures, budget),
    };
    print(&record, &args, session)?;
    Ok(if record.failure.is_none() { ExitStatus::Done } else { ExitStatus::Failed })
}

fn print(record: &FreezeRecord, args: &TestArgs, session: &Session) -> anyhow::Result<()> {
    let printer = &session.printer;
    match args.output.format {
        RecordFormat::Json => printer.exact(&document::to_json(record)?)?,
        RecordFormat::Yaml => printer.exact(&document::to_yaml(record)?)?,
        RecordFormat::Name => {
            let names: Vec<&str> = record.hooks.iter().map(|hook| hook.hook.as_str()).collect();
            printer.data(&names.join("\n"))?;
        }
        RecordFormat::Table if record.hooks.is_empty() => {}
        RecordFormat::Table => printer.data(&report::hooks(&record.hooks, false).render(true))?,
        RecordFormat::Wide => printer.data(&report::describe(record))?,
    }
    for warning in report::warnings(record) {
        printer.warning(&warning);
    }
    match &record.failure {
        Some(failure) => printer.warning(&format!("the freeze did not hold: {failure}")),
        None => printer.note(&report::held(record)),
    }
    Ok(())
}
