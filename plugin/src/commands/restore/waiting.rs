//! Waiting for the cluster: told to the user, and over at once when the restore is interrupted.

use std::{convert::Infallible, future, pin::pin, time::Duration};

use tokio::time::sleep;

use crate::{commands::interrupt::Stopped, report::progress::Progress};

/// Waits shorter than this are not worth a line.
const SAID_AFTER: Duration = Duration::from_secs(1);

/// What a wait needs.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) progress: Progress,
    /// Set by Ctrl-C: what is under way ends, nothing new begins.
    pub(super) stopped: Stopped,
}

impl Waiting {
    /// Waits until `done` ends; none if the restore was interrupted. Says that it is waiting for `what`.
    pub(super) async fn until<Output>(
        &self,
        what: &str,
        done: impl Future<Output = Output>,
    ) -> Option<Output> {
        let said = pin!(async {
            sleep(SAID_AFTER).await;
            self.progress.note(&format!("waiting for {what}"));
            future::pending::<Infallible>().await
        });
        tokio::select! {
            output = done => Some(output),
            () = self.stopped.wait() => None,
            never = said => match never {},
        }
    }

    /// Pauses; false if the restore was interrupted.
    pub(super) async fn pause(&self, length: Duration) -> bool {
        tokio::select! {
            () = sleep(length) => true,
            () = self.stopped.wait() => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;
    use crate::report::printer::Printer;

    const HOUR: Duration = Duration::from_hours(1);

    #[tokio::test]
    async fn an_interrupt_ends_a_wait_at_once() {
        let (stop, stopped) = Stopped::by_hand();
        let waiting = Waiting { progress: Progress::begin(&Printer::silent(), "restoring", None), stopped };
        assert_eq!(waiting.until("what is there", future::ready(1)).await, Some(1));
        assert!(waiting.pause(Duration::ZERO).await);
        let endless = waiting.until("what never comes", future::pending::<()>());
        let ended = timeout(Duration::from_secs(10), async { (endless.await, waiting.pause(HOUR).await) });
        stop.send(true).unwrap();
        assert_eq!(ended.await.unwrap(), (None, false));
    }
}
