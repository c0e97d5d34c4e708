//! Asks a runtime afterwards how a lease ended whose connection was lost, so that nothing is claimed that is not known.

use std::time::Duration;

use hook_protocol::lease::{Ending, Stage};
use tokio::time::{Instant, sleep};

use super::{Connect, Target, open::look};

/// How long it is tried: what is under way gets a second, and a thaw is tried three times, 5 s each.
const PATIENCE: Duration = Duration::from_secs(15);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(250);

/// How the lease for this restore point ended; none if nobody can say.
pub(super) async fn inquire(connector: &dyn Connect, target: &Target) -> Option<Ending> {
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        let left = until.saturating_duration_since(Instant::now());
        // Without an answer the runtime is gone: its pod, or the way to it.
        let (_, status) = tokio::time::timeout(left, look(connector, target)).await.ok()?.ok()?;
        let ours = |ending: &Ending| ending.restore_point == target.terms.restore_point;
        let is_over = matches!(status.state, Stage::Free | Stage::Stuck)
            || status.held_for.is_some_and(|held| held != target.terms.restore_point);
        match status.last {
            Some(ending) if ours(&ending) && is_over => return Some(ending),
            // A restarted runtime remembers nothing.
            None if status.state == Stage::Free => return None,
            Some(_) if status.state == Stage::Free => return None,
            _ => sleep(PAUSE).await,
        }
    }
    None
}
