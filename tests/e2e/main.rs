//! End-to-end tests: the real binary against a real API server, one file an area.
//!
//! `cargo xtask test` runs them; `cargo test --test e2e -- --include-ignored NAME` runs one and leaves the cluster up
//! for the next (`cargo xtask cluster down` stops it).
#![expect(clippy::unwrap_used, reason = "a test that cannot set its stage has failed")]

mod conflict;
mod crash;
mod create;
mod damage;
mod hooks;
mod inspect;
mod manners;
mod migration;
mod published;
mod restore;
mod smoke;
mod transform;
mod undo;
mod world;
