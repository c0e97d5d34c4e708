//! One session with a PostgreSQL server: the login, and queries in the simple protocol.
//!
//! Messages and SCRAM are those of `postgres-protocol`; here is what it leaves open: how much is taken from a server that
//! may be anybody, and how its errors become ones that a caller can act on.

use std::io::{Read, Write};

use bytes::BytesMut;
use fallible_iterator::FallibleIterator as _;
use hooks_sdk::{Attempt as _, Error, ErrorKind, Result, SecretText};
use postgres_protocol::{
    authentication::{md5_hash, sasl},
    message::{
        backend::{DataRowBody, ErrorResponseBody, Header, Message},
        frontend,
    },
};

/// Bytes of one message: a tablespace map has some kilobytes, a `pg_control` in hex 16.
const LARGEST_MESSAGE: usize = 1024 * 1024;
/// Rows of one answer, which has one but for the list of tablespaces.
const MOST_ROWS: usize = 1024;
/// Bytes of the rows of one answer.
const MOST_BYTES: usize = 2 * LARGEST_MESSAGE;
/// Characters of what the server says of a failure.
const LONGEST_TEXT: usize = 500;
/// Read at once.
const CHUNK: usize = 8 * 1024;

/// Who logs in.
pub(crate) struct Login<'a> {
    pub(crate) user: &'a str,
    pub(crate) database: &'a str,
    /// Read when the server asks for one.
    pub(crate) password: &'a dyn Fn() -> Result<SecretText>,
    /// Whether one that asks for the password itself, or its MD5, gets it.
    pub(crate) weak: bool,
}

/// A row of an answer, as text.
pub(crate) type Row = Vec<Option<String>>;

/// A session over this connection.
#[derive(Debug)]
pub(crate) struct Session<S> {
    stream: S,
    /// Whether the next answer is one to the next question.
    in_step: bool,
    received: BytesMut,
}

impl<S: Read + Write> Session<S> {
    /// Logs in, and waits until the server takes queries.
    pub(crate) fn open(stream: S, login: &Login<'_>) -> Result<Self> {
        let mut session = Self { stream, in_step: true, received: BytesMut::new() };
        let parameters =
            [("user", login.user), ("database", login.database), ("application_name", "kubectl-backup")];
        session.send(|buffer| frontend::startup_message(parameters, buffer))?;
        session.authenticate(login)?;
        loop {
            match session.receive()? {
                Message::ReadyForQuery(_) => return Ok(session),
                Message::ErrorResponse(error) => return Err(refused("log in", &error)),
                Message::ParameterStatus(_) | Message::BackendKeyData(_) | Message::NoticeResponse(_) => {}
                _ => return Err(unexpected("log in")),
            }
        }
    }

    /// The connection.
    pub(crate) fn stream(&mut self) -> &mut S {
        &mut self.stream
    }

    /// Runs one statement and gives its rows. `attempt` is for people, as in `start the backup`.
    pub(crate) fn query(&mut self, attempt: &str, statement: &str) -> Result<Vec<Row>> {
        if !std::mem::replace(&mut self.in_step, false) {
            let message =
                format!("could not {attempt}: an earlier answer in this session was not heard to its end");
            return Err(Error::new(ErrorKind::Unreachable, message));
        }
        self.send(|buffer| frontend::query(statement, buffer))?;
        let (mut rows, mut bytes, mut failure) = (Vec::new(), 0, None);
        loop {
            match self.receive()? {
                Message::DataRow(row) => {
                    bytes += row.buffer().len();
                    if rows.len() == MOST_ROWS || bytes > MOST_BYTES {
                        return Err(Error::failed(format!(
                            "could not {attempt}: the server answers too much"
                        )));
                    }
                    rows.push(texts(&row).attempt(|| attempt.to_owned())?);
                }
                // The answer goes on to its end, and the session stays of use.
                Message::ErrorResponse(error) => failure = Some(refused(attempt, &error)),
                Message::ReadyForQuery(_) => {
                    self.in_step = true;
                    return failure.map_or(Ok(rows), Err);
                }
                Message::RowDescription(_)
                | Message::CommandComplete(_)
                | Message::EmptyQueryResponse
                | Message::NoticeResponse(_)
                | Message::ParameterStatus(_)
                | Message::NotificationResponse(_) => {}
                _ => return Err(unexpected(attempt)),
            }
        }
    }

