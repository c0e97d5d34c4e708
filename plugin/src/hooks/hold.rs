//! Carries out what the group decides: one holder for each hook, the cut, the clock and the user's interruption become
//! events, and what came of it becomes a record.

use std::{
    fmt::Display,
    pin::Pin,
    time::{Duration, Instant},
};

use futures::{StreamExt, stream};
use hook_protocol::receipt::{Consistency, Fact, FactValue, Receipt};
use tokio::sync::mpsc;

use crate::model::freeze::{FreezeRecord, HookEnd, HookRecord, StepRecord};

use super::{
    Connect, Opened, Target,
    group::{Action, End, Event, Failure, Group, Member},
    holder::{Holder, News},
    inquiry::inquire,
};

/// Bytes of what all hooks together give to be kept, in text and names. A manifest may have four times as much.
const LARGEST: usize = 16 << 20;

/// Runtimes that are asked at once how a lease ended.
const INQUIRIES: usize = 8;

/// What came of a group freeze.
#[derive(Debug)]
pub struct Finished<T, E> {
    /// What is kept of it.
    pub record: FreezeRecord,
    /// What the cut gave; none if it was not made or not awaited.
    pub cut: Option<Result<T, E>>,
}

/// Freezes all of `opened`, makes the cut, and thaws, within `budget`. Whatever happens, and also when this is dropped,
/// nothing stays frozen for longer than the runtimes' leases allow. `stopped` ends it early.
///
/// Afterwards the runtimes are asked, by new connections, how the leases ended whose own connection cannot tell.
pub async fn hold<T, E: Display>(
    connector: &dyn Connect,
    mut opened: Vec<Opened>,
    budget: Duration,
    cut: impl Future<Output = Result<T, E>>,
    stopped: impl Future<Output = ()>,
) -> Finished<T, E> {
    opened.sort_by_key(|opened| opened.order);
    let places: Vec<(u32, String)> =
        opened.iter().map(|opened| (opened.order, opened.component.clone())).collect();
    let ranks: Vec<u32> = places.iter().map(|(order, _)| *order).collect();
    let (news, inbox) = mpsc::unbounded_channel();
    let holders = opened.into_iter().enumerate();
    let (targets, holders): (Vec<Target>, Vec<Option<Holder>>) = holders
        .map(|(member, opened)| {
            let (target, holder) = Holder::start(opened, member, news.clone());
            (target, Some(holder))
        })
        .unzip();
    let (group, cut) = Drive { group: Group::new(&ranks, budget), holders, inbox }.run(cut, stopped).await;
    let ends = ends(connector, &targets, &group).await;
    let record = bounded(record(&group, &targets, &places, ends, budget));
    Finished { record, cut }
}

struct Drive {
    group: Group,
    holders: Vec<Option<Holder>>,
    inbox: mpsc::UnboundedReceiver<(usize, News)>,
}

impl Drive {
    async fn run<T, E: Display>(
        mut self,
        cut: impl Future<Output = Result<T, E>>,
        stopped: impl Future<Output = ()>,
    ) -> (Group, Option<Result<T, E>>) {
        let began = Instant::now();
        tokio::pin!(stopped);
        let mut is_stopped = false;
        let mut cut: Option<Cut<'_, Result<T, E>>> = Some(Box::pin(cut));
        let mut is_cutting = false;
        let mut outcome = None;
        let mut actions = self.group.begin(began.elapsed());
        loop {
            for action in std::mem::take(&mut actions) {
                match action {
                    Action::Call(member, step) => self.tell(member, |holder| holder.step(step)),
                    Action::Hurry(member) => self.tell(member, Holder::hurry),
                    Action::Release(member) => self.holders[member] = None,
                    Action::Cut => is_cutting = true,
                    Action::StopCut => (is_cutting, cut) = (false, None),
                    Action::End => return (self.group, outcome),
                }
            }
            let event = tokio::select! {
                biased;
                () = &mut stopped, if !is_stopped => {
                    is_stopped = true;
                    Event::Interrupted
                }
                Some((member, news)) = self.inbox.recv() => match news {
                    News::Answered(answer) => Event::Answered { member, answer },
                    News::Lost(reason) => Event::Lost { member, reason },
                },
                result = made(&mut cut), if is_cutting => {
                    is_cutting = false;
                    let event = Event::Cut(result.as_ref().map(|_| ()).map_err(ToString::to_string));
                    (outcome, cut) = (Some(result), None);
                    event
                }
                () = at(self.group.wake().map(|wake| began + wake)) => Event::Time,
            };
            actions = self.group.on(event, began.elapsed());
        }
    }

    fn tell(&self, member: usize, what: impl FnOnce(&Holder)) {
        if let Some(Some(holder)) = self.holders.get(member) {
            what(holder);
        }
    }
}

/// What is done between freeze and thaw.
type Cut<'a, O> = Pin<Box<dyn Future<Output = O> + 'a>>;

async fn made<O>(cut: &mut Option<Cut<'_, O>>) -> O {
    match cut {
        Some(cut) => cut.as_mut().await,
        None => std::future::pending().await,
    }
}

async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant.into()).await,
        None => std::future::pending().await,
    }
}

/// How each member ended; the runtimes are asked where its own answers do not say.
async fn ends(connector: &dyn Connect, targets: &[Target], group: &Group) -> Vec<End> {
    let ends = targets.iter().zip(&group.members).map(|(target, member)| async move {
        match &member.end {
            End::Unknown => match inquire(connector, target).await {
                Some(ending) => End::Broken(ending),
                None => End::Unknown,
            },
            known => known.clone(),
        }
    });
    stream::iter(ends).buffered(INQUIRIES).collect().await
}

