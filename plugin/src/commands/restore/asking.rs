//! `ask`: each conflict is shown, and a person chooses. What the answers mean is decided in `plan::asking`.

use std::{
    collections::{BTreeSet, HashMap},
    ops::ControlFlow,
};

use anyhow::Context;
use serde_json::Value;

use crate::{
    archive::ReadFilter,
    commands::{diff::Texts, interrupt::Interrupt, session::blocking},
    model::{
        resource::{GroupResource, ResourceType},
        restoration::Action,
    },
    plan::{
        asking::{Answer, Answers, Choice, Edited, HELP, OFFERED, Reach, parse},
        conflict::ConflictPolicy,
        restore::{
            PlannedObject, RestorePlan,
            content::content,
            facts::{Facts, Kinds},
        },
    },
    report::{
        printer::Printer,
        question,
        terminal::{allows_color, clean_line},
    },
};

use super::{can_ask, editor, look::Looker, no_terminal};

/// Answers without a word after which nobody is taken to be there.
const MOST_SILENCE: usize = 3;

/// Who asks.
pub(super) struct Asker<'a> {
    pub(super) looker: &'a Looker,
    pub(super) kinds: &'a Kinds,
    pub(super) printer: &'a Printer,
}

/// A conflict with both sides of it.
struct Conflict<'a> {
    object: &'a PlannedObject,
    /// `deployment.apps/web in namespace shop`.
    name: String,
    /// As it would be written.
    saved: Value,
    diff: String,
}

/// What a person said of one conflict.
enum Said {
    Policy(ConflictPolicy, Reach),
    Edited(Value),
    Quit,
}

