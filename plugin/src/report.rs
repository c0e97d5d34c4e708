//! Turning results into text: tables, documents, progress, logs. Knows `model` only.

pub mod age;
pub mod check;
pub mod component;
pub mod create;
pub mod difference;
pub mod doctor;
pub mod document;
pub mod explain;
pub mod freeze;
pub mod hooks;
pub mod jsonpath;
pub mod log;
pub mod missing;
pub mod objects;
pub mod printer;
pub mod progress;
pub mod question;
pub mod restore;
pub mod restore_points;
pub mod restores;
pub mod size;
pub mod table;
pub mod terminal;
