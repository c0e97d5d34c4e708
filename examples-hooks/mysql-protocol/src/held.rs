//! The session that a hook holds from `prepare` to `thaw`, and the steps that are the same whatever locks it takes.

use hooks_sdk::{Connection, Consistency, Cut, Deadline, Error, Receipt, Request, Result};

/// A session as a hook has it.
pub type Session = crate::Session<Connection>;

/// What a hook holds: nothing, a session, or a session whose locks block commits.
#[derive(Debug, Default)]
pub struct Held {
    session: Option<Session>,
    blocked: bool,
}

impl Held {
    /// Holds this session from now on.
    pub fn open(&mut self, session: Session) {
        self.session = Some(session);
    }

    /// Does something in the session. What failed half-way may still wait for its lock, and block who comes after it: it
    /// goes with its session.
    ///
    /// # Errors
    /// Of kind `not-held` without a session; those of `work`.
    pub fn during<T>(&mut self, work: impl FnOnce(&mut Session) -> Result<T>) -> Result<T> {
        let session = self.session.as_mut().ok_or_else(|| Error::not_held("no session is held"))?;
        let outcome = work(session);
        if outcome.is_err() {
            *self = Self::default();
        }
        outcome
    }

    /// Does what blocks commits.
    ///
    /// # Errors
    /// Those of [`Held::during`].
    pub fn freeze(&mut self, work: impl FnOnce(&mut Session) -> Result<Receipt>) -> Result<Receipt> {
        let receipt = self.during(work)?;
        self.blocked = true;
        Ok(receipt)
    }

    /// Ends the session, after `unblock` where commits are blocked: it gives the receipt of what was cut.
    ///
    /// # Errors
    /// Those of `unblock`. The session ends all the same, and what it blocked with it.
    pub fn thaw(
        &mut self,
        request: &Request,
        unblock: impl FnOnce(&mut Session) -> Result<Receipt>,
    ) -> Result<Receipt> {
        let Self { session, blocked } = std::mem::take(self);
        // What another instance held went with its session.
        let Some(mut session) = session else { return Ok(Receipt::new(Consistency::Crash)) };
        session.stream().renew(Deadline::of(request));
        let receipt = if blocked { unblock(&mut session)? } else { Receipt::new(Consistency::Crash) };
        session.close();
        Ok(receipt)
    }
}

/// From now on the deadline of this request counts, here and in the server.
///
/// # Errors
/// There is no time left; those of [`crate::Session::bound`].
pub fn bound(session: &mut Session, request: &Request) -> Result<()> {
    let deadline = Deadline::of(request);
    session.stream().renew(deadline);
    session.bound(deadline.left()?)
}

/// Refuses cuts that are no state which the server ever was in.
///
/// # Errors
/// Of kind `unsupported`.
pub fn expect_one_instant(request: &Request) -> Result<()> {
    if matches!(request.cut, Cut::Apart | Cut::LiveCopy) {
        return Err(Error::unsupported(
            "InnoDB writes its files also while no transaction commits: cut data and log at one instant",
        ));
    }
    Ok(())
}

/// Runs the query that must not fail after a restore, and ends the session.
///
/// # Errors
/// Those of [`crate::Session::query`].
pub fn verify(mut session: Session, query: &str) -> Result<Receipt> {
    let rows = session.query("run `verify-query`", query)?;
    let first = rows.into_iter().flatten().flatten().next().unwrap_or_default();
    session.close();
    Ok(Receipt::new(Consistency::Application).text("verify-query", first))
}
