//! The sandbox's engine: how it is set up, how its guests give way, and what can go wrong before they run. Where
//! components come from is in `components`.

use std::{
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use wasmtime::component::{HasSelf, Linker};

use crate::{
    bindings::{ApplicationHook, kubectl_backup::hook},
    configuration::{Configuration, ConfigurationError},
    host::State,
};

/// How often a guest that computes gives way to the others, and thus how late an interruption may be.
const TICK: Duration = Duration::from_millis(10);

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
    /// A component that a registry does not give.
    #[cfg(feature = "compiler")]
    #[error("could not get the component of hook `{hook}`")]
    Pull {
        /// Whose.
        hook: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
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
    /// For the hooks of this configuration. With a cache they are compiled in another process, and the compiler of this one
    /// is not even set up: its tables are megabytes.
    pub fn serving(configuration: &Configuration) -> Result<Self, Error> {
        Self::new(configuration.cache().is_none())
    }

    /// For filling a cache.
    #[cfg(feature = "compiler")]
    pub fn compiling() -> Result<Self, Error> {
        Self::new(true)
    }

    /// An engine whose guests can be interrupted.
    #[cfg_attr(not(feature = "compiler"), expect(unused_variables, reason = "this build has no compiler"))]
    fn new(compiles: bool) -> Result<Self, Error> {
        let mut config = wasmtime::Config::new();
        #[cfg(feature = "compiler")]
        config.enable_compiler(compiles);
        config.epoch_interruption(true);
        // A hook has tens of megabytes; the default reserves 4 GiB of addresses, which a limit on them refuses.
        config.memory_reservation(64 << 20).memory_guard_size(64 << 10);
        let set_up = || -> wasmtime::Result<(wasmtime::Engine, Linker<State>)> {
            let engine = wasmtime::Engine::new(&config)?;
            let mut linker = Linker::new(&engine);
            wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
            // For every hook, so that one that can do without is none the worse for it: the grant is asked at the handshake.
            wasmtime_wasi_tls::p2::add_to_linker(
                &mut linker,
                wasmtime_wasi_tls::p2::LinkOptions::default().tls(true),
            )?;
            hook::log::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
            hook::configuration::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
            hook::mounts::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
            Ok((engine, linker))
        };
        let (engine, linker) = set_up().map_err(|error| Error::Engine(error.into()))?;
        let ticker = Ticker::start(&engine);
        Ok(Self { inner: engine, linker: Arc::new(linker), ticker })
    }

    pub(crate) fn linker(&self) -> &Linker<State> {
        &self.linker
    }

    pub(crate) fn engine(&self) -> &wasmtime::Engine {
        &self.inner
    }

    /// While the guard lives, guests give way.
    pub(crate) fn running(&self) -> Running {
        let pulse = Arc::clone(&self.ticker.0);
        pulse.guests().running += 1;
        pulse.changed.notify_one();
        Running(pulse)
    }
}

/// Counts epochs while guests run, in a thread of its own: a guest that spins holds the other one. The thread ends with this.
struct Ticker(Arc<Pulse>);

/// What the thread waits for.
#[derive(Default)]
struct Pulse {
    guests: Mutex<Guests>,
    changed: Condvar,
}

#[derive(Default)]
struct Guests {
    running: usize,
    /// Nobody can start one any more.
    ended: bool,
}

impl Pulse {
    fn guests(&self) -> MutexGuard<'_, Guests> {
        self.guests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticker {
    fn start(engine: &wasmtime::Engine) -> Arc<Self> {
        let pulse = Arc::<Pulse>::default();
        let (engine, shared) = (engine.clone(), Arc::clone(&pulse));
        std::thread::spawn(move || {
            loop {
                // Idle while nobody runs: a sidecar that wakes a hundred times a second for nothing is a nuisance.
                let is_idle = |guests: &mut Guests| guests.running == 0 && !guests.ended;
                let guests = shared.changed.wait_while(shared.guests(), is_idle);
                if guests.unwrap_or_else(PoisonError::into_inner).ended {
                    return;
                }
                std::thread::sleep(TICK);
                engine.increment_epoch();
            }
        });
        Arc::new(Self(pulse))
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.0.guests().ended = true;
        self.0.changed.notify_one();
    }
}

/// A guest runs.
pub(crate) struct Running(Arc<Pulse>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.guests().running -= 1;
    }
}

/// The type that an instance has.
pub(crate) type Hook = ApplicationHook;
