//! Freezes an application that takes a line and answers with one.
//!
//! Change the words, or replace the conversation: what matters is that one connection lives from `prepare` to `thaw`, and
//! that the application lets go by itself when that connection ends.

use std::{
    io::{Read as _, Write as _},
    net::SocketAddr,
};

use hooks_sdk::{
    Attempt as _, Consistency, Deadline, Description, Error, Expiry, Hook, Receipt, Request, Result, Setting,
    Stream,
};

const ADDRESS: Setting<SocketAddr> =
    Setting::required("address", "where the application listens, in numbers");

/// Bytes of an answer: what a server says without end must not fill the memory.
const LONGEST_ANSWER: usize = 1024;

/// The connection to the application, from `prepare` to `thaw`.
#[derive(Default)]
struct Application(Option<Session>);

struct Session {
    stream: Stream,
    /// What the application calls it: the runtime compares it at the freeze and at the thaw.
    name: String,
}

impl Hook for Application {
    fn describe() -> Description {
        let name = env!("CARGO_PKG_NAME");
        Description::new(name, env!("CARGO_PKG_VERSION"), "writes to the application", Expiry::SessionBound)
            .connects("the port of the application")
            .setting(&ADDRESS)
    }

    fn prepare(&mut self, request: &Request) -> Result<Receipt> {
        let mut stream = Stream::connect(ADDRESS.get()?, Deadline::of(request))?;
        let name = ask(&mut stream, "hello")?;
        self.0 = Some(Session { stream, name });
        Ok(Receipt::new(Consistency::Crash))
    }

    fn freeze(&mut self, request: &Request) -> Result<Receipt> {
        self.must("freeze", request)
    }

    fn check(&mut self, request: &Request) -> Result<Receipt> {
        self.must("check", request)
    }

    fn thaw(&mut self, request: &Request) -> Result<Receipt> {
        // Also called when a step failed, or by a value that never got a connection.
        if self.0.is_none() {
            return Ok(Receipt::new(Consistency::Crash));
        }
        self.must("thaw", request)
    }
}

impl Application {
    /// Says a word to which the application answers `ok`.
    fn must(&mut self, word: &str, request: &Request) -> Result<Receipt> {
        let session = self.0.as_mut().ok_or_else(|| Error::not_held("the application is not connected"))?;
        session.stream.renew(Deadline::of(request));
        match ask(&mut session.stream, word)?.as_str() {
            "ok" => Ok(Receipt::new(Consistency::Application).session(&session.name)),
            answer => Err(Error::not_held(format!("the application answers `{answer}` to `{word}`"))),
        }
    }
}

/// Says `word`, and gives the line that answers.
fn ask(stream: &mut Stream, word: &str) -> Result<String> {
    let attempt = || format!("say `{word}` to the application");
    stream.write_all(format!("{word}\n").as_bytes()).attempt(attempt)?;
    let mut answer = Vec::new();
    while answer.len() < LONGEST_ANSWER {
        let mut chunk = [0; 128];
        let count = stream.read(&mut chunk).attempt(attempt)?;
        if count == 0 {
            break;
        }
        answer.extend_from_slice(&chunk[..count]);
        if let Some(end) = answer.iter().position(|byte| *byte == b'\n') {
            return Ok(String::from_utf8_lossy(&answer[..end]).into_owned());
        }
    }
    Err(Error::failed(format!("could not {}: no line came back", attempt())))
}

hooks_sdk::export!(Application);

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead as _, BufReader},
        net::TcpListener,
        thread,
    };

    use hooks_sdk::fake::{Host, request};

    use super::*;

    /// An application that answers each line with the next of these, once.
    fn application(answers: &'static [&'static str]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it has an address");
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("the hook connects");
            let lines = BufReader::new(stream.try_clone().expect("it can be read")).lines();
            for (_, answer) in lines.map_while(std::result::Result::ok).zip(answers) {
                // The hook may be gone.
                let _ = writeln!(stream, "{answer}");
            }
        });
        address
    }

    fn host(address: SocketAddr) -> Host {
        Host::new().setting("address", address.to_string())
    }

    #[test]
    fn it_is_held_in_one_session() {
        let request = request();
        host(application(&["session-7", "ok", "ok", "ok"])).run(|| {
            let mut hook = Application::default();
            hook.prepare(&request).expect("it is prepared");
            assert_eq!(hook.freeze(&request).expect("it is frozen").session.as_deref(), Some("session-7"));
            hook.check(&request).expect("it is held");
            assert_eq!(hook.thaw(&request).expect("it is thawed").session.as_deref(), Some("session-7"));
        });
    }

    #[test]
    fn one_that_lost_its_freeze_is_told() {
        let request = request();
        host(application(&["session-7", "ok", "not held"])).run(|| {
            let mut hook = Application::default();
            hook.prepare(&request).expect("it is prepared");
            hook.freeze(&request).expect("it is frozen");
            let error = hook.check(&request).expect_err("the application says no");
            assert!(error.message.contains("`not held`"), "{}", error.message);
        });
    }

    #[test]
    fn an_application_that_hangs_up_is_told() {
        host(application(&[])).run(|| {
            let error = Application::default().prepare(&request()).expect_err("nobody answers");
            assert!(error.message.contains("say `hello` to the application"), "{}", error.message);
        });
    }
}
