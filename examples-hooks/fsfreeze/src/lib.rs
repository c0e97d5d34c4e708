//! The hook for file systems: whatever writes to the mount waits, and what is cut is at rest.
//!
//! It outlives everybody, so the runtime thaws it when it starts again. It says nothing of the application: a database
//! is best frozen by its own hook first, and thawed after.

use hooks_sdk::{Consistency, Description, Error, ErrorKind, Expiry, Hook, Receipt, Request, Result, mounts};

/// The name of the granted mount.
const MOUNT: &str = "data";

#[derive(Default)]
struct Fsfreeze;

impl Hook for Fsfreeze {
    fn describe() -> Description {
        let freezes = "a file system: its writers wait";
        Description::new("fsfreeze", env!("CARGO_PKG_VERSION"), freezes, Expiry::WithoutExpiry).mount(MOUNT)
    }

    fn prepare(&mut self, _: &Request) -> Result<Receipt> {
        Ok(Receipt::new(Consistency::Crash))
    }

    fn freeze(&mut self, _: &Request) -> Result<Receipt> {
        mounts::freeze(MOUNT)?;
        Ok(Receipt::new(Consistency::Filesystem))
    }

    /// The kernel does not tell whether a file system is frozen. But it refuses to freeze one twice.
    fn check(&mut self, _: &Request) -> Result<Receipt> {
        match mounts::freeze(MOUNT) {
            Err(error) if error.kind == ErrorKind::Busy => Ok(Receipt::new(Consistency::Filesystem)),
            Err(error) => Err(error),
            // It is frozen now, and was not before; the thaw that follows ends it.
            Ok(()) => Err(Error::not_held("the file system was thawed by somebody else")),
        }
    }

    fn thaw(&mut self, _: &Request) -> Result<Receipt> {
        mounts::thaw(MOUNT)?;
        Ok(Receipt::new(Consistency::Filesystem))
    }
}

hooks_sdk::export!(Fsfreeze);

#[cfg(test)]
mod tests {
    use hooks_sdk::fake::{Host, request};

    use super::*;

    #[test]
    fn one_that_somebody_else_thawed_is_told_and_left_thawed() {
        let host = Host::new().mount(MOUNT);
        host.run(|| {
            let mut hook = Fsfreeze;
            hook.freeze(&request()).unwrap();
            hook.check(&request()).unwrap();
            mounts::thaw(MOUNT).unwrap();
            assert_eq!(hook.check(&request()).unwrap_err().kind, ErrorKind::NotHeld);
            hook.thaw(&request()).unwrap();
        });
        assert!(host.frozen().is_empty());
    }
}
