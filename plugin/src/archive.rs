//! Restore points in a restic-format repository. The only module that names rustic.
