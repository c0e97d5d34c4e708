//! Turning results into text: tables, documents, progress, logs. Knows `model` only.

pub mod age;
pub mod check;
pub mod log;
pub mod printer;
pub mod terminal;
