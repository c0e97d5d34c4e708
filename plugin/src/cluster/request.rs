//! One request: its bytes, its time limit, and what went wrong in words of its own.
//!
//! kube's errors print their whole status twice; these say it once and keep what callers decide by.

use std::{error::Error, time::Duration};

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use kube::client::Body;

use super::{Cluster, CredentialsError};

/// Longest piece of a server's message that is repeated to the user.
const MAX_MESSAGE: usize = 600;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The server answered with an error.
    #[error("{message} (HTTP {code})")]
    Refused {
        /// The HTTP status.
        code: u16,
        /// The API's own word for it: `Forbidden`, `Expired`.
        reason: String,
        /// The API's sentence.
        message: String,
        /// A token to go on with, in answers to an expired one.
        continue_token: Option<String>,
        /// How long the server asks to wait before the next try.
        retry_after: Option<Duration>,
    },
    /// No complete answer within `--request-timeout`.
    #[error("no answer within {} s", .0.as_secs_f32())]
    TimedOut(Duration),
    /// The server could not be reached, or the connection broke.
    #[error("the connection failed")]
    Connection(#[source] Box<dyn Error + Send + Sync>),
    /// The credential plugin or token failed.
    #[error(transparent)]
    Credentials(Box<CredentialsError>),
    /// The answer is not what the API promises.
    #[error("the answer is not what the API promises")]
    BadAnswer(#[source] serde_json::Error),
    /// The request could not be made.
    #[error("the request could not be made")]
    BadRequest(#[source] Box<dyn Error + Send + Sync>),
}

impl RequestError {
    /// The HTTP status of the answer, if there was one.
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// Whether the caller lacks the right.
    pub fn is_forbidden(&self) -> bool {
        self.code() == Some(403)
    }

    /// Whether there is no such thing.
    pub fn is_not_found(&self) -> bool {
        self.code() == Some(404)
    }

    /// How long the server asks to wait.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether the server sent the request away unread or unanswered: trying again is right for writes too.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self.code(), Some(429 | 503 | 504))
    }

    /// Whether the same request may well succeed in a moment. After a connection that broke, a write may have
    /// happened; this is for reads.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Connection(_) | Self::TimedOut(_) => true,
            Self::Refused { code, .. } => matches!(code, 429 | 500 | 502 | 503 | 504),
            _ => false,
        }
    }

    /// The message with its causes, on one line, for a report that has no room for a chain.
    pub fn one_line(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            let message = error.to_string();
            if !text.contains(&message) {
                text.push_str(": ");
                text.push_str(&message);
            }
            cause = error.source();
        }
        text.replace('\n', " ")
    }

    /// Whether the server could not be reached, or said that it cannot serve.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Connection(_) | Self::Refused { code: 503, .. })
    }

    /// The next thing to do.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Credentials(error) => return Some(error.hint()),
            Self::Refused { code: 401, .. } => {
                "your credentials are not accepted or have expired; log in to the cluster again"
            }
            Self::Refused { code: 403, .. } => "ask for the right, or use --as or another --context",
            Self::Connection(_) => "`kubectl cluster-info` shows whether the cluster can be reached",
            Self::TimedOut(_) => "the server is slow or far away; allow more time with --request-timeout",
            _ => return None,
        };
        Some(hint.to_owned())
    }

    pub(super) fn from_answer(answer: &Answer) -> Self {
        let retry_after = answer.headers.get(http::header::RETRY_AFTER).and_then(|it| it.to_str().ok());
        // The header may also be a date, which API servers never send.
        let retry_after = retry_after.and_then(|it| it.trim().parse().ok()).map(Duration::from_secs);
        Self::from_status(answer.status.as_u16(), retry_after, &answer.body)
    }

    fn from_status(code: u16, retry_after: Option<Duration>, body: &[u8]) -> Self {
        match serde_json::from_slice::<kube::core::Status>(body) {
            Ok(status) if !status.message.is_empty() || !status.reason.is_empty() => Self::Refused {
                code,
                reason: status.reason,
                message: shortened(&status.message),
                continue_token: status.metadata.and_then(|meta| meta.continue_).filter(|it| !it.is_empty()),
                retry_after,
            },
            // A proxy or the priority-and-fairness filter answers in plain text.
            _ => Self::Refused {
                code,
                reason: String::new(),
                message: shortened(String::from_utf8_lossy(body).trim()),
                continue_token: None,
                retry_after,
            },
        }
    }
}

impl From<kube::Error> for RequestError {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => Self::Refused {
                code: status.code,
                reason: status.reason,
                message: shortened(&status.message),
                continue_token: status.metadata.and_then(|meta| meta.continue_),
                retry_after: None,
            },
            kube::Error::SerdeError(source) => Self::BadAnswer(source),
            kube::Error::Service(source) => Self::Connection(source),
            kube::Error::HyperError(source) => Self::Connection(Box::new(source)),
            other => Self::BadRequest(Box::new(other)),
        }
    }
}

fn shortened(message: &str) -> String {
    let message = if message.is_empty() { "the server gave no reason" } else { message };
    match message.char_indices().nth(MAX_MESSAGE) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message.to_owned(),
    }
}

