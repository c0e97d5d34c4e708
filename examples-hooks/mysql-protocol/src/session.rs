//! One session with a server: statements as text, and their short answers.

use std::{
    io::{Read, Write},
    time::Duration,
};

use hooks_sdk::{Error, Result};

use crate::packet::{CutShort, Fields, Packets};

/// `COM_QUERY` and `COM_QUIT`.
const QUERY: u8 = 3;
const QUIT: u8 = 1;
/// Columns and rows of an answer. Those of a hook have a few.
const MOST_COLUMNS: u64 = 64;
const MOST_ROWS: usize = 64;

/// How much longer than a freeze an idle session lives: the runtime's thaw comes first.
const GRACE: Duration = Duration::from_secs(5);

/// A row of an answer, as text.
pub type Row = Vec<Option<String>>;

/// A session over this connection, from [`Greeting::log_in`](crate::Greeting::log_in).
#[derive(Debug)]
pub struct Session<S> {
    pub(crate) packets: Packets<S>,
}

impl<S: Read + Write> Session<S> {
    /// The connection.
    pub fn stream(&mut self) -> &mut S {
        self.packets.stream()
    }

    /// Runs one statement and gives its rows. `attempt` is for people, as in `block commits`.
    ///
    /// # Errors
    /// What the server says, by its error numbers; a connection that ends; an answer larger than a hook has use for.
    pub fn query(&mut self, attempt: &str, statement: &str) -> Result<Vec<Row>> {
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
    ///
    /// # Errors
    /// Those of [`Session::query`], and another number of rows or values.
    pub fn row<const N: usize>(&mut self, attempt: &str, statement: &str) -> Result<[Option<String>; N]> {
        let mut rows = self.query(attempt, statement)?;
        let row = rows.pop().filter(|_| rows.is_empty()).and_then(|row| row.try_into().ok());
        row.ok_or_else(|| unexpected(attempt))
    }

    /// Bounds each wait of this session by the time that is left, and how long it lives when nobody asks: the timer that ends
    /// a freeze even when the runtime hangs. A runtime that is killed closes the session, which ends it too.
    ///
    /// # Errors
    /// Those of [`Session::query`].
    pub fn bound(&mut self, left: Duration) -> Result<()> {
        let (wait, idle) = (left.as_secs().max(1), (left + GRACE).as_secs());
        let settings = format!("SET SESSION lock_wait_timeout = {wait}, SESSION wait_timeout = {idle}");
        self.query("set its timeouts", &settings).map(drop)
    }

    /// What names the session in receipts: `connection 12`.
    ///
    /// # Errors
    /// Those of [`Session::row`].
    pub fn name(&mut self) -> Result<String> {
        let [id] = self.row("ask for the connection's id", "SELECT CONNECTION_ID()")?;
        id.map(|id| format!("connection {id}"))
            .ok_or_else(|| Error::failed("the server does not tell the connection's id"))
    }

    /// Says goodbye. What was held goes with the session.
    pub fn close(mut self) {
        // The connection closes all the same.
        drop(self.packets.command(&[QUIT]));
    }
}

fn is_end(packet: &[u8]) -> bool {
    packet.first() == Some(&0xfe) && packet.len() < 9
}

pub(crate) fn unexpected(attempt: &str) -> Error {
    Error::failed(format!("could not {attempt}: the server's answer is not one to this question"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::{
        Channel, Greeting,
        server::{Says, packet, password, welcome},
    };

    fn open(bytes: &[u8]) -> Result<Session<Says<'_>>> {
        Greeting::receive(Says::new(bytes))?.log_in("backup", &password(), Channel::Open)
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
            if let Ok(mut session) = open(&[welcome(), bytes].concat()) {
                let _ = session.query("ask", "SELECT 1");
            }
        }

        /// Packets with right lengths come further.
        #[test]
        fn survives_any_packets(contents in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..10)) {
            let said: Vec<u8> = contents.iter().flat_map(|content| packet(content)).collect();
            let bytes = [welcome(), packet(&[1]), said].concat();
            let _ = open(&bytes).unwrap().row::<1>("ask", "SELECT 1");
        }
    }
}
