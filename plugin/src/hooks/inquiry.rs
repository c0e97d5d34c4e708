//! Asks a runtime afterwards how a lease ended whose connection was lost, so that nothing is claimed that is not known.

use std::time::Duration;

use hook_protocol::lease::{Ending, Stage};
use tokio::time::{Instant, sleep};

use super::{Connect, Target, open::look};

/// How long it is tried: what is under way gets a second, and a thaw is tried three times, 5 s each.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a runtime that cannot be reached is tried: a container that was killed is started again at once.
const ABSENCE: Duration = Duration::from_secs(4);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(250);

/// How the lease for this restore point ended; none if nobody can say.
pub(super) async fn inquire(connector: &dyn Connect, target: &Target) -> Option<Ending> {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        let left = PATIENCE.saturating_sub(began.elapsed());
        let status = match tokio::time::timeout(left, look(connector, target)).await {
            Ok(Ok((_, status))) => status,
            Ok(Err(_)) if began.elapsed() < ABSENCE => {
                sleep(PAUSE).await;
                continue;
            }
            _ => return None,
        };
        let is_over = matches!(status.state, Stage::Free | Stage::Stuck)
            || status.held_for.is_some_and(|held| held != target.terms.restore_point);
        if is_over {
            // A runtime that began anew may remember nothing.
            return status.last.filter(|ending| ending.restore_point == target.terms.restore_point);
        }
        sleep(PAUSE).await;
    }
    None
}