    /// The only row of an answer, with this many values.
    pub(crate) fn row<const N: usize>(
        &mut self,
        attempt: &str,
        statement: &str,
    ) -> Result<[Option<String>; N]> {
        let mut rows = self.query(attempt, statement)?;
        let row = rows.pop().filter(|_| rows.is_empty()).and_then(|row| row.try_into().ok());
        row.ok_or_else(|| unexpected(attempt))
    }

    /// Says goodbye. What was held goes with the session.
    pub(crate) fn close(mut self) {
        let said = self.send(|buffer| {
            frontend::terminate(buffer);
            Ok(())
        });
        // The connection closes all the same.
        drop(said);
    }

    fn authenticate(&mut self, login: &Login<'_>) -> Result<()> {
        let failed = |error: std::io::Error| {
            Error::new(ErrorKind::Authentication, format!("could not log in as `{}`: {error}", login.user))
        };
        let mut scram = None;
        let mut proven = false;
        loop {
            match self.receive()? {
                // One that began SCRAM must also prove that it knows the password.
                Message::AuthenticationOk if scram.is_none() || proven => return Ok(()),
                Message::AuthenticationSasl(offered) if scram.is_none() => {
                    let mechanisms: Vec<&str> = offered.mechanisms().collect().map_err(failed)?;
                    if !mechanisms.contains(&sasl::SCRAM_SHA_256) {
                        return Err(unexpected("log in"));
                    }
                    let password = (login.password)()?;
                    let begun = sasl::ScramSha256::new(
                        password.expose().as_bytes(),
                        sasl::ChannelBinding::unsupported(),
                    );
                    self.send(|buffer| {
                        frontend::sasl_initial_response(sasl::SCRAM_SHA_256, begun.message(), buffer)
                    })?;
                    scram = Some(begun);
                }
                Message::AuthenticationSaslContinue(body) => {
                    let scram = scram.as_mut().ok_or_else(|| unexpected("log in"))?;
                    scram.update(body.data()).map_err(failed)?;
                    self.send(|buffer| frontend::sasl_response(scram.message(), buffer))?;
                }
                Message::AuthenticationSaslFinal(body) => {
                    scram
                        .as_mut()
                        .ok_or_else(|| unexpected("log in"))?
                        .finish(body.data())
                        .map_err(failed)?;
                    proven = true;
                }
                Message::AuthenticationCleartextPassword if login.weak => {
                    let password = (login.password)()?;
                    self.send(|buffer| frontend::password_message(password.expose().as_bytes(), buffer))?;
                }
                Message::AuthenticationMd5Password(body) if login.weak => {
                    let password = (login.password)()?;
                    let hash = md5_hash(login.user.as_bytes(), password.expose().as_bytes(), body.salt());
                    self.send(|buffer| frontend::password_message(hash.as_bytes(), buffer))?;
                }
                Message::AuthenticationCleartextPassword | Message::AuthenticationMd5Password(_) => {
                    let message = "could not log in: the server asks for the password or its MD5 hash; let it use \
                                   scram-sha-256, or set `weak-authentication`";
                    return Err(Error::new(ErrorKind::Authentication, message));
                }
                Message::ErrorResponse(error) => return Err(refused("log in", &error)),
                Message::NoticeResponse(_) => {}
                _ => return Err(unexpected("log in")),
            }
        }
    }

    fn send(&mut self, write: impl FnOnce(&mut BytesMut) -> std::io::Result<()>) -> Result<()> {
        let mut message = BytesMut::new();
        write(&mut message).attempt(|| "say it in the server's protocol".to_owned())?;
        self.stream.write_all(&message).attempt(|| "write to the server".to_owned())
    }

