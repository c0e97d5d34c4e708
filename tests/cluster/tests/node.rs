//! A node with real pods: what tests of hooks and volumes stand on.
//!
//! All in modules whose path has `on_a_node`, by which `cargo xtask test` leaves them out where no node can be.
#![expect(clippy::unwrap_used, reason = "a test that cannot set its stage has failed")]

#[path = "node/databases.rs"]
mod databases_on_a_node;
#[path = "node/basic.rs"]
mod on_a_node;
#[path = "node/removal.rs"]
mod removal_on_a_node;
