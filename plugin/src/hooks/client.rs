//! One connection to a runtime: requests and bounded answers. To drop it is to let go of every lease it holds.

use std::{
    error::Error,
    time::{Duration, Instant},
};

use bytes::Bytes;
use hook_protocol::{
    message::{Answer, LARGEST_ANSWER, Malformed, RuntimeStatus, Terms, parse_answer, parse_status},
    path::{Route, Step},
};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{Request, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::JoinHandle,
};

/// Bytes of an answer's head that hyper may keep.
const LARGEST_HEAD: usize = 64 * 1024;

/// Why a runtime did not answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// There is no way to it.
    #[error("there is no connection to the hook runtime")]
    Connect(#[source] Box<dyn Error + Send + Sync>),
    /// The connection broke or ended.
    #[error("the connection to the hook runtime ended")]
    Connection(#[source] Box<dyn Error + Send + Sync>),
    /// Nobody is there.
    #[error(
        "nothing listens on port {0} of the pod: its hook runtime still starts, or cannot start, which the log of its container says \
         (`kubectl logs POD -c kubectl-backup-hooks`, if it was injected)"
    )]
    NotListening(u16),
    /// Nothing came in time.
    #[error("the hook runtime did not answer within {} s", .0.as_secs_f32())]
    Silent(Duration),
    /// Something else answers, or lies.
    #[error("what answers is no hook runtime of this version")]
    Answer(#[source] Malformed),
    /// More than an answer can have.
    #[error("what answers is no hook runtime: it sends more than {LARGEST_ANSWER} bytes")]
    Large,
    /// The runtime does not know the hook.
    #[error("the hook runtime has no hook `{hook}`; it has {}", listed(.known))]
    UnknownHook {
        /// As asked for.
        hook: String,
        /// Those it has.
        known: Vec<String>,
    },
}

/// It ended as connections do.
#[derive(Debug, thiserror::Error)]
#[error("the other end closed it")]
struct Closed;

fn listed(known: &[String]) -> String {
    if known.is_empty() { "none".to_owned() } else { known.join(", ") }
}

impl ClientError {
    /// The message with its causes on one line.
    pub fn one_line(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            let message = error.to_string();
            if !text.contains(&message) {
                text = format!("{text}: {message}");
            }
            cause = error.source();
        }
        super::words::bounded(&text)
    }
}

/// How long a connection that failed may take to end.
const LAST_WORD: Duration = Duration::from_secs(2);

/// A connection.
#[derive(Debug)]
pub struct Client {
    requests: http1::SendRequest<Full<Bytes>>,
    connection: JoinHandle<Result<(), hyper::Error>>,
}

impl Client {
    /// Speaks to the runtime at the other end of `stream`.
    pub async fn over(
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> Result<Self, ClientError> {
        let mut builder = http1::Builder::new();
        builder.max_buf_size(LARGEST_HEAD);
        let (requests, connection) = builder
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| ClientError::Connection(Box::new(error)))?;
        Ok(Self { requests, connection: tokio::spawn(connection) })
    }

    /// The state of the runtime and its hooks.
    pub async fn status(&mut self, limit: Duration) -> Result<RuntimeStatus, ClientError> {
        let body = self.ask(&Route::Runtime, Bytes::new(), limit).await?;
        parse_status(&body).map_err(ClientError::Answer)
    }

    /// Asks a hook to take a step; `terms` belong to `prepare`.
    pub async fn step(
        &mut self,
        hook: &str,
        step: Step,
        terms: Option<&Terms>,
        limit: Duration,
    ) -> Result<Answer, ClientError> {
        let body = match terms {
            Some(terms) => {
                let json = serde_json::to_vec(terms);
                Bytes::from(json.map_err(|error| ClientError::Connection(Box::new(error)))?)
            }
            None => Bytes::new(),
        };
        let answer = self.ask(&Route::Step(hook.to_owned(), step), body, limit).await?;
        parse_answer(&answer).map_err(ClientError::Answer)
    }

    /// A sign of life for every lease of this connection.
    pub async fn heartbeat(&mut self, limit: Duration) -> Result<(), ClientError> {
        let answer = self.ask(&Route::Heartbeat, Bytes::new(), limit).await?;
        parse_answer(&answer).map(|_| ()).map_err(ClientError::Answer)
    }

    /// Waits until the connection ends, and says why. Not to be called again after that.
    pub(super) async fn ended(&mut self) -> ClientError {
        match (&mut self.connection).await {
            Ok(Err(error)) => ClientError::Connection(Box::new(error)),
            Ok(Ok(())) => ClientError::Connection(Box::new(Closed)),
            Err(error) => ClientError::Connection(Box::new(error)),
        }
    }

    /// Why a first request had no answer, which the connection knows better than the request. That nobody listens shows only
    /// now: the way to the pod is there all the same, and is refused or closed at its end.
    pub(super) async fn unanswered(&mut self, error: ClientError, port: u16) -> ClientError {
        let ClientError::Connection(_) = error else { return error };
        let error = tokio::time::timeout(LAST_WORD, self.ended()).await.unwrap_or(error);
        let refused = error.one_line().to_ascii_lowercase().contains("connection refused");
        tracing::debug!(%port, error = error.one_line(), "the hook runtime did not answer");
        if refused || matches!(&error, ClientError::Connection(cause) if cause.is::<Closed>()) {
            return ClientError::NotListening(port);
        }
        error
    }

    async fn ask(&mut self, route: &Route, body: Bytes, limit: Duration) -> Result<Bytes, ClientError> {
        let begun = Instant::now();
        let answer = tokio::time::timeout(limit, self.exchange(route, body)).await;
        tracing::debug!(%route, took = ?begun.elapsed(), "asked the hook runtime");
        answer.unwrap_or(Err(ClientError::Silent(limit)))
    }

    async fn exchange(&mut self, route: &Route, body: Bytes) -> Result<Bytes, ClientError> {
        let broken = |error: hyper::Error| ClientError::Connection(Box::new(error));
        self.requests.ready().await.map_err(broken)?;
        let request = Request::builder()
            .method(route.method())
            .uri(route.to_string())
            .header(header::HOST, "localhost")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(|error| ClientError::Connection(Box::new(error)))?;
        // The status says nothing that the body does not.
        let answer = self.requests.send_request(request).await.map_err(broken)?;
        match Limited::new(answer.into_body(), LARGEST_ANSWER).collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(ClientError::Large),
            Err(error) => Err(ClientError::Connection(error)),
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.connection.abort();
    }
}
