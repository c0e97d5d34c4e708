//! A stream to a port of a pod, through the API server and the kubelet.
//!
//! It needs `get` and `create` on `pods/portforward`: servers up to 1.34 check `get` for the WebSocket, later ones
//! `create`.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures::{FutureExt, future::BoxFuture};
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, api::Portforwarder};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use super::{Cluster, RequestError};

/// A stream to a port of a pod. Dropped, it ends the connection at once.
pub struct PortForward {
    stream: DuplexStream,
    /// What the kubelet says when it cannot reach the port, or lost it.
    refusal: Option<BoxFuture<'static, Option<String>>>,
    forwarder: Portforwarder,
}

impl std::fmt::Debug for PortForward {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("PortForward").finish_non_exhaustive()
    }
}

impl Cluster {
    /// Connects to a port that listens on the loopback of a pod.
    ///
    /// That nothing listens there shows only when the stream is read.
    pub async fn forward(&self, namespace: &str, pod: &str, port: u16) -> Result<PortForward, RequestError> {
        let pods: Api<Pod> = Api::namespaced(self.streams()?.clone(), namespace);
        let mut forwarder = self
            .within_timeout(async {
                pods.portforward(pod, &[port]).await.map_err(|error| self.explained(error))
            })
            .await?;
        let refusal = forwarder.take_error(port).map(FutureExt::boxed);
        let stream = forwarder
            .take_stream(port)
            .ok_or_else(|| RequestError::BadRequest("the port was not forwarded".into()))?;
        Ok(PortForward { stream, refusal, forwarder })
    }
}

impl PortForward {
    fn poll_refusal(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        let Some(refusal) = &mut self.refusal else { return Poll::Pending };
        let refused = ready!(refusal.poll_unpin(context));
        self.refusal = None;
        match refused {
            Some(message) => Poll::Ready(io::Error::new(io::ErrorKind::ConnectionRefused, message)),
            None => Poll::Pending,
        }
    }
}

impl AsyncRead for PortForward {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Poll::Ready(error) = self.poll_refusal(context) {
            return Poll::Ready(Err(error));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for PortForward {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl Drop for PortForward {
    fn drop(&mut self) {
        self.forwarder.abort();
    }
}
