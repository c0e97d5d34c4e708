//! The runtime as a sidecar in a real pod, reached through the API server alone.
#![expect(clippy::unwrap_used, reason = "a test that cannot set its stage has failed")]

#[path = "../it/guest.rs"]
mod guest;
mod on_a_node;
