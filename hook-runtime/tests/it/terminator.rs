//! What speaks TLS in front of an application, and servers that do so badly.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
};

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use tokio_rustls::TlsAcceptor;

use crate::authority::Certificate;

/// Speaks TLS with whoever comes and hands on what is said, until the test ends.
pub(crate) fn start(application: SocketAddr, certificate: &Certificate) -> SocketAddr {
    let chain = CertificateDer::from_pem_slice(certificate.certificate.as_bytes()).expect("it is PEM");
    let key = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes()).expect("it is PEM");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let configuration = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("there are versions")
        .with_no_client_auth()
        .with_single_cert(vec![chain], key)
        .expect("the key is that of the certificate");
    let acceptor = TlsAcceptor::from(Arc::new(configuration));
    serve(move |runtime, stream| {
        stream.set_nonblocking(true).expect("a stream can be set up");
        runtime.block_on(async {
            let stream = tokio::net::TcpStream::from_std(stream).expect("it can be taken over");
            let Ok(mut secured) = acceptor.accept(stream).await else { return };
            let mut plain = tokio::net::TcpStream::connect(application).await.expect("it listens");
            // It ends when one of them is gone.
            let _ = tokio::io::copy_bidirectional(&mut secured, &mut plain).await;
        });
    })
}

/// Hears the greeting and goes.
pub(crate) fn leaves() -> SocketAddr {
    serve(|_, mut stream| drop(stream.read(&mut [0; 1024])))
}

/// Hears the greeting and says what is no TLS.
pub(crate) fn babbles() -> SocketAddr {
    serve(|_, mut stream| {
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        // It goes when it is left.
        let _ = stream.read(&mut [0; 1024]);
    })
}

/// Hears the greeting and says nothing.
pub(crate) fn is_silent() -> SocketAddr {
    serve(|_, mut stream| while stream.read(&mut [0; 1024]).is_ok_and(|count| count > 0) {})
}

fn serve(serve: impl Fn(tokio::runtime::Runtime, TcpStream) + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it has an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let serve = serve.clone();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            std::thread::spawn(move || serve(runtime.expect("a runtime can be built"), stream));
        }
    });
    address
}