impl Asker<'_> {
    /// Asks about every conflict that `plan` leaves to a person and that `answers` do not settle, and puts what was said
    /// into `facts`. Returns the objects that were edited, by their index; none if the person ended it.
    pub(super) async fn ask(
        &self,
        plan: &RestorePlan,
        facts: &mut Facts,
        answers: &mut Answers,
    ) -> anyhow::Result<Option<HashMap<usize, Value>>> {
        let open = plan.objects.iter().enumerate().filter(|(_, it)| it.decision.action == Action::Ask);
        let open: Vec<(usize, &PlannedObject)> = open.collect();
        // From here on Ctrl-C ends the questions, not an editor's parent.
        let interrupt = Interrupt::listen(|| {});
        let mut edited = HashMap::new();
        for (number, &(index, object)) in open.iter().enumerate() {
            let target = object.target();
            let answer = match answers.of(target) {
                Some(answer) => answer,
                None => match self.conflict(object, plan).await? {
                    // Gone by now: there is nothing to ask about, and a patch makes it.
                    None => Answer::Policy(ConflictPolicy::Patch),
                    Some(_) if !can_ask() => return Err(no_terminal().into()),
                    Some(conflict) => {
                        let place = format!("{} of {}", number + 1, open.len());
                        let said = tokio::select! {
                            said = self.talk(&conflict, &place) => said?,
                            () = interrupt.wait() => Said::Quit,
                        };
                        match said {
                            Said::Quit => return Ok(None),
                            Said::Edited(body) => {
                                answers.note_edited(target, body.clone());
                                Answer::Edited(body)
                            }
                            Said::Policy(policy, reach) => {
                                answers.note(target, policy, reach);
                                Answer::Policy(policy)
                            }
                        }
                    }
                },
            };
            let policy = match answer {
                Answer::Policy(policy) => policy,
                Answer::Edited(body) => {
                    edited.insert(index, body);
                    ConflictPolicy::Patch
                }
            };
            if let Some(live) = facts.live.get_mut(&index) {
                live.answered(policy, edited.get(&index));
            }
        }
        Ok(Some(edited))
    }

    /// Both sides; none if the live one is gone by now.
    async fn conflict<'a>(
        &self,
        object: &'a PlannedObject,
        plan: &RestorePlan,
    ) -> anyhow::Result<Option<Conflict<'a>>> {
        let target = object.target();
        let resource = &target.resource;
        let kind =
            self.kinds.saved(resource).with_context(|| format!("the kind of `{target}` is not known"))?;
        let live = self.looker.cluster.read(kind, target).await;
        let Some(live) = live.with_context(|| format!("could not read `{target}`"))? else { return Ok(None) };
        let mut saved = self.saved(object, kind).await?;
        self.looker.preparation.write(resource, &mut saved, &plan.sanitize)?;
        let (before, after) = (content(resource, live), content(resource, saved.clone()));
        let texts =
            Texts::of(target, Some(before), Some(after), resource == &GroupResource::new("secrets", ""))?;
        let diff = texts.unified("live", "saved", allows_color(true));
        let namespace = target.namespace.as_ref();
        let place = namespace.map(|namespace| format!(" in namespace {namespace}")).unwrap_or_default();
        let name = format!("{}/{}{place}", kind.kind_word(), target.name);
        Ok(Some(Conflict { object, name, saved, diff }))
    }

    async fn saved(&self, object: &PlannedObject, kind: &ResourceType) -> anyhow::Result<Value> {
        let key = object.candidate.key.clone();
        let (repository, point) = (self.looker.repository.clone(), self.looker.point.clone());
        let filter = ReadFilter {
            resources: Some(BTreeSet::from([key.resource.clone()])),
            namespaces: key.namespace.clone().map(|namespace| BTreeSet::from([namespace])),
            scope: Some(kind.scope),
            names: Some(key.name.clone()..=key.name.clone()),
        };
        blocking(move || {
            let mut found = None;
            repository.each_object(&point, &filter, &mut |object| match object {
                Ok(object) if object.key == key => {
                    found = Some(object.body);
                    ControlFlow::Break(())
                }
                _ => ControlFlow::Continue(()),
            })?;
            found.with_context(|| format!("`{key}` can no longer be read from the restore point"))
        })
        .await
    }

    /// Shows the difference and asks until there is an answer.
    async fn talk(&self, conflict: &Conflict<'_>, place: &str) -> anyhow::Result<Said> {
        self.printer.dialogue(&conflict.diff);
        let mut silence = 0;
        loop {
            let Some(answer) = question(&format!("{place}: {}", conflict.name)).await? else {
                self.printer.dialogue("the input ended without an answer");
                return Ok(Said::Quit);
            };
            let (choice, reach) = match parse(&answer) {
                Ok(answer) => answer,
                Err(reason) => {
                    silence = if answer.trim().is_empty() { silence + 1 } else { 0 };
                    if silence == MOST_SILENCE {
                        return Ok(Said::Quit);
                    }
                    self.printer.dialogue(&clean_line(&reason));
                    continue;
                }
            };
            match choice {
                Choice::Policy(policy) => return Ok(Said::Policy(policy, reach)),
                Choice::Quit => return Ok(Said::Quit),
                Choice::Help => self.printer.dialogue(HELP),
                Choice::Diff => self.printer.dialogue(&conflict.diff),
                Choice::Edit => {
                    if let Some(said) = self.edit(conflict).await? {
                        return Ok(said);
                    }
                }
            }
        }
    }

    async fn edit(&self, conflict: &Conflict<'_>) -> anyhow::Result<Option<Said>> {
        if conflict.object.target().resource == GroupResource::new("secrets", "") {
            self.printer.dialogue("a Secret is not edited: its values would lie open in a file");
            return Ok(None);
        }
        match editor::edit(&conflict.saved, &conflict.name).await {
            Ok(Edited::Changed(body)) => return Ok(Some(Said::Edited(body))),
            Ok(_) => self.printer.dialogue("nothing was edited"),
            Err(error) => self.printer.dialogue(&clean_line(&format!("could not edit it: {error:#}"))),
        }
        Ok(None)
    }
}

/// None at the end of the input, which Ctrl-D is on a terminal.
async fn question(about: &str) -> anyhow::Result<Option<String>> {
    let prompt = format!("{about}: {OFFERED}");
    blocking(move || question::answer(&prompt).context("could not read the answer")).await
}
