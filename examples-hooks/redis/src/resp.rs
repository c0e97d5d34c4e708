//! The client's side of RESP2, as far as a few commands with short answers need it.
//!
//! Own, because that is one screen: the crates for it parse any nesting and both versions, and would still leave the
//! bounds to us.

use std::io::{Read, Write};

use hooks_sdk::{Attempt as _, Error, ErrorKind, Result};

/// Bytes of an answer: `INFO` has some kilobytes.
const LARGEST: usize = 256 * 1024;
/// Bytes of a line.
const LONGEST_LINE: usize = 4 * 1024;
/// Numbers of an answer that has several.
const MOST_INTEGERS: usize = 8;
/// Read at once.
const CHUNK: usize = 4 * 1024;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply {
    /// A status, or text.
    Text(String),
    /// What failed, beginning with its kind, as in `NOAUTH`.
    Error(String),
    Integer(i64),
    /// Several numbers.
    Integers(Vec<i64>),
    /// Nothing.
    Nil,
}

/// A connection that speaks RESP2.
#[derive(Debug)]
pub(crate) struct Client<S> {
    stream: S,
    /// Whether the next answer is one to the next command.
    in_step: bool,
    received: Vec<u8>,
}

impl<S: Read + Write> Client<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, in_step: true, received: Vec::new() }
    }

    /// The connection.
    pub(crate) fn stream(&mut self) -> &mut S {
        &mut self.stream
    }

    /// Runs a command.
    pub(crate) fn ask(&mut self, command: &[&str]) -> Result<Reply> {
        let name = command.first().copied().unwrap_or_default();
        if !std::mem::replace(&mut self.in_step, false) {
            let message = format!("could not ask for {name}: an earlier answer was not heard to its end");
            return Err(Error::new(ErrorKind::Unreachable, message));
        }
        let mut bytes = format!("*{}\r\n", command.len()).into_bytes();
        for word in command {
            bytes.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes());
        }
        self.stream.write_all(&bytes).attempt(|| format!("send {name} to the server"))?;
        let reply = self.reply(name)?;
        self.in_step = true;
        Ok(reply)
    }

    /// Whether it can be asked.
    pub(crate) fn is_in_step(&self) -> bool {
        self.in_step
    }

    fn reply(&mut self, name: &str) -> Result<Reply> {
        let line = self.line(name)?;
        let strange = || Error::failed(format!("the server's answer to {name} is not RESP"));
        let mut characters = line.chars();
        let (kind, rest) = (characters.next(), characters.as_str());
        match kind {
            Some('+') => Ok(Reply::Text(rest.to_owned())),
            Some('-') => Ok(Reply::Error(rest.to_owned())),
            Some(':') => rest.parse().map(Reply::Integer).map_err(|_| strange()),
            Some('$') if rest == "-1" => Ok(Reply::Nil),
            Some('$') => {
                let length: usize = rest.parse().map_err(|_| strange())?;
                if length > LARGEST {
                    return Err(Error::failed(format!("the server answers {name} with {length} bytes")));
                }
                while self.received.len() < length + 2 {
                    self.read(name)?;
                }
                let text = String::from_utf8_lossy(&self.received[..length]).into_owned();
                if &self.received[length..length + 2] != b"\r\n" {
                    return Err(strange());
                }
                self.received.drain(..length + 2);
                Ok(Reply::Text(text))
            }
            Some('*') => {
                let count: usize =
                    rest.parse().ok().filter(|count| *count <= MOST_INTEGERS).ok_or_else(strange)?;
                let number = |line: String| line.strip_prefix(':').and_then(|number| number.parse().ok());
                let numbers = (0..count).map(|_| number(self.line(name)?).ok_or_else(strange));
                numbers.collect::<Result<_>>().map(Reply::Integers)
            }
            _ => Err(strange()),
        }
    }

    fn line(&mut self, name: &str) -> Result<String> {
        loop {
            if let Some(end) = self.received.windows(2).position(|pair| pair == b"\r\n") {
                let line = String::from_utf8_lossy(&self.received[..end]).into_owned();
                self.received.drain(..end + 2);
                return Ok(line);
            }
            if self.received.len() > LONGEST_LINE {
                return Err(Error::failed(format!("the server answers {name} with a line without an end")));
            }
            self.read(name)?;
        }
    }

    fn read(&mut self, name: &str) -> Result<()> {
        let mut chunk = [0; CHUNK];
        let count = self.stream.read(&mut chunk).attempt(|| format!("read the answer to {name}"))?;
        if count == 0 {
            return Err(Error::new(ErrorKind::Unreachable, "the server closed the connection"));
        }
        self.received.extend_from_slice(&chunk[..count]);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    /// A server that says this, whatever it hears.
    struct Says<'a>(&'a [u8], Vec<u8>);

    impl Read for Says<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read(buffer)
        }
    }

    impl Write for Says<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn ask(says: &[u8]) -> Result<Reply> {
        Client::new(Says(says, Vec::new())).ask(&["PING"])
    }

    #[rstest]
    #[case::status(b"+OK\r\n", Reply::Text("OK".to_owned()))]
    #[case::error(b"-NOAUTH Authentication required.\r\n", Reply::Error("NOAUTH Authentication required.".to_owned()))]
    #[case::number(b":-7\r\n", Reply::Integer(-7))]
    #[case::text(b"$5\r\na\r\nbc\r\n", Reply::Text("a\r\nbc".to_owned()))]
    #[case::empty(b"$0\r\n\r\n", Reply::Text(String::new()))]
    #[case::numbers(b"*2\r\n:1\r\n:0\r\n", Reply::Integers(vec![1, 0]))]
    #[case::nothing(b"$-1\r\n", Reply::Nil)]
    fn reads(#[case] says: &[u8], #[case] expected: Reply) {
        assert_eq!(ask(says).unwrap(), expected);
    }

    #[rstest]
    #[case::huge(b"$999999999999\r\n".to_vec(), "with 999999999999 bytes")]
    #[case::endless_line(vec![b'+'; 2 * LONGEST_LINE], "a line without an end")]
    #[case::nested(b"*1\r\n+OK\r\n".to_vec(), "is not RESP")]
    #[case::many(b"*999999999\r\n".to_vec(), "is not RESP")]
    #[case::longer_than_said(b"$1\r\nabc\r\n".to_vec(), "is not RESP")]
    #[case::gone(b"$5\r\nab".to_vec(), "closed the connection")]
    fn refuses(#[case] says: Vec<u8>, #[case] expected: &str) {
        let error = ask(&says).unwrap_err();
        assert!(error.message.contains(expected), "{error:?}");
    }

    #[test]
    fn words_are_sent_with_their_length() {
        let mut client = Client::new(Says(b"+OK\r\n", Vec::new()));
        client.ask(&["AUTH", "a b\r\nFLUSHALL"]).unwrap();
        assert_eq!(client.stream().1, b"*2\r\n$4\r\nAUTH\r\n$13\r\na b\r\nFLUSHALL\r\n");
    }

    proptest! {
        #[test]
        fn survives_any_bytes(kind in prop::sample::select(b"+-:$*x".to_vec()), rest in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = ask(&[&[kind], rest.as_slice()].concat());
        }
    }
}