fn record(
    group: &Group,
    targets: &[Target],
    places: &[(u32, String)],
    ends: Vec<End>,
    budget: Duration,
) -> FreezeRecord {
    let hooks = targets.iter().zip(places).zip(&group.members).zip(ends);
    FreezeRecord {
        consistency: group.consistency(),
        failure: group.failure.as_ref().map(|failure| told(failure, targets)),
        namespaces: Vec::new(),
        budget_ms: milliseconds(budget),
        frozen_ms: group
            .window
            .filter(|(began, ended)| began < ended)
            .map(|(began, ended)| milliseconds(ended.saturating_sub(began))),
        cut_ms: group.cut.map(milliseconds),
        hooks: hooks
            .map(|(((target, (order, component)), member), end)| {
                hook(target, *order, component, member, &end, group.failure.is_none())
            })
            .collect(),
    }
}

/// What could not be read again is not kept, and then the copy is not what it seems.
fn bounded(mut record: FreezeRecord) -> FreezeRecord {
    let size = |fact: &Fact| match &fact.value {
        FactValue::Text(text) => text.len(),
        // As base64.
        FactValue::Base64(bytes) => bytes.len() / 3 * 4,
    };
    if record.hooks.iter().flat_map(|hook| &hook.facts).map(size).sum::<usize>() > LARGEST {
        for hook in &mut record.hooks {
            (hook.facts, hook.needs, hook.consistency) = (Vec::new(), Vec::new(), None);
        }
        record.consistency = Consistency::Crash;
        record.failure = Some(format!("the hooks give more than {} MiB to be kept", LARGEST >> 20));
    }
    record
}

fn told(failure: &Failure, targets: &[Target]) -> String {
    let Some((member, step)) = failure.member else { return failure.reason.clone() };
    let target = &targets[member];
    match step {
        Some(step) => format!("hook {target} could not {}: {}", step.name(), failure.reason),
        None => format!("hook {target} was lost: {}", failure.reason),
    }
}

fn hook(
    target: &Target,
    order: u32,
    component: &str,
    member: &Member,
    end: &End,
    is_whole: bool,
) -> HookRecord {
    let (ending, how) = match end {
        End::NotBegun => (None, HookEnd::NotBegun),
        End::Thawed(ending) => (Some(ending), HookEnd::Thawed),
        End::Broken(ending) if !ending.thawed => (Some(ending), HookEnd::Stuck),
        End::Broken(ending) => (Some(ending), HookEnd::Broken),
        End::Unknown => (None, HookEnd::Unknown),
    };
    let pod = &target.terms.pod;
    let steps = member.steps.iter();
    HookRecord {
        namespace: pod.namespace.clone(),
        pod: pod.name.clone(),
        pod_uid: pod.uid.clone(),
        hook: target.hook.clone(),
        component: component.to_owned(),
        order,
        steps: steps
            .map(|(step, took)| StepRecord { step: step.name().to_owned(), ms: milliseconds(*took) })
            .collect(),
        end: how,
        broken: ending.and_then(|ending| ending.broken).map(|cause| cause.name().to_owned()),
        failure: member.failure.clone(),
        frozen_ms: ending.map(|ending| milliseconds(ending.frozen)),
        session: member.frozen.as_ref().and_then(|receipt| receipt.session.clone()),
        consistency: member.consistency().filter(|_| is_whole),
        // What a freeze that did not hold says of positions is of no use, and must not be used.
        facts: if is_whole { facts(member) } else { Vec::new() },
        needs: member.thawed.as_ref().filter(|_| is_whole).map(|it| it.needs.clone()).unwrap_or_default(),
    }
}

/// Those of both receipts; of two of one name that of the thaw, which knows more.
fn facts(member: &Member) -> Vec<Fact> {
    let of = |receipt: &Option<Receipt>| receipt.as_ref().map(|it| it.facts.clone()).unwrap_or_default();
    let late = of(&member.thawed);
    let mut facts = of(&member.frozen);
    facts.retain(|fact| late.iter().all(|newer| newer.name != fact.name));
    facts.extend(late);
    facts
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hook(bytes: usize) -> HookRecord {
        HookRecord {
            namespace: "shop".to_owned(),
            pod: "db-0".to_owned(),
            pod_uid: String::new(),
            hook: "db".to_owned(),
            component: String::new(),
            order: 20,
            steps: Vec::new(),
            end: HookEnd::Thawed,
            broken: None,
            failure: None,
            frozen_ms: None,
            session: None,
            consistency: Some(Consistency::Application),
            facts: vec![Fact { name: "label".to_owned(), value: FactValue::Base64(vec![0; bytes]) }],
            needs: Vec::new(),
        }
    }

    fn record(hooks: Vec<HookRecord>) -> FreezeRecord {
        FreezeRecord {
            consistency: Consistency::Application,
            failure: None,
            namespaces: Vec::new(),
            budget_ms: 30_000,
            frozen_ms: None,
            cut_ms: None,
            hooks,
        }
    }

    #[test]
    fn receipts_that_a_reader_would_refuse_are_not_claimed() {
        let kept = bounded(record(vec![hook(256 * 1024); 48]));
        assert_eq!((kept.failure, kept.hooks[0].facts.len()), (None, 1));
        let refused = bounded(record(vec![hook(256 * 1024); 49]));
        assert_eq!((refused.consistency, refused.hooks[0].consistency), (Consistency::Crash, None));
        assert!(refused.hooks[0].facts.is_empty() && refused.failure.is_some());
    }
}
