//! Bytes of a stranger: whatever is sent to the runtime, it answers the next one, and the freeze of another stays held.

use std::{
    cell::RefCell,
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpStream},
    time::Duration,
};

use proptest::{prelude::*, sample::select, test_runner::TestRunner};
use serde_json::json;

use crate::{application::Application, process::Runtime};

/// Each is a connection to a real process.
const CASES: u32 = 400;

/// Far beyond what an answer takes, so that a runtime that hangs is found.
const PATIENCE: Duration = Duration::from_mins(1);

/// From bytes that mean nothing to requests that are nearly right.
fn sent() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![prop::collection::vec(any::<u8>(), 0..200), request(), two_requests()]
}

fn two_requests() -> impl Strategy<Value = Vec<u8>> {
    (request(), request()).prop_map(|(first, second)| [first, second].concat())
}

/// A request with one byte changed at times, whose length need not be that of its body.
fn request() -> impl Strategy<Value = Vec<u8>> {
    let method = select(vec!["GET", "POST", "PUT", "DELETE", "HEAD", "CONNECT", "get", ""]);
    let path = prop_oneof![
        select(vec![
            "/v1",
            "/v1/",
            "/metrics",
            "/v1/heartbeat",
            "/v1/hooks/guest",
            "/v1/hooks/guest/prepare",
            "/v1/hooks/guest/freeze",
            "/v1/hooks/guest/check",
            "/v1/hooks/guest/thaw",
            "/v1/hooks/guest/recover",
            "/v1/hooks/guest/../guest/thaw",
            "/v1/hooks/%67uest/thaw",
            "/v1/hooks//thaw",
            "//",
            "*",
        ])
        .prop_map(str::to_owned),
        "/v1/hooks/[a-z./%-]{0,80}",
    ];
    let body = prop_oneof![
        Just(String::new()),
        Just(
            r#"{"restorePoint":"x","pod":{"namespace":"a","name":"b","uid":"c"},"cut":"atomic"}"#.to_owned()
        ),
        Just(format!("{}1{}", "[".repeat(5000), "]".repeat(5000))),
        Just("9".repeat(2 * 1024 * 1024)),
        ".{0,200}",
    ];
    let length = prop_oneof![
        4 => Just(None),
        1 => select(vec!["-1", "0", "1", "18446744073709551616", "99999999999", "x"]).prop_map(Some),
    ];
    let changed = prop::option::of((any::<prop::sample::Index>(), any::<u8>()));
    (method, path, body, length, changed).prop_map(|(method, path, body, length, changed)| {
        let length = length.map_or_else(|| body.len().to_string(), str::to_owned);
        let mut bytes =
            format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n{body}")
                .into_bytes();
        if let Some((place, byte)) = changed {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        bytes
    })
}

/// Sends them, and reads until the runtime ends the connection.
fn send(address: SocketAddr, bytes: &[u8]) {
    let mut stream = TcpStream::connect(address).expect("the runtime listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time can be set");
    // It may have had enough before the end.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    if let Err(error) = stream.take(16 * 1024 * 1024).read_to_end(&mut answer) {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}");
    }
}

#[test]
fn whatever_a_stranger_sends_changes_nothing_for_the_holder_of_a_freeze() {
    let application = Application::start();
    let runtime = Runtime::with_behaviour(&application, "honest");
    let mut holder = runtime.connect();
    let limits = json!({ "freezeMs": 600_000, "silenceMs": 60_000 });
    assert_eq!((holder.prepare(&limits).0, holder.step("freeze").0), (200, 200));

    let address = runtime.address("listening on ");
    let holder = RefCell::new(holder);
    let mut runner = TestRunner::new(ProptestConfig { cases: CASES, ..ProptestConfig::default() });
    let ended = runner.run(&sent(), |bytes| {
        send(address, &bytes);
        prop_assert_eq!(holder.borrow_mut().heartbeat().0, 200);
        prop_assert!(application.is_frozen());
        let (status, runtime) = runtime.connect().get("/v1");
        prop_assert_eq!((status, &runtime["hooks"][0]["state"]), (200, &json!("frozen")));
        Ok(())
    });
    ended.unwrap();

    let mut holder = holder.into_inner();
    let (status, answer) = holder.step("check");
    assert_eq!((status, &answer["receipt"]["session"]), (200, &json!("session-1")), "{answer}");
    assert_eq!(holder.step("thaw").1["ending"]["broken"], json!(null));
    assert!(!application.is_frozen());
}
