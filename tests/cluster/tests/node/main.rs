//! A node with real pods: what tests of hooks and volumes stand on.
#![expect(clippy::unwrap_used, reason = "a test that cannot set its stage has failed")]

mod on_a_node;
