//! A host for unit tests on the machine at hand. Like the runtime it grants only what is named.
//!
//! ```
//! use hooks_sdk::{fake::Host, log, mounts};
//!
//! let host = Host::new().mount("data");
//! host.run(|| {
//!     log::info("freezing");
//!     mounts::freeze("data").unwrap();
//!     assert!(mounts::freeze("other").is_err());
//! });
//! assert_eq!(host.lines(), ["freezing"]);
//! assert_eq!(host.frozen(), ["data"]);
//! ```

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    rc::Rc,
};

use crate::{Cut, Error, ErrorKind, Pod, Request, Result, log::Level};

/// A host for one test, on one thread.
#[derive(Debug, Clone, Default)]
pub struct Host(Rc<RefCell<State>>);

#[derive(Debug, Default)]
struct State {
    settings: BTreeMap<String, String>,
    secrets: BTreeMap<String, String>,
    folders: BTreeMap<String, PathBuf>,
    mounts: BTreeSet<String>,
    frozen: BTreeSet<String>,
    lines: Vec<String>,
}

thread_local!(static CURRENT: RefCell<Host> = RefCell::default());

impl Host {
    /// One that grants nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a setting.
    #[must_use]
    pub fn setting(self, name: &str, value: impl Into<String>) -> Self {
        self.0.borrow_mut().settings.insert(name.to_owned(), value.into());
        self
    }

    /// Grants a secret.
    #[must_use]
    pub fn secret(self, name: &str, value: impl Into<String>) -> Self {
        self.0.borrow_mut().secrets.insert(name.to_owned(), value.into());
        self
    }

    /// Grants a folder.
    #[must_use]
    pub fn folder(self, name: &str, path: impl Into<PathBuf>) -> Self {
        self.0.borrow_mut().folders.insert(name.to_owned(), path.into());
        self
    }

    /// Grants the freezing of a mount.
    #[must_use]
    pub fn mount(self, name: &str) -> Self {
        self.0.borrow_mut().mounts.insert(name.to_owned());
        self
    }

    /// Runs this with it as the host.
    pub fn run<T>(&self, test: impl FnOnce() -> T) -> T {
        /// Also when the test panics.
        struct Back(Host);
        impl Drop for Back {
            fn drop(&mut self) {
                CURRENT.set(std::mem::take(&mut self.0));
            }
        }
        let _back = Back(CURRENT.replace(self.clone()));
        test()
    }

    /// What was written to the log.
    pub fn lines(&self) -> Vec<String> {
        self.0.borrow().lines.clone()
    }

    /// The mounts that are frozen now.
    pub fn frozen(&self) -> Vec<String> {
        self.0.borrow().frozen.iter().cloned().collect()
    }
}

/// A request as the runtime sends them: one atomic cut of a pod without volumes, and a second for each call. What a test is
/// about it changes.
pub fn request() -> Request {
    Request {
        restore_point: "restore-point".to_owned(),
        pod: Pod { namespace: "default".to_owned(), name: "pod-0".to_owned(), uid: "pod-uid".to_owned() },
        volumes: Vec::new(),
        cut: Cut::Atomic,
        budget: 1000,
    }
}

fn current<T>(look: impl FnOnce(&mut State) -> T) -> T {
    CURRENT.with_borrow(|host| look(&mut host.0.borrow_mut()))
}

pub(crate) fn setting(name: &str) -> Option<String> {
    current(|state| state.settings.get(name).cloned())
}

pub(crate) fn secret(name: &str) -> Option<String> {
    current(|state| state.secrets.get(name).cloned())
}

pub(crate) fn folder(name: &str) -> Option<PathBuf> {
    current(|state| state.folders.get(name).cloned())
}

pub(crate) fn log(_: Level, message: &str) {
    current(|state| state.lines.push(message.to_owned()));
}

pub(crate) fn freeze(name: &str) -> Result<()> {
    current(|state| {
        granted(state, name)?;
        if state.frozen.insert(name.to_owned()) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Busy, format!("the mount `{name}` is frozen already")))
    })
}

pub(crate) fn thaw(name: &str) -> Result<()> {
    current(|state| {
        granted(state, name)?;
        state.frozen.remove(name);
        Ok(())
    })
}

fn granted(state: &State, name: &str) -> Result<()> {
    if state.mounts.contains(name) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Denied, "no mount of this name is granted"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Folder;

    #[test]
    fn grants_only_what_is_named_and_only_while_it_runs() {
        let folder = tempfile::tempdir().unwrap();
        let data = Folder::new("data");
        let host = Host::new().folder("data", folder.path());
        assert_eq!(host.run(|| data.path().unwrap()), folder.path());
        assert_eq!(data.path().unwrap_err().kind, ErrorKind::Denied);
        assert_eq!(host.run(|| freeze("data").unwrap_err().kind), ErrorKind::Denied);
    }
}