    fn receive(&mut self) -> Result<Message> {
        let broken = |error| Error::failed(format!("could not understand the server: {error}"));
        loop {
            let length = match Header::parse(&self.received).map_err(broken)? {
                Some(header) => usize::try_from(header.len()).unwrap_or(usize::MAX),
                None => 0,
            };
            // Before it is waited for: the length is the server's word.
            if length > LARGEST_MESSAGE {
                return Err(Error::failed(format!("the server announces a message of {length} bytes")));
            }
            if let Some(message) = Message::parse(&mut self.received).map_err(broken)? {
                return Ok(message);
            }
            let mut chunk = [0; CHUNK];
            let count = self.stream.read(&mut chunk).attempt(|| "read from the server".to_owned())?;
            if count == 0 {
                return Err(Error::new(ErrorKind::Unreachable, "the server closed the session"));
            }
            self.received.extend_from_slice(&chunk[..count]);
        }
    }
}

fn texts(row: &DataRowBody) -> std::io::Result<Row> {
    let buffer = row.buffer();
    let text = |range: Option<std::ops::Range<usize>>| {
        range.map(|range| String::from_utf8_lossy(&buffer[range]).into_owned())
    };
    row.ranges().map(|range| Ok(text(range))).collect()
}

/// What the server says of a failure, by its code.
fn refused(attempt: &str, error: &ErrorResponseBody) -> Error {
    let (mut code, mut text) = (String::new(), String::new());
    let mut fields = error.fields();
    // One that is cut short says what it says.
    while let Ok(Some(field)) = fields.next() {
        let value = || String::from_utf8_lossy(field.value_bytes()).chars().take(LONGEST_TEXT).collect();
        match field.type_() {
            b'C' => code = value(),
            b'M' => text = value(),
            _ => {}
        }
    }
    let kind = match code.as_str() {
        code if code.starts_with("28") => ErrorKind::Authentication,
        "42501" => ErrorKind::Denied,
        // No such function or feature; or a state in which it cannot be: wal_level, a recovery that goes on.
        "42883" | "0A000" | "55000" => ErrorKind::Unsupported,
        // Starting up, shutting down, too many sessions.
        code if code.starts_with("57P") || code == "53300" => ErrorKind::Unreachable,
        "57014" | "55P03" => ErrorKind::TimedOut,
        "3D000" => ErrorKind::Configuration,
        _ => ErrorKind::Failed,
    };
    Error::new(kind, format!("could not {attempt}: {text} ({code})"))
}

fn unexpected(attempt: &str) -> Error {
    Error::failed(format!("could not {attempt}: the server's answer is not one to this question"))
}

