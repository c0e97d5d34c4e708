//! One run at a time writes a restore point's last file, where the file system can see to that.
//!
//! Writers of a repository need no lock: what they add never overlaps. Only a name that must be the first of its kind
//! has to be looked up and taken in one step. The lock is on the repository's `config` file and goes with the process
//! that holds it. Where there are no such locks (some network file systems, Windows, which would keep readers out), two
//! runs that end within the same moment may both keep a name; both restore points are whole.

use std::{
    fs::{File, TryLockError},
    thread,
    time::{Duration, Instant},
};

use crate::model::repository::Location;

/// How long a run waits for another that is about to end. Writing a last file takes seconds at most.
const PATIENCE: Duration = Duration::from_mins(1);

/// Pause between two tries.
const PAUSE: Duration = Duration::from_millis(20);

/// The turn to write; ends when it is dropped.
#[derive(Debug)]
pub struct Turn(#[expect(dead_code, reason = "held for its lock")] Option<File>);

/// Waits for the turn to write into the repository at `location`. Blocks.
pub fn take_turn(location: &Location) -> Turn {
    let begun = Instant::now();
    loop {
        match try_turn(location) {
            Some(turn) => return turn,
            // The other one hangs; two restore points of a name are better than none.
            None if begun.elapsed() > PATIENCE => return Turn(None),
            None => thread::sleep(PAUSE),
        }
    }
}

/// The turn, or none while another has it.
fn try_turn(location: &Location) -> Option<Turn> {
    let Location::Folder(folder) = location;
    if cfg!(windows) {
        return Some(Turn(None));
    }
    let Ok(file) = File::open(folder.join("config")) else { return Some(Turn(None)) };
    match file.try_lock() {
        Ok(()) => Some(Turn(Some(file))),
        Err(TryLockError::WouldBlock) => None,
        Err(TryLockError::Error(error)) => {
            tracing::info!(%error, "the file system has no locks");
            Some(Turn(None))
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_turn_is_one_runs_until_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let location = Location::Folder(folder.path().to_owned());
        assert!(try_turn(&location).is_some(), "nothing to lock is no reason to wait");
        std::fs::write(folder.path().join("config"), "").unwrap();
        let turn = take_turn(&location);
        assert!(try_turn(&location).is_none());
        drop(turn);
        assert!(try_turn(&location).is_some());
    }
}
