//! By the name of this module `cargo xtask test` leaves these tests out where no node can be.

mod databases;
mod pods;
mod removal;