#[cfg(test)]
mod tests {
    use std::io;

    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    /// A server that says this, whatever it hears.
    struct Says<'a> {
        bytes: &'a [u8],
        heard: Vec<u8>,
    }

    impl Read for Says<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.bytes.read(buffer)
        }
    }

    impl Write for Says<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.heard.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn secret() -> Result<SecretText> {
        hooks_sdk::fake::Host::new()
            .secret("password", "hunter2")
            .run(|| hooks_sdk::Secret::new("password").read())
    }

    fn open(bytes: &[u8]) -> Result<Session<Says<'_>>> {
        let login = Login { user: "backup", database: "postgres", password: &secret, weak: false };
        Session::open(Says { bytes, heard: Vec::new() }, &login)
    }

    fn message(tag: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap();
        [&[tag][..], &length.to_be_bytes(), body].concat()
    }

    fn welcome() -> Vec<u8> {
        [message(b'R', &[0; 4]), message(b'Z', b"I")].concat()
    }

    fn error_of(bytes: &[u8]) -> Error {
        open(bytes).err().expect("such a server is refused")
    }

    #[rstest]
    #[case::huge_message(message(b'R', &[0; 4]).into_iter().chain([b'D', 0x7f, 255, 255, 255]).collect(), "announces a message")]
    #[case::negative_length(vec![b'R', 255, 255, 255, 255], "could not understand")]
    #[case::password_in_the_clear(message(b'R', &[0, 0, 0, 3]), "asks for the password")]
    #[case::password_as_md5(message(b'R', &[0, 0, 0, 5, 1, 2, 3, 4]), "asks for the password")]
    #[case::end_of_scram_without_its_begin(message(b'R', &[0, 0, 0, 12, b'v']), "not one to this question")]
    #[case::welcome_amid_scram(
        [message(b'R', b"\0\0\0\x0aSCRAM-SHA-256\0\0"), message(b'R', &[0; 4])].concat(),
        "not one to this question"
    )]
    #[case::gone(message(b'R', &[0; 4]), "closed the session")]
    #[case::wrong_password(
        message(b'E', b"SFATAL\0C28P01\0Mpassword authentication failed\0\0"),
        "could not log in: password authentication failed (28P01)"
    )]
    fn refuses_a_server_that(#[case] bytes: Vec<u8>, #[case] expected: &str) {
        let error = error_of(&bytes);
        assert!(error.message.contains(expected), "{error:?}");
    }

    #[test]
    fn a_server_that_never_stops_answering_is_stopped() {
        let row = message(b'D', &[0, 1, 0, 0, 0, 1, b'x']);
        let bytes = [welcome(), row.repeat(MOST_ROWS + 1)].concat();
        let error = open(&bytes).unwrap().query("count", "SELECT 1").unwrap_err();
        assert!(error.message.contains("answers too much"), "{error:?}");
    }

    #[test]
    fn a_failed_statement_leaves_the_session_of_use() {
        let failed = message(b'E', b"C42501\0Mpermission denied\0\0");
        let ready = message(b'Z', b"I");
        let row = message(b'D', &[0, 2, 0, 0, 0, 1, b'x', 255, 255, 255, 255]);
        let bytes = [welcome(), failed, ready.clone(), row, ready].concat();
        let mut session = open(&bytes).unwrap();
        let error = session.query("checkpoint", "CHECKPOINT").unwrap_err();
        assert_eq!(
            (error.kind, error.message.as_str()),
            (ErrorKind::Denied, "could not checkpoint: permission denied (42501)")
        );
        assert_eq!(session.row::<2>("ask", "SELECT 'x', NULL").unwrap(), [Some("x".to_owned()), None]);
    }

    #[test]
    fn what_was_not_heard_to_its_end_answers_no_later_question() {
        let row = |text: u8| message(b'D', &[0, 1, 0, 0, 0, 1, text]);
        let late =
            [welcome(), row(b'x').repeat(MOST_ROWS + 1), message(b'Z', b"I"), row(b'y'), message(b'Z', b"I")];
        let bytes = late.concat();
        let mut session = open(&bytes).unwrap();
        session.query("count", "SELECT 1").unwrap_err();
        let error = session.query("ask", "SELECT 2").unwrap_err();
        assert!(error.message.contains("not heard to its end"), "{error:?}");
    }

    proptest! {
        /// Whatever a server says, it is an answer or an error; and what was announced is never waited for unbounded.
        #[test]
        fn survives_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..512), after_login: bool) {
            let bytes = if after_login { [welcome(), bytes].concat() } else { bytes };
            if let Ok(mut session) = open(&bytes) {
                let _ = session.query("ask", "SELECT 1");
                prop_assert!(session.received.len() <= LARGEST_MESSAGE + CHUNK + 5);
            }
        }

        /// Messages with right lengths come further.
        #[test]
        fn survives_any_messages(
            messages in prop::collection::vec((prop::sample::select(b"RSKZTDCENI".to_vec()), prop::collection::vec(any::<u8>(), 0..40)), 0..12)
        ) {
            let said: Vec<u8> = messages.iter().flat_map(|(tag, body)| message(*tag, body)).collect();
            let _ = open(&said);
            let bytes = [welcome(), said].concat();
            let mut session = open(&bytes).unwrap();
            let _ = session.row::<1>("ask", "SELECT 1");
        }

        /// And so do those of a login by SCRAM.
        #[test]
        fn survives_any_scram(first in "[ -~]{0,60}", last in prop::collection::vec(any::<u8>(), 0..60)) {
            let said = [
                message(b'R', b"\0\0\0\x0aSCRAM-SHA-256\0\0"),
                message(b'R', &[b"\0\0\0\x0b", first.as_bytes()].concat()),
                message(b'R', &[b"\0\0\0\x0c", last.as_slice()].concat()),
                message(b'R', &[0; 4]),
            ].concat();
            prop_assert!(open(&said).is_err());
        }
    }
}
