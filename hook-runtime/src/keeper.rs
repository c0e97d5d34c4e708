//! Keeps the lease of one hook: a task that owns its state machine and its instance, does what the actions say, and
//! reports what came of it. Connections and clocks reach it as messages.

use std::{
    collections::HashMap,
    future::{Future, ready},
    pin::Pin,
    time::{Duration, Instant},
};

use hook_protocol::{
    lease::{
        Action, Call, ConnectionId, Ending, Event, Expiry, Lease, Moment, Outcome, Refusal, Reply, Stage,
    },
    message::{Answer, Failure, FailureKind, Grants, HookStatus, Restored, Terms},
    path::AfterRestore,
    receipt::Receipt,
};
use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    instance::{Ended, Instance, Template, failure, request},
    metrics::HookMetrics,
    record::Records,
};

/// What a step under way gets when its lease is broken: enough for an answer that is on its way.
const HURRY: Duration = Duration::from_secs(1);
/// What a thaw gets: the lease no longer bounds it, and a pod that is told to stop has 30 s.
const THAW_BUDGET: Duration = Duration::from_secs(5);
/// Messages that wait. A connection has one request at a time, and there are at most 64.
const INBOX: usize = 128;

/// What is said of a step that was ended.
const TOO_LONG: &str = "the step did not end in time, and its instance was dropped";

/// Something for the keeper.
pub(crate) enum Message {
    /// A connection asks.
    Ask { event: Event, terms: Option<Terms>, answer: oneshot::Sender<Answer> },
    /// A connection asks for what follows a restore.
    AfterRestore { step: AfterRestore, restored: Restored, answer: oneshot::Sender<Answer> },
    /// Something happened that nobody awaits an answer to.
    Tell(Event),
    /// What is its state?
    Status(oneshot::Sender<HookStatus>),
}

/// What a hook says of itself, and what it was granted, for people.
#[derive(Debug, Clone)]
pub(crate) struct Described {
    pub(crate) component: String,
    pub(crate) freezes: String,
    pub(crate) grants: Grants,
    pub(crate) expiry: Expiry,
}

/// The way to a keeper.
#[derive(Clone)]
pub(crate) struct Handle {
    pub(crate) inbox: mpsc::Sender<Message>,
    pub(crate) stage: watch::Receiver<Stage>,
}

type Calling = Pin<Box<dyn Future<Output = (Option<Instance>, Ended)> + Send>>;

/// A call that is under way.
struct Running {
    call: Call,
    calling: Calling,
    /// When it is ended by force.
    until: Option<Instant>,
}

/// A call after a restore. It belongs to no lease, and its instance lives for it alone.
struct Restoring {
    step: AfterRestore,
    calling: Pin<Box<dyn Future<Output = Ended> + Send>>,
    until: Instant,
    answer: oneshot::Sender<Answer>,
}

struct Keeper {
    name: String,
    described: Described,
    template: Template,
    metrics: HookMetrics,
    /// Where freezes that outlive everybody are recorded; the others need none.
    records: Option<Records>,
    began: Instant,
    lease: Lease,
    terms: Option<Terms>,
    instance: Option<Instance>,
    running: Option<Running>,
    restoring: Option<Restoring>,
    waiting: HashMap<ConnectionId, oneshot::Sender<Answer>>,
    receipt: Option<Receipt>,
    failure: Option<Failure>,
}

/// Starts the keeper of a hook. It lives until its handles are gone. What the record says is left is thawed first.
pub(crate) fn start(
    name: &str,
    described: Described,
    template: Template,
    metrics: HookMetrics,
    (records, left): (Option<Records>, Option<Terms>),
) -> Handle {
    let (inbox, messages) = mpsc::channel(INBOX);
    let (stage, watched) = watch::channel(Stage::Free);
    let lease = Lease::of(described.expiry);
    let mut keeper = Keeper {
        name: name.to_owned(),
        described,
        records,
        template,
        metrics,
        began: Instant::now(),
        lease,
        terms: None,
        instance: None,
        running: None,
        restoring: None,
        waiting: HashMap::new(),
        receipt: None,
        failure: None,
    };
    if let Some(terms) = left {
        tracing::warn!(
            "hook {name}: frozen for restore point {} when the runtime was killed",
            terms.restore_point
        );
        let restore_point = terms.restore_point.clone();
        keeper.terms = Some(terms);
        keeper.on(Event::Left { restore_point });
        stage.send_replace(keeper.lease.stage());
    }
    tokio::spawn(keeper.run(messages, stage));
    Handle { inbox, stage: watched }
}

/// What the keeper waits for.
enum Next {
    Message(Option<Message>),
    Ended(Option<Instance>, Ended),
    TooLong,
    Restored(Ended),
    Time,
}

