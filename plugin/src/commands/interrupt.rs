//! Ctrl-C and SIGTERM: the first stops work in good order, the second at once.

use tokio::{sync::watch, task::JoinHandle};

/// Listens until dropped.
#[derive(Debug)]
pub(super) struct Interrupt {
    stopped: Stopped,
    listener: JoinHandle<()>,
}

/// Whether the first signal came; for everyone who must know.
#[derive(Clone, Debug)]
pub(super) struct Stopped(watch::Receiver<bool>);

impl Interrupt {
    /// Takes over from the default, which is to end the process; `tell` says so when the first signal came.
    pub(super) fn listen(tell: impl FnOnce() + Send + 'static) -> Self {
        let (stop, stopped) = watch::channel(false);
        let listener = tokio::spawn(async move {
            signal().await;
            tell();
            let _ = stop.send(true);
            signal().await;
            end_at_once();
        });
        Self { stopped: Stopped(stopped), listener }
    }

    /// Ends when the first signal came.
    pub(super) async fn wait(&self) {
        self.stopped.wait().await;
    }

    /// For those that outlive a borrow.
    pub(super) fn stopped(&self) -> Stopped {
        self.stopped.clone()
    }
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl Stopped {
    /// One that a test sets.
    #[cfg(test)]
    pub(super) fn by_hand() -> (watch::Sender<bool>, Self) {
        let (stop, stopped) = watch::channel(false);
        (stop, Self(stopped))
    }

    /// Whether the first signal came.
    pub(super) fn is_set(&self) -> bool {
        *self.0.borrow()
    }

    /// Ends when the first signal came.
    pub(super) async fn wait(&self) {
        let mut stopped = self.0.clone();
        if stopped.wait_for(|is_stopped| *is_stopped).await.is_err() {
            // Nobody can interrupt any more.
            std::future::pending::<()>().await;
        }
    }
}

/// The next signal. Where none can be listened for, the default action stays, which ends the process.
async fn signal() {
    #[cfg(unix)]
    if let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        tokio::select! {
            result = tokio::signal::ctrl_c() => if result.is_ok() { return },
            _ = terminate.recv() => return,
        }
    }
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// The user asked twice, and a hung read or write must not keep the process.
fn end_at_once() -> ! {
    #[expect(clippy::exit, reason = "no work leaves behind what its next run cannot take up")]
    std::process::exit(1)
}
