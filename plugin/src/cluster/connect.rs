//! From connection flags to a client, exactly as kubectl gets there.

use std::{
    collections::BTreeSet,
    env,
    net::IpAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use jiff::Timestamp;
use kube::{
    Client, Config,
    config::{KubeConfigOptions, KubeconfigError},
};
use serde_json::Value;

use crate::{cli::connection::ConnectionArgs, model::resource::GroupResource};

use super::{
    ClusterError, CredentialsError, credentials::Plugin, kubeconfig, request::RequestError, retry::Patience,
};

/// The context's name when the pod's own service account is used.
const IN_CLUSTER: &str = "in-cluster";

/// Without a byte for this long a connection is taken for dead, so that a black hole in the network ends a
/// command. Longer than any request may wait in the server's fairness queues (60 s).
const IDLE_LIMIT: Duration = Duration::from_mins(2);

/// A connected cluster. Cheap to clone.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    /// The same, for streams: made when the first is wanted.
    streams: Arc<Streams>,
    context: String,
    server: String,
    default_namespace: String,
    request_timeout: Option<Duration>,
    patience: Patience,
    plugin: Option<Plugin>,
    /// Kinds of which an object with unknown fields is refused.
    pub(super) strict: Arc<BTreeSet<GroupResource>>,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Cluster")
            .field("context", &self.context)
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

/// What a client for streams is made from.
struct Streams {
    config: Config,
    client: OnceLock<Client>,
}

/// What the API server says of its version, and what its clock says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerVersion {
    /// `v1.36.3`.
    pub git_version: String,
    /// The minor version as a number, where the server states one: 36.
    pub minor: Option<u32>,
    /// The server's clock, from the `Date` header: whole seconds.
    pub clock: Option<Timestamp>,
}

impl Cluster {
    /// Reads the kubeconfig and sets the client up. No request is made yet.
    ///
    /// Only where there is no kubeconfig at all, the service account of the pod is used; a broken
    /// kubeconfig is an error.
    pub async fn connect(args: &ConnectionArgs) -> Result<Self, ClusterError> {
        Self::check_flags(args)?;
        let request_timeout = request_timeout(&args.request_timeout)?;
        let (mut config, context) = load_config(args).await?;
        if let Some(user) = &args.impersonate {
            config.auth_info.impersonate = Some(user.clone());
            config.auth_info.impersonate_groups = Some(args.impersonate_groups.clone());
        }
        config.read_timeout = Some(IDLE_LIMIT);
        config.reset_reader_on_write = true;
        config.default_retry = false;
        // Compressing for the loopback interface costs both sides time and saves nobody anything.
        config.disable_compression |= is_loopback(&config.cluster_url);
        let streams = Arc::new(Streams { config: config.clone(), client: OnceLock::new() });
        let server = config.cluster_url.to_string().trim_end_matches('/').to_owned();
        let default_namespace = config.default_namespace.clone();
        let plugin = config.auth_info.exec.as_ref().map(Plugin::of);
        let client = Client::try_from(config).map_err(|error| match error {
            kube::Error::Auth(error) => ClusterError::Credentials {
                context: context.clone(),
                source: Box::new(CredentialsError::new(plugin.as_ref(), error)),
            },
            source => ClusterError::Client { context: context.clone(), source: Box::new(source) },
        })?;
        let patience = Patience::USUAL;
        let strict = Arc::default();
        Ok(Self {
            client,
            streams,
            context,
            server,
            default_namespace,
            request_timeout,
            patience,
            plugin,
            strict,
        })
    }

    /// The same, which has the server refuse objects of these kinds that have fields it does not know. Of other kinds it
    /// drops such fields with a warning.
    #[must_use]
    pub fn strict_about(self, kinds: BTreeSet<GroupResource>) -> Self {
        Self { strict: Arc::new(kinds), ..self }
    }

    /// Refuses connection flags that make no sense, whatever kubeconfig and cluster there are.
    pub fn check_flags(args: &ConnectionArgs) -> Result<(), ClusterError> {
        request_timeout(&args.request_timeout)?;
        if args.impersonate.is_none() && !args.impersonate_groups.is_empty() {
            return Err(ClusterError::BadFlag {
                flag: "--as-group",
                value: args.impersonate_groups.join(","),
                reason: "it goes only together with --as".to_owned(),
            });
        }
        Ok(())
    }

    /// The kubeconfig context in use, or `in-cluster`.
    pub fn context(&self) -> &str {
        &self.context
    }

    /// The API server's address.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The namespace that commands without `-n` mean, as in kubectl.
    pub fn default_namespace(&self) -> &str {
        &self.default_namespace
    }

    /// The credential plugin that is asked.
    pub(super) fn plugin(&self) -> Option<&Plugin> {
        self.plugin.as_ref()
    }

    /// The client itself.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// A client for streams, on which nothing may come for long without anything being wrong.
    pub(super) fn streams(&self) -> Result<&Client, RequestError> {
        if let Some(client) = self.streams.client.get() {
            return Ok(client);
        }
        let mut config = self.streams.config.clone();
        config.read_timeout = None;
        let client = Client::try_from(config).map_err(|error| self.explained(error))?;
        Ok(self.streams.client.get_or_init(|| client))
    }

