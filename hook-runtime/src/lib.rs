//! Runs the hooks of `kubectl backup` beside a database, and always thaws.
//!
//! Owns the sandbox ([`engine`], `instance`, `host`), the keeping of leases (`keeper`), which follows the state machine of
//! `hook_protocol::lease`, and the server on loopback ([`server`]). Leaves to the caller which restore point is made.
//!
//! Invariants: nothing runs that the configuration does not name; nothing is granted that it does not grant; a call is
//! never dropped while its lease could still end in the session that froze.

mod bindings;
mod compiled;
mod components;
pub mod configuration;
mod describe;
pub mod engine;
mod host;
mod instance;
mod keeper;
mod listener;
mod metrics;
pub mod probe;
mod record;
mod scrape;
pub mod server;
