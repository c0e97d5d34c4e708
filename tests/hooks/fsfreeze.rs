//! A file system of its own: its writers wait from freeze to thaw.

mod as_root;
