//! One HTTP/1.1 request and the head of its answer, on a connection of its own.

use std::io::{Read, Write};

use hooks_sdk::{Attempt as _, Error, ErrorKind, Result, SecretText};
use httparse::Status;

/// Bytes of the head of an answer.
const LARGEST_HEAD: usize = 16 * 1024;
const MOST_HEADERS: usize = 64;

/// What is asked.
pub(crate) struct Ask<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) host: &'a str,
    /// Sent as a bearer token.
    pub(crate) token: Option<SecretText>,
    /// Milliseconds after which the application may go on by itself.
    pub(crate) at_most: Option<u128>,
}

/// Asks, and gives the status. What follows the head is not read.
pub(crate) fn ask<S: Read + Write>(mut stream: S, ask: &Ask<'_>) -> Result<u16> {
    let attempt = || format!("{} {}", ask.method, ask.path);
    stream.write_all(head(ask)?.as_bytes()).attempt(attempt)?;
    let mut received = Vec::new();
    loop {
        let mut chunk = [0; 1024];
        let count = stream.read(&mut chunk).attempt(attempt)?;
        received.extend_from_slice(&chunk[..count]);
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        let parsed = response.parse(&received).map_err(|error| {
            Error::failed(format!("could not {}: the answer is not HTTP: {error}", attempt()))
        })?;
        match (response.code, parsed) {
            // An interim answer is followed by the one that counts.
            (Some(100..=199), Status::Complete(length)) => drop(received.drain(..length)),
            (Some(status), Status::Complete(_)) => return Ok(status),
            _ if count == 0 => {
                let message = format!("could not {}: the connection was closed", attempt());
                return Err(Error::new(ErrorKind::Unreachable, message));
            }
            _ if received.len() > LARGEST_HEAD => {
                return Err(Error::failed(format!("could not {}: the answer does not end", attempt())));
            }
            _ => {}
        }
    }
}

/// What comes from settings could else begin a request of its own.
fn head(ask: &Ask<'_>) -> Result<String> {
    let Ask { method, path, host, token, at_most } = ask;
    let token = token.as_ref().map(SecretText::expose);
    let texts = [Some(*path), Some(*host), token];
    if texts.into_iter().flatten().any(|text| text.bytes().any(|byte| byte <= b' ' || byte == 0x7f)) {
        return Err(Error::configuration("a path, the host or the token has a space or a control character"));
    }
    if !path.starts_with('/') {
        return Err(Error::configuration(format!("a path begins with `/`: `{path}`")));
    }
    let token = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    let at_most =
        at_most.map(|at_most| format!("Kubectl-Backup-At-Most-Ms: {at_most}\r\n")).unwrap_or_default();
    Ok(format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: kubectl-backup\r\nConnection: close\r\n\
         Content-Length: 0\r\n{token}{at_most}\r\n"
    ))
}

#[cfg(test)]
mod tests {
    use std::io;

    use proptest::prelude::*;

    use super::*;

    /// A server that says this, whatever it hears.
    struct Says<'a>(&'a [u8]);

    impl Read for Says<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read(buffer)
        }
    }

    impl Write for Says<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn about(path: &str) -> Ask<'_> {
        Ask { method: "POST", path, host: "127.0.0.1:80", token: None, at_most: Some(5) }
    }

    fn answer(says: &[u8]) -> Result<u16> {
        ask(Says(says), &about("/pause"))
    }

    #[test]
    fn the_status_is_told() {
        assert_eq!(answer(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap(), 204);
        assert_eq!(answer(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 Busy\r\nA: b\r\n\r\n").unwrap(), 503);
    }

    #[test]
    fn what_is_cut_short_or_endless_is_told() {
        assert_eq!(answer(b"HTTP/1.1 200 OK\r\nA: b").unwrap_err().kind, ErrorKind::Unreachable);
        let endless = [b"HTTP/1.1 200 OK\r\nA: ".to_vec(), vec![b'b'; 2 * LARGEST_HEAD]].concat();
        assert!(answer(&endless).unwrap_err().message.contains("does not end"));
    }

    #[test]
    fn a_setting_begins_no_request_of_its_own() {
        let error = ask(Says(b""), &about("/a HTTP/1.1\r\nX: y")).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Configuration);
    }

    proptest! {
        #[test]
        fn survives_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400), begins_well: bool) {
            let begin: &[u8] = if begins_well { b"HTTP/1.1 200 OK\r\n" } else { b"" };
            let _ = answer(&[begin, bytes.as_slice()].concat());
        }
    }
}
