//! A TCP connection that keeps to a deadline.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use crate::{Attempt as _, Deadline, Error, ErrorKind, Result};

/// A connection. Reads and writes fail with [`io::ErrorKind::TimedOut`] when its deadline has passed, so each call of the
/// hook begins with [`Stream::renew`].
#[derive(Debug)]
pub struct Stream {
    socket: TcpStream,
    deadline: Deadline,
}

impl Stream {
    /// Connects. An address that the configuration does not grant is an error of kind `denied`.
    pub fn connect(address: SocketAddr, deadline: Deadline) -> Result<Self> {
        let socket = connect(address, deadline.left()?).map_err(|error| {
            if error.kind() == io::ErrorKind::PermissionDenied {
                let message =
                    format!("could not connect to {address}: `connect` of this hook does not name it");
                return Error::new(ErrorKind::Denied, message);
            }
            Error::new(ErrorKind::Unreachable, format!("could not connect to {address}: {error}"))
        })?;
        // Requests are small, and each is waited for.
        socket.set_nodelay(true).attempt(|| format!("set up the connection to {address}"))?;
        Ok(Self { socket, deadline })
    }

    /// From now on this deadline counts.
    pub fn renew(&mut self, deadline: Deadline) {
        self.deadline = deadline;
    }

    /// The deadline that counts.
    pub fn deadline(&self) -> Deadline {
        self.deadline
    }
}

#[cfg(not(target_family = "wasm"))]
fn connect(address: SocketAddr, time: Duration) -> io::Result<TcpStream> {
    TcpStream::connect_timeout(&address, time)
}

/// With a timeout the standard library says on this target that it is connected when it was refused. The runtime ends a
/// call that waits too long.
#[cfg(target_family = "wasm")]
fn connect(address: SocketAddr, _: Duration) -> io::Result<TcpStream> {
    TcpStream::connect(address)
}

/// A connection that was reset has an error without a name on WASI.
fn named(error: io::Error) -> io::Error {
    /// `EIO`, as wasi-libc numbers it.
    const WITHOUT_NAME: i32 = 29;
    if cfg!(target_family = "wasm") && error.raw_os_error() == Some(WITHOUT_NAME) {
        return io::ErrorKind::ConnectionReset.into();
    }
    error
}

fn over(_: Error) -> io::Error {
    io::ErrorKind::TimedOut.into()
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.set_read_timeout(Some(self.deadline.left().map_err(over)?))?;
        self.socket.read(buffer).map_err(named)
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.set_write_timeout(Some(self.deadline.left().map_err(over)?))?;
        self.socket.write(bytes).map_err(named)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn does_not_wait_beyond_its_deadline() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let deadline = Deadline::after(Duration::from_millis(50));
        let mut stream = Stream::connect(silent.local_addr().unwrap(), deadline).unwrap();
        let error = stream.read(&mut [0]).attempt(|| "hear the shop".to_owned()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::TimedOut);
        // And the next call has time of its own.
        stream.renew(Deadline::after(Duration::from_mins(1)));
        stream.write_all(b"still there?").unwrap();
    }

    #[test]
    fn one_that_nobody_answers_is_unreachable() {
        let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let error = Stream::connect(gone, Deadline::after(Duration::from_mins(1))).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unreachable, "{error:?}");
    }
}
