//! Pure decisions: what to select, clean, order and do. No I/O, no clock.