    /// `--request-timeout`; None waits for ever.
    pub(super) fn request_timeout(&self) -> Option<Duration> {
        self.request_timeout
    }

    /// How long a busy server is asked again.
    pub(super) fn patience(&self) -> Patience {
        self.patience
    }

    /// The same cluster, asked with other patience.
    #[cfg(test)]
    pub(super) fn with_patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// What identifies the cluster: the uid of its `kube-system` namespace; empty if the caller may not read it.
    ///
    /// Needs `get namespaces`.
    pub async fn identity(&self) -> Result<String, ClusterError> {
        match self.get_json::<Value>("/api/v1/namespaces/kube-system").await {
            Ok(namespace) => Ok(namespace["metadata"]["uid"].as_str().unwrap_or_default().to_owned()),
            Err(error) if error.is_forbidden() || error.is_not_found() => Ok(String::new()),
            Err(source) => Err(self.failed("read the namespace `kube-system`", source)),
        }
    }

    /// The server's version and clock.
    pub async fn server_version(&self) -> Result<ServerVersion, ClusterError> {
        let failed = |source| self.failed("read the server's version", source);
        let answer = self.get("/version", &[]).await.map_err(failed)?;
        let version: Value =
            serde_json::from_slice(&answer.body).map_err(|error| failed(RequestError::BadAnswer(error)))?;
        let date = answer.headers.get(http::header::DATE).and_then(|date| date.to_str().ok());
        Ok(ServerVersion {
            git_version: version["gitVersion"].as_str().unwrap_or_default().to_owned(),
            minor: version["minor"].as_str().and_then(|minor| minor.trim_end_matches('+').parse().ok()),
            clock: date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok()).map(|date| date.timestamp()),
        })
    }

    /// The error of a request that was made to do `action`.
    pub(super) fn failed(&self, action: impl Into<String>, source: RequestError) -> ClusterError {
        ClusterError::Request { action: action.into(), server: self.server.clone(), source: Box::new(source) }
    }
}

async fn load_config(args: &ConnectionArgs) -> Result<(Config, String), ClusterError> {
    let Some(chosen) = kubeconfig::choose(args)? else {
        if env::var_os("KUBERNETES_SERVICE_HOST").is_none() {
            return Err(ClusterError::NoKubeconfig { searched: kubeconfig::searched() });
        }
        let config = Config::incluster().map_err(|source| ClusterError::InCluster(Box::new(source)))?;
        return Ok((config, IN_CLUSTER.to_owned()));
    };
    let options = KubeConfigOptions {
        context: Some(chosen.context.clone()),
        cluster: args.cluster.clone(),
        user: args.user.clone(),
    };
    let bad = |source: KubeconfigError| ClusterError::BadContext {
        context: chosen.context.clone(),
        source: Box::new(source),
    };
    let config = Config::from_custom_kubeconfig(chosen.kubeconfig, &options).await.map_err(bad)?;
    Ok((config, chosen.context))
}

/// Reads `--request-timeout` as kubectl does: `30s`, `1m30s`, or a bare number of seconds; 0 is no limit.
fn request_timeout(text: &str) -> Result<Option<Duration>, ClusterError> {
    let bad =
        |reason: String| ClusterError::BadFlag { flag: "--request-timeout", value: text.to_owned(), reason };
    let limit = if let Ok(seconds) = text.parse::<u64>() {
        Duration::from_secs(seconds)
    } else {
        let span: jiff::SignedDuration =
            text.parse().map_err(|_| bad("write for example 30s or 2m".to_owned()))?;
        Duration::try_from(span).map_err(|_| bad("it is negative".to_owned()))?
    };
    Ok((!limit.is_zero()).then_some(limit))
}

fn is_loopback(url: &http::Uri) -> bool {
    url.host().is_some_and(|host| {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::none("0", None)]
    #[case::none_with_unit("0s", None)]
    #[case::bare_seconds("30", Some(30))]
    #[case::seconds("30s", Some(30))]
    #[case::minutes_and_seconds("1m30s", Some(90))]
    fn reads_the_request_timeout(#[case] text: &str, #[case] seconds: Option<u64>) {
        assert_eq!(request_timeout(text).unwrap(), seconds.map(Duration::from_secs));
    }

    #[rstest]
    #[case::negative("-5s")]
    #[case::nonsense("soon")]
    fn refuses_a_request_timeout_that_is_none(#[case] text: &str) {
        assert!(request_timeout(text).is_err());
    }

    #[rstest]
    #[case("https://127.0.0.1:6443", true)]
    #[case("https://[::1]:6443", true)]
    #[case("https://localhost:6443", true)]
    #[case("https://10.0.0.1:6443", false)]
    #[case("https://api.example:6443", false)]
    fn knows_the_loopback_interface(#[case] url: &str, #[case] expected: bool) {
        assert_eq!(is_loopback(&url.parse().unwrap()), expected);
    }
}
