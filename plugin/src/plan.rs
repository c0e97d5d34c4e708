//! Pure decisions: what to select, clean, order and do. No I/O, no clock.

pub mod left_out;
pub mod point_reference;
pub mod referenced;
pub mod select;
