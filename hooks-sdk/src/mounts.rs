//! Freezing of file systems, which the runtime does.

use crate::{Result, host};

/// Freezes the file system granted under this name. The runtime refuses one that the node or other pods use too.
pub fn freeze(name: &str) -> Result<()> {
    host::freeze(name)
}

/// Thaws it. One that is not frozen is no failure.
pub fn thaw(name: &str) -> Result<()> {
    host::thaw(name)
}
