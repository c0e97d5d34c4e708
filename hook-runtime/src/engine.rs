//! The sandbox's engine: how components are read, checked against the configuration, and compiled.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::Duration,
};

use sha2::{Digest as _, Sha256};
use wasmtime::component::{Component, HasSelf, Linker};

use crate::{
    bindings::{ApplicationHook, ApplicationHookPre, kubectl_backup::hook},
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

    /// Reads and compiles the component of a hook.
    pub(crate) fn load(
        &self,
        hook: &str,
        configuration: &Configuration,
    ) -> Result<ApplicationHookPre<State>, Error> {
        let settings = &configuration.hooks()[hook];
        let bytes = read(hook, configuration.folder(), &settings.component)?;
        let digest = hex(&Sha256::digest(&bytes));
        if let Some(expected) =
            settings.sha256.as_ref().filter(|expected| !expected.eq_ignore_ascii_case(&digest))
        {
            let why = format!("its SHA-256 is {digest}, and the configuration names {expected}");
            return Err(Error::Refused { hook: hook.to_owned(), why });
        }
        tracing::info!("hook {hook}: component {} ({digest})", settings.component.display());
        let compile =
            || ApplicationHookPre::new(self.linker.instantiate_pre(&Component::new(&self.inner, bytes)?)?);
        compile().map_err(|error| Error::Component { hook: hook.to_owned(), why: format!("{error:#}") })
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