/// The whole of an answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: http::StatusCode,
    pub(super) headers: http::HeaderMap,
    pub(super) body: Bytes,
}

impl Cluster {
    /// `GET path`, with the headers given; a busy server is asked again for a while.
    pub(super) async fn get(
        &self,
        path: &str,
        headers: &[(http::HeaderName, &str)],
    ) -> Result<Answer, RequestError> {
        let mut request = http::Request::get(path);
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        let request =
            request.body(Bytes::new()).map_err(|error| RequestError::BadRequest(Box::new(error)))?;
        self.send(&request).await
    }

    /// `GET path`, once.
    pub(super) async fn get_once(&self, path: &str) -> Result<Answer, RequestError> {
        let request = http::Request::get(path)
            .body(Bytes::new())
            .map_err(|error| RequestError::BadRequest(Box::new(error)))?;
        accepted(self.exchange(&request).await?)
    }

    /// Sends a request, again while the server is busy and patience lasts; an error status is an error.
    pub(super) async fn send(&self, request: &http::Request<Bytes>) -> Result<Answer, RequestError> {
        accepted(self.send_raw(request).await?)
    }

    /// As [`Cluster::send`]; an error status is an answer too.
    pub(super) async fn send_raw(&self, request: &http::Request<Bytes>) -> Result<Answer, RequestError> {
        let mut retries = self.patience().begin();
        loop {
            let answer = self.exchange(request).await?;
            if answer.status.is_success() {
                return Ok(answer);
            }
            let error = RequestError::from_answer(&answer);
            if !error.is_busy() || !retries.pause(&error).await {
                return Ok(answer);
            }
        }
    }

    /// One request and its whole answer, within the request timeout.
    async fn exchange(&self, request: &http::Request<Bytes>) -> Result<Answer, RequestError> {
        let request = request.clone().map(Body::from);
        self.within_timeout(async {
            let (parts, mut body) =
                self.client().send(request).await.map_err(|error| self.explained(error))?.into_parts();
            // Frame by frame into one buffer: collecting them first would hold a page twice.
            let mut whole = BytesMut::new();
            while let Some(frame) = body.frame().await {
                if let Some(data) = frame?.data_ref() {
                    whole.extend_from_slice(data);
                }
            }
            Ok(Answer { status: parts.status, headers: parts.headers, body: whole.freeze() })
        })
        .await
    }

    /// kube's error, in which a failure of the credentials can lie in two places.
    pub(super) fn explained(&self, error: kube::Error) -> RequestError {
        let of_credentials =
            |error| RequestError::Credentials(Box::new(CredentialsError::new(self.plugin(), error)));
        match error {
            kube::Error::Auth(error) => of_credentials(error),
            kube::Error::Service(source) => match source.downcast::<kube::client::AuthError>() {
                Ok(error) => of_credentials(*error),
                Err(source) => RequestError::Connection(source),
            },
            other => other.into(),
        }
    }

    /// Ends `work` when `--request-timeout` has passed.
    pub(super) async fn within_timeout<T>(
        &self,
        work: impl Future<Output = Result<T, RequestError>>,
    ) -> Result<T, RequestError> {
        match self.request_timeout() {
            Some(limit) => {
                tokio::time::timeout(limit, work).await.unwrap_or(Err(RequestError::TimedOut(limit)))
            }
            None => work.await,
        }
    }

    /// `GET path`, read as JSON.
    pub(super) async fn get_json<T: serde::de::DeserializeOwned>(
        &self,
        path: &str,
    ) -> Result<T, RequestError> {
        let answer = self.get(path, &[]).await?;
        serde_json::from_slice(&answer.body).map_err(RequestError::BadAnswer)
    }
}

/// An answer that is no error.
fn accepted(answer: Answer) -> Result<Answer, RequestError> {
    if answer.status.is_success() { Ok(answer) } else { Err(RequestError::from_answer(&answer)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_told_in_the_servers_words() {
        let body = br#"{"kind":"Status","code":410,"reason":"Expired","message":"too old","metadata":{"continue":"abc"}}"#;
        let error = RequestError::from_status(410, None, body);
        assert_eq!(error.to_string(), "too old (HTTP 410)");
        let RequestError::Refused { continue_token, .. } = error else { unreachable!() };
        assert_eq!(continue_token.as_deref(), Some("abc"));
    }

    #[test]
    fn a_wish_to_wait_is_read_from_the_header() {
        let mut headers = http::HeaderMap::new();
        headers.insert(http::header::RETRY_AFTER, "7".parse().unwrap());
        let answer = Answer { status: http::StatusCode::SERVICE_UNAVAILABLE, headers, body: Bytes::new() };
        let error = RequestError::from_answer(&answer);
        assert_eq!((error.is_busy(), error.retry_after()), (true, Some(Duration::from_secs(7))));
    }

    #[test]
    fn plain_text_is_kept_and_bounded() {
        let error = RequestError::from_status(429, None, "x".repeat(10_000).as_bytes());
        assert!(error.is_passing());
        assert_eq!(error.to_string().chars().count(), MAX_MESSAGE + "… (HTTP 429)".chars().count());
        assert_eq!(
            RequestError::from_status(502, None, b"").to_string(),
            "the server gave no reason (HTTP 502)"
        );
    }
}
