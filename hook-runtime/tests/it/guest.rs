//! The component of `tests/guests`.

#[path = "build.rs"]
mod build;

use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
};

/// Its file.
pub(crate) fn component() -> &'static Path {
    static COMPONENT: OnceLock<PathBuf> = OnceLock::new();
    COMPONENT.get_or_init(|| build::components("hook-runtime/tests/guests", "guests").join("guest.wasm"))
}
