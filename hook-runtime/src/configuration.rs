//! The configuration: which hooks run, from which files, and what each is granted. What is not named is not granted.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Component as PathPart, Path, PathBuf},
};

use serde::Deserialize;

/// Where the runtime listens when nothing is said.
pub const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9911);
/// Bytes of a configuration.
const LARGEST: u64 = 1024 * 1024;
/// Enough for a Rust hook; one in Python needs more.
const MEMORY: u32 = 32;
/// Beyond it a hook is an application of its own.
const MOST_MEMORY: u32 = 1024;

/// The configuration file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Configuration {
    /// Where it was read from.
    #[serde(skip)]
    path: PathBuf,
    #[serde(default)]
    listen: Option<SocketAddr>,
    #[serde(default)]
    metrics_listen: Option<SocketAddr>,
    #[serde(default)]
    folder: PathBuf,
    /// Credentials for registries, in Docker's format.
    #[serde(default)]
    #[cfg_attr(
        not(feature = "compiler"),
        expect(dead_code, reason = "without a compiler nothing is fetched")
    )]
    registry_credentials: Option<PathBuf>,
    /// Where compiled components are kept.
    #[serde(default)]
    cache: Option<PathBuf>,
    /// Where freezes that outlive everybody are recorded.
    #[serde(default)]
    state: Option<PathBuf>,
    hooks: BTreeMap<String, HookConfiguration>,
}

/// One hook.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct HookConfiguration {
    /// A file in the folder.
    #[serde(default)]
    component: Option<PathBuf>,
    /// Instead of a file an artifact in a registry, by its digest.
    #[serde(default)]
    image: Option<String>,
    /// Digest that the file must have, in hex.
    #[serde(default)]
    pub(crate) sha256: Option<String>,
    /// Addresses that it may connect to by TCP.
    #[serde(default)]
    pub(crate) connect: Vec<SocketAddr>,
    /// How it may speak TLS with them.
    #[serde(default)]
    pub(crate) tls: Option<Tls>,
    /// Values of its settings.
    #[serde(default)]
    pub(crate) settings: BTreeMap<String, String>,
    /// Files that have its secrets.
    #[serde(default)]
    pub(crate) secrets: BTreeMap<String, PathBuf>,
    /// Mount points that it may have frozen.
    #[serde(default)]
    pub(crate) mounts: BTreeMap<String, PathBuf>,
    /// Folders that it may read and write in `recover`, where each is `/NAME`.
    #[serde(default)]
    pub(crate) folders: BTreeMap<String, PathBuf>,
    /// Memory that it may use.
    #[serde(default = "default_memory", rename = "memoryMiB")]
    pub(crate) memory: u32,
}

/// How TLS is spoken.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Tls {
    /// A file of the certificates to trust, in PEM; without it those that the system trusts.
    #[serde(default)]
    pub(crate) ca: Option<PathBuf>,
    #[serde(default)]
    pub(crate) verify: Verify,
}

/// What is verified of a server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Verify {
    /// Its certificate, and the name in it.
    #[default]
    Full,
    /// Its certificate, of whatever name.
    Ca,
    /// Nothing: whoever is in between reads along.
    None,
}

/// Where a component comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin<'a> {
    /// A file in the folder.
    File(&'a Path),
    /// An artifact in a registry.
    Image {
        reference: &'a str,
        /// Of its manifest, in hex.
        digest: &'a str,
    },
}

impl HookConfiguration {
    pub(crate) fn origin(&self) -> Origin<'_> {
        match (&self.component, &self.image) {
            (_, Some(reference)) => {
                Origin::Image { reference, digest: pinned(reference).unwrap_or_default() }
            }
            (component, None) => Origin::File(component.as_deref().unwrap_or(Path::new(""))),
        }
    }

    /// What is wrong with where the component comes from, if anything.
    fn misplaced(&self, hook: &str) -> Option<ConfigurationError> {
        let hook = hook.to_owned();
        match (&self.component, &self.image) {
            (Some(component), None) => {
                let parts: Vec<PathPart<'_>> = component.components().collect();
                let is_file = matches!(parts[..], [PathPart::Normal(_)]);
                (!is_file).then(|| ConfigurationError::Component(hook, component.clone()))
            }
            (None, Some(image)) if pinned(image).is_none() => {
                Some(ConfigurationError::NotPinned(hook, image.clone()))
            }
            (None, Some(_)) if self.sha256.is_some() => Some(ConfigurationError::TwoDigests(hook)),
            (None, Some(_)) => None,
            _ => Some(ConfigurationError::Origin(hook)),
        }
    }
}

