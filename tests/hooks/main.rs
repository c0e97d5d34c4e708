//! The hooks of `examples-hooks` in the real runtime, against real servers with a writer.
//!
//! A server is started from the machine's own packages; a test says which package is missing. `authors` goes the way of
//! somebody who writes a hook.
#![expect(clippy::unwrap_used, reason = "a test that cannot set its stage has failed")]

#[path = "../../hook-runtime/tests/it/application.rs"]
#[expect(dead_code, reason = "the tests of the runtime itself use more of it")]
mod application;
#[path = "../../hook-runtime/tests/it/authority.rs"]
#[expect(dead_code, reason = "the tests of the runtime itself use more of it")]
mod authority;
mod authors;
#[path = "../../hook-runtime/tests/it/build.rs"]
mod build;
mod component;
mod fsfreeze;
mod http;
mod machine;
mod manners;
mod mariadb;
mod mysql;
mod postgres;
#[path = "../../hook-runtime/tests/it/process.rs"]
#[expect(dead_code, reason = "the tests of the runtime itself use more of it")]
mod process;
mod redis;
mod sql;
