//! TLS with the server, by an authority that is thrown away; and what stands in for a server and is none.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener},
    os::unix::fs::PermissionsExt as _,
};

use rstest::rstest;
use rustix::process::Signal;
use serde_json::{Value, json};

use super::{
    PASSWORD, holds_it, it_ends, patient,
    server::{Server, hook},
};
use crate::{
    authority::{Authority, Certificate},
    component::expect,
    machine,
    process::Runtime,
};

impl Server {
    /// Speaks TLS from now on, by this certificate, and takes logins over the network by TLS alone.
    fn speak_tls(&self, certificate: &Certificate, version: &str) {
        let data = self.folder().join("data");
        std::fs::write(data.join("server.crt"), &certificate.certificate).unwrap();
        std::fs::write(data.join("server.key"), &certificate.key).unwrap();
        std::fs::set_permissions(data.join("server.key"), std::fs::Permissions::from_mode(0o600)).unwrap();
        let rules = "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n";
        std::fs::write(data.join("pg_hba.conf"), rules).unwrap();
        machine::give(&data);
        self.query(&format!("ALTER SYSTEM SET ssl_min_protocol_version = '{version}'"));
        self.query(&format!("ALTER SYSTEM SET ssl_max_protocol_version = '{version}'"));
        self.query("ALTER SYSTEM SET ssl = on");
        self.query("SELECT pg_reload_conf()");
        machine::wait("the server speaks TLS", || self.query("SHOW ssl") == "on");
    }

    /// How the sessions of the hook are encrypted.
    fn encryption(&self) -> String {
        self.query(
            "SELECT ssl, version FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
             WHERE application_name = 'kubectl-backup'",
        )
    }
}

/// A server with TLS and the file of who signed its certificate.
pub(super) struct Stage {
    pub(super) server: Server,
    ca: tempfile::TempDir,
}

impl Stage {
    /// With this name or address in the certificate.
    fn new(name: &str, version: &str) -> Self {
        Self::with(Server::primary(), name, version)
    }

    pub(super) fn with(server: Server, name: &str, version: &str) -> Self {
        let authority = Authority::new("authority");
        server.speak_tls(&authority.certificate(name), version);
        let stage = Self { server, ca: tempfile::tempdir().unwrap() };
        stage.trusts(&authority);
        stage
    }

    fn trusts(&self, authority: &Authority) {
        std::fs::write(self.ca.path().join("ca.crt"), authority.pem()).unwrap();
    }

    /// A hook that must speak TLS, verified like this.
    pub(super) fn hook(&self, verify: &str, name: &str) -> Value {
        let mut hook = self.server.hook();
        hook["settings"]["sslmode"] = json!("require");
        hook["settings"]["server-name"] = json!(name);
        hook["tls"] = json!({ "verify": verify });
        if verify != "none" {
            hook["tls"]["ca"] = json!(self.ca.path().join("ca.crt"));
        }
        hook
    }
}

pub(super) fn runtime(hook: &Value) -> Runtime {
    Runtime::with_hook("postgres", hook, PASSWORD)
}

#[track_caller]
fn refused(hook: &Value, kind: &str, why: &str) {
    let runtime = runtime(hook);
    let (status, answer) = runtime.connect().prepare(&patient());
    assert_eq!((status, &answer["failure"]["kind"]), (502, &json!(kind)), "{answer}");
    assert!(answer["failure"]["message"].as_str().unwrap().contains(why), "{answer}");
    assert!(!runtime.lines().join("\n").contains(PASSWORD), "no secret is logged");
}

#[rstest]
#[case::by_its_address("127.0.0.1", "", "full", "TLSv1.3")]
#[case::by_its_name("db.example", "db.example", "full", "TLSv1.2")]
#[case::by_any_name("db.example", "", "ca", "TLSv1.3")]
#[case::by_nothing("db.example", "", "none", "TLSv1.3")]
fn one_session_holds_the_backup(
    #[case] certified: &str,
    #[case] name: &str,
    #[case] verify: &str,
    #[case] version: &str,
) {
    let stage = Stage::new(certified, version);
    let runtime = runtime(&stage.hook(verify, name));
    let mut client = runtime.connect();
    expect("done", client.prepare(&patient()));
    assert_eq!(stage.server.encryption(), format!("t|{version}"));
    expect("thawed", client.step("thaw"));
    holds_it(&stage.server, &runtime);
}

#[rstest]
#[case::client("connection-lost")]
#[case::deadline("deadline")]
fn a_lease_that_ends_stops_the_backup(#[case] cause: &str) {
    let stage = Stage::new("127.0.0.1", "TLSv1.3");
    it_ends(&stage.server, &runtime(&stage.hook("full", "")), cause);
}

