//! Pure decisions: what to select, clean, order and do. No I/O, no clock.

pub mod asking;
pub mod backup;
pub mod conflict;
pub mod coverage;
pub mod difference;
pub mod field_difference;
pub mod field_owner;
pub mod field_path;
pub mod glob;
pub mod last_applied;
pub mod left_out;
pub mod map_namespace;
pub mod merge_keys;
pub mod normalise;
pub mod order;
mod pod_spec;
pub mod point_reference;
pub mod referenced;
pub mod rename;
pub mod restore;
pub mod restore_runs;
pub mod rights;
pub mod sanitize;
pub mod select;
pub mod transform;
pub mod undo;
pub mod user_file;
