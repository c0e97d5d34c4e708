//! A webhook that an API server calls: a small HTTPS server in the test's own process.
//!
//! It speaks just enough HTTP/1.1 for one request a connection.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use anyhow::{Context, Result, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use rcgen::{CertificateParams, KeyPair};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};
use serde_json::{Value, json};

/// No review of a test is larger, in bytes.
const LARGEST: u64 = 16 << 20;

/// What answers a request: the body of a review to its answer.
type Answer = dyn Fn(&Value) -> Value + Send + Sync;

/// The server; it ends with the process, and answers nothing any more once this value is gone.
#[derive(Debug)]
pub struct Webhook {
    port: u16,
    certificate: String,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    calls: AtomicUsize,
    is_down: AtomicBool,
}

impl Webhook {
    /// Starts it on a free port; every request is answered with `answer` of its body.
    pub fn start(answer: impl Fn(&Value) -> Value + Send + Sync + 'static) -> Result<Self> {
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(["127.0.0.1".to_owned()])?.self_signed(&key)?;
        let chain = vec![CertificateDer::from(certificate.der().to_vec())];
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        let config = Arc::new(config);
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let port = listener.local_addr()?.port();
        let state = Arc::new(State::default());
        let (answer, serving): (Arc<Answer>, _) = (Arc::new(answer), Arc::clone(&state));
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (config, answer, state) =
                    (Arc::clone(&config), Arc::clone(&answer), Arc::clone(&serving));
                // What fails here fails the request of the API server, which tells.
                thread::spawn(move || drop(serve(client, config, &*answer, &state)));
            }
        });
        Ok(Self { port, certificate: certificate.pem(), state })
    }

    /// A webhook that converts objects of custom kinds: `convert` of an object and the API version wanted.
    pub fn converting(convert: impl Fn(Value, &str) -> Value + Send + Sync + 'static) -> Result<Self> {
        Self::start(move |review| {
            let request = &review["request"];
            let wanted = request["desiredAPIVersion"].as_str().unwrap_or_default();
            let objects = request["objects"].as_array().cloned().unwrap_or_default();
            let converted: Vec<Value> = objects
                .into_iter()
                .map(|object| {
                    let mut converted = convert(object, wanted);
                    converted["apiVersion"] = wanted.into();
                    converted
                })
                .collect();
            json!({"apiVersion": review["apiVersion"], "kind": review["kind"], "response":
                {"uid": request["uid"], "result": {"status": "Success"}, "convertedObjects": converted}})
        })
    }

    /// For `clientConfig` of a webhook: the address and what to trust.
    pub fn client_config(&self) -> Value {
        json!({"url": format!("https://127.0.0.1:{}/", self.port), "caBundle": BASE64.encode(&self.certificate)})
    }

    /// How many requests were answered.
    pub fn calls(&self) -> usize {
        self.state.calls.load(Ordering::SeqCst)
    }

    /// From here on no request is answered.
    pub fn go_down(&self) {
        self.state.is_down.store(true, Ordering::SeqCst);
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        self.go_down();
    }
}

fn serve(client: TcpStream, config: Arc<ServerConfig>, answer: &Answer, state: &State) -> Result<()> {
    ensure!(!state.is_down.load(Ordering::SeqCst), "the webhook is down");
    let mut stream = BufReader::new(StreamOwned::new(ServerConnection::new(config)?, client));
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).context("could not read the request")?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().context("the length of the request is no number")?;
        }
    }
    ensure!(length <= LARGEST, "the request has {length} bytes");
    let mut body = Vec::new();
    (&mut stream).take(length).read_to_end(&mut body)?;
    let body = serde_json::to_vec(&answer(&serde_json::from_slice(&body)?))?;
    state.calls.fetch_add(1, Ordering::SeqCst);
    let stream = stream.get_mut();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )?;
    stream.write_all(&body)?;
    stream.conn.send_close_notify();
    stream.flush()?;
    Ok(())
}
