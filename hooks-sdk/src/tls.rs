//! TLS, which the runtime does: the hook never has a key, and cannot choose whom to trust.

use std::io::{self, Read, Write};

use crate::{Deadline, Error, ErrorKind, Result, Stream};

/// What the runtime says of a hook whose configuration has no `tls`.
#[cfg(target_family = "wasm")]
const NOT_GRANTED: &str = "TLS is not granted";

/// A connection that speaks TLS. It keeps to a deadline as [`Stream`] does.
///
/// Not available in unit tests: there is no runtime that would do it. Let what speaks your protocol take any
/// [`Read`] and [`Write`], and test TLS with the component in the real runtime.
#[derive(Debug)]
pub struct TlsStream(real::Connection);

impl Stream {
    /// Makes it one that speaks TLS, as from now: what was said before, as in the request of a `STARTTLS`, stays unprotected.
    /// The name, a host's or a numeric address, must be in the server's certificate.
    ///
    /// Whom to trust, and what is verified, says `tls` in the configuration of the runtime; without it this is an error of
    /// kind `denied`.
    pub fn secure(self, server_name: &str) -> Result<TlsStream> {
        let deadline = self.deadline();
        real::shake_hands(self, server_name).map(TlsStream).map_err(|error| {
            let kind = match error.kind() {
                io::ErrorKind::TimedOut => ErrorKind::TimedOut,
                io::ErrorKind::PermissionDenied => ErrorKind::Denied,
                io::ErrorKind::Unsupported => ErrorKind::Unsupported,
                _ => ErrorKind::Failed,
            };
            let why = match deadline.left() {
                Ok(_) => error.to_string(),
                Err(error) => error.message,
            };
            Error::new(kind, format!("could not speak TLS with `{server_name}`: {why}"))
        })
    }
}

impl TlsStream {
    /// From now on this deadline counts.
    pub fn renew(&mut self, deadline: Deadline) {
        self.0.renew(deadline);
    }

    /// The deadline that counts.
    pub fn deadline(&self) -> Deadline {
        self.0.deadline()
    }
}

impl Read for TlsStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.take(buffer)
    }
}

impl Write for TlsStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.give(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        // What was written is on its way.
        Ok(())
    }
}

#[cfg(target_family = "wasm")]
mod real {
    use std::io;

    use super::NOT_GRANTED;
    use crate::{
        Deadline, Stream,
        bindings::wasi::{
            sockets::tcp::TcpSocket,
            tls::types::{ClientConnection, ClientHandshake},
        },
        wire::{Wire, wait, words},
    };

    // In this order they are dropped, which the host insists on.
    #[derive(Debug)]
    pub(super) struct Connection {
        wire: Wire,
        _connection: ClientConnection,
        _socket: TcpSocket,
        deadline: Deadline,
    }

    pub(super) fn shake_hands(stream: Stream, server_name: &str) -> io::Result<Connection> {
        let Stream { wire: Wire { input, output }, socket, deadline } = stream;
        let shaking = ClientHandshake::finish(ClientHandshake::new(server_name, input, output));
        loop {
            match shaking.get() {
                None => wait(&shaking.subscribe(), deadline)?,
                Some(Ok(Ok((connection, input, output)))) => {
                    let wire = Wire { input, output };
                    return Ok(Connection { wire, _connection: connection, _socket: socket, deadline });
                }
                Some(Ok(Err(error))) => {
                    let words = words(&error);
                    let denied = words.starts_with(NOT_GRANTED);
                    let kind = if denied { io::ErrorKind::PermissionDenied } else { io::ErrorKind::Other };
                    return Err(io::Error::new(kind, words));
                }
                Some(Err(())) => return Err(io::Error::other("the runtime gave its outcome twice")),
            }
        }
    }

    impl Connection {
        pub(super) fn renew(&mut self, deadline: Deadline) {
            self.deadline = deadline;
        }

        pub(super) fn deadline(&self) -> Deadline {
            self.deadline
        }

        pub(super) fn take(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.wire.read(buffer, self.deadline)
        }

        pub(super) fn give(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.wire.write(bytes, self.deadline)
        }
    }
}

/// Nobody has one.
#[cfg(not(target_family = "wasm"))]
mod real {
    use std::{convert::Infallible, io};

    use crate::{Deadline, Stream};

    #[derive(Debug)]
    pub(super) struct Connection(Infallible);

    pub(super) fn shake_hands(_: Stream, _: &str) -> io::Result<Connection> {
        let why = "it is done by the runtime, and a unit test has none";
        Err(io::Error::new(io::ErrorKind::Unsupported, why))
    }

    impl Connection {
        pub(super) fn renew(&mut self, _: Deadline) {
            match self.0 {}
        }

        pub(super) fn deadline(&self) -> Deadline {
            match self.0 {}
        }

        pub(super) fn take(&mut self, _: &mut [u8]) -> io::Result<usize> {
            match self.0 {}
        }

        pub(super) fn give(&mut self, _: &[u8]) -> io::Result<usize> {
            match self.0 {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, time::Duration};

    use super::*;

    #[test]
    fn a_unit_test_is_told_that_there_is_no_runtime() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let deadline = Deadline::after(Duration::from_mins(1));
        let stream = Stream::connect(server.local_addr().unwrap(), deadline).unwrap();
        let error = stream.secure("db.example").unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unsupported);
        assert_eq!(
            error.message,
            "could not speak TLS with `db.example`: it is done by the runtime, and a unit test has none"
        );
    }
}
