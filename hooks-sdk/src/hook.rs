//! The trait that an author implements.

use crate::{Description, Error, ErrorKind, Facts, Receipt, Request, Result};

/// A hook. One value lives from `prepare` to `thaw`, and what it holds is the session; `recover` and `verify` each get a
/// new one.
pub trait Hook: Default + 'static {
    /// Says what it is. Called with nothing granted.
    fn describe() -> Description;

    /// Opens the session, checks what can be checked, and does all that is slow. Nothing may be blocked by it.
    fn prepare(&mut self, request: &Request) -> Result<Receipt>;

    /// Freezes, in the session that `prepare` opened.
    fn freeze(&mut self, request: &Request) -> Result<Receipt>;

    /// Proves that the freeze is still held, by asking the application.
    fn check(&mut self, request: &Request) -> Result<Receipt>;

    /// Lets go, and undoes what `prepare` changed. Called at every end of a lease, also after a step that failed, and on
    /// a new value after one that broke: then it must look whether the application is still frozen.
    fn thaw(&mut self, request: &Request) -> Result<Receipt>;

    /// After a restore, before the application starts: does what the receipt of the thaw said must be done, with the
    /// granted folders at hand. Done again, it must come to the same end.
    fn recover(&mut self, _request: &Request, _facts: Facts<'_>) -> Result<Receipt> {
        Err(Error::new(ErrorKind::Unsupported, "this hook has nothing to do after a restore"))
    }

    /// After a restore, with the application running: asks it whether it is whole.
    fn verify(&mut self, _request: &Request, _facts: Facts<'_>) -> Result<Receipt> {
        Err(Error::new(ErrorKind::Unsupported, "this hook cannot tell whether its application is whole"))
    }
}
