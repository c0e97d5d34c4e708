//! One session with a MariaDB server: the login by password, and statements as text.

use std::io::{Read, Write};

use hooks_sdk::{Error, ErrorKind, Result, SecretText};
use sha1::{Digest as _, Sha1};

use crate::packet::{CutShort, Fields, Packets};

/// What this client can: 4.1 protocol, its password hash, and ways to log in that have a name.
const CAPABILITIES: u32 = 0x1 | 0x200 | 0x8000 | 0x0008_0000;
/// utf8mb4.
const CHARSET: u8 = 45;
/// The one way to log in that is known here.
const NATIVE: &str = "mysql_native_password";
/// Bytes of the server's part of the hash.
const SCRAMBLE: usize = 20;
/// `COM_QUERY` and `COM_QUIT`.
const QUERY: u8 = 3;
const QUIT: u8 = 1;
/// Columns and rows of an answer. Ours have a few.
const MOST_COLUMNS: u64 = 64;
const MOST_ROWS: usize = 64;
/// Ways to log in that a server may propose one after the other.
const MOST_SWITCHES: usize = 4;

/// A row of an answer, as text.
pub(crate) type Row = Vec<Option<String>>;

/// A session over this connection.
#[derive(Debug)]
pub(crate) struct Session<S> {
    packets: Packets<S>,
}

impl<S: Read + Write> Session<S> {
    /// Logs in.
    pub(crate) fn open(stream: S, user: &str, password: &SecretText) -> Result<Self> {
        let mut packets = Packets::new(stream);
        let greeting = packets.receive("connect")?;
        let mut scramble = scramble(&greeting).ok_or_else(|| unexpected("log in"))?;
        packets.send(&login(user, &hash(password, &scramble)))?;
        for _ in 0..MOST_SWITCHES {
            let answer = packets.receive("log in")?;
            match answer.split_first() {
                Some((0, _)) => return Ok(Self { packets }),
                Some((0xfe, rest)) => {
                    let mut fields = Fields(rest);
                    let way = fields.text();
                    if way != NATIVE {
                        let shown: String = way.chars().take(64).collect();
                        let message =
                            format!("the server asks for a login by `{shown}`; let the user have {NATIVE}");
                        return Err(Error::new(ErrorKind::Authentication, message));
                    }
                    let anew = fields.bytes(SCRAMBLE).ok_or_else(|| unexpected("log in"))?;
                    scramble = anew.to_vec();
                    packets.send(&hash(password, &scramble))?;
                }
                _ => return Err(unexpected("log in")),
            }
        }
        Err(unexpected("log in"))
    }

    /// The connection.
    pub(crate) fn stream(&mut self) -> &mut S {
        self.packets.stream()
    }

