//! The server on loopback: connections, routes, and bodies. A connection is the holder of the leases that it asks for,
//! and its end is told to every keeper.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use hook_protocol::{
    lease::{ConnectionId, Event, Expiry, Stage},
    message::{
        Answer, LARGEST_REQUEST, LARGEST_RESTORED, Malformed, RuntimeStatus, Terms, parse_restored,
        parse_terms,
    },
    path::{AfterRestore, Route, Step},
};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::{Request, Response, StatusCode, body::Incoming, header, service::service_fn};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::oneshot,
};

use crate::{
    configuration::{Configuration, HookConfiguration, Verify},
    engine::{Engine, Error},
    host::{Grants, HookLog, tls},
    instance::Template,
    keeper::{self, Handle, Message},
    listener::accept,
    metrics::{HookMetrics, Metrics},
    record::Records,
    scrape,
};

/// A backup has one connection to a pod, and people have a few with `curl`.
const MOST_CONNECTIONS: usize = 64;

/// The hooks, each with its keeper.
#[derive(Clone)]
pub struct Runtime {
    keepers: Arc<BTreeMap<String, Handle>>,
    connections: Arc<AtomicU64>,
    metrics: Metrics,
}

impl Runtime {
    /// Loads every hook of the configuration and asks it what it is.
    pub async fn start(engine: &Engine, configuration: &Configuration) -> Result<Self, Error> {
        let (mut keepers, metrics) = (BTreeMap::new(), Metrics::default());
        for (name, settings) in configuration.hooks() {
            let keeper = start(engine, configuration, name, settings, metrics.of(name)).await?;
            keepers.insert(name.clone(), keeper);
        }
        tell_of_strays(configuration);
        Ok(Self { keepers: Arc::new(keepers), connections: Arc::default(), metrics })
    }

    /// Serves for ever.
    pub async fn serve(&self, listener: TcpListener) {
        accept(listener, MOST_CONNECTIONS, |stream| {
            let runtime = self.clone();
            async move { runtime.connection(stream).await }
        })
        .await;
    }

    /// Shows the metrics, and nothing else, for ever.
    pub async fn serve_metrics(&self, listener: TcpListener) {
        scrape::serve(listener, self.metrics.clone()).await;
    }

    /// Ends every lease; says which hooks are still frozen when the time is over.
    pub async fn stop(&self, grace: Duration) -> Vec<String> {
        self.tell(&Event::Stop).await;
        let all_free = async {
            for handle in self.keepers.values() {
                // A keeper that is gone holds nothing.
                let _ = handle.stage.clone().wait_for(|stage| *stage == Stage::Free).await;
            }
        };
        let _ = tokio::time::timeout(grace, all_free).await;
        let held = self.keepers.iter().filter(|(_, handle)| *handle.stage.borrow() != Stage::Free);
        held.map(|(name, _)| name.clone()).collect()
    }

    async fn connection(&self, stream: TcpStream) {
        let connection = ConnectionId(self.connections.fetch_add(1, Ordering::Relaxed));
        let service = service_fn(|request| async move { self.answer(connection, request).await });
        // How it ended makes no difference.
        let _ = hyper::server::conn::http1::Builder::new()
            .max_buf_size(2 * LARGEST_REQUEST)
            .serve_connection(TokioIo::new(stream), service)
            .await;
        self.tell(&Event::Lost { connection }).await;
    }

    async fn tell(&self, event: &Event) {
        for handle in self.keepers.values() {
            let _ = handle.inbox.send(Message::Tell(event.clone())).await;
        }
    }

    async fn answer(
        &self,
        connection: ConnectionId,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        Ok(match Route::parse(request.method().as_str(), request.uri().path()) {
            Some(Route::Health) => json(StatusCode::OK, &serde_json::json!({ "result": "alive" })),
            Some(Route::Metrics) => scrape::answer(&self.metrics),
            Some(Route::Runtime) => json(StatusCode::OK, &self.status().await),
            Some(Route::Heartbeat) => {
                self.tell(&Event::Heard { from: connection }).await;
                said(&Answer::Heard)
            }
            Some(Route::Status(name)) => match self.keepers.get(&name) {
                Some(handle) => match status(handle).await {
                    Some(status) => json(StatusCode::OK, &status),
                    None => gone(),
                },
                None => unknown_hook(),
            },
            Some(Route::Step(name, step)) => match self.keepers.get(&name) {
                Some(handle) => self.step(handle, connection, step, request).await,
                None => unknown_hook(),
            },
            Some(Route::AfterRestore(name, step)) => match self.keepers.get(&name) {
                Some(handle) => after_restore(handle, step, request).await,
                None => unknown_hook(),
            },
            None => malformed(StatusCode::NOT_FOUND, "there is no such request; GET /v1 shows what there is"),
        })
    }

    async fn step(
        &self,
        handle: &Handle,
        connection: ConnectionId,
        step: Step,
        request: Request<Incoming>,
    ) -> Response<Full<Bytes>> {
        let (event, terms) = if step == Step::Prepare {
            let terms = match body(request, LARGEST_REQUEST, parse_terms).await {
                Ok(terms) => terms,
                Err(refusal) => return *refusal,
            };
            let restore_point = terms.restore_point.clone();
            (Event::Prepare { from: connection, restore_point, limits: terms.limits }, Some(terms))
        } else {
            (Event::Step { from: connection, step }, None)
        };
        // A sign of life for its other leases too.
        self.tell(&Event::Heard { from: connection }).await;
        let (answer, answered) = oneshot::channel();
        let _ = handle.inbox.send(Message::Ask { event, terms, answer }).await;
        answered.await.map_or_else(|_| gone(), |answer| said(&answer))
    }