/// The digest that a reference ends with, in hex.
fn pinned(reference: &str) -> Option<&str> {
    let (_, digest) = reference.rsplit_once("@sha256:")?;
    let hex = digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (digest.len() == 64 && hex).then_some(digest)
}

fn default_memory() -> u32 {
    MEMORY
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigurationError {
    /// The file cannot be read.
    #[error("could not read the configuration `{}`", .0.display())]
    Read(PathBuf, #[source] std::io::Error),
    /// It is larger than a configuration is.
    #[error("the configuration `{}` has more than {LARGEST} bytes", .0.display())]
    Large(PathBuf),
    /// It is not what it should be.
    #[error("the configuration `{}` cannot be used", .0.display())]
    Yaml(PathBuf, #[source] Box<serde_saphyr::Error>),
    /// Others than the pod could connect.
    #[error("`listen` must be an address of the loopback, because whoever connects can freeze: {0}")]
    NotLoopback(SocketAddr),
    /// The name of a hook.
    #[error("a hook's name must be a DNS label of at most 63 characters: `{0}`")]
    Name(String),
    /// A component outside of the folder.
    #[error("the component of hook `{0}` must be a file name in the folder: `{file}`", file = .1.display())]
    Component(String, PathBuf),
    /// An artifact that may be another one tomorrow.
    #[error("the image of hook `{0}` must be pinned by its digest (`…@sha256:…`): `{1}`")]
    NotPinned(String, String),
    /// A digest beside one.
    #[error("the image of hook `{0}` is pinned by its digest; `sha256` is for files")]
    TwoDigests(String),
    /// A file and an image, or neither.
    #[error("hook `{0}` must name either a `component` in the folder or an `image` in a registry")]
    Origin(String),
    /// The name of a folder.
    #[error("a folder of hook `{0}` must be named by a DNS label of at most 63 characters: `{1}`")]
    Folder(String, String),
    /// Certificates that nothing is verified by.
    #[error(
        "`tls` of hook `{0}` names a `ca` and verifies nothing: leave out one of `ca` and `verify: none`"
    )]
    Unverified(String),
    /// A cache for a configuration that is no file.
    #[error("`cache` needs a configuration in a file")]
    InlineCache,
    /// Too much memory, or none.
    #[error("`memoryMiB` of hook `{0}` must be 1 to {MOST_MEMORY}: {1}")]
    Memory(String, u32),
}

impl Configuration {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, ConfigurationError> {
        let failed = |source| ConfigurationError::Read(path.to_owned(), source);
        if std::fs::metadata(path).map_err(failed)?.len() > LARGEST {
            return Err(ConfigurationError::Large(path.to_owned()));
        }
        let text = std::fs::read_to_string(path).map_err(failed)?;
        Self::parse(&text, path)
    }

    /// Where to listen.
    pub fn listen(&self) -> SocketAddr {
        self.listen.unwrap_or(LISTEN)
    }

    /// Where Prometheus reads metrics, by the address of the pod; nowhere when nothing is said.
    pub fn metrics_listen(&self) -> Option<SocketAddr> {
        self.metrics_listen
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    #[cfg(feature = "compiler")]
    pub(crate) fn registry_credentials(&self) -> Option<&Path> {
        self.registry_credentials.as_deref()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn cache(&self) -> Option<&Path> {
        self.cache.as_deref()
    }

    pub(crate) fn state(&self) -> Option<&Path> {
        self.state.as_deref()
    }

    pub(crate) fn hooks(&self) -> &BTreeMap<String, HookConfiguration> {
        &self.hooks
    }

    /// Takes the text itself. Without a file no cache can be filled, since another process reads the file for that.
    pub fn inline(text: &str) -> Result<Self, ConfigurationError> {
        let configuration = Self::parse(text, Path::new("--config-inline"))?;
        if configuration.cache.is_some() { Err(ConfigurationError::InlineCache) } else { Ok(configuration) }
    }

    fn parse(text: &str, path: &Path) -> Result<Self, ConfigurationError> {
        let mut configuration: Self = serde_saphyr::from_str(text)
            .map_err(|source| ConfigurationError::Yaml(path.to_owned(), Box::new(source)))?;
        path.clone_into(&mut configuration.path);
        let listen = configuration.listen();
        if !listen.ip().is_loopback() {
            return Err(ConfigurationError::NotLoopback(listen));
        }
        for (name, hook) in &configuration.hooks {
            if !hook_protocol::path::is_hook_name(name) {
                return Err(ConfigurationError::Name(name.clone()));
            }
            if let Some(error) = hook.misplaced(name) {
                return Err(error);
            }
            if let Some(folder) =
                hook.folders.keys().find(|folder| !hook_protocol::path::is_hook_name(folder))
            {
                return Err(ConfigurationError::Folder(name.clone(), folder.clone()));
            }
            if hook.tls.as_ref().is_some_and(|tls| tls.verify == Verify::None && tls.ca.is_some()) {
                return Err(ConfigurationError::Unverified(name.clone()));
            }
            if !(1..=MOST_MEMORY).contains(&hook.memory) {
                return Err(ConfigurationError::Memory(name.clone(), hook.memory));
            }
        }
        Ok(configuration)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::Index};
    use rstest::rstest;

    use super::*;

    fn parse(text: &str) -> Result<Configuration, ConfigurationError> {
        Configuration::parse(text, Path::new("hooks.yaml"))
    }

    #[test]
    fn can_be_the_text_itself_if_it_has_no_cache() {
        let text = "folder: /hooks\nhooks: {db: {component: db.wasm}}";
        assert_eq!(Configuration::inline(text).unwrap().hooks().len(), 1);
        let cached = format!("cache: /c\n{text}");
        assert!(matches!(Configuration::inline(&cached), Err(ConfigurationError::InlineCache)));
    }

    #[test]
    fn grants_nothing_that_is_not_named() {
        let configuration = parse("folder: /hooks\nhooks: {db: {component: db.wasm}}").unwrap();
        assert_eq!(configuration.listen(), LISTEN);
        let hook = &configuration.hooks()["db"];
        assert!(hook.connect.is_empty() && hook.secrets.is_empty() && hook.mounts.is_empty());
        assert!(hook.folders.is_empty() && hook.tls.is_none());
        assert_eq!(hook.memory, MEMORY);
    }

    #[rstest]
    #[case::not_said("{}", Verify::Full)]
    #[case::ca("{ca: /ca, verify: ca}", Verify::Ca)]
    #[case::nothing("{verify: none}", Verify::None)]
    fn verifies_all_unless_it_is_told_not_to(#[case] tls: &str, #[case] expected: Verify) {
        let configuration = parse(&format!("hooks: {{db: {{component: db.wasm, tls: {tls}}}}}")).unwrap();
        assert_eq!(configuration.hooks()["db"].tls.as_ref().unwrap().verify, expected);
    }

    #[rstest]
    #[case::all_interfaces(
        "listen: 0.0.0.0:9911\nfolder: /h\nhooks: {}",
        "must be an address of the loopback"
    )]
    #[case::address_of_the_pod(
        "listen: 10.0.0.7:9911\nfolder: /h\nhooks: {}",
        "must be an address of the loopback"
    )]
    #[case::upper_case("folder: /h\nhooks: {DB: {component: a}}", "DNS label")]
    #[case::climbing("folder: /h\nhooks: {db: {component: ../a}}", "must be a file name in the folder")]
    #[case::absolute("folder: /h\nhooks: {db: {component: /a}}", "must be a file name in the folder")]
    #[case::nowhere("folder: /h\nhooks: {db: {}}", "must name either a `component`")]
    #[case::both(
        "folder: /h\nhooks: {db: {component: a, image: r/h@sha256:0}}",
        "must name either a `component`"
    )]
    #[case::tag("hooks: {db: {image: 'r.example/h:1'}}", "must be pinned by its digest")]
    #[case::half_a_digest("hooks: {db: {image: 'r.example/h@sha256:00'}}", "must be pinned by its digest")]
    #[case::folder_with_a_path(
        "folder: /h\nhooks: {db: {component: a, folders: {a/b: /d}}}",
        "a folder of hook `db`"
    )]
    #[case::tls_with_a_guard_who_sleeps(
        "folder: /h\nhooks: {db: {component: a, tls: {ca: /ca, verify: none}}}",
        "names a `ca` and verifies nothing"
    )]
    #[case::tls_as_a_word("folder: /h\nhooks: {db: {component: a, tls: true}}", "cannot be used")]
    #[case::tls_by_another_name(
        "folder: /h\nhooks: {db: {component: a, tls: {verify: name}}}",
        "cannot be used"
    )]
    #[case::no_memory("folder: /h\nhooks: {db: {component: a, memoryMiB: 0}}", "must be 1 to 1024")]
    #[case::unknown_grant("folder: /h\nhooks: {db: {component: a, conect: []}}", "cannot be used")]
    #[case::name_for_an_address(
        "folder: /h\nhooks: {db: {component: a, connect: ['db:5432']}}",
        "cannot be used"
    )]
    fn refuses(#[case] text: &str, #[case] expected: &str) {
        let error = parse(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    /// Every field, so that a change of any byte is tried.
    const FULL: &str = "
        listen: '127.0.0.1:9911'
        metricsListen: '0.0.0.0:9912'
        folder: /hooks
        cache: /cache
        state: /state
        hooks:
          db:
            component: db.wasm
            sha256: '00'
            connect: ['127.0.0.1:5432', '[::1]:5432']
            tls: {ca: /ca.pem, verify: ca}
            settings: {user: &user backup, database: *user}
            secrets: {password: /secrets/db/password}
            mounts: {data: /data}
            folders: {data: /data}
            memoryMiB: 32
          web: {image: 'r.example/h@sha256:1111111111111111111111111111111111111111111111111111111111111111'}
    ";

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in any::<String>()) {
            let _ = parse(&text);
        }

        #[test]
        fn what_is_taken_of_a_damaged_one_is_within_its_bounds(
            changes in prop::collection::vec((any::<Index>(), any::<u8>()), 1..4),
        ) {
            let mut bytes = FULL.as_bytes().to_vec();
            for (place, byte) in changes {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            let Ok(taken) = parse(&String::from_utf8_lossy(&bytes)) else { return Ok(()) };
            prop_assert!(taken.listen().ip().is_loopback());
            for (name, hook) in taken.hooks() {
                prop_assert!(hook_protocol::path::is_hook_name(name));
                prop_assert!((1..=MOST_MEMORY).contains(&hook.memory));
                match hook.origin() {
                    Origin::File(file) => {
                        let parts: Vec<PathPart<'_>> = file.components().collect();
                        prop_assert!(matches!(parts[..], [PathPart::Normal(_)]), "{}", file.display());
                    }
                    Origin::Image { digest, .. } => prop_assert_eq!(digest.len(), 64),
                }
            }
        }
    }

    #[test]
    fn the_example_with_every_field_is_taken() {
        assert_eq!(parse(FULL).unwrap().hooks()["db"].settings["database"], "backup");
    }

    #[test]
    fn a_text_that_unfolds_without_end_is_refused() {
        let levels = (1..40).map(|level| format!("a{level}: &a{level} [*a{0}, *a{0}]\n", level - 1));
        let text = format!("hooks: {{}}\nfolder: &a0 [x, x]\n{}", levels.collect::<String>());
        assert!(matches!(parse(&text), Err(ConfigurationError::Yaml(..))));
        let deep = format!("hooks: {}1{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(matches!(parse(&deep), Err(ConfigurationError::Yaml(..))));
    }
}
