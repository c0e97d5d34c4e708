//! The program as it runs in a pod, with real components: leases that end in every way, and hooks that misbehave.

mod application;
mod authority;
mod garbage;
mod guest;
mod hook;
mod hostile;
mod lease;
mod left;
mod operations;
mod process;
mod registry;
mod restored;
mod start;
mod terminator;
mod tls;
mod without_compiler;
