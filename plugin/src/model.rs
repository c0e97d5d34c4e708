//! Plain data that the other modules exchange: kinds, objects, selections, restore points.
//!
//! Nothing here performs I/O or takes decisions; a type lives here when at least two of
//! `archive`, `cluster`, `plan` and `report` speak of it.

pub mod check;
pub mod conflict_policy;
pub mod facts;
pub mod finding;
pub mod freeze;
pub mod object;
pub mod pod;
pub mod repository;
pub mod resource;
pub mod restoration;
pub mod restore_point;
pub mod restore_record;
pub mod restore_run;
pub mod selection;
pub mod unreadable;
