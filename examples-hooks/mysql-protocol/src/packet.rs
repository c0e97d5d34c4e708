//! The client's side of the MySQL protocol, as far as a login by password and statements with short answers need it.
//!
//! Own, because `mysql_common`, the one crate that has it without sockets, brings 40 crates for values, compression and
//! replication that a hook does not have, and leaves the bounds to its caller. Nothing of a packet is read before its
//! length is known to be acceptable, and every field is taken by [`Fields`], which runs out instead of panicking.

use std::io::{Read, Write};

use hooks_sdk::{Attempt as _, Error, ErrorKind, Result};

/// Bytes of a packet that is taken.
const LARGEST: usize = 256 * 1024;
/// Bytes before its content: three of length, one of its number.
const HEADER: usize = 4;

/// A connection that exchanges packets.
#[derive(Debug)]
pub(crate) struct Packets<S> {
    stream: S,
    /// Counts from zero with each command.
    number: u8,
}

impl<S: Read + Write> Packets<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, number: 0 }
    }

    /// The same exchange over another connection, as after a change to TLS. Nothing of it was read ahead.
    pub(crate) fn over<T>(self, change: impl FnOnce(S) -> Result<T>) -> Result<Packets<T>> {
        Ok(Packets { stream: change(self.stream)?, number: self.number })
    }

    /// The connection.
    pub(crate) fn stream(&mut self) -> &mut S {
        &mut self.stream
    }

    /// Begins a command.
    pub(crate) fn command(&mut self, content: &[u8]) -> Result<()> {
        self.number = 0;
        self.send(content)
    }

    /// Answers within an exchange.
    pub(crate) fn send(&mut self, content: &[u8]) -> Result<()> {
        let length = u32::try_from(content.len()).ok().filter(|length| *length < 1 << 24);
        let length = length.ok_or_else(|| Error::failed("a statement is larger than 16 MiB"))?.to_le_bytes();
        let mut packet = vec![length[0], length[1], length[2], self.number];
        packet.extend_from_slice(content);
        self.number = self.number.wrapping_add(1);
        self.stream.write_all(&packet).attempt(|| "write to the server".to_owned())
    }

    /// The next packet. One that says that something failed is an error.
    pub(crate) fn receive(&mut self, attempt: &str) -> Result<Vec<u8>> {
        let mut header = [0; HEADER];
        self.read(&mut header)?;
        let length = u32::from_le_bytes([header[0], header[1], header[2], 0]) as usize;
        if length > LARGEST {
            return Err(Error::failed(format!("the server announces a packet of {length} bytes")));
        }
        self.number = header[3].wrapping_add(1);
        let mut content = vec![0; length];
        self.read(&mut content)?;
        if content.first() == Some(&0xff) { Err(refused(attempt, &content[1..])) } else { Ok(content) }
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<()> {
        self.stream.read_exact(buffer).attempt(|| "read from the server".to_owned())
    }
}

/// Number of the error in a packet that says that something failed; then a state of six bytes, and the text.
fn refused(attempt: &str, content: &[u8]) -> Error {
    let mut fields = Fields(content);
    let code = fields.u16().unwrap_or_default();
    let rest = fields.0;
    let text = if rest.first() == Some(&b'#') { rest.get(6..).unwrap_or_default() } else { rest };
    let text: String = String::from_utf8_lossy(text).chars().take(500).collect();
    let kind = match code {
        // Access denied; no password; an unknown way to log in; a server that takes TLS alone.
        1045 | 1698 | 1251 | 3159 => ErrorKind::Authentication,
        1044 | 1142 | 1227 | 1370 => ErrorKind::Denied,
        // Lock wait timeout, statement timeout of either server.
        1205 | 1969 | 3024 => ErrorKind::TimedOut,
        // Too many connections, shutdown, killed, idle for too long.
        1040 | 1053 | 1129 | 1203 | 1226 | 1927 | 4031 => ErrorKind::Unreachable,
        // Syntax: a server that does not know the statement.
        1064 => ErrorKind::Unsupported,
        _ => ErrorKind::Failed,
    };
    Error::new(kind, format!("could not {attempt}: {text} ({code})"))
}

/// The fields of a packet, in their order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    /// This many bytes.
    pub(crate) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.bytes(1).map(|bytes| bytes[0])
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.bytes(2).map(|bytes| u16::from_le_bytes([bytes[0], bytes[1]]))
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.bytes(4).map(|bytes| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    /// Up to a zero, or to the end.
    pub(crate) fn text(&mut self) -> String {
        let end = self.0.iter().position(|byte| *byte == 0).unwrap_or(self.0.len());
        let text = String::from_utf8_lossy(&self.0[..end]).into_owned();
        self.0 = self.0.get(end + 1..).unwrap_or_default();
        text
    }

    /// A number whose first byte says how long it is.
    pub(crate) fn number(&mut self) -> Option<u64> {
        let count = match self.u8()? {
            0xfc => 2,
            0xfd => 3,
            0xfe => 8,
            0xfb | 0xff => return None,
            small => return Some(small.into()),
        };
        let mut number = [0; 8];
        number[..count].copy_from_slice(self.bytes(count)?);
        Some(u64::from_le_bytes(number))
    }

    /// A value of a row: its length and its bytes, or nothing for NULL.
    pub(crate) fn value(&mut self) -> Result<Option<String>, CutShort> {
        if self.0.first() == Some(&0xfb) {
            self.0 = &self.0[1..];
            return Ok(None);
        }
        let length = self.number().and_then(|length| usize::try_from(length).ok()).ok_or(CutShort)?;
        let bytes = self.bytes(length).ok_or(CutShort)?;
        Ok(Some(String::from_utf8_lossy(bytes).into_owned()))
    }
}

/// A packet that ends before its fields do.
#[derive(Debug)]
pub(crate) struct CutShort;
