//! The API server: connecting, discovering, reading, and writing. The only module that uses kube.
//!
//! It transports and reports what the server said. What to ask for, and what an answer means for a backup or a
//! restore, is decided in `plan` and `commands`.

mod access;
mod apply;
mod connect;
mod credentials;
mod discovery;
mod kubeconfig;
mod list;
mod live;
mod namespaces;
mod pods;
mod port_forward;
mod refusal;
mod request;
mod retry;
mod wait;
mod write;

pub use access::Access;
pub use connect::{Cluster, ServerVersion};
pub use credentials::CredentialsError;
pub use discovery::{Discovery, UnreadableGroup};
pub use kubeconfig::{KubeconfigNames, kubeconfig_names};
pub use list::{Lanes, ListFailure, ListItem, ListRequest, ListStats, PageSender};
pub use live::{LiveNamed, LivePages, name_of};
pub use port_forward::PortForward;
pub use refusal::{Trouble, WriteError};
pub use request::RequestError;
pub use wait::WaitError;
pub use write::{Preview, Propagation, WriteMode, Written};

use std::path::PathBuf;

/// Why something asked of the cluster did not happen.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// A kubeconfig file is there and is no use.
    #[error("could not read the kubeconfig `{}`", path.display())]
    ReadKubeconfig {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: Box<kube::config::KubeconfigError>,
    },
    /// There is no kubeconfig, and this is no pod.
    #[error("there is no kubeconfig: {searched} does not exist")]
    NoKubeconfig {
        /// Where one was looked for.
        searched: String,
    },
    /// The kubeconfig names no context, and neither does the command line.
    #[error("the kubeconfig has no current context")]
    NoContext {
        /// Those it has.
        contexts: Vec<String>,
    },
    /// `--user` or `--cluster` names what is not in the kubeconfig.
    #[error("there is no {what} `{name}` in the kubeconfig")]
    UnknownName {
        /// `user`.
        what: &'static str,
        /// As asked for.
        name: String,
        /// Those it has.
        known: Vec<String>,
    },
    /// The context is not in the kubeconfig.
    #[error("there is no context `{context}` in the kubeconfig")]
    UnknownContext {
        /// As asked for.
        context: String,
        /// Those it has.
        contexts: Vec<String>,
    },
    /// The parts of the kubeconfig do not make a connection.
    #[error("could not use the context `{context}` of the kubeconfig")]
    BadContext {
        /// The context.
        context: String,
        /// What is wrong with it.
        #[source]
        source: Box<kube::config::KubeconfigError>,
    },
    /// The pod's own service account could not be used.
    #[error("could not use the service account of this pod")]
    InCluster(#[source] Box<kube::config::InClusterError>),
    /// A connection flag has a value that makes no sense.
    #[error("`{value}` is not a value for {flag}: {reason}")]
    BadFlag {
        /// `--request-timeout`.
        flag: &'static str,
        /// As the user wrote it.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There are no credentials for the context.
    #[error("could not get credentials for context `{context}`")]
    Credentials {
        /// The context.
        context: String,
        /// Why.
        #[source]
        source: Box<CredentialsError>,
    },
    /// The client could not be set up: certificates.
    #[error("could not set up the connection of context `{context}`")]
    Client {
        /// The context.
        context: String,
        /// What failed.
        #[source]
        source: Box<kube::Error>,
    },
    /// A request failed.
    #[error("could not {action} at {server}")]
    Request {
        /// `read the API's kinds`.
        action: String,
        /// The API server's address.
        server: String,
        /// Why.
        #[source]
        source: Box<RequestError>,
    },
}

impl ClusterError {
    /// Whether the command line is wrong whatever cluster or kubeconfig there is.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::BadFlag { .. })
    }

    /// The next thing to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::ReadKubeconfig { .. } | Self::BadContext { .. } => {
                Some("`kubectl config view` shows what kubectl makes of it".to_owned())
            }
            Self::NoKubeconfig { .. } => {
                Some("name one with --kubeconfig or in the environment variable KUBECONFIG".to_owned())
            }
            Self::NoContext { contexts } | Self::UnknownContext { contexts, .. } if contexts.is_empty() => {
                Some("the kubeconfig has no contexts at all; name another with --kubeconfig".to_owned())
            }
            Self::NoContext { contexts } | Self::UnknownContext { contexts, .. } => {
                Some(format!("choose one with --context: {}", contexts.join(", ")))
            }
            Self::UnknownName { what, known, .. } if known.is_empty() => Some(format!(
                "the kubeconfig has no {what}s; leave --{what} out, or name another with --kubeconfig"
            )),
            Self::UnknownName { what, known, .. } => {
                Some(format!("choose one with --{what}: {}", known.join(", ")))
            }
            Self::Client { .. } => {
                Some("`kubectl cluster-info` shows whether kubectl can connect".to_owned())
            }
            Self::Credentials { source, .. } => Some(source.hint()),
            Self::Request { source, .. } => source.hint(),
            Self::InCluster(_) | Self::BadFlag { .. } => None,
        }
    }
}
