//! An application with endpoints: it is paused, asked, and resumed, also by a runtime that begins anew.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};

use crate::{component::expect, machine, process::Runtime};

const TOKEN: &str = "correct-horse";

/// An application that answers over HTTP.
pub(crate) struct Application {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Whether it asks for no token.
    open: bool,
    paused: bool,
    asked: Vec<String>,
}

impl Application {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let application = Self { address: listener.local_addr().unwrap(), state: Arc::default() };
        let state = Arc::clone(&application.state);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
                let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
                if let Some(request) = head.first() {
                    let knows = head.iter().any(|line| *line == format!("Authorization: Bearer {TOKEN}"));
                    let status = state.lock().unwrap().answer(request, knows);
                    // Who asked may be gone.
                    let _ = write!(stream, "HTTP/1.1 {status} \r\nContent-Length: 0\r\n\r\n");
                }
            }
        });
        application
    }

    /// One that asks for no token.
    pub(crate) fn start_open() -> Self {
        let application = Self::start();
        application.state.lock().unwrap().open = true;
        application
    }

    /// As if its own timer had ended the pause.
    pub(crate) fn resume_by_itself(&self) {
        self.state.lock().unwrap().paused = false;
    }

    fn runtime(&self, settings: &Value) -> Runtime {
        let mut hook = json!({ "connect": [self.address], "settings": settings });
        hook["settings"]["address"] = json!(self.address);
        Runtime::with_hook("http", &hook, TOKEN)
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.state.lock().unwrap().paused
    }
}

impl State {
    fn answer(&mut self, request: &str, knows: bool) -> u16 {
        let request = request.trim_end_matches(" HTTP/1.1");
        self.asked.push(request.to_owned());
        match request {
            _ if !knows && !self.open => 401,
            "POST /pause" => {
                self.paused = true;
                204
            }
            "POST /resume" => {
                self.paused = false;
                204
            }
            "GET /paused" if !self.paused => 503,
            "GET /paused" | "GET /whole" => 200,
            _ => 404,
        }
    }
}

#[test]
fn it_is_paused_asked_and_resumed() {
    let application = Application::start();
    let runtime = application.runtime(&json!({ "with-token": "true", "verify-path": "/whole" }));
    let mut client = runtime.connect();
    expect("done", client.prepare(&json!({})));
    expect("done", client.step("freeze"));
    assert!(application.is_paused());
    expect("done", client.step("check"));
    expect("thawed", client.step("thaw"));
    assert!(!application.is_paused());
    expect("done", client.after_restore("verify", "atomic", &json!([])));
    let asked = application.state.lock().unwrap().asked.join(", ");
    assert_eq!(asked, "POST /pause, GET /paused, POST /resume, GET /whole");
}

#[test]
fn a_client_that_goes_resumes_it() {
    let application = Application::start();
    let runtime = application.runtime(&json!({ "with-token": "true" }));
    let mut client = runtime.connect();
    expect("done", client.prepare(&json!({})));
    expect("done", client.step("freeze"));
    drop(client);
    machine::wait("it is resumed", || !application.is_paused());
    assert_eq!(runtime.last()["broken"], "connection-lost");
}

#[test]
fn one_that_resumed_by_itself_is_told() {
    let application = Application::start();
    let runtime = application.runtime(&json!({ "with-token": "true" }));
    let mut client = runtime.connect();
    expect("done", client.prepare(&json!({})));
    expect("done", client.step("freeze"));
    application.resume_by_itself();
    let (status, answer) = client.step("check");
    assert_eq!((status, &answer["failure"]["kind"]), (502, &json!("not-held")), "{answer}");
}

#[test]
fn a_token_that_is_not_sent_is_missed() {
    let application = Application::start();
    let runtime = application.runtime(&json!({}));
    let mut client = runtime.connect();
    expect("done", client.prepare(&json!({})));
    let (status, answer) = client.step("freeze");
    assert_eq!((status, &answer["failure"]["kind"]), (502, &json!("authentication")), "{answer}");
}
