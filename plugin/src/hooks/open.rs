//! The ways to the runtimes of a group: a connection for each hook, and a look at what is there.

use std::{error::Error, time::Duration};

use futures::future::BoxFuture;
use hook_protocol::message::{HookStatus, Terms};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Client, ClientError, words};

/// How long a runtime may take to be reached and to say what it has.
const PATIENCE: Duration = Duration::from_secs(20);

/// A stream to a runtime.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A way to runtimes: through the API server, or as a test likes.
pub trait Connect: Sync {
    /// A new connection to the runtime of this hook.
    fn connect<'a>(
        &'a self,
        target: &'a Target,
    ) -> BoxFuture<'a, Result<Box<dyn Duplex>, Box<dyn Error + Send + Sync>>>;
}

/// A hook that is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// What it is asked for, and the pod it is in.
    pub terms: Terms,
    /// Port of the runtime in that pod.
    pub port: u16,
    /// Its name in the configuration of the runtime.
    pub hook: String,
    /// Its place: lower ones freeze first.
    pub order: Option<u32>,
}

/// `postgres of pod shop/db-0`.
impl std::fmt::Display for Target {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let pod = &self.terms.pod;
        write!(formatter, "{} of pod {}/{}", self.hook, pod.namespace, pod.name)
    }
}

/// A hook that answers.
#[derive(Debug)]
pub struct Opened {
    /// Which.
    pub target: Target,
    /// What it is: name and version of its component.
    pub component: String,
    /// Its place in the group.
    pub order: u32,
    pub(super) client: Client,
}

/// Connects to the runtime of a hook and finds the hook there. `order` gives the place of one that has none, by the name
/// of its component.
pub async fn open(
    connector: &dyn Connect,
    target: Target,
    order: fn(&str) -> u32,
) -> Result<Opened, (Target, ClientError)> {
    let found = tokio::time::timeout(PATIENCE, look(connector, &target)).await;
    match found.unwrap_or(Err(ClientError::Silent(PATIENCE))) {
        Ok((client, status)) => {
            let component = words::bounded(&status.component);
            let name = component.split_whitespace().next().unwrap_or_default();
            let order = target.order.unwrap_or_else(|| order(name));
            Ok(Opened { target, component, order, client })
        }
        Err(error) => Err((target, error)),
    }
}

/// What the runtime says of a hook.
pub async fn ask(connector: &dyn Connect, target: &Target) -> Result<HookStatus, ClientError> {
    let found = tokio::time::timeout(PATIENCE, look(connector, target)).await;
    found.unwrap_or(Err(ClientError::Silent(PATIENCE))).map(|(_, status)| status)
}

/// A connection to the runtime of a hook, and the hook's state.
pub(super) async fn look(
    connector: &dyn Connect,
    target: &Target,
) -> Result<(Client, HookStatus), ClientError> {
    let stream = connector.connect(target).await.map_err(ClientError::Connect)?;
    let mut client = Client::over(stream).await?;
    let status = match client.status(PATIENCE).await {
        Ok(status) => status,
        Err(error) => return Err(client.unanswered(error, target.port).await),
    };
    let known = status.hooks.iter().map(|hook| words::bounded(&hook.name)).collect();
    match status.hooks.into_iter().find(|hook| hook.name == target.hook) {
        Some(hook) => Ok((client, hook)),
        None => Err(ClientError::UnknownHook { hook: target.hook.clone(), known }),
    }
}