#[test]
fn a_runtime_that_is_killed_lets_go() {
    let stage = Stage::new("127.0.0.1", "TLSv1.3");
    let mut runtime = runtime(&stage.hook("full", ""));
    let _client = super::frozen(&runtime, "atomic");
    runtime.signal(Signal::KILL);
    runtime.wait();
    machine::wait("the session is closed", || stage.server.sessions().is_empty());
}

#[rstest]
#[case::all("full")]
#[case::whatever_name("ca")]
fn a_server_that_somebody_else_vouches_for_is_refused(#[case] verify: &str) {
    let stage = Stage::new("127.0.0.1", "TLSv1.3");
    stage.trusts(&Authority::new("other"));
    refused(&stage.hook(verify, ""), "failed", "of nobody that `tls` of this hook trusts");
    assert!(!stage.server.log().contains("authentication failed"), "it saw no login");
}

#[rstest]
#[case::by_name("db.example", "other.example")]
#[case::by_address("db.example", "")]
fn a_server_of_another_name_is_refused(#[case] certified: &str, #[case] name: &str) {
    refused(&Stage::new(certified, "TLSv1.3").hook("full", name), "failed", "not valid for name");
}

#[test]
fn tls_that_is_not_granted_is_refused() {
    let stage = Stage::new("127.0.0.1", "TLSv1.3");
    let mut hook = stage.hook("full", "");
    hook.as_object_mut().unwrap().remove("tls");
    refused(&hook, "denied", "TLS is not granted");
}

#[test]
fn a_server_without_tls_is_refused() {
    let server = Server::primary();
    let mut hook = server.hook();
    hook["settings"]["sslmode"] = json!("require");
    hook["tls"] = json!({ "verify": "none" });
    refused(&hook, "unsupported", "the server speaks no TLS");
}

#[test]
fn a_server_that_insists_on_tls_says_so() {
    let stage = Stage::new("127.0.0.1", "TLSv1.3");
    // On the loopback nothing is encrypted unless it is asked for.
    refused(&stage.server.hook(), "authentication", "no encryption");
}

#[test]
fn a_password_that_is_wrong_is_told_over_tls() {
    let stage = Stage::new("127.0.0.1", "TLSv1.3");
    stage.server.query("ALTER ROLE backup PASSWORD 'other'");
    refused(&stage.hook("full", ""), "authentication", "password authentication failed");
}

/// Stands where a server should: says each of these when it has heard something, and then goes or stays.
fn says(answers: &'static [&'static str], then_goes: bool) -> Value {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut hears = [0; 4096];
            for answer in answers {
                // It may have been left already.
                let _ = stream.read(&mut hears);
                let _ = stream.write_all(answer.as_bytes());
            }
            while !then_goes && stream.read(&mut hears).is_ok_and(|count| count > 0) {}
        }
    });
    let mut hook = hook(address.port());
    hook["settings"]["sslmode"] = json!("require");
    hook["tls"] = json!({ "verify": "none" });
    hook
}

#[rstest]
#[case::goes(&[""], true, "unreachable", "could not hear whether the server speaks TLS")]
#[case::is_another(&["HTTP/1.1 400 Bad Request\r\n\r\n"], false, "failed", "no PostgreSQL server")]
#[case::fails(&["E\0\0\0\x0cMhello\0\0"], false, "unreachable", "answers with an error")]
#[case::goes_in_the_handshake(&["S", ""], true, "failed", "could not speak TLS")]
#[case::babbles_in_the_handshake(&["S", "HTTP/1.1 400 Bad Request\r\n\r\n"], false, "failed", "the handshake failed")]
#[case::slips_a_welcome_in(&["SR\0\0\0\x08\0\0\0\0Z\0\0\0\x05I"], false, "failed", "the handshake failed")]
fn one_that_is_no_server_is_refused(
    #[case] answers: &'static [&'static str],
    #[case] then_goes: bool,
    #[case] kind: &str,
    #[case] why: &str,
) {
    refused(&says(answers, then_goes), kind, why);
}

#[rstest]
#[case::before(&[])]
#[case::in_the_handshake(&["S"])]
#[case::amid_a_message(&["S", "\x16\x03\x03\x40\x00\x02"])]
fn one_that_says_no_more_is_given_up_at_the_deadline(#[case] answers: &'static [&'static str]) {
    let runtime = runtime(&says(answers, false));
    let (_, answer) = runtime.connect().prepare(&json!({ "prepareMs": 700 }));
    // Mostly the runtime is the first to look at the clock.
    let (broken, kind) = (&answer["ending"]["broken"], &answer["failure"]["kind"]);
    assert!(broken == "deadline" || kind == "timed-out", "{answer}");
    // And it is free for the next.
    assert_eq!(runtime.connect().get("/v1/hooks/postgres").1["state"], "free");
}
