//! Certificates for a test: an authority that is thrown away, and what it signs.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

/// Signs certificates of servers.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A server's certificate and its key, in PEM.
pub(crate) struct Certificate {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key can be made");
        Self(CertifiedIssuer::self_signed(parameters, key).expect("it can be signed"))
    }

    /// Its own certificate, in PEM.
    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// Of a server that vouches for itself, by one certificate for both.
    pub(crate) fn of_itself(name: &str) -> Certificate {
        let mut parameters = CertificateParams::new(vec![name.to_owned()]).expect("it is a name");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key can be made");
        let certificate = parameters.self_signed(&key).expect("it can be signed");
        Certificate { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// One for a server of this name or address.
    pub(crate) fn certificate(&self, name: &str) -> Certificate {
        let key = KeyPair::generate().expect("a key can be made");
        let parameters = CertificateParams::new(vec![name.to_owned()]).expect("it is a name");
        let certificate = parameters.signed_by(&key, &self.0).expect("it can be signed");
        Certificate { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}
