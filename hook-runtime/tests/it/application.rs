//! What is frozen: a line server with sessions, which remembers what each of them did. Its freeze is bound to the
//! session, like the locks of a database.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

/// Far beyond what is waited for, so that a busy machine fails nothing.
const PATIENCE: Duration = Duration::from_mins(1);

#[derive(Clone)]
pub(crate) struct Application {
    address: SocketAddr,
    state: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Default)]
pub(crate) struct State {
    /// The session that holds the freeze.
    pub(crate) frozen: Option<usize>,
    /// What the sessions asked for, and their ends.
    pub(crate) events: Vec<String>,
    sessions: Vec<TcpStream>,
}

impl Application {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it has an address");
        let application = Self { address, state: Arc::default() };
        let served = application.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let session = served.change(|state| {
                    state.sessions.push(stream.try_clone().expect("a stream can be cloned"));
                    state.sessions.len()
                });
                let served = served.clone();
                std::thread::spawn(move || served.session(session, stream));
            }
        });
        application
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.0.lock().expect("no holder panicked"))
    }

    pub(crate) fn is_frozen(&self) -> bool {
        self.look(|state| state.frozen.is_some())
    }

    /// Waits until this is so.
    pub(crate) fn wait(&self, what: &str, is_so: impl Fn(&State) -> bool) {
        let state = self.state.0.lock().expect("no holder panicked");
        let (state, timeout) = self
            .state
            .1
            .wait_timeout_while(state, PATIENCE, |state| !is_so(state))
            .expect("no holder panicked");
        assert!(!timeout.timed_out(), "waited in vain until {what}: {:?}", state.events);
    }

    /// As an administrator does who ends all sessions.
    pub(crate) fn end_sessions(&self) {
        self.change(|state| {
            for session in &state.sessions {
                // It may be gone already.
                let _ = session.shutdown(Shutdown::Both);
            }
        });
        self.wait("no session holds a freeze", |state| state.frozen.is_none());
    }

    fn session(&self, session: usize, mut stream: TcpStream) {
        let lines = BufReader::new(stream.try_clone().expect("a stream can be cloned")).lines();
        for line in lines.map_while(Result::ok) {
            let answer = self.change(|state| state.answer(session, &line));
            if writeln!(stream, "{answer}").is_err() {
                break;
            }
        }
        self.change(|state| {
            state.frozen.take_if(|holder| *holder == session);
            state.events.push(format!("{session} closed"));
        });
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let outcome = change(&mut self.state.0.lock().expect("no holder panicked"));
        self.state.1.notify_all();
        outcome
    }
}

impl State {
    fn answer(&mut self, session: usize, line: &str) -> String {
        if line == "hello" {
            return format!("session-{session}");
        }
        self.events.push(format!("{session} {line}"));
        let verb = line.split(' ').next().unwrap_or_default();
        match verb {
            "freeze" => self.frozen = Some(session),
            _ if self.frozen != Some(session) => return "not held".to_owned(),
            "thaw" => self.frozen = None,
            _ => {}
        }
        "ok".to_owned()
    }
}
