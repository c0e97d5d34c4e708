//! The listener for Prometheus, which reaches a pod by its address: it shows the metrics and nothing else, so that the
//! server that can freeze stays on the loopback.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, StatusCode, body::Incoming, header, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};

use crate::{
    listener::accept,
    metrics::{CONTENT_TYPE, Metrics},
};

/// A Prometheus has one connection, and there are seldom more than two of them.
const MOST_CONNECTIONS: usize = 8;
/// What a request may take to come. Whoever reaches the pod reaches this listener.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of a request.
const LARGEST_REQUEST: usize = 16 * 1024;

/// Serves for ever.
pub(crate) async fn serve(listener: TcpListener, metrics: Metrics) {
    accept(listener, MOST_CONNECTIONS, |stream| connection(stream, metrics.clone())).await;
}

async fn connection(stream: TcpStream, metrics: Metrics) {
    let service = service_fn(|request: Request<Incoming>| {
        let shown = request.method() == hyper::Method::GET && request.uri().path() == "/metrics";
        let answer = if shown { answer(&metrics) } else { refuse(StatusCode::NOT_FOUND) };
        async move { Ok::<_, Infallible>(answer) }
    });
    // How it ended makes no difference.
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(LARGEST_REQUEST)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// The metrics as they are now.
pub(crate) fn answer(metrics: &Metrics) -> Response<Full<Bytes>> {
    let Ok(text) = metrics.text() else { return refuse(StatusCode::INTERNAL_SERVER_ERROR) };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(CONTENT_TYPE));
    response
}

fn refuse(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
