//! A TCP connection that keeps to a deadline.

use std::{
    io::{self, Read, Write},
    net::SocketAddr,
};

use crate::{Deadline, Error, ErrorKind, Result};
#[cfg(target_family = "wasm")]
use crate::{
    bindings::wasi::sockets::tcp::TcpSocket,
    wire::{self, Wire},
};

/// A connection. Reads and writes fail with [`io::ErrorKind::TimedOut`] when its deadline has passed, so each call of the
/// hook begins with [`Stream::renew`]. [`Stream::secure`] makes one that speaks TLS.
#[derive(Debug)]
pub struct Stream {
    // In this order they are dropped, which the host insists on.
    #[cfg(target_family = "wasm")]
    pub(crate) wire: Wire,
    #[cfg(target_family = "wasm")]
    pub(crate) socket: TcpSocket,
    #[cfg(not(target_family = "wasm"))]
    socket: std::net::TcpStream,
    pub(crate) deadline: Deadline,
}

impl Stream {
    /// Connects. An address that the configuration does not grant is an error of kind `denied`.
    pub fn connect(address: SocketAddr, deadline: Deadline) -> Result<Self> {
        Self::open(address, deadline).map_err(|error| {
            let (kind, why) = match error.kind() {
                io::ErrorKind::PermissionDenied => {
                    (ErrorKind::Denied, "`connect` of this hook does not name it".to_owned())
                }
                io::ErrorKind::TimedOut => (ErrorKind::TimedOut, error.to_string()),
                _ => (ErrorKind::Unreachable, error.to_string()),
            };
            Error::new(kind, format!("could not connect to {address}: {why}"))
        })
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

#[cfg(target_family = "wasm")]
impl Stream {
    fn open(address: SocketAddr, deadline: Deadline) -> io::Result<Self> {
        let (wire, socket) = wire::connect(address, deadline)?;
        Ok(Self { wire, socket, deadline })
    }

    fn take(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.wire.read(buffer, self.deadline)
    }

    fn give(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.wire.write(bytes, self.deadline)
    }
}

#[cfg(not(target_family = "wasm"))]
impl Stream {
    fn open(address: SocketAddr, deadline: Deadline) -> io::Result<Self> {
        let socket = std::net::TcpStream::connect_timeout(&address, deadline.left_to_stream()?)?;
        // Requests are small, and each is waited for.
        socket.set_nodelay(true)?;
        Ok(Self { socket, deadline })
    }

    fn take(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.set_read_timeout(Some(self.deadline.left_to_stream()?))?;
        self.socket.read(buffer)
    }

    fn give(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.set_write_timeout(Some(self.deadline.left_to_stream()?))?;
        self.socket.write(bytes)
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.take(buffer)
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.give(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        // What was written is on its way.
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, time::Duration};

    use super::*;
    use crate::Attempt as _;

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