impl Keeper {
    async fn run(mut self, mut messages: mpsc::Receiver<Message>, stage: watch::Sender<Stage>) {
        loop {
            match self.next(&mut messages).await {
                Next::Message(None) => return,
                Next::Message(Some(Message::Status(answer))) => drop(answer.send(self.status())),
                Next::Message(Some(Message::Tell(event))) => {
                    if let Event::Lost { connection } = &event {
                        self.waiting.remove(connection);
                    }
                    self.on(event);
                }
                Next::Message(Some(Message::Ask { event, terms, answer })) => {
                    self.asked(event, terms, answer);
                }
                Next::Message(Some(Message::AfterRestore { step, restored, answer })) => {
                    self.restore(step, restored, answer);
                }
                Next::Restored(ended) => self.restored(ended),
                Next::Ended(instance, ended) => self.ended(instance, ended),
                Next::TooLong => {
                    self.ended(None, Ended::Broke(failure(FailureKind::Broke, TOO_LONG)));
                }
                Next::Time => self.on(Event::Time),
            }
            let now = self.lease.stage();
            if stage.send_if_modified(|known| std::mem::replace(known, now) != now) {
                self.metrics.stage(now);
            }
        }
    }

    async fn next(&mut self, messages: &mut mpsc::Receiver<Message>) -> Next {
        let wake = self.lease.wake().map(|wake| self.began + wake.0);
        let until = self.running.as_ref().and_then(|running| running.until);
        let calling = async {
            match &mut self.running {
                Some(running) => running.calling.as_mut().await,
                None => std::future::pending().await,
            }
        };
        let restoring = async {
            match &mut self.restoring {
                Some(restoring) => {
                    tokio::time::timeout_at(restoring.until.into(), restoring.calling.as_mut())
                        .await
                        .unwrap_or_else(|_| Ended::Broke(failure(FailureKind::Broke, TOO_LONG)))
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            (instance, ended) = calling => Next::Ended(instance, ended),
            ended = restoring => Next::Restored(ended),
            message = messages.recv() => Next::Message(message),
            () = at(until) => Next::TooLong,
            () = at(wake) => Next::Time,
        }
    }

    fn asked(&mut self, event: Event, terms: Option<Terms>, answer: oneshot::Sender<Answer>) {
        let (Event::Prepare { from, .. } | Event::Step { from, .. }) = event else { return };
        if self.restoring.is_some() {
            drop(answer.send(Answer::Refused { reason: Refusal::Busy }));
            return;
        }
        self.waiting.insert(from, answer);
        if self.lease.stage() == Stage::Free && terms.is_some() {
            self.terms = terms;
            self.template.log.refill();
        }
        self.on(event);
    }

    fn on(&mut self, event: Event) {
        let now = self.now();
        let mut discarded = None;
        for action in self.lease.on(event, now) {
            match action {
                Action::Call(call) => {
                    // A session that still holds its locks would keep the next call from taking them.
                    drop(discarded.take());
                    self.call(call, now);
                }
                Action::Hurry => {
                    let hurried = Instant::now() + HURRY;
                    if let Some(running) = &mut self.running {
                        running.until = Some(running.until.map_or(hurried, |until| until.min(hurried)));
                    }
                }
                Action::Discard => discarded = self.instance.take(),
                Action::Reply { to, reply } => self.reply(to, reply),
            }
        }
        if let Some(instance) = discarded {
            tokio::spawn(drop_after_replies(instance));
        }
    }

    /// What follows a restore needs no lease, and does not mix with one.
    fn restore(&mut self, step: AfterRestore, restored: Restored, answer: oneshot::Sender<Answer>) {
        if self.restoring.is_some() || self.lease.stage() != Stage::Free {
            drop(answer.send(Answer::Refused { reason: Refusal::Busy }));
            return;
        }
        self.template.log.refill();
        tracing::info!("hook {}: {step:?} of restore point {}", self.name, restored.restore_point);
        let until = Instant::now() + restored.budget;
        let calling = Box::pin(self.template.clone().call_after_restore(step, restored));
        self.restoring = Some(Restoring { step, calling, until, answer });
    }

    fn restored(&mut self, ended: Ended) {
        let Some(Restoring { step, answer, .. }) = self.restoring.take() else { return };
        let said = match ended {
            Ended::Done(receipt) => {
                tracing::info!("hook {}: {step:?} done", self.name);
                Answer::Done { receipt }
            }
            Ended::Failed(failure) | Ended::Broke(failure) => {
                let Failure { kind, message } = &failure;
                tracing::warn!("hook {}: {step:?} failed: {kind:?}: {message:?}", self.name);
                Answer::Failed { failure }
            }
        };
        // Who asked may be gone.
        drop(answer.send(said));
    }

    fn call(&mut self, call: Call, now: Moment) {
        let Some(terms) = &self.terms else { return };
        let thaws = matches!(call, Call::Thaw | Call::ThawAnew);
        let budget = if thaws { THAW_BUDGET } else { self.lease.left(now).unwrap_or_default() };
        let request = request(terms, u32::try_from(budget.as_millis()).unwrap_or(u32::MAX));
        let instance = if call == Call::ThawAnew { None } else { self.instance.take() };
        if call == Call::Freeze {
            self.metrics.freeze();
        }
        tracing::info!("hook {}: {call:?} for restore point {}", self.name, terms.restore_point);
        // The deadline of the other steps is the lease's, which hurries them.
        let until = thaws.then(|| Instant::now() + THAW_BUDGET);
        let calling: Calling = match self.record(call, terms) {
            Ok(()) => Box::pin(self.template.clone().call(instance, call, request)),
            Err(error) => {
                let text = format!("the freeze could not be recorded, so it was not begun: {error}");
                Box::pin(ready((instance, Ended::Failed(failure(FailureKind::Failed, &text)))))
            }
        };
        self.running = Some(Running { call, calling, until });
    }

    fn record(&self, call: Call, terms: &Terms) -> std::io::Result<()> {
        match &self.records {
            Some(records) if call == Call::Freeze => records.write(&self.name, terms),
            _ => Ok(()),
        }
    }

    fn forget(&self) {
        let Some(Err(error)) = self.records.as_ref().map(|records| records.remove(&self.name)) else {
            return;
        };
        // The next start thaws what is thawed already, which does no harm.
        tracing::warn!("hook {}: could not remove the record of its freeze: {error}", self.name);
    }

    fn ended(&mut self, instance: Option<Instance>, ended: Ended) {
        let Some(running) = self.running.take() else { return };
        // Here what is left of a call that took too long goes, and with it the sessions of its instance.
        let call = running.call;
        drop(running);
        self.instance = instance;
        (self.receipt, self.failure) = (None, None);
        let outcome = match ended {
            Ended::Done(receipt) => {
                tracing::info!("hook {}: {call:?} done", self.name);
                let session = receipt.session.clone();
                self.receipt = Some(receipt);
                Outcome::Done { session }
            }
            Ended::Failed(failure) => {
                tracing::warn!(
                    "hook {}: {call:?} failed: {:?}: {:?}",
                    self.name,
                    failure.kind,
                    failure.message
                );
                self.failure = Some(failure);
                Outcome::Failed
            }
            Ended::Broke(failure) => {
                tracing::warn!("hook {}: {call:?} broke: {:?}", self.name, failure.message);
                self.failure = Some(failure);
                Outcome::Broke
            }
        };
        let before = self.lease.last().cloned();
        self.on(Event::Ended { call, outcome });
        if let Some(ending) = self.lease.last().filter(|ending| Some(*ending) != before.as_ref()) {
            self.metrics.ended(ending);
            log_ending(&self.name, ending);
            if ending.thawed {
                self.forget();
            }
        }
    }

    fn reply(&mut self, to: ConnectionId, reply: Reply) {
        let Some(answer) = self.waiting.remove(&to) else { return };
        let unsaid = || failure(FailureKind::Failed, "the hook gave no reason");
        // Who asked may be gone.
        drop(answer.send(match reply {
            Reply::Done => match self.receipt.clone() {
                Some(receipt) => Answer::Done { receipt },
                None => Answer::Failed { failure: unsaid() },
            },
            Reply::Thawed(ending) => Answer::Thawed { receipt: self.receipt.clone(), ending },
            Reply::Broken(ending) => Answer::Broken { ending },
            Reply::Failed => Answer::Failed { failure: self.failure.clone().unwrap_or_else(unsaid) },
            Reply::Refused(reason) => Answer::Refused { reason },
        }));
    }

    fn status(&self) -> HookStatus {
        HookStatus {
            name: self.name.clone(),
            component: self.described.component.clone(),
            freezes: self.described.freezes.clone(),
            grants: self.described.grants.clone(),
            expiry: self.described.expiry,
            state: self.lease.stage(),
            held_for: self.lease.held_for().map(str::to_owned),
            last: self.lease.last().cloned(),
        }
    }

    fn now(&self) -> Moment {
        Moment(self.began.elapsed())
    }
}

/// Taking an instance apart takes as long as a thaw, and whoever waits for the answer to one need not wait for that.
async fn drop_after_replies(instance: Instance) {
    tokio::task::yield_now().await;
    drop(instance);
}

fn log_ending(hook: &str, ending: &Ending) {
    let milliseconds = ending.frozen.as_millis();
    match ending.broken {
        None => tracing::info!("hook {hook}: thawed after {milliseconds} ms"),
        Some(cause) if ending.thawed => {
            tracing::warn!("hook {hook}: thawed after {milliseconds} ms; the lease broke: {cause:?}");
        }
        Some(cause) => tracing::error!("hook {hook}: NOT THAWED; the lease broke: {cause:?}"),
    }
}

async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant.into()).await,
        None => std::future::pending().await,
    }
}
