//! The group freeze of a backup: its hooks, what is done between freeze and thaw, and what a failure means.

use std::{collections::BTreeSet, time::Duration};

use crate::{
    cli::create::CreateArgs,
    cluster::Cluster,
    commands::{
        failure::Failure,
        hooks::{
            find::{self, Found, PodHook},
            forwards::Forwards,
            open,
        },
        interrupt::Interrupt,
    },
    hooks::{self, Finished},
    model::{
        freeze::{FreezeRecord, HookPolicy},
        selection::Selection,
    },
    report::{freeze as report, printer::Printer},
};

use super::early::Early;

/// A group freeze that is about to be made.
#[derive(Debug)]
pub(super) struct Freeze {
    policy: HookPolicy,
    budget: Duration,
    hooks: Vec<PodHook>,
    problems: Vec<String>,
}

/// What a group freeze gave.
#[derive(Debug, Default)]
pub(super) struct Frozen {
    /// What is kept of it.
    pub(super) record: Option<FreezeRecord>,
    /// What was read in it.
    pub(super) early: Early,
}

impl Freeze {
    /// Looks for the hooks of the selection. None if it has none; pods that the caller may not look at are told in
    /// `warnings`: who may not list them may not reach their hooks either. Who insists on hooks is refused.
    pub(super) async fn find(
        args: &CreateArgs,
        cluster: &Cluster,
        selection: &Selection,
        warnings: &mut Vec<String>,
    ) -> anyhow::Result<Option<Self>> {
        let policy = policy(args, selection);
        if policy == HookPolicy::Off {
            return Ok(None);
        }
        let file = args.freeze.file.hooks_file.as_deref().map(find::read_file).transpose()?;
        let labels = selection.label_selector.as_deref();
        let found = find::find(cluster, &selection.namespaces, labels, file.as_ref()).await?;
        let Found { hooks, mut problems, unseen } = found;
        let unseen = unseen.into_iter().map(|(namespace, error)| {
            let place = namespace.map(|name| format!(" of namespace {name}")).unwrap_or_default();
            format!("the pods{place} could not be looked at for hooks: {}", error.one_line())
        });
        if args.freeze.hooks == Some(HookPolicy::Require) {
            problems.extend(unseen);
        } else {
            warnings.extend(unseen);
        }
        let budget = args.freeze.budget.freeze_budget;
        let is_there = !hooks.is_empty() || !problems.is_empty();
        Ok(is_there.then_some(Self { policy, budget, hooks, problems }))
    }

    /// The hooks by name, for a dry run.
    pub(super) fn names(&self) -> Vec<String> {
        self.hooks.iter().map(|hook| format!("{} of pod {}", hook.hook.hook, hook.pod.place())).collect()
    }

    /// The namespaces that are read while all is frozen.
    pub(super) fn namespaces(&self) -> BTreeSet<String> {
        self.hooks.iter().map(|hook| hook.pod.namespace.clone()).collect()
    }

    /// Freezes, awaits `cut`, and thaws. An error means that nothing may be saved.
    pub(super) async fn around(
        self,
        cluster: &Cluster,
        name: &str,
        cut: impl Future<Output = anyhow::Result<Early>>,
        printer: &Printer,
        interrupt: &Interrupt,
    ) -> anyhow::Result<Frozen> {
        let policy = self.policy;
        let namespaces = self.namespaces();
        let forwards = Forwards(cluster.clone());
        let budget = self.budget;
        let opened = tokio::select! {
            opened = open::open(&forwards, &self.hooks, name, budget) => opened,
            () = interrupt.wait() => anyhow::bail!("interrupted: nothing was saved"),
        };
        let mut failures = self.problems;
        let opened = opened.map_err(|more| failures.extend(more)).ok().filter(|_| failures.is_empty());
        let Finished { mut record, cut } = match opened {
            Some(opened) => {
                printer.note(&format!("freezing {}", report::counted(opened.len(), "hook")));
                hooks::hold(&forwards, opened, budget, cut, interrupt.wait()).await
            }
            None => Finished { record: open::not_begun(&failures, budget), cut: None },
        };
        for warning in report::warnings(&record) {
            printer.warning(&warning);
        }
        if interrupt.stopped().is_set() {
            anyhow::bail!("interrupted: nothing was saved, and what was frozen is thawed");
        }
        let early = match cut {
            Some(Ok(early)) => early,
            Some(Err(error)) if policy == HookPolicy::Require => return Err(error),
            // It is read in the ordinary way.
            Some(Err(_)) | None => Early::default(),
        };
        if let Some(failure) = &record.failure {
            if policy == HookPolicy::Require {
                return Err(refused(failure).into());
            }
            printer.warning(&format!("the restore point is only crash-consistent: {failure}"));
        } else {
            record.namespaces = namespaces.into_iter().collect();
            printer.note(&report::held(&record));
        }
        Ok(Frozen { record: Some(record), early })
    }
}

/// A part of an application is not its state: who names objects or kinds does not stop its database for them.
fn policy(args: &CreateArgs, selection: &Selection) -> HookPolicy {
    let is_part = !selection.objects.is_empty() || !selection.include_kinds.is_empty();
    let usual = if is_part { HookPolicy::Off } else { HookPolicy::Require };
    args.freeze.hooks.unwrap_or(usual)
}

fn refused(failure: &str) -> Failure {
    Failure::new(
        format!("nothing was saved, because the freeze did not hold: {failure}"),
        "`kubectl backup hooks status` shows the runtimes; with --hooks prefer the restore point is saved as \
         crash-consistent",
    )
}
