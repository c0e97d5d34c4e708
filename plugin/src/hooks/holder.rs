//! Holds the lease of one hook: a task with a connection, which asks what it is told to ask and gives signs of life in
//! between. When the task ends, the connection does, and the runtime thaws.

use std::time::Duration;

use hook_protocol::{
    message::{Answer, Limits},
    path::Step,
};
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, sleep, sleep_until},
};

use super::{ClientError, Opened, Target};

/// Signs of life in the time after which the runtime takes silence for an end.
const HEARTBEATS: u32 = 3;
/// What a step gets when it is hurried, once everything is to thaw.
const HURRY: Duration = Duration::from_secs(2);
/// What an answer may take beyond what the runtime allows the step.
const ON_ITS_WAY: Duration = Duration::from_secs(5);
/// What a thaw may take: the runtime tries three times, 5 s each.
const THAW: Duration = Duration::from_secs(20);

/// What a holder is told to do.
#[derive(Debug)]
enum Order {
    Step(Step),
    Hurry,
}

/// What a holder reports.
#[derive(Debug)]
pub(super) enum News {
    /// The answer to a step.
    Answered(Answer),
    /// The connection is gone, and the holder with it.
    Lost(String),
}

/// Holds a lease until it is dropped.
#[derive(Debug)]
pub(super) struct Holder {
    orders: mpsc::UnboundedSender<Order>,
    task: JoinHandle<()>,
}

impl Holder {
    /// Reports to `news`, with the number `member`.
    pub(super) fn start(
        opened: Opened,
        member: usize,
        news: mpsc::UnboundedSender<(usize, News)>,
    ) -> (Target, Self) {
        let (orders, inbox) = mpsc::unbounded_channel();
        let target = opened.target.clone();
        let task = tokio::spawn(async move {
            let lost = Keeping { opened, orders: inbox, member, news: news.clone() }.run().await;
            // Nobody listens any more once the group has ended.
            let _ = news.send((member, News::Lost(lost.one_line())));
        });
        (target, Self { orders, task })
    }

    /// Asks for a step. A holder that is gone has said so.
    pub(super) fn step(&self, step: Step) {
        let _ = self.orders.send(Order::Step(step));
    }

    /// Waits only a moment more for the answer.
    pub(super) fn hurry(&self) {
        let _ = self.orders.send(Order::Hurry);
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Keeping {
    opened: Opened,
    orders: mpsc::UnboundedReceiver<Order>,
    member: usize,
    news: mpsc::UnboundedSender<(usize, News)>,
}

impl Keeping {
    /// Until the connection is gone.
    async fn run(mut self) -> ClientError {
        let silence = self.opened.target.terms.limits.silence;
        loop {
            let order = tokio::select! {
                biased;
                order = self.orders.recv() => order,
                error = self.opened.client.ended() => return error,
                () = sleep(silence / HEARTBEATS) => {
                    match self.opened.client.heartbeat(silence).await {
                        Ok(()) => continue,
                        Err(error) => return error,
                    }
                }
            };
            match order {
                // The holder was dropped, which ends this task too.
                None => std::future::pending().await,
                Some(Order::Hurry) => {}
                Some(Order::Step(step)) => match self.step(step).await {
                    Ok(answer) => drop(self.news.send((self.member, News::Answered(answer)))),
                    Err(error) => return error,
                },
            }
        }
    }

    async fn step(&mut self, step: Step) -> Result<Answer, ClientError> {
        let target = &self.opened.target;
        let limit = limit(step, &target.terms.limits);
        let terms = (step == Step::Prepare).then_some(&target.terms);
        let answer = self.opened.client.step(&target.hook, step, terms, limit);
        tokio::pin!(answer);
        let mut until = None;
        loop {
            let hurried = async {
                match until {
                    Some(instant) => sleep_until(instant).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                answer = &mut answer => return answer,
                order = self.orders.recv() => if matches!(order, Some(Order::Hurry)) {
                    until = Some(Instant::now() + HURRY);
                },
                () = hurried => return Err(ClientError::Silent(HURRY)),
            }
        }
    }
}

fn limit(step: Step, limits: &Limits) -> Duration {
    match step {
        Step::Prepare => limits.prepare + ON_ITS_WAY,
        Step::Freeze | Step::Check => limits.freeze + ON_ITS_WAY,
        Step::Thaw => THAW,
    }
}
