//! Pushing a hook to an OCI registry and pulling it from there. Pulled is by digest alone: a tag says what somebody else
//! decides later.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::HeaderValue;
use oci_client::{
    Client, Reference, RegistryOperation,
    client::{ClientConfig, ClientProtocol},
    errors::OciDistributionError,
    manifest::OciImageManifest,
};
use tokio::io::AsyncWrite;

use crate::{
    component::{ComponentError, Inspected, LARGEST, digest},
    credentials::Credentials,
    layout::{self, LayoutError, MANIFEST},
};

/// Until a registry accepts a connection, and between two of its bytes.
const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes of a manifest. A hook's has a few hundred.
const LARGEST_MANIFEST: usize = 1024 * 1024;

/// Where a hook lies: registry, repository, and a tag or digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image(Reference);

/// A hook in a registry, that and no other: its reference has the digest of its manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pinned(Reference, String);

/// Why a hook could not be pushed or pulled.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// Not a reference.
    #[error("`{0}` is not a reference to an artifact, as in `registry.example/hooks/postgres:1.2.0`")]
    Reference(String, #[source] oci_client::ParseError),
    /// A reference that may mean something else tomorrow.
    #[error("`{0}` must be pinned by its digest (`…@sha256:…`), as `kubectl backup hooks push` prints it")]
    NotPinned(String),
    /// A digest where a tag belongs.
    #[error("`{0}` names a digest; push to a tag, and pin what is printed")]
    Pinned(String),
    /// No client, because TLS needs authorities to trust, and there are none.
    #[error(
        "could not make ready to speak to the registry of `{0}`: without certificates of authorities nobody can be trusted; an \
         image has them in /etc/ssl/certs/ca-certificates.crt, or where SSL_CERT_FILE says"
    )]
    Client(String, #[source] Box<OciDistributionError>),
    /// The registry refused, or did not answer.
    #[error("could not {0} `{1}`")]
    Registry(&'static str, String, #[source] Box<OciDistributionError>),
    /// What it sent is not what was asked for.
    #[error("the registry sent something else than `{0}`: its manifest has the digest `{1}`")]
    Digest(String, String),
    /// A manifest that cannot be read.
    #[error("the manifest of `{0}` cannot be read")]
    Manifest(String, #[source] serde_json::Error),
    /// An artifact of another kind.
    #[error("`{0}` is no hook")]
    Layout(String, #[source] LayoutError),
    /// A component of another kind.
    #[error("`{0}` is no hook")]
    Component(String, #[source] ComponentError),
}

impl Image {
    /// Reads a reference.
    ///
    /// # Errors
    /// When it is none, or has a digest: content decides on that.
    pub fn parse(text: &str) -> Result<Self, RegistryError> {
        let reference = reference(text)?;
        if reference.digest().is_some() {
            return Err(RegistryError::Pinned(text.to_owned()));
        }
        Ok(Self(reference))
    }
}

impl Pinned {
    /// Reads a reference.
    ///
    /// # Errors
    /// When it is none, or has no digest by SHA-256.
    pub fn parse(text: &str) -> Result<Self, RegistryError> {
        let reference = reference(text)?;
        match reference.digest().map(str::to_owned) {
            Some(digest) if is_sha256(&digest) => Ok(Self(reference, digest)),
            _ => Err(RegistryError::NotPinned(text.to_owned())),
        }
    }

    /// `sha256:…` of its manifest.
    pub fn digest(&self) -> &str {
        &self.1
    }
}

impl std::fmt::Display for Pinned {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

fn reference(text: &str) -> Result<Reference, RegistryError> {
    text.parse().map_err(|error| RegistryError::Reference(text.to_owned(), error))
}

fn is_sha256(digest: &str) -> bool {
    digest.strip_prefix("sha256:").is_some_and(|hex| {
        hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// Pulls a hook.
///
/// # Errors
/// When the registry does not have it or does not let us, or when it sends anything but a hook of that digest.
pub async fn pull(image: &Pinned, credentials: &Credentials) -> Result<Vec<u8>, RegistryError> {
    let shown = image.to_string();
    let failed = |error| RegistryError::Registry("pull", shown.clone(), Box::new(error));
    let client = client(&image.0)?;
    let auth = credentials.of(image.0.registry());
    let (body, _) = client.pull_manifest_raw(&image.0, &auth, &[MANIFEST]).await.map_err(failed)?;
    // The client compares too; what the sandbox runs hangs on this, so it is not left to others.
    let found = digest(&body);
    if found != image.digest() || body.len() > LARGEST_MANIFEST {
        return Err(RegistryError::Digest(shown, found));
    }
    let manifest: OciImageManifest =
        serde_json::from_slice(&body).map_err(|error| RegistryError::Manifest(shown.clone(), error))?;
    let layer = layout::layer(&manifest).map_err(|error| RegistryError::Layout(shown.clone(), error))?;
    let mut component = Bounded(Vec::new());
    client.pull_blob(&image.0, layer, &mut component).await.map_err(failed)?;
    match Inspected::of(&component.0) {
        Ok(inspected) if inspected.digest == layer.digest => Ok(component.0),
        Ok(inspected) => Err(RegistryError::Digest(shown, inspected.digest)),
        Err(error) => Err(RegistryError::Component(shown, error)),
    }
}

/// Pushes a hook. Gives the reference that pins it.
///
/// # Errors
/// When the bytes are no hook, or when the registry refuses them.
pub async fn push(
    image: &Image,
    component: Vec<u8>,
    credentials: &Credentials,
) -> Result<Pinned, RegistryError> {
    let shown = image.0.to_string();
    let inspected =
        Inspected::of(&component).map_err(|error| RegistryError::Component(shown.clone(), error))?;
    let json = |error| RegistryError::Manifest(shown.clone(), error);
    let configuration = serde_json::to_vec(&layout::Configuration::of(&inspected)).map_err(json)?;
    let manifest = layout::manifest(&inspected, &configuration);
    let body = serde_json::to_vec(&manifest).map_err(json)?;
    let failed = |error| RegistryError::Registry("push", shown.clone(), Box::new(error));
    let client = client(&image.0)?;
    let auth = credentials.of(image.0.registry());
    client.auth(&image.0, &auth, RegistryOperation::Push).await.map_err(failed)?;
    client.store_auth_if_needed(image.0.resolve_registry(), &auth).await;
    client.push_blob(&image.0, component, &inspected.digest).await.map_err(failed)?;
    client.push_blob(&image.0, configuration, &manifest.config.digest).await.map_err(failed)?;
    let manifest_digest = digest(&body);
    let kind = HeaderValue::from_static(MANIFEST);
    client.push_manifest_raw(&image.0, Bytes::from(body), kind).await.map_err(failed)?;
    Ok(Pinned(image.0.clone_with_digest(manifest_digest.clone()), manifest_digest))
}

/// A registry on this machine speaks plain HTTP, as everywhere in this field; every other one TLS.
fn client(image: &Reference) -> Result<Client, RegistryError> {
    // Whoever else set a provider of cryptography set the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let registry = image.resolve_registry();
    let host = registry.rsplit_once(':').map_or(registry, |(host, _)| host);
    let here = host == "localhost"
        || host.trim_matches(['[', ']']).parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback());
    let protocol = if here { ClientProtocol::Http } else { ClientProtocol::Https };
    let config = ClientConfig {
        protocol,
        connect_timeout: Some(PATIENCE),
        read_timeout: Some(PATIENCE),
        ..ClientConfig::default()
    };
    // `Client::new` panics where this is an error, which it is without certificates, for plain HTTP too.
    Client::try_from(config).map_err(|error| RegistryError::Client(image.to_string(), Box::new(error)))
}

/// Takes no more than a component has, whatever the registry goes on sending.
struct Bounded(Vec<u8>);

impl AsyncWrite for Bounded {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if (self.0.len() + bytes.len()) as u64 > LARGEST {
            return Poll::Ready(Err(io::Error::other("the registry sends more than a component has")));
        }
        self.0.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::tag("r.example/hooks/postgres:1.2.0")]
    #[case::nothing("r.example/hooks/postgres")]
    #[case::short("r.example/hooks/postgres@sha256:00")]
    fn runs_nothing_that_is_not_pinned(#[case] text: &str) {
        assert!(Pinned::parse(text).is_err());
    }

    #[test]
    fn reads_a_pinned_reference() {
        let digest = format!("sha256:{}", "0".repeat(64));
        let pinned = Pinned::parse(&format!("r.example:5000/hooks/postgres@{digest}")).unwrap();
        assert_eq!(pinned.digest(), digest);
        assert!(Image::parse(&pinned.to_string()).is_err());
    }
}