    async fn status(&self) -> RuntimeStatus {
        let mut hooks = Vec::new();
        for handle in self.keepers.values() {
            hooks.extend(status(handle).await);
        }
        RuntimeStatus { version: env!("CARGO_PKG_VERSION").to_owned(), hooks }
    }
}

async fn start(
    engine: &Engine,
    configuration: &Configuration,
    name: &str,
    settings: &HookConfiguration,
    metrics: HookMetrics,
) -> Result<Handle, Error> {
    if let Some(tls) = &settings.tls {
        // Told now, not at the freeze.
        tls::check(tls).map_err(|why| Error::Unfit { hook: name.to_owned(), why })?;
        if tls.verify == Verify::None {
            tracing::warn!(
                "hook {name}: TLS verifies nothing (`verify: none`): whoever is in between reads along"
            );
        }
    }
    let component = engine.load(name, configuration)?;
    let mut template = Template {
        engine: engine.clone(),
        component,
        grants: Arc::new(Grants::default()),
        log: Arc::new(HookLog::new(name)),
        memory: usize::try_from(settings.memory).unwrap_or(usize::MAX).saturating_mul(1024 * 1024),
    };
    let (described, values) = crate::describe::describe(name, &template, settings).await?;
    template.grants = Arc::new(Grants::new(settings, values));
    let records = records(configuration, name, described.expiry)?;
    Ok(keeper::start(name, described, template, metrics, records))
}

/// Where this hook's freezes are recorded if they must be, and what the runtime before this one left frozen.
fn records(
    configuration: &Configuration,
    hook: &str,
    expiry: Expiry,
) -> Result<(Option<Records>, Option<Terms>), Error> {
    if expiry != Expiry::WithoutExpiry {
        return Ok((None, None));
    }
    let unfit = |why: String| Error::Unfit { hook: hook.to_owned(), why };
    let Some(state) = configuration.state() else {
        let why = "its freeze outlives everybody, so `state` must name a folder that outlives the container, as an \
                   emptyDir of the pod does";
        return Err(unfit(why.to_owned()));
    };
    let records = Records::new(state);
    let unreadable =
        |error| format!("the record of its freezes in `{}` cannot be read: {error}", state.display());
    let left = records.hooks().and_then(|_| records.left(hook)).map_err(|error| unfit(unreadable(error)))?;
    Ok((Some(records), left))
}

/// Records of hooks that the configuration does not name any more: nobody can thaw what they tell of.
fn tell_of_strays(configuration: &Configuration) {
    let recorded = configuration.state().map(|state| Records::new(state).hooks());
    for hook in recorded.into_iter().flatten().flatten() {
        if !configuration.hooks().contains_key(&hook) {
            tracing::error!(
                "hook {hook}: NOT THAWED when the runtime was killed, and not configured any more"
            );
        }
    }
}

async fn status(handle: &Handle) -> Option<hook_protocol::message::HookStatus> {
    let (answer, answered) = oneshot::channel();
    handle.inbox.send(Message::Status(answer)).await.ok()?;
    answered.await.ok()
}

async fn after_restore(
    handle: &Handle,
    step: AfterRestore,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let restored = match body(request, LARGEST_RESTORED, parse_restored).await {
        Ok(restored) => restored,
        Err(refusal) => return *refusal,
    };
    let (answer, answered) = oneshot::channel();
    let _ = handle.inbox.send(Message::AfterRestore { step, restored, answer }).await;
    answered.await.map_or_else(|_| gone(), |answer| said(&answer))
}

/// The body of a request, or what is said to one who sent none that can be taken.
async fn body<T>(
    request: Request<Incoming>,
    most: usize,
    parse: fn(&[u8]) -> Result<T, Malformed>,
) -> Result<T, Box<Response<Full<Bytes>>>> {
    let refused = |status, text: &str| Err(Box::new(malformed(status, text)));
    match Limited::new(request.into_body(), most).collect().await {
        Ok(body) => match parse(&body.to_bytes()) {
            Ok(message) => Ok(message),
            Err(error) => {
                let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
                refused(StatusCode::BAD_REQUEST, &format!("{error}{}", cause.unwrap_or_default()))
            }
        },
        Err(error) if error.is::<LengthLimitError>() => {
            refused(StatusCode::PAYLOAD_TOO_LARGE, &format!("the request is larger than {} KiB", most / 1024))
        }
        Err(error) => refused(StatusCode::BAD_REQUEST, &format!("the request could not be read: {error}")),
    }
}

fn said(answer: &Answer) -> Response<Full<Bytes>> {
    let status = match answer {
        Answer::Done { .. } | Answer::Thawed { .. } | Answer::Heard => StatusCode::OK,
        Answer::Broken { .. } | Answer::Refused { .. } => StatusCode::CONFLICT,
        Answer::Failed { .. } => StatusCode::BAD_GATEWAY,
        Answer::Malformed { .. } => StatusCode::BAD_REQUEST,
    };
    json(status, answer)
}

fn malformed(status: StatusCode, message: &str) -> Response<Full<Bytes>> {
    json(status, &Answer::Malformed { message: message.to_owned() })
}

fn unknown_hook() -> Response<Full<Bytes>> {
    malformed(StatusCode::NOT_FOUND, "there is no hook of this name; GET /v1 lists them")
}

fn gone() -> Response<Full<Bytes>> {
    malformed(
        StatusCode::INTERNAL_SERVER_ERROR,
        "the keeper of this hook is gone; the log of the runtime says why",
    )
}

fn json(status: StatusCode, value: &impl Serialize) -> Response<Full<Bytes>> {
    let mut body = serde_json::to_vec(value).unwrap_or_default();
    body.push(b'\n');
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}
