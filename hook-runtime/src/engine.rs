//! The sandbox's engine: how components are read, checked against the configuration, and compiled.

#[cfg(feature = "compiler")]
use std::process::Command;
use std::{
    fmt::Write as _,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::Duration,
};

use sha2::{Digest as _, Sha256};
use wasmtime::component::{Component, HasSelf, Linker};

use crate::{
    bindings::{ApplicationHook, ApplicationHookPre, kubectl_backup::hook},
    compiled::Compiled,
    configuration::{Configuration, ConfigurationError},
    host::State,
};

/// How often a guest that computes gives way to the others, and thus how late an interruption may be.
const TICK: Duration = Duration::from_millis(10);
/// Bytes of a component: one with a whole Python in it has 40 million.
const LARGEST_COMPONENT: u64 = 128 * 1024 * 1024;

/// Compiles components, and lets the running ones give way.
#[derive(Clone)]
pub struct Engine {
    inner: wasmtime::Engine,
    linker: Arc<Linker<State>>,
    ticker: Arc<Ticker>,
}

/// What keeps the runtime from running.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration.
    #[error("the runtime cannot start")]
    Configuration(#[source] ConfigurationError),
    /// The engine.
    #[error("the sandbox cannot be set up")]
    Engine(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The thread that all runs on.
    #[error("could not set up the thread of the runtime")]
    Thread(#[source] std::io::Error),
    /// Signals.
    #[error("could not listen for signals")]
    Signals(#[source] std::io::Error),
    /// The listener.
    #[error("could not listen on `{address}`")]
    Listen {
        /// Where.
        address: std::net::SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// A component's file.
    #[error("could not read the component of hook `{hook}` from `{}`", .path.display())]
    Read {
        /// Whose.
        hook: String,
        /// From where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A component that is too large, outside of the folder, or not the one that the configuration names.
    #[error("the component of hook `{hook}` is refused: {why}")]
    Refused {
        /// Whose.
        hook: String,
        /// Why.
        why: String,
    },
    /// A component that is none, or that needs what is not offered.
    #[error("the component of hook `{hook}` cannot be used: {why}")]
    Component {
        /// Whose.
        hook: String,
        /// In the words of the engine.
        why: String,
    },
    /// The cache of compiled components.
    #[error("the compiled component of hook `{hook}` could not be had from the cache `{}`", .folder.display())]
    Cache {
        /// Whose.
        hook: String,
        /// The folder that the configuration names.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Nowhere to compile to.
    #[error("the configuration names no folder for compiled components: set `cache`")]
    NoCache,
    /// The hook does not say what it is.
    #[error("hook `{hook}` did not describe itself: {why}")]
    Describe {
        /// Which.
        hook: String,
        /// Why.
        why: String,
    },
    /// The configuration does not fit what the hook describes.
    #[error("the configuration of hook `{hook}` does not fit it: {why}")]
    Unfit {
        /// Which.
        hook: String,
        /// In what.
        why: String,
    },
    /// The runtime ends with something frozen.
    #[error("still frozen, because no thaw succeeded in time: {0}")]
    StillFrozen(String),
}

impl Engine {
    /// An engine whose guests can be interrupted.
    pub fn new() -> Result<Self, Error> {
        let mut config = wasmtime::Config::new();
        config.epoch_interruption(true);
        // A hook has tens of megabytes; the default reserves 4 GiB of addresses, which a limit on them refuses.
        config.memory_reservation(64 << 20).memory_guard_size(64 << 10);
        let set_up = || -> wasmtime::Result<(wasmtime::Engine, Linker<State>)> {
            let engine = wasmtime::Engine::new(&config)?;
            let mut linker = Linker::new(&engine);
            wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
            hook::log::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
            hook::configuration::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
            hook::mounts::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
            Ok((engine, linker))
        };
        let (engine, linker) = set_up().map_err(|error| Error::Engine(error.into()))?;
        let ticker = Ticker::start(&engine);
        Ok(Self { inner: engine, linker: Arc::new(linker), ticker })
    }

    pub(crate) fn engine(&self) -> &wasmtime::Engine {
        &self.inner
    }

    /// While the guard lives, guests give way.
    pub(crate) fn running(&self) -> Running {
        *self.ticker.running.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.ticker.changed.notify_one();
        Running(Arc::clone(&self.ticker))
    }

    /// Reads the component of a hook, and compiles it unless that was done before.
    pub(crate) fn load(
        &self,
        hook: &str,
        configuration: &Configuration,
    ) -> Result<ApplicationHookPre<State>, Error> {
        let source = Source::read(hook, configuration)?;
        tracing::info!("hook {hook}: component {} ({})", source.file.display(), source.digest);
        let component = match configuration.cache() {
            Some(cache) => self.compiled(hook, configuration, cache, &source.digest)?,
            None => self.compile(&source)?,
        };
        let ready = || ApplicationHookPre::new(self.linker.instantiate_pre(&component)?);
        ready().map_err(|error| unusable(hook, &error))
    }

    fn compiled(
        &self,
        hook: &str,
        configuration: &Configuration,
        cache: &Path,
        digest: &str,
    ) -> Result<Component, Error> {
        let failed = |source| Error::Cache { hook: hook.to_owned(), folder: cache.to_owned(), source };
        let compiled = Compiled::open(cache).map_err(failed)?;
        if let Some(component) = compiled.load(&self.inner, digest) {
            return Ok(component);
        }
        compile_elsewhere(configuration.path()).map_err(failed)?;
        compiled.load(&self.inner, digest).ok_or_else(|| {
            failed(io::Error::other("what was compiled just now is not there, or is for another build"))
        })
    }

    #[cfg(feature = "compiler")]
    fn compile(&self, source: &Source) -> Result<Component, Error> {
        Component::new(&self.inner, &source.bytes).map_err(|error| unusable(&source.hook, &error))
    }

    #[cfg(not(feature = "compiler"))]
    #[expect(clippy::unused_self, reason = "with the compiler it is used")]
    fn compile(&self, source: &Source) -> Result<Component, Error> {
        Err(Error::Refused {
            hook: source.hook.clone(),
            why: "this build has no compiler, so `cache` must name a folder that one with a compiler has filled, \
                  by `hook-runtime compile --config FILE`"
                .to_owned(),
        })
    }

    /// Compiles the components of all hooks into the cache of the configuration. Gives the names of those that were not
    /// there yet.
    #[cfg(feature = "compiler")]
    pub fn fill_cache(&self, configuration: &Configuration) -> Result<Vec<String>, Error> {
        let cache = configuration.cache().ok_or(Error::NoCache)?;
        let mut filled = Vec::new();
        for hook in configuration.hooks().keys() {
            let failed = |source| Error::Cache { hook: hook.clone(), folder: cache.to_owned(), source };
            let source = Source::read(hook, configuration)?;
            let compiled = Compiled::open(cache).map_err(failed)?;
            if compiled.load(&self.inner, &source.digest).is_some() {
                continue;
            }
            let component =
                self.inner.precompile_component(&source.bytes).map_err(|error| unusable(hook, &error))?;
            compiled.store(&source.digest, &component).map_err(failed)?;
            filled.push(hook.clone());
        }
        Ok(filled)
    }
}

fn unusable(hook: &str, error: &wasmtime::Error) -> Error {
    Error::Component { hook: hook.to_owned(), why: format!("{error:#}") }
}

/// In a process of its own, which takes the memory that a compiler needs along as it ends.
#[cfg(feature = "compiler")]
fn compile_elsewhere(configuration: &Path) -> io::Result<()> {
    let program = std::env::current_exe()?;
    let status = Command::new(program).arg("compile").arg("--config").arg(configuration).status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("compiling ended with {status}"))) }
}

#[cfg(not(feature = "compiler"))]
fn compile_elsewhere(_: &Path) -> io::Result<()> {
    Err(io::Error::other(
        "it is not in the cache, and this build has no compiler; fill the cache by one that has, with \
         `hook-runtime compile --config FILE`",
    ))
}

/// A component as it was read, found to be the one that the configuration names.
struct Source {
    #[cfg_attr(not(feature = "compiler"), expect(dead_code, reason = "only a compiler reads it"))]
    bytes: Vec<u8>,
    hook: String,
    file: PathBuf,
    digest: String,
}

impl Source {
    fn read(hook: &str, configuration: &Configuration) -> Result<Self, Error> {
        let settings = &configuration.hooks()[hook];
        let bytes = read(hook, configuration.folder(), &settings.component)?;
        let digest = hex(&Sha256::digest(&bytes));
        if let Some(expected) =
            settings.sha256.as_ref().filter(|expected| !expected.eq_ignore_ascii_case(&digest))
        {
            let why = format!("its SHA-256 is {digest}, and the configuration names {expected}");
            return Err(Error::Refused { hook: hook.to_owned(), why });
        }
        Ok(Self { bytes, hook: hook.to_owned(), file: settings.component.clone(), digest })
    }
}

/// A mounted `ConfigMap` is links within its folder: these are followed, others are not.
fn read(hook: &str, folder: &Path, component: &Path) -> Result<Vec<u8>, Error> {
    let path = folder.join(component);
    let failed = |source| Error::Read { hook: hook.to_owned(), path: path.clone(), source };
    let refused = |why: &str| Err(Error::Refused { hook: hook.to_owned(), why: why.to_owned() });
    let file = path.canonicalize().map_err(failed)?;
    if !file.starts_with(folder.canonicalize().map_err(failed)?) {
        return refused("it is a link out of the folder");
    }
    if std::fs::metadata(&file).map_err(failed)?.len() > LARGEST_COMPONENT {
        return refused("it is larger than 128 MiB");
    }
    std::fs::read(&file).map_err(failed)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // A string takes all.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Counts epochs while guests run, in a thread of its own: a guest that spins holds the other one.
struct Ticker {
    running: Mutex<usize>,
    changed: Condvar,
}

impl Ticker {
    fn start(engine: &wasmtime::Engine) -> Arc<Self> {
        let ticker = Arc::new(Self { running: Mutex::new(0), changed: Condvar::new() });
        let (weak, shared) = (engine.weak(), Arc::clone(&ticker));
        std::thread::spawn(move || {
            loop {
                let running = shared.running.lock().unwrap_or_else(PoisonError::into_inner);
                // Idle while nobody runs: a sidecar that wakes a hundred times a second for nothing is a nuisance.
                drop(shared.changed.wait_while(running, |running| *running == 0));
                std::thread::sleep(TICK);
                match weak.upgrade() {
                    Some(engine) => engine.increment_epoch(),
                    None => return,
                }
            }
        });
        ticker
    }
}

/// A guest runs.
pub(crate) struct Running(Arc<Ticker>);

impl Drop for Running {
    fn drop(&mut self) {
        *self.0.running.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
    }
}

/// The type that an instance has.
pub(crate) type Hook = ApplicationHook;
