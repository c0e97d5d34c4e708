//! What `kubectl backup` and its hook runtime say to each other, and the rules by which a freeze is held and ends.
//!
//! Owns the messages and their bounds ([`message`], [`receipt`]), the paths ([`path`]), and the lease ([`lease`]), a
//! state machine that neither reads a clock nor calls anybody. Leaves connections, time and hooks to the runtime.
//!
//! A message is JSON in the body of an HTTP/1.1 request or answer. The version is in the path; within it, answers may
//! gain fields that an older reader passes over, and requests may not.

pub mod lease;
pub mod message;
mod milliseconds;
pub mod path;
pub mod receipt;

/// Version of the protocol, as in `/v1`.
pub const VERSION: u32 = 1;
