//! Looks up what a completion needs. Whatever fails is silently not offered.

use crate::{commands::session::Session, model::restore_point::RestorePoint};

use super::{offer::Facts, wanted::Wanted};

/// What `wanted` needs to be answered.
pub(super) async fn gather(_wanted: &Wanted, _session: &Session) -> Facts {
    Facts::default()
}

/// `2h ago`.
pub(super) fn age(point: &RestorePoint) -> String {
    point.created.to_string()
}
