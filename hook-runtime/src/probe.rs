//! Asks a running runtime whether it answers: the kubelet cannot reach the loopback of a pod, so its probes run this.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// Less than the second that a probe has by default.
const PATIENCE: Duration = Duration::from_millis(800);
/// Bytes of an answer that are looked at.
const LONGEST: u64 = 1024;

/// Why a runtime does not count as alive.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// Nobody is there, or nobody answers.
    #[error("no answer of the runtime at `{0}`")]
    Silent(SocketAddr, #[source] std::io::Error),
    /// Somebody else, or a runtime that is not well.
    #[error("what answers at `{0}` is not a runtime that is well: {1}")]
    Unwell(SocketAddr, String),
}

/// Whether the runtime at this address answers. What is frozen makes no difference.
///
/// A runtime listens once it has its hooks, and may compile for minutes before. With `or_starting` a connection that is
/// refused will do: who then runs has nothing frozen yet, and that nobody runs is seen without a probe.
pub fn probe(address: SocketAddr, or_starting: bool) -> Result<(), ProbeError> {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut answer = Vec::new();
        stream.take(LONGEST).read_to_end(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    let answer = match ask() {
        Err(error) if or_starting && error.kind() == ErrorKind::ConnectionRefused => return Ok(()),
        answer => answer.map_err(|error| ProbeError::Silent(address, error))?,
    };
    if answer.starts_with("HTTP/1.1 200 ") && answer.contains("alive") {
        return Ok(());
    }
    let line: String = answer.chars().take_while(|character| !character.is_control()).take(100).collect();
    Err(ProbeError::Unwell(address, line))
}
