//! The client of hook runtimes: speaks the hook protocol over any stream, holds leases, and freezes a group of hooks.
//!
//! How a stream to a pod comes about is left to [`Connect`], so that this module knows no cluster; which hooks there are
//! and what a failure means for a backup is decided in `plan` and `commands`. `docs/design/0004-hooks.md` has the rules.

mod client;
mod group;
mod hold;
mod holder;
mod inquiry;
mod open;
mod words;

pub use client::{Client, ClientError};
pub use hold::{Finished, hold};
pub use open::{Connect, Duplex, Opened, Target, ask, open};
