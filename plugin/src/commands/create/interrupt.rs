//! Ctrl-C and SIGTERM: the first stops a backup in good order, the second at once.

use tokio::{sync::watch, task::JoinHandle};

use crate::report::printer::Printer;

/// Listens until dropped.
#[derive(Debug)]
pub(super) struct Interrupt {
    stopped: watch::Receiver<bool>,
    listener: JoinHandle<()>,
}

impl Interrupt {
    /// Takes over from the default, which is to end the process.
    pub(super) fn listen(printer: Printer) -> Self {
        let (stop, stopped) = watch::channel(false);
        let listener = tokio::spawn(async move {
            signal().await;
            printer.note("interrupted: stopping without saving; once more stops at once");
            let _ = stop.send(true);
            signal().await;
            end_at_once();
        });
        Self { stopped, listener }
    }

    /// Ends when the first signal came.
    pub(super) async fn wait(&self) {
        let mut stopped = self.stopped.clone();
        if stopped.wait_for(|is_stopped| *is_stopped).await.is_err() {
            // Nobody can interrupt any more.
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        self.listener.abort();
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
    #[expect(clippy::exit, reason = "nothing is committed yet, so there is nothing to end in order")]
    std::process::exit(1)
}
