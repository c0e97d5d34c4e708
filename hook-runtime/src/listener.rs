//! Accepts connections, a bounded number at a time, for the server and for the one that shows metrics.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};

/// After the listener failed, as when the process has no file descriptor left.
const PAUSE: Duration = Duration::from_millis(100);

/// Hands each connection to `serve`, at most so many at a time, for ever.
pub(crate) async fn accept<Served>(listener: TcpListener, most: usize, serve: impl Fn(TcpStream) -> Served)
where
    Served: Future<Output = ()> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(most));
    loop {
        // The semaphore is never closed.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let served = serve(stream);
                tokio::spawn(async move {
                    served.await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!("could not accept a connection: {error}");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
