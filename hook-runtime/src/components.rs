//! Where components come from: a file in the configuration's folder or an artifact in a registry, as the configuration
//! names it, compiled here or before.

use std::{
    fmt::Write as _,
    io,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};
use wasmtime::component::Component;

use crate::{
    bindings::ApplicationHookPre,
    compiled::Compiled,
    configuration::{Configuration, Origin},
    engine::{Engine, Error},
    host::State,
};

/// Bytes of a component: one with a whole Python in it has 40 million.
const LARGEST: u64 = 128 * 1024 * 1024;

impl Engine {
    /// The component of a hook, compiled unless that was done before.
    pub(crate) fn load(
        &self,
        hook: &str,
        configuration: &Configuration,
    ) -> Result<ApplicationHookPre<State>, Error> {
        let component = match configuration.hooks()[hook].origin() {
            Origin::Image { reference, digest } => {
                tracing::info!("hook {hook}: component {reference}");
                self.cached(hook, configuration, digest)?
            }
            Origin::File(file) => {
                let (bytes, digest) = read(hook, configuration, file)?;
                tracing::info!("hook {hook}: component {} ({digest})", file.display());
                match configuration.cache() {
                    Some(_) => self.cached(hook, configuration, &digest)?,
                    None => self.compile(hook, &bytes)?,
                }
            }
        };
        let ready = || ApplicationHookPre::new(self.linker().instantiate_pre(&component)?);
        ready().map_err(|error| unusable(hook, &error))
    }

    fn cached(&self, hook: &str, configuration: &Configuration, digest: &str) -> Result<Component, Error> {
        let cache = configuration.cache().ok_or(Error::NoCache)?;
        let failed = |source| Error::Cache { hook: hook.to_owned(), folder: cache.to_owned(), source };
        let compiled = Compiled::open(cache).map_err(failed)?;
        if let Some(component) = compiled.load(self.engine(), digest) {
            return Ok(component);
        }
        compile_elsewhere(configuration.path()).map_err(failed)?;
        compiled.load(self.engine(), digest).ok_or_else(|| {
            failed(io::Error::other("what was compiled just now is not there, or is for another build"))
        })
    }

    #[cfg(feature = "compiler")]
    fn compile(&self, hook: &str, bytes: &[u8]) -> Result<Component, Error> {
        Component::new(self.engine(), bytes).map_err(|error| unusable(hook, &error))
    }

    #[cfg(not(feature = "compiler"))]
    #[expect(clippy::unused_self, reason = "with the compiler it is used")]
    fn compile(&self, hook: &str, _: &[u8]) -> Result<Component, Error> {
        let why = "this build has no compiler, so `cache` must name a folder that one with a compiler has filled, by \
                   `hook-runtime compile --config FILE`";
        Err(Error::Refused { hook: hook.to_owned(), why: why.to_owned() })
    }

    /// Compiles the components of all hooks into the cache of the configuration, pulling those that lie in registries.
    /// Gives the names of the hooks whose component was not there yet.
    #[cfg(feature = "compiler")]
    pub async fn fill_cache(&self, configuration: &Configuration) -> Result<Vec<String>, Error> {
        let cache = configuration.cache().ok_or(Error::NoCache)?;
        let mut filled = Vec::new();
        for (hook, settings) in configuration.hooks() {
            let failed = |source| Error::Cache { hook: hook.clone(), folder: cache.to_owned(), source };
            let compiled = Compiled::open(cache).map_err(failed)?;
            let (bytes, digest) = match settings.origin() {
                Origin::File(file) => read(hook, configuration, file)?,
                Origin::Image { digest, .. } if compiled.load(self.engine(), digest).is_some() => continue,
                Origin::Image { reference, digest } => {
                    let pulled = pull(reference, configuration).await;
                    let refused = |source| Error::Pull { hook: hook.clone(), source };
                    (pulled.map_err(refused)?, digest.to_owned())
                }
            };
            if compiled.load(self.engine(), &digest).is_some() {
                continue;
            }
            let component =
                self.engine().precompile_component(&bytes).map_err(|error| unusable(hook, &error))?;
            compiled.store(&digest, &component).map_err(failed)?;
            filled.push(hook.clone());
        }
        Ok(filled)
    }
}

#[cfg(feature = "compiler")]
async fn pull(
    reference: &str,
    configuration: &Configuration,
) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
    use hook_artifact::{
        credentials::Credentials,
        registry::{Pinned, pull},
    };

    let credentials = configuration.registry_credentials().map(Credentials::read).transpose()?;
    Ok(pull(&Pinned::parse(reference)?, &credentials.unwrap_or_default()).await?)
}

/// In a process of its own, which takes the memory that a compiler needs along as it ends.
#[cfg(feature = "compiler")]
fn compile_elsewhere(configuration: &Path) -> io::Result<()> {
    let program = std::env::current_exe()?;
    let status =
        std::process::Command::new(program).arg("compile").arg("--config").arg(configuration).status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("compiling ended with {status}"))) }
}

#[cfg(not(feature = "compiler"))]
fn compile_elsewhere(_: &Path) -> io::Result<()> {
    Err(io::Error::other(
        "it is not in the cache, and this build has no compiler; fill the cache by one that has, with \
         `hook-runtime compile --config FILE`",
    ))
}

fn unusable(hook: &str, error: &wasmtime::Error) -> Error {
    Error::Component { hook: hook.to_owned(), why: format!("{error:#}") }
}

/// A component's bytes and their digest in hex, found to be the one that the configuration names. A mounted `ConfigMap`
/// is links within its folder: these are followed, others are not.
fn read(hook: &str, configuration: &Configuration, component: &Path) -> Result<(Vec<u8>, String), Error> {
    let folder = configuration.folder();
    let path: PathBuf = folder.join(component);
    let failed = |source| Error::Read { hook: hook.to_owned(), path: path.clone(), source };
    let refused = |why: String| Err(Error::Refused { hook: hook.to_owned(), why });
    let file = path.canonicalize().map_err(failed)?;
    if !file.starts_with(folder.canonicalize().map_err(failed)?) {
        return refused("it is a link out of the folder".to_owned());
    }
    if std::fs::metadata(&file).map_err(failed)?.len() > LARGEST {
        return refused("it is larger than 128 MiB".to_owned());
    }
    let bytes = std::fs::read(&file).map_err(failed)?;
    let digest = hex(&Sha256::digest(&bytes));
    match &configuration.hooks()[hook].sha256 {
        Some(expected) if !expected.eq_ignore_ascii_case(&digest) => {
            refused(format!("its SHA-256 is {digest}, and the configuration names {expected}"))
        }
        _ => Ok((bytes, digest)),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // A string takes all.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
