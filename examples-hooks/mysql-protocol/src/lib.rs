//! Sessions with MariaDB and MySQL servers, for their hooks: the login ([`Greeting`]), statements as text ([`Session`]), and what
//! is held from `prepare` to `thaw` ([`held`]).
//!
//! Leaves to the hooks what to say in a session, and to the runtime whom to connect to and the TLS.

mod authentication;
mod greeting;
pub mod held;
mod packet;
#[cfg(test)]
mod server;
mod session;

pub use greeting::{Channel, Greeting};
pub use session::{Row, Session};
