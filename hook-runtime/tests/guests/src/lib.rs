//! A hook for tests, honest or hostile as the setting `behaviour` says.
//!
//! Its application is a line server: one connection is one session, `hello` answers its number, and `freeze`, `check`
//! and `thaw` answer `ok` or why not.

#![allow(missing_docs, clippy::all, reason = "bindings are generated")]

use std::{
    cell::RefCell,
    io::{BufRead as _, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

wit_bindgen::generate!({ path: "../../../wit", world: "application-hook" });

use exports::kubectl_backup::hook::hook::Guest;
use kubectl_backup::hook::{
    configuration, log, mounts,
    types::{
        Consistency, Description, Error, ErrorKind, Expiry, Fact, FactValue, Grant, Receipt, Request,
        Setting, SettingKind,
    },
};

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

struct Session {
    stream: BufReader<Box<dyn Stream>>,
    number: String,
}

thread_local!(static SESSION: RefCell<Option<Session>> = const { RefCell::new(None) });

fn failed(kind: ErrorKind, message: impl ToString) -> Error {
    Error { kind, message: message.to_string() }
}

/// By the SDK, which has half of the budget.
fn open_tls(budget: u32) -> Result<hooks_sdk::TlsStream, Error> {
    let told = |error: hooks_sdk::Error| Error {
        kind: match error.kind {
            hooks_sdk::ErrorKind::Denied => ErrorKind::Denied,
            hooks_sdk::ErrorKind::TimedOut => ErrorKind::TimedOut,
            _ => ErrorKind::Failed,
        },
        message: error.message,
    };
    let address: SocketAddr = setting("address").parse().expect("an address");
    let deadline = hooks_sdk::Deadline::after(Duration::from_millis(u64::from(budget) / 2));
    let stream = hooks_sdk::Stream::connect(address, deadline).map_err(told)?;
    stream.secure(&setting("server-name")).map_err(told)
}

fn setting(name: &str) -> String {
    configuration::get(name).unwrap_or_default()
}

impl Session {
    fn open(request: &Request) -> Result<Self, Error> {
        let address: SocketAddr =
            setting("address").parse().map_err(|error| failed(ErrorKind::Configuration, error))?;
        let stream: Box<dyn Stream> = if setting("server-name").is_empty() {
            Box::new(TcpStream::connect(address).map_err(|error| failed(ErrorKind::Unreachable, error))?)
        } else {
            let mut stream = open_tls(request.budget)?;
            stream.renew(hooks_sdk::Deadline::after(Duration::from_secs(3600)));
            Box::new(stream)
        };
        let mut session = Self { stream: BufReader::new(stream), number: String::new() };
        session.number = session.ask("hello")?;
        Ok(session)
    }

    fn ask(&mut self, line: &str) -> Result<String, Error> {
        let io = |error| failed(ErrorKind::Unreachable, error);
        self.stream.get_mut().write_all(format!("{line}\n").as_bytes()).map_err(io)?;
        let mut answer = String::new();
        self.stream.read_line(&mut answer).map_err(io)?;
        match answer.trim_end() {
            "" => Err(failed(ErrorKind::NotHeld, "the application closed the connection")),
            "not held" => Err(failed(ErrorKind::NotHeld, "the application says that nothing is held")),
            answer => Ok(answer.to_owned()),
        }
    }
}

fn receipt(session: Option<String>) -> Receipt {
    Receipt { session, facts: Vec::new(), consistency: Consistency::Application, needs: Vec::new() }
}

/// What the hostile ones do at the step that their name says.
fn misbehave(step: &str) -> Result<(), Error> {
    let behaviour = setting("behaviour");
    let Some(deed) = behaviour.strip_suffix(&format!("-at-{step}")) else { return Ok(()) };
    match deed {
        "trap" => panic!("the guest panics at {step}"),
        "spin" => loop {
            std::hint::black_box(0);
        },
        "sleep" => loop {
            std::thread::sleep(Duration::from_secs(3600));
        },
        "hoard" => {
            let address: SocketAddr = setting("address").parse().expect("an address");
            let hoard: Vec<_> = (0..10_000).map(|_| TcpStream::connect(address)).collect();
            Err(failed(
                ErrorKind::Failed,
                format!("the guest has {} sockets", hoard.iter().flatten().count()),
            ))
        }
        "hoard-tls" => {
            let mut hoard = Vec::new();
            loop {
                match open_tls(60_000) {
                    Ok(stream) => hoard.push(stream),
                    Err(error) => {
                        let message = format!("after {}: {}", hoard.len(), error.message);
                        return Err(failed(ErrorKind::Failed, message));
                    }
                }
            }
        }
        "eat" => {
            let mut eaten = Vec::new();
            loop {
                eaten.push(vec![1u8; 1 << 20]);
                std::hint::black_box(&eaten);
            }
        }
        "flood" => {
            for number in 0..100_000 {
                log::write(log::Level::Warn, &format!("flood {number} {}", "x".repeat(100)));
            }
            log::write(log::Level::Warn, &"y".repeat(1 << 20));
            for _ in 0..10_000 {
                eprintln!("flood of stderr {}", "z".repeat(100));
            }
            Ok(())
        }
        "mount" => mounts::freeze("data"),
        "look" => match std::fs::read_dir("/data") {
            Ok(_) => Ok(()),
            Err(error) => Err(failed(ErrorKind::Denied, error)),
        },
        "fail" => Err(failed(ErrorKind::Denied, format!("the guest may not {step}\u{1b}[2J"))),
        other => Err(failed(ErrorKind::Configuration, format!("no such deed: {other}"))),
    }
}

struct Hook;

impl Guest for Hook {
    fn describe() -> Description {
        let text = |name: &str, default: Option<&str>, purpose: &str| Setting {
            name: name.to_owned(),
            kind: SettingKind::Text,
            default: default.map(str::to_owned),
            purpose: purpose.to_owned(),
        };
        Description {
            name: "guest".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            freezes: "the line server of the tests".to_owned(),
            expiry: Expiry::SessionBound,
            grants: vec![Grant::Connect("the line server".to_owned()), Grant::Secret("password".to_owned())],
            settings: vec![
                text("address", None, "where the line server listens"),
                text("server-name", Some(""), "of the line server, if it speaks TLS"),
                text("behaviour", Some("honest"), "what is done wrong, and at which step"),
            ],
        }
    }

    fn prepare(request: Request) -> Result<Receipt, Error> {
        misbehave("prepare")?;
        let session = Session::open(&request)?;
        let number = session.number.clone();
        SESSION.set(Some(session));
        log::write(log::Level::Info, &format!("session {number} is open"));
        let mut receipt = receipt(Some(number));
        for name in ["password", "other"] {
            let value = match configuration::secret(name) {
                Some(secret) => format!("{} bytes", secret.len()),
                None => "not granted".to_owned(),
            };
            receipt.facts.push(Fact { name: format!("secret-{name}"), value: FactValue::Text(value) });
        }
        Ok(receipt)
    }

    fn freeze(request: Request) -> Result<Receipt, Error> {
        misbehave("freeze")?;
        if setting("behaviour") == "huge-receipt" {
            let mut receipt = receipt(None);
            receipt.facts.push(Fact { name: "huge".to_owned(), value: FactValue::Bytes(vec![7; 10 << 20]) });
            return Ok(receipt);
        }
        if setting("behaviour") == "mount" {
            mounts::freeze("data")?;
        }
        SESSION.with_borrow_mut(|session| {
            let session = session.as_mut().ok_or_else(|| failed(ErrorKind::Failed, "not prepared"))?;
            session.ask(&format!("freeze {}", request.restore_point))?;
            Ok(receipt(Some(session.number.clone())))
        })
    }

    fn check(_: Request) -> Result<Receipt, Error> {
        misbehave("check")?;
        SESSION.with_borrow_mut(|session| {
            let session = session.as_mut().ok_or_else(|| failed(ErrorKind::NotHeld, "not prepared"))?;
            if setting("behaviour") != "lie" {
                session.ask("check")?;
            }
            Ok(receipt(Some(session.number.clone())))
        })
    }

    fn thaw(request: Request) -> Result<Receipt, Error> {
        misbehave("thaw")?;
        if setting("behaviour") == "mount" {
            mounts::thaw("data")?;
        }
        let Some(mut session) = SESSION.take() else {
            // Nothing is held in this instance, and what another one held went with its connection.
            return Ok(receipt(None));
        };
        if setting("behaviour") == "reconnect" {
            session = Session::open(&request)?;
        }
        match session.ask("thaw") {
            Ok(_) => Ok(receipt(Some(session.number))),
            Err(error) if error.kind == ErrorKind::NotHeld && setting("behaviour") == "reconnect" => {
                Ok(receipt(Some(session.number)))
            }
            Err(error) => Err(error),
        }
    }

    fn recover(request: Request, facts: Vec<Fact>) -> Result<Receipt, Error> {
        misbehave("recover")?;
        let io = |error: std::io::Error| failed(ErrorKind::Denied, error);
        for fact in facts {
            let FactValue::Bytes(bytes) = fact.value else { continue };
            std::fs::write(format!("/data/{}", fact.name), bytes).map_err(io)?;
        }
        let mut receipt = receipt(None);
        receipt.facts.push(Fact { name: "of".to_owned(), value: FactValue::Text(request.restore_point) });
        Ok(receipt)
    }

    fn verify(request: Request, _: Vec<Fact>) -> Result<Receipt, Error> {
        misbehave("verify")?;
        // Not by what it could still see of the folder: the application is asked.
        let session = Session::open(&request)?;
        Ok(receipt(Some(session.number)))
    }
}

export!(Hook);
