//! Credentials for registries from a file in Docker's format, as a pull secret of Kubernetes is mounted and as
//! `docker login` writes it. Helper programs that such a file may name are not run: in a pod there are none.

use std::{collections::BTreeMap, io::Read as _, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use oci_client::secrets::RegistryAuth;
use serde::Deserialize;

/// Bytes of such a file: a Secret of Kubernetes has 1 MiB at most.
const LARGEST: u64 = 1024 * 1024;

/// Credentials by registry.
#[derive(Default)]
pub struct Credentials(BTreeMap<String, RegistryAuth>);

/// Why such a file cannot be used. Nothing of its content is told.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// It cannot be read.
    #[error("could not read the credentials for registries from `{0}`")]
    Read(String, #[source] std::io::Error),
    /// It is no such file.
    #[error("`{0}` is not a file of credentials in Docker's format (`{{\"auths\": …}}`)")]
    Format(String),
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
}

impl Credentials {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, or is not in that format.
    pub fn read(path: &Path) -> Result<Self, CredentialsError> {
        let shown = path.display().to_string();
        let read = || -> std::io::Result<Vec<u8>> {
            let mut bytes = Vec::new();
            std::fs::File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let bytes = read().map_err(|error| CredentialsError::Read(shown.clone(), error))?;
        Self::parse(&bytes).ok_or(CredentialsError::Format(shown))
    }

    /// Those for this registry: its host, with a port if it has one.
    pub fn of(&self, registry: &str) -> RegistryAuth {
        self.0.get(registry).cloned().unwrap_or(RegistryAuth::Anonymous)
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let within = bytes.len() as u64 <= LARGEST;
        let file: File = within.then(|| serde_json::from_slice(bytes).ok()).flatten()?;
        let mut known = BTreeMap::new();
        for (registry, entry) in file.auths {
            known.insert(host(&registry).to_owned(), basic(entry)?);
        }
        Some(Self(known))
    }
}

/// `https://index.docker.io/v1/` is how Docker writes its own.
fn host(registry: &str) -> &str {
    let bare = registry.trim_start_matches("https://").trim_start_matches("http://");
    bare.split('/').next().unwrap_or(bare)
}

fn basic(entry: Entry) -> Option<RegistryAuth> {
    if let (Some(user), Some(password)) = (entry.username, entry.password) {
        return Some(RegistryAuth::Basic(user, password));
    }
    match entry.auth {
        Some(auth) => {
            let text = String::from_utf8(STANDARD.decode(auth.trim()).ok()?).ok()?;
            let (user, password) = text.split_once(':')?;
            Some(RegistryAuth::Basic(user.to_owned(), password.to_owned()))
        }
        None => Some(RegistryAuth::Anonymous),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn basic(user: &str, password: &str) -> RegistryAuth {
        RegistryAuth::Basic(user.to_owned(), password.to_owned())
    }

    #[rstest]
    #[case::encoded(r#"{"auths":{"r.example:5000":{"auth":"dTpwOnc="}}}"#, basic("u", "p:w"))]
    #[case::plain(r#"{"auths":{"r.example:5000":{"username":"u","password":"p"}}}"#, basic("u", "p"))]
    #[case::as_docker_writes_it(
        r#"{"auths":{"https://r.example:5000/v1/":{"auth":"dTpw"}}}"#,
        basic("u", "p")
    )]
    #[case::of_others(r#"{"auths":{"other.example":{"auth":"dTpw"}}}"#, RegistryAuth::Anonymous)]
    #[case::none("{}", RegistryAuth::Anonymous)]
    fn finds_those_of_a_registry(#[case] file: &str, #[case] expected: RegistryAuth) {
        assert_eq!(Credentials::parse(file.as_bytes()).unwrap().of("r.example:5000"), expected);
    }

    #[rstest]
    #[case::not_json("user:password")]
    #[case::not_encoded(r#"{"auths":{"r":{"auth":"%"}}}"#)]
    #[case::no_password(r#"{"auths":{"r":{"auth":"dQ=="}}}"#)]
    fn refuses(#[case] file: &str) {
        assert!(Credentials::parse(file.as_bytes()).is_none());
    }
}
