//! The connection to a server, and whether it is encrypted (`sslmode`).
//!
//! The runtime does the TLS; whom it trusts and what it verifies is in its configuration, so the modes of libpq that say it
//! too are not offered here, nor those that go on without it.

use std::{
    io::{self, Read, Write},
    net::SocketAddr,
};

use bytes::BytesMut;
use hooks_sdk::{Attempt as _, Deadline, Error, ErrorKind, Result, Stream, TlsStream};
use postgres_protocol::message::frontend;

/// A connection, as the server takes it.
#[derive(Debug)]
pub(crate) enum Connection {
    Plain(Stream),
    Secured(TlsStream),
}

/// Whether a connection must be encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Disable,
    Require,
}

impl Mode {
    /// What `sslmode` says for a server at this address. What stays within the pod needs no encryption.
    pub(crate) fn of(sslmode: &str, address: SocketAddr) -> Result<Self> {
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
    /// Connects. The name is the one in the server's certificate; without one its address is.
    pub(crate) fn open(address: SocketAddr, mode: Mode, name: &str, deadline: Deadline) -> Result<Self> {
        let mut stream = Stream::connect(address, deadline)?;
        if mode == Mode::Disable {
            return Ok(Self::Plain(stream));
        }
        ask_for_tls(&mut stream)?;
        let name = if name.is_empty() { address.ip().to_string() } else { name.to_owned() };
        stream.secure(&name).map(Self::Secured)
    }

    /// From now on this deadline counts.
    pub(crate) fn renew(&mut self, deadline: Deadline) {
        match self {
            Self::Plain(stream) => stream.renew(deadline),
            Self::Secured(stream) => stream.renew(deadline),
        }
    }
}

/// Asks the server to go on with TLS. One byte of its answer is taken and no more: what somebody slips in behind it is heard
/// by TLS, which does not understand it, and never as if the server had said it.
fn ask_for_tls(stream: &mut (impl Read + Write)) -> Result<()> {
    let mut request = BytesMut::new();
    frontend::ssl_request(&mut request);
    stream.write_all(&request).attempt(|| "ask the server for TLS".to_owned())?;
    let mut answer = [0];
    stream.read_exact(&mut answer).attempt(|| "hear whether the server speaks TLS".to_owned())?;
    match answer[0] {
        b'S' => Ok(()),
        b'N' => Err(Error::unsupported(
            "the server speaks no TLS (`ssl` is off), and `sslmode` of this hook asks for it",
        )),
        // Its text is not shown: anybody can have said it.
        b'E' => Err(Error::new(
            ErrorKind::Unreachable,
            "the server answers with an error when it is asked for TLS",
        )),
        _ => Err(Error::failed("what answers is no PostgreSQL server: it was asked for TLS")),
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

    #[rstest]
    #[case::within_the_pod("auto", "127.0.0.1:5432", Ok(Mode::Disable))]
    #[case::within_the_pod_by_its_other_address("auto", "[::1]:5432", Ok(Mode::Disable))]
    #[case::over_the_network("auto", "10.0.0.7:5432", Ok(Mode::Require))]
    #[case::open_over_the_network("disable", "10.0.0.7:5432", Ok(Mode::Disable))]
    #[case::closed_within_the_pod("require", "127.0.0.1:5432", Ok(Mode::Require))]
    #[case::what_the_runtime_says("verify-full", "10.0.0.7:5432", Err("set `require`"))]
    #[case::what_the_runtime_says_too("verify-ca", "10.0.0.7:5432", Err("set `require`"))]
    #[case::as_others_like("prefer", "10.0.0.7:5432", Err("whoever is in between decides"))]
    #[case::no_word("on", "10.0.0.7:5432", Err("must be `auto`, `disable` or `require`: `on`"))]
    fn is_encrypted_as_the_setting_says(
        #[case] sslmode: &str,
        #[case] address: &str,
        #[case] expected: Result<Mode, &str>,
    ) {
        match (Mode::of(sslmode, address.parse().unwrap()), expected) {
            (Ok(mode), Ok(expected)) => assert_eq!(mode, expected),
            (Err(error), Err(expected)) => {
                assert_eq!(error.kind, ErrorKind::Configuration);
                assert!(error.message.contains(expected), "{error:?}");
            }
            (outcome, expected) => panic!("{outcome:?} and not {expected:?}"),
        }
    }

    /// A server that has said this.
    struct Says(&'static [u8]);

    impl Read for Says {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read(buffer)
        }
    }

    impl Write for Says {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            assert_eq!(bytes, [0, 0, 0, 8, 4, 210, 22, 47], "the request for TLS");
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[rstest]
    #[case::has_none(b"N", ErrorKind::Unsupported, "speaks no TLS")]
    #[case::fails(b"E\0\0\0\x10SFATAL\0", ErrorKind::Unreachable, "answers with an error")]
    #[case::is_another(b"HTTP/1.1", ErrorKind::Failed, "no PostgreSQL server")]
    #[case::goes(b"", ErrorKind::Unreachable, "could not hear whether")]
    fn a_server_that(#[case] answer: &'static [u8], #[case] kind: ErrorKind, #[case] why: &str) {
        let error = ask_for_tls(&mut Says(answer)).unwrap_err();
        assert_eq!(error.kind, kind);
        assert!(error.message.contains(why), "{error:?}");
    }

    #[test]
    fn what_comes_behind_the_answer_is_left_for_tls() {
        let mut server = Says(b"SR\0\0\0\x08\0\0\0\0");
        ask_for_tls(&mut server).unwrap();
        assert_eq!(server.0, b"R\0\0\0\x08\0\0\0\0");
    }
}
