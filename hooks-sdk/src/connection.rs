//! A connection that is encrypted or not, and the setting that says which (`sslmode`).
//!
//! For protocols that begin in the clear and turn to TLS when asked: the asking is the hook's, for each has its own. Whom to
//! trust and what to verify is in the configuration of the runtime, so the modes of the databases' clients that say it too
//! are not offered here, nor those that go on without TLS where there is none.

use std::{
    io::{self, Read, Write},
    net::SocketAddr,
};

use crate::{Deadline, Error, Result, Setting, Stream, TlsStream};

/// A connection to a server, as [`Encryption`] asks for it.
#[derive(Debug)]
pub enum Connection {
    /// In the clear.
    Plain(Stream),
    /// By TLS.
    Secured(TlsStream),
}

/// Whether a connection must be encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// It stays in the clear.
    Disable,
    /// It is made with TLS or not at all.
    Require,
}

/// The setting for [`Encryption::of`].
pub const SSLMODE: Setting<String> = Setting::with_default(
    "sslmode",
    "auto",
    "`disable`, `require` (TLS, verified as `tls` of this hook says), or `auto`: `require` but on the loopback",
);
/// The setting for the name that [`Connection::secure`] takes.
pub const SERVER_NAME: Setting<String> = Setting::with_default(
    "server-name",
    "",
    "the name that the server's certificate must have; its address if empty",
);

impl Encryption {
    /// What `sslmode` says for a server at this address: `disable`, `require`, or `auto`, by which what stays within the pod
    /// is not encrypted and all else is.
    ///
    /// # Errors
    /// Of kind `configuration`, for any other word.
    pub fn of(sslmode: &str, address: SocketAddr) -> Result<Self> {
        match sslmode {
            "disable" => Ok(Self::Disable),
            "auto" if address.ip().is_loopback() => Ok(Self::Disable),
            "require" | "auto" => Ok(Self::Require),
            "verify-ca" | "verify-full" => Err(Error::configuration(format!(
                "`sslmode` cannot be `{sslmode}`: set `require`, and what is verified in `tls` of this hook, which is \
                 everything (`verify-full`) unless it says less"
            ))),
            "allow" | "prefer" => Err(Error::configuration(format!(
                "`sslmode` cannot be `{sslmode}`, by which whoever is in between decides: set `require` or `disable`"
            ))),
            other => Err(Error::configuration(format!(
                "`sslmode` must be `auto`, `disable` or `require`: `{other}`"
            ))),
        }
    }
}

impl Connection {
    /// Goes on with TLS, in which the server must have this name, or its address where the name is empty. The server has
    /// agreed to it. What is secured already stays as it is.
    ///
    /// # Errors
    /// Those of [`Stream::secure`].
    pub fn secure(self, name: &str, address: SocketAddr) -> Result<Self> {
        let name = if name.is_empty() { address.ip().to_string() } else { name.to_owned() };
        match self {
            Self::Plain(stream) => stream.secure(&name).map(Self::Secured),
            secured @ Self::Secured(_) => Ok(secured),
        }
    }

    /// From now on this deadline counts.
    pub fn renew(&mut self, deadline: Deadline) {
        match self {
            Self::Plain(stream) => stream.renew(deadline),
            Self::Secured(stream) => stream.renew(deadline),
        }
    }
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Secured(stream) => stream.read(buffer),
        }
    }
}

impl Write for Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Secured(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Secured(stream) => stream.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::ErrorKind;

    #[rstest]
    #[case::within_the_pod("auto", "127.0.0.1:5432", Ok(Encryption::Disable))]
    #[case::within_the_pod_by_its_other_address("auto", "[::1]:5432", Ok(Encryption::Disable))]
    #[case::over_the_network("auto", "10.0.0.7:5432", Ok(Encryption::Require))]
    #[case::open_over_the_network("disable", "10.0.0.7:5432", Ok(Encryption::Disable))]
    #[case::closed_within_the_pod("require", "127.0.0.1:5432", Ok(Encryption::Require))]
    #[case::what_the_runtime_says("verify-full", "10.0.0.7:5432", Err("set `require`"))]
    #[case::what_the_runtime_says_too("verify-ca", "10.0.0.7:5432", Err("set `require`"))]
    #[case::as_others_like("prefer", "10.0.0.7:5432", Err("whoever is in between decides"))]
    #[case::no_word("on", "10.0.0.7:5432", Err("must be `auto`, `disable` or `require`: `on`"))]
    fn is_encrypted_as_the_setting_says(
        #[case] sslmode: &str,
        #[case] address: &str,
        #[case] expected: Result<Encryption, &str>,
    ) {
        match (Encryption::of(sslmode, address.parse().unwrap()), expected) {
            (Ok(mode), Ok(expected)) => assert_eq!(mode, expected),
            (Err(error), Err(expected)) => {
                assert_eq!(error.kind, ErrorKind::Configuration);
                assert!(error.message.contains(expected), "{error:?}");
            }
            (outcome, expected) => panic!("{outcome:?} and not {expected:?}"),
        }
    }
}
