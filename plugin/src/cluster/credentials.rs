//! Why there are no credentials, in words of our own.
//!
//! kube's text has the whole command line with its environment and all that the plugin printed: both may hold secrets.

use kube::{client::AuthError, config::ExecConfig};

/// Longest piece of what a plugin said that is repeated.
const MAX_SAID: usize = 300;

/// The credential plugin that a kubeconfig names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plugin {
    command: String,
    install_hint: Option<String>,
}

impl Plugin {
    /// Of a user's `exec`.
    pub(super) fn of(exec: &ExecConfig) -> Self {
        Self { command: exec.command.clone().unwrap_or_default(), install_hint: exec.install_hint.clone() }
    }
}

/// Why there are none.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// The plugin is not there, or may not be run.
    #[error("the credential plugin `{command}` could not be started")]
    NotStarted {
        /// The program.
        command: String,
        /// Where to get it, in the words of the kubeconfig.
        install_hint: Option<String>,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The plugin ended with an error.
    #[error("the credential plugin `{command}` failed ({status}){}", after_colon(said))]
    Failed {
        /// The program.
        command: String,
        /// How it ended.
        status: std::process::ExitStatus,
        /// The first line that it wrote to stderr; empty where that went to the terminal.
        said: String,
    },
    /// The plugin ended well and gave nothing of use.
    #[error("the credential plugin `{command}` printed no credential")]
    NoCredential {
        /// The program.
        command: String,
    },
    /// Anything else: a token file, a certificate.
    #[error("could not get credentials")]
    Other(#[source] Box<AuthError>),
}

impl CredentialsError {
    /// What kube says of `plugin`, where the kubeconfig names one.
    pub(super) fn new(plugin: Option<&Plugin>, error: AuthError) -> Self {
        let Some(Plugin { command, install_hint }) = plugin.cloned() else {
            return Self::Other(Box::new(error));
        };
        match error {
            AuthError::AuthExecStart(source) => Self::NotStarted { command, install_hint, source },
            AuthError::AuthExecRun { out, .. } => {
                Self::Failed { command, status: out.status, said: first_line(&out.stderr) }
            }
            AuthError::AuthExecParse(_) | AuthError::ExecPluginFailed | AuthError::AuthExec(_) => {
                Self::NoCredential { command }
            }
            other => Self::Other(Box::new(other)),
        }
    }

    /// The next thing to do.
    pub fn hint(&self) -> String {
        match self {
            Self::NotStarted { install_hint: Some(hint), .. } if !hint.trim().is_empty() => {
                shortened(hint.trim())
            }
            Self::NotStarted { .. } => {
                "install it, or correct the `exec` of this user in the kubeconfig (`kubectl config view`)"
                    .to_owned()
            }
            Self::Failed { .. } | Self::NoCredential { .. } => {
                "log in to the cluster again; `kubectl get namespaces` asks the same plugin".to_owned()
            }
            Self::Other(_) => {
                "your credentials are not accepted or have expired; log in to the cluster again".to_owned()
            }
        }
    }
}

fn after_colon(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(": {said}") }
}

fn first_line(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    shortened(text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default())
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_SAID) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
