//! Connections by the sockets of WASI. The standard library has them too, but hides the streams that TLS takes, and says on
//! this target that it is connected when a connection with a timeout was refused.

use std::{io, net::SocketAddr};

use crate::{
    Deadline,
    bindings::wasi::{
        clocks::monotonic_clock,
        io::{
            poll::{Pollable, poll},
            streams::{Error, InputStream, OutputStream, StreamError},
        },
        sockets::{
            instance_network::instance_network,
            network::{ErrorCode, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress},
            tcp::TcpSocket,
            tcp_create_socket::create_tcp_socket,
        },
    },
};

/// Bytes written or read at once.
const CHUNK: usize = 16 * 1024;

/// Two directions of bytes.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) input: InputStream,
    pub(crate) output: OutputStream,
}

/// Connects.
pub(crate) fn connect(address: SocketAddr, deadline: Deadline) -> io::Result<(Wire, TcpSocket)> {
    let family = if address.is_ipv4() { IpAddressFamily::Ipv4 } else { IpAddressFamily::Ipv6 };
    let socket = create_tcp_socket(family).map_err(of_code)?;
    socket.start_connect(&instance_network(), of_address(address)).map_err(of_code)?;
    loop {
        match socket.finish_connect() {
            Ok((input, output)) => return Ok((Wire { input, output }, socket)),
            Err(ErrorCode::WouldBlock) => wait(&socket.subscribe(), deadline)?,
            Err(code) => return Err(of_code(code)),
        }
    }
}

impl Wire {
    pub(crate) fn read(&self, buffer: &mut [u8], deadline: Deadline) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let most = buffer.len().min(CHUNK);
        loop {
            // Also one whose peer never stops talking ends.
            deadline.left_to_stream()?;
            match self.input.read(most as u64) {
                Ok(bytes) if bytes.is_empty() => wait(&self.input.subscribe(), deadline)?,
                Ok(bytes) => {
                    let count = bytes.len().min(most);
                    buffer[..count].copy_from_slice(&bytes[..count]);
                    return Ok(count);
                }
                Err(StreamError::Closed) => return Ok(0),
                Err(StreamError::LastOperationFailed(error)) => return Err(of_error(&error)),
            }
        }
    }

    /// Writes some, and waits until it is on its way: what a stream still holds is lost when it is dropped.
    pub(crate) fn write(&self, bytes: &[u8], deadline: Deadline) -> io::Result<usize> {
        let room = usize::try_from(self.room(deadline)?).unwrap_or(CHUNK);
        let count = bytes.len().min(room).min(CHUNK);
        self.output.write(&bytes[..count]).map_err(of_stream)?;
        self.output.flush().map_err(of_stream)?;
        self.room(deadline)?;
        Ok(count)
    }

    /// How much can be written, once that is more than nothing.
    fn room(&self, deadline: Deadline) -> io::Result<u64> {
        loop {
            match self.output.check_write().map_err(of_stream)? {
                0 => wait(&self.output.subscribe(), deadline)?,
                room => return Ok(room),
            }
        }
    }
}

/// Waits until it is ready, or the deadline has passed.
pub(crate) fn wait(what: &Pollable, deadline: Deadline) -> io::Result<()> {
    let nanoseconds = u64::try_from(deadline.left_to_stream()?.as_nanos()).unwrap_or(u64::MAX);
    poll(&[what, &monotonic_clock::subscribe_duration(nanoseconds)]);
    deadline.left_to_stream().map(drop)
}

fn of_stream(error: StreamError) -> io::Error {
    match error {
        StreamError::Closed => io::ErrorKind::BrokenPipe.into(),
        StreamError::LastOperationFailed(error) => of_error(&error),
    }
}

/// What fails in a stream is the connection. Of which kind it failed WASI says in a draft only.
fn of_error(error: &Error) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, words(error))
}

/// What an error says. Its text is one for debugging, in quotes and with a trace below.
pub(crate) fn words(error: &Error) -> String {
    let text = error.to_debug_string();
    text.lines().next().unwrap_or_default().trim_matches('"').to_owned()
}

fn of_code(code: ErrorCode) -> io::Error {
    let kind = match code {
        ErrorCode::AccessDenied => io::ErrorKind::PermissionDenied,
        ErrorCode::Timeout => io::ErrorKind::TimedOut,
        ErrorCode::RemoteUnreachable => io::ErrorKind::HostUnreachable,
        ErrorCode::ConnectionRefused => io::ErrorKind::ConnectionRefused,
        ErrorCode::ConnectionReset => io::ErrorKind::ConnectionReset,
        ErrorCode::ConnectionAborted => io::ErrorKind::ConnectionAborted,
        other => return io::Error::other(format!("{other:?}")),
    };
    kind.into()
}

fn of_address(address: SocketAddr) -> IpSocketAddress {
    match address {
        SocketAddr::V4(address) => IpSocketAddress::Ipv4(Ipv4SocketAddress {
            port: address.port(),
            address: address.ip().octets().into(),
        }),
        SocketAddr::V6(address) => IpSocketAddress::Ipv6(Ipv6SocketAddress {
            port: address.port(),
            flow_info: address.flowinfo(),
            address: address.ip().segments().into(),
            scope_id: address.scope_id(),
        }),
    }
}
