//! TLS that the runtime does for a hook: whom it trusts says the configuration, and no guest gets around it.

use rstest::rstest;
use serde_json::{Value, json};

use crate::{application::Application, authority::Authority, hook::granted, process::Runtime, terminator};

/// The name in the certificates of the tests.
const NAME: &str = "till.example";

/// A hook that speaks TLS with the server of this name at this address.
fn hook(address: std::net::SocketAddr, name: &str, tls: &Value, behaviour: &str) -> Value {
    let mut hook = json!({
        "component": "guest.wasm",
        "connect": [address],
        "settings": { "address": address.to_string(), "behaviour": behaviour, "server-name": name },
        "secrets": { "password": "/etc/passwd" },
    });
    if !tls.is_null() {
        hook["tls"] = tls.clone();
    }
    hook
}

/// The stage: an application behind TLS, and a file with the certificate of who signed its own.
struct Stage {
    application: Application,
    address: std::net::SocketAddr,
    authority: Authority,
    folder: tempfile::TempDir,
}

impl Stage {
    fn new() -> Self {
        let (application, authority) = (Application::start(), Authority::new("authority"));
        let address = terminator::start(application.address(), &authority.certificate(NAME));
        let stage =
            Self { application, address, authority, folder: tempfile::tempdir().expect("it can be made") };
        stage.trusts(&stage.authority);
        stage
    }

    fn ca(&self) -> std::path::PathBuf {
        self.folder.path().join("ca.crt")
    }

    fn trusts(&self, authority: &Authority) {
        std::fs::write(self.ca(), authority.pem()).expect("a file can be written");
    }

    fn runtime(&self, name: &str, tls: &Value, behaviour: &str) -> Runtime {
        Runtime::start(&hook(self.address, name, tls, behaviour))
    }
}

/// What `prepare` failed with.
#[track_caller]
fn refused(runtime: &Runtime) -> (String, String) {
    let (status, answer) = runtime.connect().prepare(&json!({}));
    assert_eq!(status, 502, "{answer}");
    let text = |field: &str| answer["failure"][field].as_str().expect("a text").to_owned();
    (text("kind"), text("message"))
}

#[rstest]
#[case::all(NAME, json!({}))]
#[case::by_whatever_name("other.example", json!({ "verify": "ca" }))]
#[case::nothing("other.example", json!({ "verify": "none" }))]
fn one_session_is_held_over_tls(#[case] name: &str, #[case] mut tls: Value) {
    let stage = Stage::new();
    if tls["verify"] != "none" {
        tls["ca"] = json!(stage.ca());
    }
    let runtime = stage.runtime(name, &tls, "honest");
    let mut client = runtime.connect();
    for step in ["prepare", "freeze", "check"] {
        let (status, answer) = if step == "prepare" { client.prepare(&json!({})) } else { client.step(step) };
        assert_eq!((status, &answer["receipt"]["session"]), (200, &json!("session-1")), "{answer}");
    }
    assert!(stage.application.is_frozen());
    let (status, answer) = client.step("thaw");
    assert_eq!((status, &answer["result"]), (200, &json!("thawed")), "{answer}");
    stage
        .application
        .wait("the session is closed", |state| state.events.last().is_some_and(|event| event == "1 closed"));
}

#[rstest]
#[case::lost("connection-lost")]
#[case::over("deadline")]
fn a_lease_that_ends_thaws_over_tls(#[case] cause: &str) {
    let stage = Stage::new();
    let runtime = stage.runtime(NAME, &json!({ "ca": stage.ca() }), "honest");
    let mut client = runtime.connect();
    let limits = json!({ "freezeMs": if cause == "deadline" { 500 } else { 60_000 } });
    assert_eq!((client.prepare(&limits).0, client.step("freeze").0), (200, 200));
    if cause == "connection-lost" {
        drop(client);
    }
    let last = runtime.last();
    assert_eq!((&last["broken"], &last["thawed"]), (&json!(cause), &json!(true)), "{last}");
    stage.application.wait("it was thawed, not just left", |state| {
        state.frozen.is_none() && state.events.iter().any(|event| event == "1 thaw")
    });
}

#[test]
fn a_freeze_goes_with_an_instance_that_broke() {
    let stage = Stage::new();
    let runtime = stage.runtime(NAME, &json!({ "ca": stage.ca() }), "trap-at-check");
    let mut client = runtime.connect();
    assert_eq!((client.prepare(&json!({})).0, client.step("freeze").0), (200, 200));
    assert_eq!(client.step("check").0, 502);
    stage.application.wait("the connection is closed", |state| state.frozen.is_none());
}

#[rstest]
#[case::another_name("other.example", "full", "not valid for name \"other.example\"")]
#[case::its_address("127.0.0.1", "full", "not valid for name \"127.0.0.1\"")]
#[case::no_name("till example", "full", "neither a host's nor an address")]
fn a_server_of_another_name_is_refused(#[case] name: &str, #[case] verify: &str, #[case] why: &str) {
    let stage = Stage::new();
    let tls = json!({ "ca": stage.ca(), "verify": verify });
    let (kind, message) = refused(&stage.runtime(name, &tls, "honest"));
    assert_eq!(kind, "failed", "{message}");
    assert!(message.contains(why), "{message}");
    stage.application.look(|state| assert!(state.events.is_empty()));
}

