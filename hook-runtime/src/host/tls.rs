//! `wasi:tls`: TLS over connections that a hook opened, which are those that it is granted. The runtime holds the keys and
//! verifies; a guest names the server and nothing else, so it cannot choose whom to trust.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        Resumption, WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_cert_signed_by_trust_anchor,
    },
    crypto::{WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject as _},
    server::ParsedCertificate,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use wasmtime_wasi_tls::{Error, TlsProvider, TlsStream, TlsTransport};

use crate::configuration::{Tls, Verify};

/// Connections of an instance that speak TLS at a time: each has buffers that the limit on memory does not know of. A hook
/// has one.
const MOST_CONNECTIONS: usize = 4;
/// Bytes of a file of certificates: all that a system trusts have some 200,000.
const LARGEST: u64 = 1024 * 1024;

/// TLS of one instance.
pub(super) struct Provider {
    granted: Option<Tls>,
    connections: Arc<Semaphore>,
}

impl Provider {
    pub(super) fn new(granted: Option<Tls>) -> Self {
        Self { granted, connections: Arc::new(Semaphore::new(MOST_CONNECTIONS)) }
    }
}

impl TlsProvider for Provider {
    fn connect(
        &self,
        server_name: String,
        transport: Box<dyn TlsTransport>,
    ) -> Pin<Box<dyn Future<Output = Result<Box<dyn TlsStream>, Error>> + Send>> {
        let granted = self.granted.clone();
        let permit = Arc::clone(&self.connections).try_acquire_owned();
        Box::pin(async move {
            // The SDK knows these words.
            let granted =
                granted.ok_or_else(|| Error::msg("TLS is not granted: `tls` is not in the configuration"))?;
            let permit = permit.map_err(|_| {
                Error::msg(format!("a hook has at most {MOST_CONNECTIONS} connections with TLS at a time"))
            })?;
            let name = ServerName::try_from(server_name)
                .map_err(|_| Error::msg("the server's name is neither a host's nor an address"))?;
            // Anew each time: a mounted file changes when it is rotated. Files are read where they keep nobody waiting.
            let client = tokio::task::spawn_blocking(move || client(&granted));
            let client = client.await.map_err(Error::msg)?.map_err(Error::msg)?;
            let shaking = tokio_rustls::TlsConnector::from(Arc::new(client)).connect(name, transport);
            let stream = shaking.await.map_err(|error| Error::msg(explained(&error)))?;
            Ok(Box::new(Connection { stream, _permit: permit }) as Box<dyn TlsStream>)
        })
    }
}

/// A connection that counts while it is open.
struct Connection {
    stream: tokio_rustls::client::TlsStream<Box<dyn TlsTransport>>,
    _permit: OwnedSemaphorePermit,
}

impl TlsStream for Connection {}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// How a handshake failed, in words that lead on.
fn explained(error: &io::Error) -> String {
    use rustls::Error::InvalidCertificate;

    let cause = error.get_ref().and_then(|cause| cause.downcast_ref());
    match cause {
        Some(InvalidCertificate(CertificateError::UnknownIssuer)) => {
            "the server's certificate is of nobody that `tls` of this hook trusts (UnknownIssuer)".to_owned()
        }
        // As after a CA was made anew under its old name.
        Some(InvalidCertificate(CertificateError::BadSignature)) => {
            "a signature of the server is wrong: its certificate is of another CA than one of the same name that `tls` of \
             this hook trusts, or the key is not that of the certificate (BadSignature)"
                .to_owned()
        }
        Some(InvalidCertificate(why @ CertificateError::Other(_)))
            if why.to_string().contains("CaUsedAsEndEntity") =>
        {
            "the server's certificate is that of an authority, as one that a server makes for itself is: let an authority \
             sign another for it (CaUsedAsEndEntity)"
                .to_owned()
        }
        Some(InvalidCertificate(why)) => format!("the server's certificate is refused: {why}"),
        Some(other) => format!("the handshake failed: {other}"),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            "the server closed the connection in the handshake".to_owned()
        }
        None => format!("the handshake failed: {error}"),
    }
}

/// Fails when what the configuration names cannot be used, with why.
pub(crate) fn check(tls: &Tls) -> Result<(), String> {
    client(tls).map(drop)
}

fn client(tls: &Tls) -> Result<ClientConfig, String> {
    let provider = Arc::new(ring::default_provider());
    let algorithms = provider.signature_verification_algorithms;
    let unusable = |error: &dyn std::fmt::Display| format!("TLS cannot be set up: {error}");
    let verifier: Arc<dyn ServerCertVerifier> = match tls.verify {
        Verify::Full => {
            let roots = Arc::new(roots(tls.ca.as_deref())?);
            let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider));
            verifier.build().map_err(|error| unusable(&error))?
        }
        Verify::Ca => Arc::new(AnyName { roots: Some(roots(tls.ca.as_deref())?), algorithms }),
        Verify::None => Arc::new(AnyName { roots: None, algorithms }),
    };
    let client = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let client = client.map_err(|error| unusable(&error))?;
    let mut client = client.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
    // A session of a hook is one connection.
    client.resumption = Resumption::disabled();
    Ok(client)
}

/// Whom to trust: those in this file, or those of the system.
fn roots(file: Option<&Path>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let Some(file) = file else {
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            let why = found.errors.first().map(|error| format!(" ({error})")).unwrap_or_default();
            return Err(format!("this system trusts nobody{why}: name a file of certificates in `tls.ca`"));
        }
        return Ok(roots);
    };
    let failed = |error: &dyn std::fmt::Display| format!("`tls.ca`: `{}`: {error}", file.display());
    let mut text = Vec::new();
    let read = File::open(file).and_then(|opened| opened.take(LARGEST + 1).read_to_end(&mut text));
    if read.map_err(|error| failed(&error))? as u64 > LARGEST {
        return Err(failed(&format!("it has more than {LARGEST} bytes")));
    }
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|error| failed(&error))?;
        roots.add(certificate).map_err(|error| failed(&error))?;
    }
    if roots.is_empty() { Err(failed(&"it has no certificate in PEM")) } else { Ok(roots) }
}

/// Trusts a certificate whatever name it has; without roots any, as the configuration says in so many words. That the server
/// has the certificate's key is verified all the same.
#[derive(Debug)]
struct AnyName {
    roots: Option<RootCertStore>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Some(roots) = &self.roots {
            let certificate = ParsedCertificate::try_from(certificate)?;
            let algorithms = self.algorithms.all;
            verify_server_cert_signed_by_trust_anchor(&certificate, roots, intermediates, now, algorithms)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
