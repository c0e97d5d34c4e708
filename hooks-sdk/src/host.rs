//! The host: the runtime when this is a component, else the one of a test.

#[cfg(target_family = "wasm")]
mod real {
    use std::path::PathBuf;

    use crate::{
        Result,
        bindings::kubectl_backup::hook::{configuration, log as host_log, mounts},
        log::Level,
    };

    pub(crate) fn setting(name: &str) -> Option<String> {
        configuration::get(name)
    }

    pub(crate) fn secret(name: &str) -> Option<String> {
        configuration::secret(name)
    }

    pub(crate) fn folder(name: &str) -> Option<PathBuf> {
        Some(PathBuf::from(format!("/{name}")))
    }

    pub(crate) fn log(level: Level, message: &str) {
        host_log::write(level, message);
    }

    pub(crate) fn freeze(name: &str) -> Result<()> {
        mounts::freeze(name)
    }

    pub(crate) fn thaw(name: &str) -> Result<()> {
        mounts::thaw(name)
    }
}

#[cfg(not(target_family = "wasm"))]
pub(crate) use crate::fake::{folder, freeze, log, secret, setting, thaw};
#[cfg(target_family = "wasm")]
pub(crate) use real::{folder, freeze, log, secret, setting, thaw};
