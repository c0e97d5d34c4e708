//! The PostgreSQL server of the tests.

#[path = "../../hooks/postgres/release.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod release;
#[path = "../../hooks/postgres/server.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod server;

pub(crate) use server::{PASSWORD, Server};
