//! The plugin's client and group freeze against real runtimes, each a process of its own, with real components.

#[path = "../../hook-runtime/tests/it/application.rs"]
mod application;
mod cluster;
mod freeze;
#[path = "../../hook-runtime/tests/it/guest.rs"]
mod guest;
#[path = "../../hook-runtime/tests/it/hook.rs"]
mod hook;
mod hostile;
#[path = "../../hook-runtime/tests/it/process.rs"]
#[expect(dead_code, reason = "it serves the tests of the runtime too")]
mod process;
