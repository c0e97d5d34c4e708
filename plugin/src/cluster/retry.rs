//! How long a request is tried again, so that a server in trouble is waited for and never hangs a run.
//!
//! kube's own retrying is switched off: it obeys any Retry-After, however long, and tries for minutes.

use std::time::Duration;

use tokio::time::Instant;

use super::RequestError;

/// How patient requests are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Patience {
    /// No pause begins that would end later than this after the first failure.
    pub(super) limit: Duration,
    /// The first pause; doubles with each.
    pub(super) first_pause: Duration,
    /// Pauses grow up to this, unless the server asks for a longer one.
    pub(super) longest_pause: Duration,
}

impl Patience {
    /// Half a minute: a restart of an API server behind a load balancer, but not a broken one.
    pub(super) const USUAL: Self = Self {
        limit: Duration::from_secs(30),
        first_pause: Duration::from_millis(250),
        longest_pause: Duration::from_secs(8),
    };

    /// A single try.
    pub(super) const NONE: Self =
        Self { limit: Duration::ZERO, first_pause: Duration::from_secs(1), longest_pause: Duration::ZERO };

    /// For one request.
    pub(super) fn begin(self) -> Retries {
        Retries { patience: self, failing_since: None, next: self.first_pause }
    }
}

/// The tries of one request.
#[derive(Debug)]
pub(super) struct Retries {
    patience: Patience,
    failing_since: Option<Instant>,
    next: Duration,
}

impl Retries {
    /// Pauses before the next try; false if `error` is not worth one, or no more.
    pub(super) async fn pause(&mut self, error: &RequestError) -> bool {
        let failing_since = *self.failing_since.get_or_insert_with(Instant::now);
        let Some(pause) = self.next_pause(failing_since.elapsed(), error.retry_after()) else {
            return false;
        };
        tracing::info!(error = %error.one_line(), pause = ?pause, "trying again");
        tokio::time::sleep(pause).await;
        true
    }

    /// The pause after a failure `elapsed` after the first, at least as long as the server `asked` for.
    fn next_pause(&mut self, elapsed: Duration, asked: Option<Duration>) -> Option<Duration> {
        let pause = self.next.max(asked.unwrap_or_default());
        self.next = (self.next * 2).min(self.patience.longest_pause);
        let is_in_time = elapsed.checked_add(pause).is_some_and(|end| end <= self.patience.limit);
        is_in_time.then_some(pause)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// All pauses, in milliseconds, of a request that fails at once each time.
    fn pauses(patience: Patience, asked: Option<u64>) -> Vec<u128> {
        let mut retries = patience.begin();
        let mut elapsed = Duration::ZERO;
        let mut pauses = Vec::new();
        while let Some(pause) = retries.next_pause(elapsed, asked.map(Duration::from_secs)) {
            elapsed += pause;
            pauses.push(pause.as_millis());
        }
        pauses
    }

    #[rstest]
    #[case::doubling(Patience::USUAL, None, &[250, 500, 1_000, 2_000, 4_000, 8_000, 8_000])]
    #[case::the_servers_wish(Patience::USUAL, Some(10), &[10_000, 10_000, 10_000])]
    #[case::a_wish_shorter_than_the_own_pause(Patience::USUAL, Some(1), &[1_000, 1_000, 1_000, 2_000, 4_000, 8_000, 8_000])]
    #[case::a_wish_beyond_patience(Patience::USUAL, Some(31), &[])]
    #[case::an_absurd_wish(Patience::USUAL, Some(u64::MAX), &[])]
    #[case::a_single_try(Patience::NONE, None, &[])]
    fn trying_again_ends(#[case] patience: Patience, #[case] asked: Option<u64>, #[case] expected: &[u128]) {
        assert_eq!(pauses(patience, asked), expected);
    }
}
