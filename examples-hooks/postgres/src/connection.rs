//! The connection to a server, and how PostgreSQL is asked for TLS.

use std::{
    io::{Read, Write},
    net::SocketAddr,
};

use bytes::BytesMut;
use hooks_sdk::{Attempt as _, Connection, Deadline, Encryption, Error, ErrorKind, Result, Stream};
use postgres_protocol::message::frontend;

/// Connects. The name is the one in the server's certificate; without one its address is.
pub(crate) fn open(
    address: SocketAddr,
    encryption: Encryption,
    name: &str,
    deadline: Deadline,
) -> Result<Connection> {
    let mut stream = Stream::connect(address, deadline)?;
    if encryption == Encryption::Disable {
        return Ok(Connection::Plain(stream));
    }
    ask_for_tls(&mut stream)?;
    Connection::Plain(stream).secure(name, address)
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

#[cfg(test)]
mod tests {
    use std::io;

    use rstest::rstest;

    use super::*;

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
