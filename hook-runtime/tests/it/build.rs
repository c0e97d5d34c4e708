//! Building of components; cargo keeps what it needs for the next run.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// Builds this workspace for wasm and gives the folder of its components. The target folder is named as from the one that
/// cargo gives to tests.
pub(crate) fn components(workspace: &str, target: &str) -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(workspace);
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join(target);
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(workspace);
    cargo.args(["build", "--release", "--locked", "--target", "wasm32-wasip2", "--target-dir"]).arg(&target);
    // Options of the build that runs this test are not for another target.
    for variable in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET", "RUSTC_WRAPPER"] {
        cargo.env_remove(variable);
    }
    let status = cargo.status().expect("cargo runs");
    assert!(status.success(), "the hooks do not build; they need `rustup target add wasm32-wasip2`");
    target.join("wasm32-wasip2/release")
}
