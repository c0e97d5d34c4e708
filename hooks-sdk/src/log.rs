//! The log: lines in that of the runtime, with the hook's name. No secrets.

pub use crate::bindings::kubectl_backup::hook::log::Level;
use crate::host;

/// For the author of the hook.
pub fn debug(message: impl AsRef<str>) {
    host::log(Level::Debug, message.as_ref());
}

/// For who wants to follow.
pub fn info(message: impl AsRef<str>) {
    host::log(Level::Info, message.as_ref());
}

/// Something is not as it should be.
pub fn warn(message: impl AsRef<str>) {
    host::log(Level::Warn, message.as_ref());
}

/// A step fails.
pub fn error(message: impl AsRef<str>) {
    host::log(Level::Error, message.as_ref());
}