    /// Runs one statement and gives its rows. `attempt` is for people.
    pub(crate) fn query(&mut self, attempt: &str, statement: &str) -> Result<Vec<Row>> {
        self.packets.command(&[&[QUERY], statement.as_bytes()].concat())?;
        let first = self.packets.receive(attempt)?;
        if first.first() == Some(&0) {
            return Ok(Vec::new());
        }
        // Also what asks for a file of ours (0xfb) is no number of columns.
        let columns = Fields(&first).number().filter(|columns| (1..=MOST_COLUMNS).contains(columns));
        let columns = columns.ok_or_else(|| unexpected(attempt))?;
        for _ in 0..columns {
            self.packets.receive(attempt)?;
        }
        if !is_end(&self.packets.receive(attempt)?) {
            return Err(unexpected(attempt));
        }
        let mut rows = Vec::new();
        loop {
            let packet = self.packets.receive(attempt)?;
            if is_end(&packet) {
                return Ok(rows);
            }
            if rows.len() == MOST_ROWS {
                return Err(Error::failed(format!("could not {attempt}: the server answers too much")));
            }
            let mut fields = Fields(&packet);
            let row: Result<Row, CutShort> = (0..columns).map(|_| fields.value()).collect();
            rows.push(row.map_err(|CutShort| unexpected(attempt))?);
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
        // The connection closes all the same.
        drop(self.packets.command(&[QUIT]));
    }
}

/// The server's part of the hash, from its greeting.
fn scramble(greeting: &[u8]) -> Option<Vec<u8>> {
    let mut fields = Fields(greeting);
    if fields.u8()? != 10 {
        return None;
    }
    let _version = fields.text();
    let _connection = fields.u32()?;
    let first = fields.bytes(8)?;
    // A zero, capabilities, charset, status, capabilities, length, and what is reserved.
    fields.bytes(1 + 2 + 1 + 2 + 2 + 1 + 10)?;
    let second = fields.bytes(SCRAMBLE - 8)?;
    Some([first, second].concat())
}

fn login(user: &str, hash: &[u8]) -> Vec<u8> {
    let mut packet = CAPABILITIES.to_le_bytes().to_vec();
    packet.extend_from_slice(&(1_u32 << 24).to_le_bytes());
    packet.push(CHARSET);
    packet.extend_from_slice(&[0; 23]);
    packet.extend_from_slice(user.as_bytes());
    packet.push(0);
    // Nothing, or a hash of 20 bytes.
    packet.push(u8::try_from(hash.len()).unwrap_or_default());
    packet.extend_from_slice(hash);
    packet.extend_from_slice(NATIVE.as_bytes());
    packet.push(0);
    packet
}

/// What proves the password without telling it: SHA1(password) xor SHA1(scramble, SHA1(SHA1(password))).
fn hash(password: &SecretText, scramble: &[u8]) -> Vec<u8> {
    if password.expose().is_empty() {
        return Vec::new();
    }
    let once = Sha1::digest(password.expose().as_bytes());
    let twice = Sha1::digest(once);
    let salted = Sha1::new().chain_update(scramble).chain_update(twice).finalize();
    once.iter().zip(salted.iter()).map(|(one, other)| one ^ other).collect()
}

fn is_end(packet: &[u8]) -> bool {
    packet.first() == Some(&0xfe) && packet.len() < 9
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
    #[derive(Debug)]
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

    fn packet(content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(content.len()).unwrap().to_le_bytes();
        [&[length[0], length[1], length[2], 0][..], content].concat()
    }

    fn greeting() -> Vec<u8> {
        packet(
            &[
                &[10][..],
                b"10.11\0",
                &[1, 0, 0, 0],
                b"12345678",
                &[0; 19],
                b"abcdefghijkl\0",
                NATIVE.as_bytes(),
                &[0],
            ]
            .concat(),
        )
    }

    fn welcome() -> Vec<u8> {
        [greeting(), packet(&[0; 7])].concat()
    }

    fn password() -> SecretText {
        let host = hooks_sdk::fake::Host::new().secret("password", "hunter2");
        host.run(|| hooks_sdk::Secret::new("password").read().unwrap())
    }

    fn open(bytes: &[u8]) -> Result<Session<Says<'_>>> {
        Session::open(Says(bytes, Vec::new()), "backup", &password())
    }

    #[rstest]
    #[case::huge_packet([welcome(), vec![255, 255, 255, 0]].concat(), "announces a packet")]
    #[case::asks_for_a_file([welcome(), packet(b"\xfb/etc/passwd")].concat(), "not one to this question")]
    #[case::many_columns([welcome(), packet(&[0xfd, 255, 255, 255])].concat(), "not one to this question")]
    #[case::gone(welcome(), "could not read from the server")]
    #[case::failed([welcome(), packet(b"\xff\xcb\x04#42000denied")].concat(), "could not ask: denied (1227)")]
    #[case::cut_short([welcome(), packet(&[1]), packet(b"c"), packet(&[0xfe, 0, 0, 0, 0]), packet(&[9, b'x'])].concat(), "not one to this question")]
    fn refuses_a_server_that(#[case] bytes: Vec<u8>, #[case] expected: &str) {
        let error = open(&bytes).unwrap().query("ask", "SELECT 1").unwrap_err();
        assert!(error.message.contains(expected), "{error:?}");
    }

    #[test]
    fn the_password_is_sent_to_nobody() {
        let clear = [greeting(), packet(b"\xfemysql_clear_password\0")].concat();
        let error = open(&clear).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Authentication);
        let endless =
            [greeting(), packet(&[b"\xfemysql_native_password\0".as_slice(), &[7; 20]].concat()).repeat(9)]
                .concat();
        assert!(open(&endless).is_err());
    }

    #[test]
    fn rows_are_read() {
        let bytes = [
            welcome(),
            packet(&[2]),
            packet(b"one"),
            packet(b"two"),
            packet(&[0xfe, 0, 0, 2, 0]),
            packet(b"\x01x\xfb"),
            packet(&[0xfe, 0, 0, 2, 0]),
        ]
        .concat();
        assert_eq!(open(&bytes).unwrap().row::<2>("ask", "SELECT").unwrap(), [Some("x".to_owned()), None]);
    }

    proptest! {
        /// Whatever a server says, it is an answer or an error.
        #[test]
        fn survives_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = open(&bytes);
            if let Ok(mut session) = open(&[welcome(), bytes].concat()) {
                let _ = session.query("ask", "SELECT 1");
            }
        }

        /// Packets with right lengths come further.
        #[test]
        fn survives_any_packets(contents in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..10)) {
            let said: Vec<u8> = contents.iter().flat_map(|content| packet(content)).collect();
            let _ = open(&[greeting(), said.clone()].concat());
            let bytes = [welcome(), packet(&[1]), said].concat();
            let _ = open(&bytes).unwrap().row::<1>("ask", "SELECT 1");
        }
    }
}
