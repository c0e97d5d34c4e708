//! The beginning of a session: the server's greeting, TLS if it is wanted, and the login.

use std::io::{Read, Write};

use hooks_sdk::{Error, ErrorKind, Result, SecretText};

use crate::{
    authentication::{SCRAMBLE, Way},
    packet::{Fields, Packets},
    session::{Session, unexpected},
};

/// What this client can: 4.1 protocol, its password hash, and ways to log in that have a name.
const CAPABILITIES: u32 = 0x1 | 0x200 | 0x8000 | 0x0008_0000;
/// It goes on with TLS.
const TLS: u32 = 0x800;
/// utf8mb4.
const CHARSET: u8 = 45;
/// Answers in a login: steps of ways to log in that a server may propose one after the other.
const MOST_STEPS: usize = 6;
/// What `caching_sha2_password` says: the hash was enough; the password is needed.
const ENOUGH: u8 = 3;
const NEEDED: u8 = 4;

/// Who can hear what is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// Whoever is in between: the password itself is never sent.
    Open,
    /// The server alone.
    Private,
}

/// A server that has greeted and waits for the login.
#[derive(Debug)]
pub struct Greeting<S> {
    packets: Packets<S>,
    speaks_tls: bool,
    scramble: Vec<u8>,
    way: Way,
    capabilities: u32,
}

impl<S: Read + Write> Greeting<S> {
    /// Waits for it.
    ///
    /// # Errors
    /// The connection ends, the server refuses it, or what answers speaks another protocol.
    pub fn receive(stream: S) -> Result<Self> {
        let mut packets = Packets::new(stream);
        let greeting = packets.receive("connect")?;
        let (scramble, capabilities, way) = read(&greeting).ok_or_else(|| unexpected("connect"))?;
        // A way that is not known is changed in the login, or the server says which it wants.
        let way = Way::named(&way).unwrap_or(Way::Native);
        Ok(Self { packets, speaks_tls: capabilities & TLS != 0, scramble, way, capabilities: CAPABILITIES })
    }

    /// Goes on with TLS, by the handshake that `change` does.
    ///
    /// # Errors
    /// The server has no TLS; those of `change`.
    pub fn secure<T>(mut self, change: impl FnOnce(S) -> Result<T>) -> Result<Greeting<T>> {
        if !self.speaks_tls {
            return Err(Error::unsupported(
                "the server speaks no TLS, and `sslmode` of this hook asks for it",
            ));
        }
        self.capabilities |= TLS;
        self.packets.send(&self.head())?;
        let Self { packets, speaks_tls, scramble, way, capabilities } = self;
        Ok(Greeting { packets: packets.over(change)?, speaks_tls, scramble, way, capabilities })
    }

    /// Logs in.
    ///
    /// # Errors
    /// Of kind `authentication`: the server refuses the user or the password, asks for a way to log in that is not known
    /// here, or for the password itself over an open channel.
    pub fn log_in(mut self, user: &str, password: &SecretText, channel: Channel) -> Result<Session<S>> {
        let login = self.login(user, &self.way.proof(password, &self.scramble));
        self.packets.send(&login)?;
        for _ in 0..MOST_STEPS {
            let answer = self.packets.receive("log in")?;
            match answer.split_first() {
                Some((0, _)) => return Ok(Session { packets: self.packets }),
                Some((0xfe, rest)) => {
                    let mut fields = Fields(rest);
                    let way = fields.text();
                    self.way = Way::named(&way).ok_or_else(|| unknown(&way))?;
                    let anew = fields.bytes(SCRAMBLE).ok_or_else(|| unexpected("log in"))?;
                    self.packets.send(&self.way.proof(password, anew))?;
                }
                Some((1, [ENOUGH])) if self.way == Way::CachingSha2 => {}
                Some((1, [NEEDED])) if self.way == Way::CachingSha2 => {
                    if channel == Channel::Open {
                        return Err(Error::new(ErrorKind::Authentication, NEEDS_TLS));
                    }
                    self.packets.send(&[password.expose().as_bytes(), &[0]].concat())?;
                }
                _ => return Err(unexpected("log in")),
            }
        }
        Err(unexpected("log in"))
    }

    /// The beginning of a login, and all of a request for TLS.
    fn head(&self) -> Vec<u8> {
        let mut packet = self.capabilities.to_le_bytes().to_vec();
        packet.extend_from_slice(&(1_u32 << 24).to_le_bytes());
        packet.push(CHARSET);
        packet.extend_from_slice(&[0; 23]);
        packet
    }

    fn login(&self, user: &str, proof: &[u8]) -> Vec<u8> {
        let mut packet = self.head();
        packet.extend_from_slice(user.as_bytes());
        packet.push(0);
        // Nothing, or a hash of at most 32 bytes.
        packet.push(u8::try_from(proof.len()).unwrap_or_default());
        packet.extend_from_slice(proof);
        packet.extend_from_slice(self.way.name().as_bytes());
        packet.push(0);
        packet
    }
}

/// The other way that a server offers, by a key of its own (RSA), is not taken: whoever is in between can offer his.
const NEEDS_TLS: &str = "could not log in: the server has not seen the password since it started, and takes it over TLS \
                         alone: set `sslmode` to `require`, and grant the hook `tls`";

fn unknown(way: &str) -> Error {
    let shown: String = way.chars().take(64).collect();
    let [native, caching] = Way::ALL.map(Way::name);
    let message =
        format!("the server asks for a login by `{shown}`; let the user have {native} or {caching}");
    Error::new(ErrorKind::Authentication, message)
}