#[rstest]
#[case::all("full", "other", "of nobody that `tls` of this hook trusts")]
#[case::by_whatever_name("ca", "other", "of nobody that `tls` of this hook trusts")]
#[case::of_the_same_name("full", "authority", "of another CA than one of the same name")]
fn a_server_that_somebody_else_vouches_for_is_refused(
    #[case] verify: &str,
    #[case] name: &str,
    #[case] why: &str,
) {
    let stage = Stage::new();
    stage.trusts(&Authority::new(name));
    let runtime = stage.runtime(NAME, &json!({ "ca": stage.ca(), "verify": verify }), "honest");
    let (kind, message) = refused(&runtime);
    assert_eq!(kind, "failed", "{message}");
    assert!(message.contains(why), "{message}");
    // Whom it trusts is read anew.
    stage.trusts(&stage.authority);
    assert_eq!(runtime.connect().prepare(&json!({})).0, 200);
}

#[test]
fn a_server_that_vouches_for_itself_is_refused() {
    let application = Application::start();
    let (certificate, folder) = (Authority::of_itself(NAME), tempfile::tempdir().expect("it can be made"));
    let ca = folder.path().join("ca.crt");
    std::fs::write(&ca, &certificate.certificate).expect("a file can be written");
    let address = terminator::start(application.address(), &certificate);
    let (_, message) = refused(&Runtime::start(&hook(address, NAME, &json!({ "ca": ca }), "honest")));
    assert!(message.contains("is that of an authority"), "{message}");
}

/// Needs certificates of authorities on the machine, as every system has that can fetch this project.
#[test]
fn a_server_that_no_authority_of_the_system_vouches_for_is_refused() {
    let (_, message) = refused(&Stage::new().runtime(NAME, &json!({}), "honest"));
    assert!(message.contains("of nobody that `tls` of this hook trusts"), "{message}");
}

#[test]
fn tls_that_is_not_granted_is_refused() {
    let stage = Stage::new();
    let (kind, message) = refused(&stage.runtime(NAME, &Value::Null, "honest"));
    assert_eq!(kind, "denied", "{message}");
    assert!(message.contains("TLS is not granted: `tls` is not in the configuration"), "{message}");
    stage.application.look(|state| assert!(state.events.is_empty()));
}

#[test]
fn an_address_that_is_not_granted_hears_no_tls() {
    let (stage, granted_one) = (Stage::new(), Application::start());
    let mut hook = hook(stage.address, NAME, &json!({ "ca": stage.ca() }), "honest");
    hook["connect"] = granted(&granted_one, "honest")["connect"].clone();
    let (kind, message) = refused(&Runtime::start(&hook));
    assert_eq!(kind, "denied", "{message}");
    assert!(message.contains("`connect` of this hook does not name it"), "{message}");
    stage.application.look(|state| assert!(state.events.is_empty()));
}

#[rstest]
#[case::leaves(terminator::leaves(), "closed the connection in the handshake")]
#[case::babbles(terminator::babbles(), "the handshake failed: ")]
fn a_server_that_speaks_no_tls_is_told(#[case] address: std::net::SocketAddr, #[case] why: &str) {
    let (kind, message) =
        refused(&Runtime::start(&hook(address, NAME, &json!({ "verify": "none" }), "honest")));
    assert_eq!(kind, "failed", "{message}");
    assert!(message.contains(why), "{message}");
}

#[test]
fn one_that_waits_for_a_silent_server_has_its_deadline() {
    let address = terminator::is_silent();
    let runtime = Runtime::start(&hook(address, NAME, &json!({ "verify": "none" }), "honest"));
    let (status, answer) = runtime.connect().prepare(&json!({ "prepareMs": 1000 }));
    // The guest takes half of it.
    assert_eq!((status, &answer["failure"]["kind"]), (502, &json!("timed-out")), "{answer}");
    let message = answer["failure"]["message"].as_str().expect("a text");
    assert!(message.contains("could not speak TLS with `till.example`"), "{message}");
}

#[test]
fn one_that_hoards_connections_is_stopped() {
    let stage = Stage::new();
    let runtime = stage.runtime(NAME, &json!({ "ca": stage.ca() }), "hoard-tls-at-freeze");
    let mut client = runtime.connect();
    assert_eq!(client.prepare(&json!({})).0, 200);
    let (status, answer) = client.step("freeze");
    assert_eq!(status, 502, "{answer}");
    let message = answer["failure"]["message"].as_str().expect("a text");
    // One is that of its session.
    assert!(message.starts_with("after 3: "), "{message}");
    assert!(message.contains("at most 4 connections with TLS at a time"), "{message}");
}

#[rstest]
#[case::missing("no.crt", "", "No such file")]
#[case::no_certificate("ca.crt", "no certificate", "it has no certificate in PEM")]
#[case::half_a_certificate(
    "ca.crt",
    "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    "ca.crt`: "
)]
fn certificates_that_cannot_be_used_are_told_at_the_start(
    #[case] file: &str,
    #[case] content: &str,
    #[case] why: &str,
) {
    let stage = Stage::new();
    std::fs::write(stage.ca(), content).expect("a file can be written");
    let tls = json!({ "ca": stage.folder.path().join(file) });
    let mut runtime = stage.runtime(NAME, &tls, "honest");
    assert!(!runtime.wait().success());
    let line = runtime.wait_for_line("does not fit it: `tls.ca`: ");
    assert!(line.contains(why), "{line}");
}
