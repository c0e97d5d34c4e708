//! Hooks as files and as OCI artifacts: what a component says of itself without being run ([`component`]), how it lies in
//! a registry ([`layout`]), and how it gets there and back ([`registry`], [`credentials`]).
//!
//! A component is native to nothing and trusted by nobody: what is pulled is bounded, and is what its digest says. Leaves
//! running it to `hook-runtime`.

pub mod component;
pub mod credentials;
pub mod layout;
pub mod registry;