/// The server's part of the hash, what it can, and its way to log in.
fn read(greeting: &[u8]) -> Option<(Vec<u8>, u32, String)> {
    let mut fields = Fields(greeting);
    if fields.u8()? != 10 {
        return None;
    }
    let _version = fields.text();
    let _connection = fields.u32()?;
    let first = fields.bytes(8)?;
    let _zero = fields.u8()?;
    let lower = fields.u16()?;
    // Charset and status.
    fields.bytes(1 + 2)?;
    let upper = fields.u16()?;
    // Length, and what is reserved.
    fields.bytes(1 + 10)?;
    let second = fields.bytes(SCRAMBLE - 8)?;
    let _zero = fields.u8();
    let capabilities = u32::from(upper) << 16 | u32::from(lower);
    Some(([first, second].concat(), capabilities, fields.text()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::server::{PASSWORD, Says, greeting, packet, password};

    const NATIVE: &str = "mysql_native_password";
    const CACHING: &str = "caching_sha2_password";

    fn switch(way: &str) -> Vec<u8> {
        packet(&[b"\xfe", way.as_bytes(), &[0], &[7; SCRAMBLE], &[0]].concat())
    }

    /// What came of a login, and what the server heard.
    fn log_in(bytes: &[u8], channel: Channel) -> (Result<()>, Vec<u8>) {
        let heard = std::cell::RefCell::new(Vec::new());
        let outcome = Greeting::receive(Says::new(bytes)).and_then(|greeting| {
            let listening = greeting.secure(|server| Ok(Listened(server, &heard)))?;
            listening.log_in("backup", &password(), channel).map(drop)
        });
        (outcome, heard.into_inner())
    }

    /// Lets a test hear too.
    #[derive(Debug)]
    struct Listened<'a>(Says<'a>, &'a std::cell::RefCell<Vec<u8>>);

    impl Read for Listened<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            self.0.read(buffer)
        }
    }

    impl Write for Listened<'_> {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.1.borrow_mut().extend_from_slice(bytes);
            self.0.write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[rstest]
    #[case::native(&[greeting(NATIVE), packet(&[0; 7])])]
    #[case::switched(&[greeting(NATIVE), switch(CACHING), packet(&[1, ENOUGH]), packet(&[0; 7])])]
    #[case::known(&[greeting(CACHING), packet(&[1, ENOUGH]), packet(&[0; 7])])]
    #[case::back(&[greeting(CACHING), switch(NATIVE), packet(&[0; 7])])]
    fn a_hash_is_enough(#[case] said: &[Vec<u8>]) {
        let (outcome, heard) = log_in(&said.concat(), Channel::Open);
        outcome.unwrap();
        assert!(!tells_the_password(&heard));
    }

    fn tells_the_password(heard: &[u8]) -> bool {
        heard.windows(PASSWORD.len()).any(|bytes| bytes == PASSWORD.as_bytes())
    }

    #[test]
    fn the_password_itself_is_for_the_server_alone() {
        let said = [greeting(CACHING), packet(&[1, NEEDED]), packet(&[0; 7])].concat();
        let (outcome, heard) = log_in(&said, Channel::Open);
        let error = outcome.unwrap_err();
        assert!(error.kind == ErrorKind::Authentication && error.message.contains("sslmode"), "{error:?}");
        assert!(!tells_the_password(&heard));
        let (outcome, heard) = log_in(&said, Channel::Private);
        outcome.unwrap();
        assert!(tells_the_password(&heard));
    }

    #[rstest]
    #[case::clear(&[greeting(NATIVE), switch("mysql_clear_password")], ErrorKind::Authentication)]
    #[case::needed_by_another_way(&[greeting(NATIVE), packet(&[1, NEEDED])], ErrorKind::Failed)]
    #[case::endless(&[greeting(NATIVE), switch(NATIVE).repeat(9)], ErrorKind::Failed)]
    #[case::wrong(&[greeting(NATIVE), packet(b"\xff\x15\x04#28000no")], ErrorKind::Authentication)]
    #[case::not_this_protocol(&[packet(b"\x09old")], ErrorKind::Failed)]
    fn a_server_is_refused_that_says(#[case] said: &[Vec<u8>], #[case] kind: ErrorKind) {
        let (outcome, heard) = log_in(&said.concat(), Channel::Private);
        assert_eq!(outcome.unwrap_err().kind, kind);
        assert!(!tells_the_password(&heard));
    }

    #[test]
    fn tls_is_asked_for_before_the_user_is_told() {
        let said = greeting(NATIVE);
        let mut asked = Vec::new();
        let greeting = Greeting::receive(Says::new(&said)).unwrap();
        let secured = greeting.secure(|server| {
            asked.clone_from(&server.heard);
            Ok(server)
        });
        assert!(secured.is_ok());
        assert_eq!((asked.len(), asked[3]), (4 + 32, 1), "a head and no more");
        assert_eq!(u32::from_le_bytes([asked[4], asked[5], asked[6], asked[7]]) & TLS, TLS);
    }

    proptest! {
        /// Whatever a server says, it is an answer or an error.
        #[test]
        fn survives_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = log_in(&bytes, Channel::Open);
            let _ = log_in(&[greeting(CACHING), bytes].concat(), Channel::Private);
        }

        /// Packets with right lengths come further.
        #[test]
        fn survives_any_packets(contents in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..10)) {
            let said: Vec<u8> = contents.iter().flat_map(|content| packet(content)).collect();
            let _ = log_in(&[greeting(CACHING), said].concat(), Channel::Private);
        }
    }
}
