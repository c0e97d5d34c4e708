//! Keys, certificates, tokens and kubeconfigs of one cluster, all readable by their owner alone.

use std::{
    fmt::Write as _,
    fs::{self, File},
    io::{Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD},
};
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use serde_json::json;

/// The cluster address of the service `kubernetes`: the first of the service range.
const SERVICE_ADDRESS: &str = "10.96.0.1";
/// As whom the kubelet of the node `node` comes.
const NODE_USER: &str = "system:node:node";

/// Files in a cluster's folder.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Certificate of the authority that signed the API server's certificate.
    pub authority: PathBuf,
    /// Its key.
    pub authority_key: PathBuf,
    /// The API server's certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub certificate_key: PathBuf,
    /// What the API server shows to kubelets.
    pub kubelet_client: PathBuf,
    /// Its key.
    pub kubelet_client_key: PathBuf,
    /// Key that signs service account tokens.
    pub service_account_key: PathBuf,
    /// Its public half.
    pub service_account_public_key: PathBuf,
    /// Static tokens: `token,user,uid,groups`.
    pub tokens: PathBuf,
    /// Kubeconfig of the controller manager.
    pub controller_manager: PathBuf,
    /// Kubeconfig of the scheduler, should the cluster get a node.
    pub scheduler: PathBuf,
    /// Kubeconfig of the node's kubelet, likewise.
    pub kubelet: PathBuf,
}

impl Credentials {
    /// Where they lie in a cluster's folder.
    pub fn in_folder(folder: &Path) -> Self {
        Self {
            authority: folder.join("ca.crt"),
            authority_key: folder.join("ca.key"),
            certificate: folder.join("server.crt"),
            certificate_key: folder.join("server.key"),
            kubelet_client: folder.join("kubelet-client.crt"),
            kubelet_client_key: folder.join("kubelet-client.key"),
            service_account_key: folder.join("service-account.key"),
            service_account_public_key: folder.join("service-account.pub"),
            tokens: folder.join("tokens.csv"),
            controller_manager: folder.join("controller-manager.kubeconfig"),
            scheduler: folder.join("scheduler.kubeconfig"),
            kubelet: folder.join("kubelet.kubeconfig"),
        }
    }
}

/// Makes all of them for a cluster whose API server is at `server`, and `admin.kubeconfig`.
pub fn make(folder: &Path, server: &str) -> Result<Credentials> {
    let credentials = Credentials::in_folder(folder);
    make_certificates(&credentials).context("could not make the cluster's certificates")?;
    let key = KeyPair::generate().context("could not make the service account key")?;
    write_private(&credentials.service_account_key, &key.serialize_pem())?;
    write_private(&credentials.service_account_public_key, &key.public_key_pem())?;

    let authority = fs::read(&credentials.authority).context("could not read the authority's certificate")?;
    let admin = folder.join("admin.kubeconfig");
    let users = [
        (&admin, "admin", "system:masters"),
        (&credentials.controller_manager, "system:kube-controller-manager", ""),
        (&credentials.scheduler, "system:kube-scheduler", ""),
        (&credentials.kubelet, NODE_USER, "system:nodes"),
    ];
    let mut tokens = String::new();
    for (path, user, group) in users {
        let token = random_token()?;
        writeln!(tokens, "{token},{user},{user},\"{group}\"").context("no memory")?;
        write_private(path, &kubeconfig(server, &authority, &token, "default"))?;
    }
    write_private(&credentials.tokens, &tokens)?;
    Ok(credentials)
}

/// A kubeconfig with one context, `test`, as JSON, which is YAML too.
pub fn kubeconfig(server: &str, authority: &[u8], token: &str, namespace: &str) -> String {
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{
            "name": "test",
            "cluster": { "server": server, "certificate-authority-data": BASE64.encode(authority) },
        }],
        "users": [{ "name": "test", "user": { "token": token } }],
        "contexts": [{ "name": "test", "context": { "cluster": "test", "user": "test", "namespace": namespace } }],
    })
    .to_string()
}

/// Writes a file that only its owner can read; a file that is there already is an error.
fn write_private(path: &Path, content: &str) -> Result<()> {
    File::options()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(content.as_bytes()))
        .with_context(|| format!("could not write `{}`", path.display()))
}

fn make_certificates(to: &Credentials) -> Result<()> {
    let authority_key = KeyPair::generate()?;
    let mut authority = CertificateParams::default();
    authority.distinguished_name.push(DnType::CommonName, "test-cluster-ca");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    write_private(&to.authority, &authority.self_signed(&authority_key)?.pem())?;
    write_private(&to.authority_key, &authority_key.serialize_pem())?;

    let key = KeyPair::generate()?;
    let names = ["127.0.0.1", SERVICE_ADDRESS, "localhost", "kubernetes", "kubernetes.default.svc"];
    let mut server = CertificateParams::new(names.map(str::to_owned))?;
    server.distinguished_name.push(DnType::CommonName, "kube-apiserver");
    let issuer = Issuer::new(authority, authority_key);
    let certificate = server.signed_by(&key, &issuer)?;
    write_private(&to.certificate, &certificate.pem())?;
    write_private(&to.certificate_key, &key.serialize_pem())?;

    let key = KeyPair::generate()?;
    let mut client = CertificateParams::default();
    client.distinguished_name.push(DnType::CommonName, "kube-apiserver");
    client.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
    let certificate = client.signed_by(&key, &issuer)?;
    write_private(&to.kubelet_client, &certificate.pem())?;
    write_private(&to.kubelet_client_key, &key.serialize_pem())
}

/// 256 random bits.
fn random_token() -> Result<String> {
    let mut bytes = [0; 32];
    File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .context("no random numbers")?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn nobody_else_can_read_what_is_made() {
        let folder = tempfile::tempdir().unwrap();
        make(folder.path(), "https://127.0.0.1:6443").unwrap();
        let files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(Result::unwrap).collect();
        assert!(files.len() >= 8);
        for file in files {
            let mode = file.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{}", file.path().display());
        }
    }

    #[test]
    fn tokens_differ_between_users() {
        let folder = tempfile::tempdir().unwrap();
        let credentials = make(folder.path(), "https://127.0.0.1:6443").unwrap();
        let tokens = fs::read_to_string(credentials.tokens).unwrap();
        let tokens: Vec<_> = tokens.lines().map(|line| line.split(',').next().unwrap()).collect();
        assert_eq!(tokens[0].len(), 43);
        assert_ne!(tokens[0], tokens[1]);
    }
}
